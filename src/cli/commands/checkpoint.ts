import { errorLine, UsageError } from "../../error.ts";
import { checkpoint } from "../../lifecycle/checkpoint.ts";
import type { CriuRequestOptions } from "../../lifecycle/criu/options.ts";
import { CGROUP_MODES, type CgroupMode } from "../../spawn/criu/messages.ts";
import { id, root } from "../common.ts";
import { reportDebug, reportWarning } from "../report.ts";
import { type Call, type Command, every } from "../table.ts";

/** `tsrun checkpoint` */
export const command: Command = (call) => {
  const { options } = call;
  const failures = checkpoint(root(call), {
    ...criuOptions(call),
    id: id(call),
    parentPath: options.get("parent-path"),
    leaveRunning: options.has("leave-running"),
    preDump: options.has("pre-dump"),
    statusFd: statusFd(call),
    pageServer: options.get("page-server"),
  });
  for (const failure of failures) reportWarning(errorLine(failure));
  return 0;
};

/** The options of both commands. @throws UsageError */
export function criuOptions(call: Call): CriuRequestOptions {
  const { options } = call;
  for (const name of every(options, "empty-ns")) {
    // It always is: tsrun doesn't manage network devices, as runc doesn't.
    if (name !== "network") throw new UsageError(`namespace ${JSON.stringify(name)} is not supported`);
  }
  return {
    imagePath: options.get("image-path"),
    workPath: options.get("work-path"),
    tcpEstablished: options.has("tcp-established"),
    extUnixSk: options.has("ext-unix-sk"),
    shellJob: options.has("shell-job"),
    fileLocks: options.has("file-locks"),
    manageCgroupsMode: cgroupMode(options.get("manage-cgroups-mode")),
    autoDedup: options.has("auto-dedup"),
    lazyPages: options.has("lazy-pages"),
    debug: reportDebug,
  };
}

function cgroupMode(given: string | undefined): CgroupMode | undefined {
  if (given === undefined) return undefined;
  const known = (Object.keys(CGROUP_MODES) as CgroupMode[]).find((mode) => mode === given);
  if (known !== undefined) return known;
  throw new UsageError("Invalid manage-cgroups-mode value", {
    hint: "use one of: soft, full, strict, ignore",
  });
}

function statusFd({ options }: Call): number | undefined {
  const given = options.get("status-fd");
  if (given === undefined || given === "-1") return undefined;
  if (/^[0-9]{1,6}$/.test(given)) return Number(given);
  throw new UsageError(`invalid value ${JSON.stringify(given)} for --status-fd`, {
    hint: "it takes a descriptor",
  });
}
