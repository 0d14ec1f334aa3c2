/** podman of an ordinary user who has a range of numbers, and, where systemd manages cgroups, a manager of his own. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { giveRange, makeKnown, RUNTIME_DIR, startManager, stopManager } from "../../support/login.ts";
import { reachable, USER } from "../../support/user.ts";
import { type Corner, openCorner, pathOf, type RuntimeName } from "./corner.ts";
import { type Engine, IMAGE, must } from "./engine.ts";
import { DRIVER } from "./machine-only.ts";
import { configure, imageArchive } from "./podman.ts";

/** podman as an engine, and what else its user can do. */
export interface RootlessPodman extends Engine {
  /** The words of a call of his, after {@link Engine.program}. */
  as(...words: readonly string[]): readonly string[];
  /** A folder of his. */
  readonly home: string;
  /** Where he finds a runtime. */
  path(runtime: RuntimeName): string;
  /** Ends everything that podman and his manager keep running. */
  close(): Promise<void>;
}

/** Opens it with the image in its store, or skips the file. His environment does not say who he is: not every service's does. */
export async function openRootlessPodman(): Promise<RootlessPodman> {
  const corner = openCorner("podman", "conmon", "buildah", "newuidmap", "setpriv");
  const home = folderOf(corner, "home");
  const tsrun = reachable(corner.dir);
  const path = (name: RuntimeName): string => (name === "tsrun" ? tsrun : pathOf("runc"));
  giveRange();
  makeKnown();
  if (DRIVER === "systemd") {
    const missing = startManager();
    if (missing !== undefined) throw new Error(missing);
  }
  corner.env({
    HOME: home,
    XDG_RUNTIME_DIR: DRIVER === "systemd" ? RUNTIME_DIR : folderOf(corner, "xdg"),
    BUILDAH_ISOLATION: "oci",
    ...configure(corner, home, path),
  });
  const as: RootlessPodman["as"] = (...words) => [
    ...["--reuid", String(USER.uid), "--regid", String(USER.gid), "--clear-groups", "--inh-caps=-all"],
    ...words,
  ];
  const words = (...rest: readonly string[]): readonly string[] => as("podman", "--runtime", "runc", ...rest);
  const engine: RootlessPodman = {
    kind: "podman",
    corner,
    program: "setpriv",
    as,
    words,
    home,
    path,
    making: (runtime, command) => as("podman", "--runtime", runtime, command),
    close: async () => {
      // Stops the process that keeps his namespaces.
      await must(engine, ["system", "migrate"]);
      if (DRIVER === "systemd") stopManager();
    },
  };
  await must(engine, ["import", "-q", imageArchive(corner), IMAGE]);
  return engine;
}

function folderOf({ dir }: Corner, name: string): string {
  const folder = join(dir, name);
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, USER.uid, USER.gid);
  return folder;
}
