/** /dev: the default devices (config-linux.md, Default Devices), those of config.json, and the usual links. */
import type { Bundle, Device } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";
import { S_IF } from "../sys/constants.gen.ts";
import { addBind, isBind } from "./binds.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import { mapsUsers } from "./namespaces.ts";
import { cleanPath, dirName } from "./paths.ts";

/** Name, major and minor of the default devices: all are character devices, 0666, and root's. */
export const DEFAULT_DEVICES: readonly (readonly [path: string, major: number, minor: number])[] = [
  ["/dev/null", 1, 3],
  ["/dev/zero", 1, 5],
  ["/dev/full", 1, 7],
  ["/dev/random", 1, 8],
  ["/dev/urandom", 1, 9],
  ["/dev/tty", 5, 0],
];

const LINKS: readonly (readonly [target: string, text: string])[] = [
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
];

/** The host's file that decides whether /dev/core is made, as far as `compile` wants to know it. */
export const KCORE = "/proc/kcore";

/**
 * Appends the device nodes and links, unless /dev is bound from elsewhere: then it is somebody else's, and what it
 * holds is theirs (runc, needsSetupDev).
 */
export function compileDevices(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  if (bundle.mounts.some((mount) => isBind(mount) && cleanPath(mount.destination) === "/dev")) return;
  const own = new Set(bundle.linux.devices.map(({ path }) => cleanPath(path)));
  add(draft, { op: "mkdir", target: "/dev", mode: 0o755 }, undefined);
  for (const [path, major, minor] of DEFAULT_DEVICES) {
    if (own.has(path)) continue;
    const device: Device = {
      type: "c",
      path,
      major,
      minor,
      fileMode: undefined,
      uid: undefined,
      gid: undefined,
    };
    addDevice(draft, bundle, facts, device, undefined);
  }
  bundle.linux.devices.forEach((device, index) => {
    const path = cleanPath(device.path);
    // The link below stands for it: a container's ptmx is that of its own devpts.
    if (path === "/dev/ptmx") return;
    const pointer = pointerTo("linux", "devices", index);
    const folder = dirName(path);
    if (folder !== "/" && folder !== "/dev")
      add(draft, { op: "mkdir", target: folder, mode: 0o755 }, pointer);
    addDevice(draft, bundle, facts, device, pointer);
  });
  add(draft, { op: "symlink", target: "/dev/ptmx", text: "pts/ptmx", replace: 1 }, undefined);
  for (const [target, text] of LINKS) add(draft, { op: "symlink", target, text, replace: 0 }, undefined);
  const kcore = facts.sources.get(KCORE);
  if (kcore === "file") {
    add(draft, { op: "symlink", target: "/dev/core", text: KCORE, replace: 0 }, undefined);
  }
}

/** One node, or, where mknod(2) is refused (in a user namespace, or without privileges), the host's own bound there. */
function addDevice(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  device: Device,
  pointer: Pointer | undefined,
): void {
  const { path, major, minor } = device;
  if (device.type === "p" || (facts.privileged && !mapsUsers(bundle))) {
    const type = device.type === "p" ? S_IF.FIFO : device.type === "b" ? S_IF.BLK : S_IF.CHR;
    const mode = type | ((device.fileMode ?? 0o666) & 0o7777);
    const { uid = 0, gid = 0 } = device;
    add(draft, { op: "mknod", target: path, mode, major, minor, uid, gid }, pointer);
    return;
  }
  add(draft, { op: "mkfile", target: path, mode: 0o666 }, pointer);
  addBind(draft, bundle, facts, {
    target: path,
    source: { path, recursive: false, idmap: { kind: "none" }, pointer: pointer ?? "" },
    attributes: { attrSet: 0n, attrClear: 0n, recAttrSet: 0n, recAttrClear: 0n, propagation: [] },
    pointer,
  });
}
