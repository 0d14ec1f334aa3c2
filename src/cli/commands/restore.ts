import { restore } from "../../lifecycle/restore.ts";
import { id, messageOptions, root, warning } from "../common.ts";
import type { Command } from "../table.ts";
import { criuOptions } from "./checkpoint.ts";

/** `tsrun restore`; returns only with `--detach`. */
export const command: Command = (call) => {
  const { options } = call;
  restore(root(call), {
    ...criuOptions(call),
    id: id(call),
    systemdCgroup: call.globals.has("systemd-cgroup"),
    bundle: options.get("bundle") ?? ".",
    consoleSocket: options.get("console-socket"),
    pidFile: options.get("pid-file"),
    detach: options.has("detach"),
    noSubreaper: options.has("no-subreaper"),
    lsmProfile: options.get("lsm-profile"),
    lsmMountContext: options.get("lsm-mount-context"),
    messages: messageOptions(call),
    warn: warning,
  });
  return 0;
};
