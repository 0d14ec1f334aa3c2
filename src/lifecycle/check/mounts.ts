/** Whether the mounts will succeed, as far as the host's files and the kernel's list of filesystems tell. */
import type { Op } from "../../plan/ops.ts";
import { cleanPath } from "../../plan/paths.ts";
import { kindOf, readTextIfThere, status } from "../../sys/files.ts";
import { currentFolder } from "../../sys/process.ts";
import type { Refusal, World } from "./world.ts";

/** A folder or file that is made where it is missing. */
export function foreseeMake(
  op: Extract<Op, { op: "mkdir" | "mkfile" }>,
  { tree }: World,
): Refusal | undefined {
  const look = tree.look(op.target);
  const call = op.op === "mkdir" ? "mkdirat" : "openat";
  if (look.kind === "error" && look.errno !== "ENOENT")
    return { call, errno: look.errno, subject: op.target };
  if (look.kind !== "found" || op.op === "mkfile" || kindOf(look.path) === "dir") return undefined;
  return { call, errno: "ENOTDIR", subject: op.target };
}

/** A new filesystem. */
export function foreseeMount(op: Extract<Op, { op: "mount" }>, world: World): Refusal | undefined {
  const refusal = unsafePlace(op, world) ?? badType(op) ?? badSource(op) ?? badLayer(op);
  world.tree.cover(op.target);
  return refusal;
}

/** A terminal comes from a devpts; the image's /dev can only have one where a whole folder of the host is bound there. */
export function foreseeConsole(world: World): Refusal | undefined {
  const places = world.bundle.mounts.map(({ destination, type }) => [cleanPath(destination), type]);
  const has = places.some(([place, type]) => place === "/dev/pts" || (place === "/dev" && type !== "tmpfs"));
  return has ? undefined : { call: "openat2", errno: "ENOENT", subject: "/dev/pts/ptmx" };
}

/** procfs and sysfs want an ordinary folder (CVE-2019-19921). */
function unsafePlace(op: Extract<Op, { op: "mount" }>, { tree }: World): Refusal | undefined {
  if (op.ordinary !== 1) return undefined;
  const look = tree.look(op.target);
  const clean = cleanPath(op.target);
  if (look.kind !== "found" || look.path === `${tree.root === "/" ? "" : tree.root}${clean}`)
    return undefined;
  if (!look.path.startsWith(`${tree.root}/`)) return undefined;
  const subject = `${op.target}: must be mounted on ordinary directory`;
  return { call: "openat2", errno: "ELOOP", subject, reason: "UNSAFE" };
}

function badType({ fstype }: Extract<Op, { op: "mount" }>): Refusal | undefined {
  // A subtype, as in fuse.sshfs, is the filesystem's own matter.
  if (filesystem(fstype.split(".")[0] ?? fstype) !== "unknown") return undefined;
  return { call: "fsopen", errno: "ENODEV", subject: fstype };
}

/** What the running kernel says of a filesystem: a module may bring it. */
function filesystem(type: string): "virtual" | "disk" | "unknown" {
  const known = parseFilesystems(readTextIfThere("/proc/filesystems") ?? "").get(type);
  if (known !== undefined) return known;
  const release = readTextIfThere("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const aliases = readTextIfThere(`/lib/modules/${release}/modules.alias`, 16 << 20) ?? "";
  return aliases.includes(`alias fs-${type} `) ? "virtual" : "unknown";
}

/** /proc/filesystems (proc_filesystems(5)): `nodev` before what lies on no disk. Pure. */
export function parseFilesystems(text: string): ReadonlyMap<string, "virtual" | "disk"> {
  const found = new Map<string, "virtual" | "disk">();
  for (const line of text.split("\n")) {
    const [flag = "", type = ""] = line.split("\t");
    if (type !== "") found.set(type, flag === "nodev" ? "virtual" : "disk");
  }
  return found;
}

function badSource(op: Extract<Op, { op: "mount" }>): Refusal | undefined {
  if (filesystem(op.fstype) !== "disk") return undefined;
  const found = status(op.source.startsWith("/") ? op.source : `${currentFolder()}/${op.source}`);
  if (found?.kind === "block") return undefined;
  const errno = found === undefined ? "ENOENT" : "ENOTBLK";
  return { call: "fsconfig", errno, subject: `${op.target}: ${op.source}` };
}

const LAYERS: readonly string[] = ["lowerdir", "upperdir", "workdir"];

/** overlay's folders; a colon or comma that is escaped is left to the kernel. */
function badLayer(op: Extract<Op, { op: "mount" }>): Refusal | undefined {
  if (op.fstype !== "overlay") return undefined;
  for (const option of op.options) {
    const equals = option.indexOf("=");
    if (!LAYERS.includes(option.slice(0, equals)) || option.includes("\\")) continue;
    const folders = option.slice(equals + 1).split(":");
    const missing = folders.find((folder) => folder.startsWith("/") && kindOf(folder) === "missing");
    if (missing === undefined) continue;
    return { call: "fsconfig", errno: "ENOENT", subject: `${op.target}: option ${option}` };
  }
  return undefined;
}

/** A bind: both sides must be of one kind. */
export function foreseeBind(op: Extract<Op, { op: "bind" }>, { tree }: World): Refusal | undefined {
  const source = kindOf(op.source);
  const look = tree.look(op.target);
  tree.cover(op.target, op.source);
  if (source === "missing" || look.kind !== "found") return undefined;
  if ((source === "dir") === (kindOf(look.path) === "dir")) return undefined;
  return { call: "move_mount", errno: "EINVAL", subject: op.target };
}

/** A change of a mount: there must be one. */
export function foreseeRemount(op: Extract<Op, { op: "remount" }>, { tree }: World): Refusal | undefined {
  const clean = cleanPath(op.target);
  if (clean === "/" || op.superblock === 1 || tree.isCovered(clean)) return undefined;
  const look = tree.look(clean);
  if (look.kind === "unknown") return undefined;
  if (look.kind === "error") return { call: "openat2", errno: look.errno, subject: op.target };
  // The root filesystem comes with what the host has mounted in it.
  const mounted = (readTextIfThere("/proc/self/mountinfo", 64 << 20) ?? "").includes(` ${look.path} `);
  return mounted ? undefined : { call: "mount_setattr", errno: "EINVAL", subject: op.target };
}
