/** File systems that were made to lead a runtime astray, each in one respect. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { PROBE, type TestBundle } from "./host.ts";

/** One shape. */
export interface HostileImage {
  readonly name: string;
  /**
   * Turns an ordinary bundle into it; `outside` is a folder with a file called `canary` that it must not reach. A function that
   * it answers has to be called before the bundle can be removed.
   */
  make(bundle: TestBundle, outside: string): unknown;
}

/** Puts something in the place of whatever the image has at a path. */
function instead(bundle: TestBundle, path: string, put: (path: string) => void): void {
  const place = join(bundle.rootfs, path);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
  put(place);
}

const FOLDERS = ["dev", "proc", "sys", "etc", "tmp", "run", "bin"];
const FILES = [
  "etc/passwd",
  "etc/group",
  "etc/hosts",
  "dev/null",
  "dev/ptmx",
  "dev/console",
  "dev/pts/ptmx",
  "dev/tty",
  "dev/fd",
];

/** Where links lead: by the name of the way, with OUT for the folder outside. */
const LINKS: Readonly<Record<string, string>> = {
  "an absolute link": "OUT",
  "a relative link": "../../../../../../../../../..OUT",
  "a dangling link": "/not/there",
  "a link to itself": ".",
  "a link to /proc/self/root": "/proc/self/root",
  "a link to /proc/self/cwd": "/proc/self/cwd",
  "a link to /proc/self/fd/3": "/proc/self/fd/3",
  "a link to /proc/sys/kernel": "/proc/sys/kernel",
};

/** The same for a file, whose folder is an ordinary one. */
const FILE_LINKS: Readonly<Record<string, string>> = {
  "an absolute link": "OUT/canary",
  "a relative link": "../../../../../../../../../..OUT/canary",
  "a link to what could be made outside": "OUT/new",
  "a link to /proc/self/fd/3": "/proc/self/fd/3",
  "a link to core_pattern": "/proc/sys/kernel/core_pattern",
};

function links(paths: readonly string[], ways: Readonly<Record<string, string>>): HostileImage[] {
  return paths.flatMap((path) =>
    Object.entries(ways).map(([way, text]) => ({
      name: `/${path} is ${way}`,
      make: (bundle, outside) => {
        const to = text === "." ? `/${path}` : text.replace("OUT", outside);
        instead(bundle, path, (place) => symlinkSync(to, place));
      },
    })),
  );
}

/** Every folder that a runtime deals with, as a link of each kind. */
export const LINKED_FOLDERS: readonly HostileImage[] = links(FOLDERS, LINKS);

/** Every file, too. */
export const LINKED_FILES: readonly HostileImage[] = links(FILES, FILE_LINKS);

function mknod(...words: readonly string[]): (place: string) => void {
  return (place) => void execFileSync("mknod", [place, ...words]);
}

function huge(place: string): void {
  const fd = openSync(place, "w");
  ftruncateSync(fd, 2 ** 33);
  closeSync(fd);
}

/** What is put in the place of each of {@link FILES}. */
const IN_PLACE: readonly (readonly [what: string, put: (place: string) => void])[] = [
  ["a pipe", mknod("p")],
  ["the host's disk", mknod("b", "254", "0")],
  ["the host's memory", mknod("c", "1", "1")],
  ["a folder", (place) => void mkdirSync(place)],
];

function oddFiles(): HostileImage[] {
  return FILES.flatMap((path) =>
    IN_PLACE.map(([what, put]) => ({
      name: `/${path} is ${what}`,
      make: (bundle: TestBundle) => instead(bundle, path, put),
    })),
  );
}

function hugeFiles(): HostileImage[] {
  return ["etc/passwd", "etc/group", "etc/hosts", "dev/null"].map((path) => ({
    name: `/${path} is 8 GiB of nothing`,
    make: (bundle) => instead(bundle, path, huge),
  }));
}

function filesForFolders(): HostileImage[] {
  return FOLDERS.map((path) => ({
    name: `/${path} is a file`,
    make: (bundle) => instead(bundle, path, (place) => writeFileSync(place, "x")),
  }));
}

/** A program in the place of the container's own. */
function program(name: string, put: (place: string) => void): HostileImage {
  return {
    name: `the program is ${name}`,
    make: (bundle) => {
      instead(bundle, "bin/odd", put);
      bundle.config.process.args = ["/bin/odd"];
      bundle.save();
    },
  };
}

/** Characters that mean something to terminals, to line-based files and to shells. */
const ODD_NAME = "a\nb\u001b[2J\u0007\r\t$(touch x)`x`'\"\\ -rf ..";

function deepest(bundle: TestBundle): string {
  // As deep as one path can name it from the root.
  const path = Array.from({ length: 400 }, (_, index) => `d${index}`).join("/");
  mkdirSync(join(bundle.rootfs, path), { recursive: true });
  return path;
}

/** Forbids changes of a folder, where its file system has such an attribute; how to allow them again. */
function immutable(place: string): (() => void) | undefined {
  try {
    execFileSync("chattr", ["+i", place], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return () => void execFileSync("chattr", ["-i", place]);
}

/** Shapes of their own. */
const SINGLE: readonly HostileImage[] = [
  ...["etc", "dev", "tmp", "bin"].map((path) => ({
    name: `/${path} may not be written`,
    make: (bundle: TestBundle) => chmodSync(join(bundle.rootfs, path), 0),
  })),
  {
    name: "names with line breaks and control characters, as folder to work in and as a mount's place",
    make: (bundle) => {
      mkdirSync(join(bundle.rootfs, "tmp", ODD_NAME));
      bundle.config.process.cwd = `/tmp/${ODD_NAME}`;
      bundle.config.mounts.push({ destination: `/mnt/${ODD_NAME}`, type: "tmpfs", source: ODD_NAME });
      bundle.config.process.args.push(ODD_NAME);
      bundle.config.process.env.push(`ODD=${ODD_NAME}`);
      bundle.save();
    },
  },
  {
    name: "a folder to work in that is very deep",
    make: (bundle) => {
      bundle.config.process.cwd = `/${deepest(bundle)}`;
      bundle.save();
    },
  },
  {
    name: "hard links to a setuid file and to the program",
    make: (bundle) => {
      copyFileSync(PROBE, join(bundle.rootfs, "bin/setuid"));
      chmodSync(join(bundle.rootfs, "bin/setuid"), 0o6755);
      for (const name of ["etc/passwd", "etc/hosts"])
        instead(bundle, name, (place) => linkSync(join(bundle.rootfs, "bin/setuid"), place));
    },
  },
  {
    name: "a chain of 60 links to the program",
    make: (bundle) => {
      for (let at = 0; at < 60; at++)
        symlinkSync(at === 59 ? "/bin/probe" : `l${at + 1}`, join(bundle.rootfs, `l${at}`));
      bundle.config.process.args[0] = "/l0";
      bundle.save();
    },
  },
  program("a script of /proc/self/exe", (place) =>
    writeFileSync(place, "#!/proc/self/exe\n", { mode: 0o755 }),
  ),
  program("a script of itself", (place) => writeFileSync(place, "#!/bin/odd\n", { mode: 0o755 })),
  program("a link to /proc/self/exe", (place) => symlinkSync("/proc/self/exe", place)),
  program("a pipe", mknod("p")),
  program("a folder", (place) => void mkdirSync(place)),
  program("empty", (place) => writeFileSync(place, "", { mode: 0o755 })),
  program("garbage", (place) => writeFileSync(place, "\u007fELF\u0002\u0001\u0001garbage", { mode: 0o755 })),
  program("8 GiB of nothing", (place) => {
    huge(place);
    chmodSync(place, 0o755);
  }),
  {
    name: "the root is empty",
    make: (bundle) => {
      rmSync(bundle.rootfs, { recursive: true });
      mkdirSync(bundle.rootfs);
    },
  },
  {
    name: "the root is a link to itself",
    make: (bundle) => {
      rmSync(bundle.rootfs, { recursive: true });
      symlinkSync("rootfs", bundle.rootfs);
    },
  },
  ...["etc", "dev", "tmp", "."].map((path) => ({
    name: `/${path} cannot be changed, and a mount's place is missing in it`,
    make: (bundle: TestBundle) => {
      bundle.config.mounts.push({ destination: `/${path}/new/place`, type: "tmpfs", source: "x" });
      bundle.save();
      return immutable(join(bundle.rootfs, path));
    },
  })),
];

/** Everything but links. */
export const ODD: readonly HostileImage[] = [...oddFiles(), ...hugeFiles(), ...filesForFolders(), ...SINGLE];
