import { manual } from "../man.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun man` */
export const command: Command = () => {
  print(manual());
  return 0;
};
