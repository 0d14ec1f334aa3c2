/** What `create` and `exec` ask of their caller, and what they leave for him. */
import { UsageError } from "../error.ts";
import { performAll, status } from "../sys/files.ts";
import { ids, isInherited } from "../sys/process.ts";

/** Every descriptor to be handed on must be the caller's; one of tsrun's own must never get into a container. @throws UsageError */
export function checkPreserved(count: number): void {
  for (let fd = 3; fd < 3 + count; fd++) {
    if (isInherited(fd)) continue;
    throw new UsageError(`unable to preserve file descriptor ${fd}: it was not passed to tsrun`, {
      hint: `--preserve-fds ${count} (with LISTEN_FDS) hands on the descriptors 3 to ${2 + count}`,
    });
  }
}

/** The pid file appears complete: written beside, then renamed. @throws SystemError */
export function writePidFile(path: string, pid: number): void {
  const slash = path.lastIndexOf("/");
  const part = `${path.slice(0, slash + 1)}.${path.slice(slash + 1)}.${ids().pid}`;
  performAll([
    { do: "create", path: part, text: String(pid), mode: 0o644 },
    { do: "rename", path: part, to: path },
  ]);
}

/** Which of tsrun's own standard streams, which a container without a terminal gets, are pipes: the kernel's names, else `""`. */
export function pipeNames(): readonly string[] {
  return [0, 1, 2].map((fd) => {
    const found = status(`/proc/self/fd/${fd}`);
    return found?.kind === "fifo" ? `pipe:[${found.inode}]` : "";
  });
}
