/** Removes what is kept of a container. */
import { entries, perform, performAll } from "../sys/files.ts";
import { removeTree } from "../sys/remove.ts";

const FILES = ["start.sock", "exit.json", "process.json", "init.json", "config.json", "state.json"] as const;

/** What the container gets of its folder, where its program has a socket for notifications. */
export function notifyFolder(dir: string): string {
  return `${dir}/notify`;
}

/** Where compiled filters of system calls are kept, for all containers of a root; beside the folder of one of them. */
export function filterFolder(dir: string): string {
  return `${dir.slice(0, dir.lastIndexOf("/"))}/~seccomp`;
}

/** Removes a container's folder with what is in it. @throws SystemError */
export function clear(dir: string): void {
  const usual = perform([
    ...FILES.map((name) => ({ do: "unlink", path: `${dir}/${name}`, ifThere: true }) as const),
    { do: "rmdir", path: dir, ifThere: true },
  ]);
  if (usual === undefined) return;
  const notify = notifyFolder(dir);
  for (const { name, kind } of entries(dir)) {
    // A container that may mount can make its folder writable, and leave anything in it.
    if (kind === "dir" && `${dir}/${name}` === notify) removeTree(notify);
    else performAll([{ do: "unlink", path: `${dir}/${name}`, ifThere: true }]);
  }
  performAll([{ do: "rmdir", path: dir, ifThere: true }]);
}
