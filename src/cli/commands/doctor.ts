import { thisWorld } from "../../observe/doctor/world.ts";
import { canRun, diagnose, report } from "../../observe/doctor.ts";
import { oneOf, root } from "../common.ts";
import { print, printJson } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun doctor` */
export const command: Command = (call) => {
  const format = oneOf(call.options.get("format"), ["text", "json"]);
  const findings = diagnose(thisWorld(root(call)));
  const good = canRun(findings);
  if (format === "json") printJson(`${JSON.stringify({ canRun: good, findings }, undefined, 2)}\n`);
  else print(report(findings));
  return good ? 0 : 1;
};
