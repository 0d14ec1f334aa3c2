/** Which programs of the host native tests have. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether a program is in PATH. */
function has(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What is missing of them; `false` where nothing is. */
export function missing(...programs: readonly string[]): string | false {
  const absent = programs.filter((program) => !has(program));
  return absent.length > 0 && `${absent.join(", ")} not in PATH`;
}
