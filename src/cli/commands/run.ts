import { run } from "../../lifecycle/run.ts";
import { createRequest, root } from "../common.ts";
import type { Call, Command } from "../table.ts";

/** `tsrun run`; returns only with `--detach`. */
export const command: Command = (call) => {
  const { options } = call;
  run(root(call), {
    ...createRequest(call),
    detach: options.has("detach"),
    keep: options.has("keep"),
    noSubreaper: options.has("no-subreaper"),
    messages: messageOptions(call),
  });
  return 0;
};

/** The global options that say where messages go, once more as words. */
function messageOptions({ globals }: Call): readonly string[] {
  const words: string[] = [];
  for (const name of ["log", "log-format"]) {
    const value = globals.get(name);
    if (value !== undefined) words.push(`--${name}=${value}`);
  }
  return words;
}
