/** Taking away what engines keep for themselves after their last container: their parent cgroups, their stores' mounts. */
import { execFileSync } from "node:child_process";
import { rmdirSync } from "node:fs";
import { cgroupsOf, mountsOf } from "../../support/outside.ts";

/** Unmounts everything whose line in mountinfo holds the tag, the last first. */
export function unmountAll(tag: string): void {
  for (const line of mountsOf(tag).reverse()) {
    const place = line.split(" ")[4] ?? "";
    try {
      execFileSync("umount", ["-l", place], { stdio: "ignore" });
    } catch {
      // It went with another one.
    }
  }
}

/** Removes the empty cgroups whose path holds the tag, the deepest first. */
export function removeCgroups(tag: string): void {
  for (const path of cgroupsOf(tag).sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(path);
    } catch {
      // The caller sees that it is still there.
    }
  }
}
