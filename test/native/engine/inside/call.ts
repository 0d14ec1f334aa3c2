/** What differs from call to call, as JSON. */
import { main, print } from "./host.ts";

main(() => {
  const { argv, env, execPath, pid } = process;
  const cwd = (): string => {
    try {
      return process.cwd();
    } catch (error) {
      return `${(error as NodeJS.ErrnoException).code}: ${String(error)}`;
    }
  };
  print(JSON.stringify({ argv, env, execPath, pid, cwd: cwd(), random: Math.random() }));
});
