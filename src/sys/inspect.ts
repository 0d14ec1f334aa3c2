/** Looking closely at files without touching them: what `check` asks of a container's root before there is a container. */
import { cstring, text } from "./bytes.ts";
import { status } from "./files.ts";
import { errnoName, lib } from "./lib.ts";

/** Where a path leads, or the errno name of why it leads nowhere. */
export type Resolved = { readonly path: string } | { readonly errno: string };

/**
 * Follows a path inside the tree at `root` as the container will, its symbolic links included; the answer is a path of the
 * host that has none. Without `follow` a last symbolic link is itself the answer.
 */
export function resolveIn(root: string, path: string, follow = true): Resolved {
  const out = new Uint8Array(4096);
  const length = lib().ts_resolve(cstring(root), cstring(path), follow ? 1 : 0, out, out.length);
  return length < 0 ? { errno: errnoName(-length) } : { path: text(out.subarray(0, length)) };
}

/** The first bytes of a file; `undefined` where it cannot be read. */
export function readStart(path: string, size: number): Uint8Array | undefined {
  const buffer = new Uint8Array(size);
  const got = lib().ts_read(cstring(path), buffer, size);
  if (got >= 0) return buffer.subarray(0, got);
  return errnoName(-got) === "EFBIG" ? buffer : undefined;
}

/** The CLONE_NEW* type of the namespace that a path names, or the errno name of why it names none. */
export function namespaceType(path: string): number | { readonly errno: string } {
  const type = lib().ts_namespace(cstring(path));
  return type < 0 ? { errno: errnoName(-type) } : type;
}

/** Whether this process may execute a file of the host. */
export function mayExecute(path: string): boolean {
  return accessError(path, "execute") === undefined;
}

/** The errno name of why this process may not execute a file of the host, enter a folder, or write there; `undefined` where it may. */
export function accessError(path: string, what: "execute" | "write"): string | undefined {
  const answer = lib().ts_access(cstring(path), what === "execute" ? 1 : 2);
  return answer < 0 ? errnoName(-answer) : undefined;
}

/** The inode of the machine's first pid namespace (kernel include/linux/proc_ns.h, PROC_PID_INIT_INO). */
const FIRST_PID_NAMESPACE = 0xeffffffcn;

/** Whether no process of the machine is outside of this process's pid namespace. */
export function isFirstPidNamespace(): boolean {
  return status("/proc/self/ns/pid")?.inode === FIRST_PID_NAMESPACE;
}
