/**
 * The exact place in config.json of a failure that tsrun-init reported: an operation comes from a whole mount or a whole
 * user, but it is one option or one group that the kernel refused. Read only after a failure.
 */
import type { Bundle, IdMapping, Mount } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";
import type { Op, Step } from "../plan/ops.ts";
import { type Failure, failureErrno } from "./conversation.ts";

/** The step's own place, or the part of it that the refused call was about. */
export function exactPlace({ op, pointer }: Step, failure: Failure, bundle: Bundle): Pointer | undefined {
  if (pointer === undefined) return undefined;
  const index = /^\/mounts\/([0-9]+)$/.exec(pointer)?.[1];
  const mount = index === undefined ? undefined : bundle.mounts[Number(index)];
  if (isMountLabel(op, failure, bundle)) return "/linux/mountLabel";
  if (mount !== undefined) return `${pointer}${mountPart(op, failure, mount)}`;
  switch (op.op) {
    case "userns":
      if (failure.call === "setresuid") return "/linux/uidMappings";
      return failure.call === "setresgid" || failure.call === "setgroups" ? "/linux/gidMappings" : pointer;
    case "user":
      return userPlace(op, failure, bundle) ?? pointer;
    case "capabilities":
      return `${pointer}/${(op.effective & ~op.permitted) !== 0n ? "effective" : "permitted"}`;
    default:
      return pointer;
  }
}

function userPlace(op: Extract<Op, { op: "user" }>, failure: Failure, bundle: Bundle): Pointer | undefined {
  switch (failure.call) {
    case "chdir":
      return "/process/cwd";
    case "setresuid":
      return "/process/user/uid";
    case "setresgid":
      return "/process/user/gid";
    case "setgroups": {
      const at = op.groups.findIndex((gid) => !isMapped(bundle.linux.gidMappings, Number(gid)));
      return at < 0 ? "/process/user/additionalGids" : `/process/user/additionalGids/${at}`;
    }
    default:
      return undefined;
  }
}

/** Whether it is the label that was refused among a filesystem's options: linux.mountLabel is in each of them. */
function isMountLabel(op: Op, failure: Failure, { linux }: Bundle): boolean {
  const option = `: option context=${linux.mountLabel}`;
  return op.op === "mount" && linux.mountLabel !== undefined && failure.subject.includes(option);
}

/** Whether a mapping has the container's id. */
export function isMapped(mappings: readonly IdMapping[], id: number): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id - containerID < size);
}

/** `/destination` and the like, or `""` where the refusal is about the whole mount. */
function mountPart(op: Op, failure: Failure, mount: Mount): string {
  if (failure.reason === "UNSAFE" && failure.call === "the source") return "/source";
  if (op.op === "mkdir" || op.op === "mkfile" || failure.reason === "UNSAFE") return "/destination";
  switch (failure.call) {
    case "fsopen":
      return "/type";
    case "open_tree":
      return "/source";
    case "move_mount":
    case "openat2":
    case "fspick":
      return "/destination";
    case "mount_setattr":
      // Of a remount this errno says that nothing is mounted there.
      return op.op === "remount" && failureErrno(failure) === "EINVAL" ? "/destination" : "/options";
    case "fsconfig":
      return filesystemPart(failure, mount);
    default:
      return "";
  }
}

/** tsrun-init says `TARGET: option WORD: ...` of a refused option, else the filesystem's own words. */
function filesystemPart(failure: Failure, mount: Mount): string {
  const refused = failure.subject.split(": option ")[1];
  if (refused !== undefined) {
    const at = mount.options.findIndex((option) =>
      option.split(",").some((word) => refused === word || refused.startsWith(`${word}: `)),
    );
    // Some options hold commas themselves.
    const whole = mount.options.findIndex((option) => refused.startsWith(option));
    const index = whole < 0 ? at : whole;
    return index < 0 ? "/options" : `/options/${index}`;
  }
  const source = mount.source ?? "";
  const missing = ["ENOENT", "ENOTBLK", "ENXIO"].includes(failureErrno(failure));
  if (source.startsWith("/") && (missing || failure.subject.includes(source))) return "/source";
  return failureErrno(failure) === "EINVAL" && mount.options.length > 0 ? "/options" : "";
}
