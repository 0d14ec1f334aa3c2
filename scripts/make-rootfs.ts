/**
 * Makes the root file systems of the example bundles and of the tests: the probe, busybox where a static one is
 * installed, and the folders that a container expects. Run as a program it makes `rootfs` in the bundles named on the
 * command line, or in every folder of bundles/ that has a config.json. Doing it twice changes nothing.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the sources live: the nearest folder above this file, compiled or not, that has tsrun's package.json. */
export const PROJECT = projectFolder(dirname(fileURLToPath(import.meta.url)));

/** The static program of many verbs that answers questions from inside a container (native/probe). */
export const PROBE = join(PROJECT, "build/native/probe");

const BUSYBOX = "/bin/busybox";
const FOLDERS = [
  "bin",
  "dev",
  "etc",
  "home/user",
  "proc",
  "root",
  "sbin",
  "sys",
  "tmp",
  "usr/bin",
  "var/tmp",
];

/** Names that lead to the probe, so that a rootfs without busybox has them too. */
const PROBE_NAMES = ["true", "false", "sleep", "echo", "env"];

/** What the examples, the tests and a curious visitor need of busybox. */
const BUSYBOX_NAMES = [
  "sh",
  "ash",
  "cat",
  "chmod",
  "chown",
  "cp",
  "date",
  "dd",
  "df",
  "grep",
  "head",
  "hostname",
  "id",
  "kill",
  "ln",
  "ls",
  "mkdir",
  "mknod",
  "mount",
  "mv",
  "printf",
  "ps",
  "pwd",
  "readlink",
  "rm",
  "rmdir",
  "sed",
  "stat",
  "tail",
  "test",
  "touch",
  "tr",
  "tty",
  "umount",
  "uname",
  "wc",
  "which",
  "yes",
];

const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "nobody:x:65534:65534:nobody:/nonexistent:/bin/false",
  "user:x:1000:1000:user:/home/user:/bin/sh",
];
const GROUP = ["root:x:0:", "nogroup:x:65534:", "user:x:1000:", "audio:x:29:user"];

/** True where the shell and its friends will be in a rootfs: busybox is installed and needs no shared library. */
export function hasBusybox(): boolean {
  // A static program has no PT_INTERP segment, hence no path of a dynamic loader in its first page.
  return existsSync(BUSYBOX) && !readFileSync(BUSYBOX).subarray(0, 4096).includes("/ld-");
}

/**
 * Makes a rootfs at `root`.
 * @throws Error when the probe has not been built yet
 */
export function makeRootfs(root: string): void {
  if (!existsSync(PROBE)) throw new Error(`${PROBE} is missing: build it first (make -C native probe)`);
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  chmodSync(join(root, "tmp"), 0o1777);
  chmodSync(join(root, "var/tmp"), 0o1777);
  copyProgram(PROBE, join(root, "bin/probe"));
  for (const name of PROBE_NAMES) link("probe", join(root, "bin", name));
  if (hasBusybox()) {
    copyProgram(BUSYBOX, join(root, "bin/busybox"));
    for (const name of BUSYBOX_NAMES) link("busybox", join(root, "bin", name));
  }
  writeFileSync(join(root, "etc/passwd"), `${PASSWD.join("\n")}\n`);
  writeFileSync(join(root, "etc/group"), `${GROUP.join("\n")}\n`);
}

/** The example bundles: each folder of bundles/ with a config.json that is meant to have a rootfs. */
export function exampleBundles(): string[] {
  const parent = join(PROJECT, "bundles");
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, "config.json")));
}

function copyProgram(from: string, to: string): void {
  const source = statSync(from);
  const there = statSync(to, { throwIfNoEntry: false });
  if (there?.size === source.size && there.mtimeMs >= source.mtimeMs) return;
  copyFileSync(from, to);
  chmodSync(to, 0o755);
}

function link(text: string, path: string): void {
  try {
    symlinkSync(text, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

function projectFolder(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${start}`);
    folder = dirname(folder);
  }
  return folder;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2).map((name) => resolve(name));
  for (const bundle of asked.length > 0 ? asked : exampleBundles()) {
    makeRootfs(join(bundle, "rootfs"));
    console.log(`${join(bundle, "rootfs")} is ready`);
  }
}
