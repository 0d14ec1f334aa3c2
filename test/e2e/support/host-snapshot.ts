/** What of the host no test may change: tsrun's own files, mounts, devices, the kernel's parameters, keyrings. */
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { join } from "node:path";
import { namesIn, textOf } from "./outside.ts";

/** Texts by name, so that two of them can be compared and what differs is named. */
export type Facts = Readonly<Record<string, string>>;

/** The host at one moment. */
export interface Snapshot {
  /** sha256, mode and owner by path. */
  readonly own: Facts;
  readonly mounts: Facts;
  readonly devices: Facts;
  readonly parameters: Facts;
  readonly keyrings: Facts;
}

/** Looks at the host; `own` are the folders whose files count as tsrun's. */
export function snapshot(own: readonly string[]): Snapshot {
  return {
    own: Object.assign({}, ...own.map((folder) => filesOf(folder))) as Facts,
    mounts: mountTable(),
    devices: deviceFiles(),
    parameters: parameters(),
    keyrings: keyrings(),
  };
}

/** What differs between two snapshots, a line each: `what name: before -> after`. */
export function differences(before: Snapshot, after: Snapshot): readonly string[] {
  const found: string[] = [];
  for (const what of ["own", "mounts", "devices", "parameters", "keyrings"] as const) {
    const [old, now] = [before[what], after[what]];
    for (const name of new Set([...Object.keys(old), ...Object.keys(now)])) {
      if (old[name] !== now[name])
        found.push(`${what} ${name}: ${old[name] ?? "(none)"} -> ${now[name] ?? "(none)"}`);
    }
  }
  return found;
}

/** Every file below a folder: type, mode, owner, and what it holds as a checksum. */
export function filesOf(folder: string): Facts {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    const { mode, uid, gid } = lstatSync(path);
    const kind = mode & constants.S_IFMT;
    const content =
      kind === constants.S_IFREG
        ? createHash("sha256").update(readFileSync(path)).digest("hex")
        : kind === constants.S_IFLNK
          ? readlinkSync(path)
          : "";
    found[path] = `${mode.toString(8)} ${uid}:${gid} ${content}`;
  }
  return found;
}

/** What engines mount and unmount in their own time, for containers of their own. */
const OF_ENGINES = /\/(overlay2?|overlay-containers|netns|containerd)(\/|$)/;

/** mountinfo without its ids, which are given anew: by place, several mounts of one place in their order. */
export function mountTable(): Facts {
  const found: Record<string, string> = {};
  for (const line of (textOf("/proc/self/mountinfo") ?? "").trimEnd().split("\n")) {
    const [, , device = "", root = "", place = "", options = "", ...rest] = line.split(" ");
    if (OF_ENGINES.test(place)) continue;
    const others = rest.map((word) => word.replace(/^(shared|master|propagate_from):[0-9]+$/, "$1"));
    found[place] = `${found[place] ?? ""}[${[device, root, options, ...others].join(" ")}]`;
  }
  return found;
}

/** Names, types, numbers, modes and owners in /dev; not what terminals and shared memory come and go with. */
export function deviceFiles(): Facts {
  const found: Record<string, string> = {};
  const visit = (folder: string): void => {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      const entry = lstatSync(path, { throwIfNoEntry: false });
      if (entry === undefined) continue;
      found[path] = `${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${entry.rdev}`;
      if (entry.isDirectory() && !["/dev/pts", "/dev/shm", "/dev/mqueue"].includes(path)) visit(path);
    }
  };
  visit("/dev");
  return found;
}

/** What counts what happens, is made anew at each look, or belongs to a network device that others make and remove. */
const COUNTERS =
  /^\/proc\/sys\/(fs\/(dentry-state|inode-state|[a-z-]+-nr|quota\/)|kernel\/(random\/|ns_last_pid|pty\/nr|perf_event_max_sample_rate)|net\/netfilter\/nf_conntrack_count|net\/(ipv4|ipv6)\/(conf|neigh)\/(?!all|default|lo\/))/;

/** The values below /proc/sys that can be read and stay what they are. */
export function parameters(): Facts {
  const found: Record<string, string> = {};
  const buffer = Buffer.alloc(8192);
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (!COUNTERS.test(path)) found[path] = value(path, buffer);
    }
  };
  visit("/proc/sys");
  return found;
}

function value(path: string, buffer: Buffer): string {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return buffer.toString("utf8", 0, readSync(fd, buffer)).trim();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
  }
}

/** The keyrings that this session sees, by name: permissions, owner, keys; without those that containers of others have. */
export function keyrings(): Facts {
  const found: Record<string, string> = {};
  for (const line of (textOf("/proc/keys") ?? "").trimEnd().split("\n")) {
    const [serial = "", , , , mask = "", uid = "", gid = "", type = "", name = "", content = ""] =
      line.split(/\s+/);
    if (type === "keyring" && !name.startsWith("_ses."))
      found[name] = `${serial} ${mask} ${uid}:${gid} ${content}`;
  }
  return found;
}
