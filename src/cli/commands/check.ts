import { errorLine, visible } from "../../error.ts";
import { check } from "../../lifecycle/check.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun check` */
export const command: Command = ({ options, globals }) => {
  const { problems, warnings } = check(options.get("bundle") ?? ".", globals.has("systemd-cgroup"));
  for (const { text, pointer, hint } of warnings) {
    const line = `${text} (config.json#${pointer})${hint === undefined ? "" : `; hint: ${hint}`}`;
    print(`warning: ${visible(line)}\n`);
  }
  for (const problem of problems) print(`${errorLine(problem)}\n`);
  if (problems.length === 0) print("this bundle will run on this host\n");
  return problems.length === 0 ? 0 : 1;
};
