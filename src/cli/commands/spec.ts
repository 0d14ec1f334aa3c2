import { readCgroupFacts } from "../../cgroup/facts.ts";
import { SystemError, UsageError } from "../../error.ts";
import { absolute } from "../../lifecycle/prepare.ts";
import { specConfig } from "../../lifecycle/spec.ts";
import { perform } from "../../sys/files.ts";
import type { Command } from "../table.ts";

/** `tsrun spec` */
export const command: Command = ({ options }) => {
  if (options.has("rootless")) {
    throw new UsageError("containers of ordinary users are not supported by this version of tsrun yet", {
      hint: "leave --rootless out",
    });
  }
  const path = `${absolute(options.get("bundle") ?? ".")}/config.json`;
  const failure = perform([
    {
      do: "create",
      path,
      text: `${JSON.stringify(specConfig(readCgroupFacts().mode === "v2"), undefined, "\t")}\n`,
      mode: 0o644,
    },
  ]);
  if (failure?.errno === "EEXIST") {
    throw new UsageError(`File config.json exists: ${path}`, {
      hint: "remove it first, or name another folder with --bundle",
    });
  }
  if (failure !== undefined) throw new SystemError(failure.syscall, failure.errno, path);
  return 0;
};
