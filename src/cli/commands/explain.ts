import { explainBundle } from "../../lifecycle/explain.ts";
import { oneOf } from "../common.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun explain` */
export const command: Command = ({ options, globals }) => {
  const format = oneOf(options.get("format"), ["text", "json", "sh"]);
  const request = {
    id: options.get("id") ?? "container",
    bundle: options.get("bundle") ?? ".",
    noPivot: options.has("no-pivot"),
    systemdCgroup: globals.has("systemd-cgroup"),
  };
  print(explainBundle(request, format));
  return 0;
};
