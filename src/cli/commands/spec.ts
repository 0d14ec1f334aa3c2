import { readCgroupFacts } from "../../cgroup/facts.ts";
import { SystemError, UsageError } from "../../error.ts";
import { absolute } from "../../lifecycle/prepare.ts";
import { rootlessConfig, specConfig, thermalPaths } from "../../lifecycle/spec.ts";
import { append } from "../../lists.ts";
import { effectiveGid } from "../../spawn/idmaps.ts";
import { entries, perform, readText } from "../../sys/files.ts";
import { ids } from "../../sys/process.ts";
import type { Command } from "../table.ts";

/** `tsrun spec` */
export const command: Command = ({ options }) => {
  const path = `${absolute(options.get("bundle") ?? ".")}/config.json`;
  const namespaced = readCgroupFacts().mode === "v2";
  const config = options.has("rootless")
    ? rootlessConfig(namespaced, { uid: ids().euid, gid: effectiveGid(readText("/proc/self/status")) })
    : specConfig(namespaced);
  append(config.linux.maskedPaths, thermalPaths(entries("/sys/devices/system/cpu").map(({ name }) => name)));
  const failure = perform([
    { do: "create", path, text: `${JSON.stringify(config, undefined, "\t")}\n`, mode: 0o644 },
  ]);
  if (failure?.errno === "EEXIST") {
    throw new UsageError(`File config.json exists: ${path}`, {
      hint: "remove it first, or name another folder with --bundle",
    });
  }
  if (failure !== undefined) throw new SystemError(failure.syscall, failure.errno, path);
  return 0;
};
