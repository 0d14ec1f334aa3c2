import { features } from "../../observe/features.ts";
import { printJson } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun features` */
export const command: Command = () => {
  printJson(`${JSON.stringify(features(), undefined, 4)}\n`);
  return 0;
};
