import { UsageError } from "../../error.ts";
import { explainBundle } from "../../lifecycle/explain.ts";
import { timeBundle } from "../../lifecycle/timed.ts";
import { oneOf, root, warning } from "../common.ts";
import { print, printJson } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun explain` */
export const command: Command = (call) => {
  const { options, globals } = call;
  const format = oneOf(options.get("format"), ["text", "json", "sh"]);
  const request = {
    id: options.get("id") ?? "container",
    bundle: options.get("bundle") ?? ".",
    noPivot: options.has("no-pivot"),
    systemdCgroup: globals.has("systemd-cgroup"),
  };
  if (!options.has("timed")) {
    const told = explainBundle(request, format);
    if (format === "json") printJson(told);
    else print(told);
    return 0;
  }
  if (format !== "text") {
    throw new UsageError("--timed prints a table for people", {
      hint: "tsrun run --trace FILE writes the same for programs",
    });
  }
  const id = options.get("id") ?? `timed-${process.pid}`;
  print(timeBundle(root(call), { ...request, id, warn: warning }));
  return 0;
};
