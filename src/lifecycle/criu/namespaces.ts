/** Namespaces that are not the container's own: criu neither saves nor makes those, but joins them. */
import type { Bundle } from "../../bundle/types.ts";
import type { NamespaceType } from "../../bundle/vocabulary.ts";
import { BundleError } from "../../error.ts";
import { pointerTo } from "../../plan/draft.ts";
import type { Pair } from "../../spawn/criu/messages.ts";
import { FIRST_FD } from "../../spawn/criu/program.ts";
import { O } from "../../sys/constants.gen.ts";
import { Handle, status } from "../../sys/files.ts";
import { checked, lib } from "../../sys/lib.ts";

/** Those that criu knows as external, with its word for them and runc's name in the image. */
const EXTERNAL: { readonly [type in NamespaceType]?: readonly [word: string, name: string] } = {
  network: ["net", "extRootNetNS"],
  pid: ["pid", "extRootPidNS"],
};

/** criu's words for namespaces that it can be told to join. */
const JOINED: { readonly [type in NamespaceType]?: string } = {
  ipc: "ipc",
  mount: "mnt",
  time: "time",
  user: "user",
  uts: "uts",
};

/** For a dump of the process: `net[INODE]:NAME`. */
export function dumpedNamespaces({ linux }: Bundle, pid: number): readonly string[] {
  const found: string[] = [];
  for (const { type, path } of linux.namespaces) {
    const known = EXTERNAL[type];
    if (path === undefined || known === undefined) continue;
    const [word, name] = known;
    // The path may be gone by now; the namespace is the process's.
    found.push(`${word}[${status(`/proc/${pid}/ns/${word}`)?.inode ?? 0n}]:${name}`);
  }
  return found;
}

/** For a restore. */
export interface RestoredNamespaces {
  /** Open namespaces, to be closed afterwards. */
  readonly handles: readonly Handle[];
  /** Their names and numbers, as criu has them. */
  readonly inherit: readonly (readonly [name: string, fd: number])[];
  readonly join: readonly Pair[];
}

/** Opens the namespaces that are to be joined. @throws BundleError for one that criu cannot join; SystemError */
export function restoredNamespaces({ linux }: Bundle): RestoredNamespaces {
  const handles: Handle[] = [];
  const inherit: [string, number][] = [];
  const join: Pair[] = [];
  linux.namespaces.forEach(({ type, path }, index) => {
    if (path === undefined) return;
    const known = EXTERNAL[type];
    const word = JOINED[type];
    if (known !== undefined) {
      inherit.push([known[1], FIRST_FD + handles.length]);
      handles.push(Handle.open(path, O.RDONLY));
    } else if (word !== undefined) {
      join.push([word, path]);
    } else {
      throw new BundleError(
        "unsupported",
        pointerTo("linux", "namespaces", index, "path"),
        `criu cannot restore a container into a ${type} namespace that is there`,
        "leave its path out",
      );
    }
  });
  return { handles, inherit, join };
}

/** Sets the loopback device of a container's own network namespace up, as `create` does; criu leaves it to others. @throws SystemError */
export function setUpLoopback(pid: number): void {
  const namespace = Handle.open(`/proc/${pid}/ns/net`, O.RDONLY);
  try {
    checked(lib().ts_loopback(namespace.fd), "ioctl", "the loopback device");
  } finally {
    namespace.close();
  }
}
