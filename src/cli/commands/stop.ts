import { UsageError } from "../../error.ts";
import { stopContainer } from "../../lifecycle/stop.ts";
import { root } from "../common.ts";
import { reportError } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun stop`: all at the same time, so that several take no longer than the slowest. */
export const command: Command = async (call) => {
  const { args, options } = call;
  const seconds = options.get("time") ?? "10";
  if (!/^[0-9]{1,6}$/.test(seconds)) {
    throw new UsageError(`invalid value ${JSON.stringify(seconds)} for --time`, {
      hint: "it takes a whole number of seconds",
    });
  }
  const request = {
    timeout: Number(seconds) * 1000,
    signal: options.get("signal"),
    all: options.has("all"),
  };
  let code = 0;
  for (const end of await Promise.allSettled(args.map((id) => stopContainer(root(call), id, request)))) {
    if (end.status === "fulfilled") continue;
    reportError(end.reason);
    code = 1;
  }
  return code;
};
