import { StateError } from "../../error.ts";
import { awaitContainer, blockUntilEnd } from "../../lifecycle/wait.ts";
import { exitCode } from "../../sys/process.ts";
import { id, root } from "../common.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun wait` */
export const command: Command = async (call) => {
  const exit = await awaitContainer(root(call), id(call), blockUntilEnd);
  if (exit === undefined) {
    throw new StateError(
      "stopped",
      `container ${id(call)} has ended, but its exit code is unknown: only its parent process was told`,
      {
        hint: "wait before it ends (this needs Linux 6.15), or run it in the foreground with --keep, which writes the code down",
      },
    );
  }
  print(`${exitCode(exit)}\n`);
  return 0;
};
