/** A folder that no container of a test file may touch, with a canary in it, and the ways by which an image might get there. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import type { Host } from "./host.ts";
import { textOf } from "./outside.ts";

/** What lies outside. */
export interface OutsideBundle {
  readonly outside: string;
  readonly canary: string;
  /** What the canary holds. */
  readonly CONTENT: string;
  /** A path to the folder for a link in an image: by the host's root, if it were followed there. */
  readonly climbing: string;
  /** Whatever was tried, nothing has changed. */
  unharmed(t: Test, what: string): void;
}

/** Makes the folder. */
export function outsideOf(host: Host): OutsideBundle {
  const outside = join(host.dir, "outside");
  const canary = join(outside, "canary");
  const CONTENT = "what lies outside";
  mkdirSync(join(outside, "deep"), { recursive: true });
  writeFileSync(canary, CONTENT, { mode: 0o640 });
  return {
    outside,
    canary,
    CONTENT,
    climbing: `../../../../../../../../../..${outside}`,
    unharmed(t, what) {
      t.same(
        readdirSync(outside, { recursive: true }).sort(),
        ["canary", "deep"],
        `${what}: nothing made outside`,
      );
      t.equal(textOf(canary), CONTENT, `${what}: the file outside is as it was`);
      const { mode, uid, gid } = statSync(canary);
      t.same([mode & 0o7777, uid, gid], [0o640, 0, 0], `${what}: its mode and owner, too`);
    },
  };
}
