/**
 * The guest's kernel: Debian's, kept in a cache folder and not installed, since its package would make an initrd and change
 * /boot. A kernel is a folder by the name and version of its package: `vmlinux`, unpacked (a virtual machine that boots it so
 * is 3 s faster), and `modules`, what /lib/modules/RELEASE would be.
 */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { payloadOf, unsignedLength } from "./kernel-image.ts";

/** A kernel that can be booted. */
export interface Kernel {
  /** What `uname -r` says. */
  readonly release: string;
  /** The ELF file. */
  readonly image: string;
  /** The folder that belongs at /lib/modules/RELEASE. */
  readonly modules: string;
}

/** The package that depends on the newest kernel of this release of Debian. */
const NEWEST = "linux-image-amd64";

/** Where kernels are kept. */
export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsrun/vm");

/** Larger than any kernel. */
const MAX_KERNEL = 1 << 28;

/** The newest kernel of the cache. @throws Error where there is none, with what to do */
export function cachedKernel(): Kernel {
  const names = [...folders(CACHE)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const newest = names.at(-1);
  if (newest === undefined)
    throw new Error(
      `there is no kernel in ${CACHE}: bun scripts/vm/packages.ts gets it and what else is needed`,
    );
  return kernelIn(join(CACHE, newest));
}

/** Gets the newest kernel from Debian's archive, unless it is in the cache. */
export function fetchKernel(): Kernel {
  const depends = output("apt-cache", "depends", NEWEST);
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined)
    throw new Error(`apt knows no ${NEWEST}: the virtual machine needs Debian 12's packages`);
  const version = /Candidate: (\S+)/.exec(output("apt-cache", "policy", name))?.[1] ?? "unknown";
  const folder = join(CACHE, `${name}_${version.replaceAll(":", "%3a")}`);
  if (!folders(CACHE).some((known) => join(CACHE, known) === folder)) unpack(name, folder);
  return kernelIn(folder);
}

function folders(parent: string): readonly string[] {
  try {
    return readdirSync(parent).filter((name) => name.startsWith("linux-image-"));
  } catch {
    return [];
  }
}

function kernelIn(folder: string): Kernel {
  const [release = ""] = readdirSync(join(folder, "lib/modules"));
  return { release, image: join(folder, "vmlinux"), modules: join(folder, "lib/modules", release) };
}

function output(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8" });
}

/** Downloads a kernel's package and makes a folder of the cache of it. */
function unpack(name: string, folder: string): void {
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "new-"));
  try {
    execFileSync("apt-get", ["download", "-qq", "-o", "APT::Sandbox::User=root", name], {
      cwd: work,
      stdio: ["ignore", "inherit", "inherit"],
    });
    const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
    if (archive === undefined) throw new Error(`apt-get download brought no package ${name}`);
    const made = join(work, "kernel");
    execFileSync("dpkg-deb", ["-x", join(work, archive), made]);
    const [release = ""] = readdirSync(join(made, "lib/modules"));
    const image = readFileSync(join(made, "boot", `vmlinuz-${release}`));
    const { offset, length } = payloadOf(image);
    const input = image.subarray(offset, offset + length);
    // The kernel's own size follows the compressed stream, which more than one stream could not be told from.
    const xz = ["--single-stream", "--decompress", "--stdout"];
    writeFileSync(join(made, "vmlinux"), execFileSync("xz", xz, { input, maxBuffer: MAX_KERNEL }));
    for (const rest of ["boot", "usr"]) rmSync(join(made, rest), { recursive: true, force: true });
    unsign(join(made, "lib/modules"));
    execFileSync("/sbin/depmod", ["-b", made, release]);
    renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function unsign(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ko")) continue;
    const path = join(folder, name);
    const length = unsignedLength(readFileSync(path));
    const fd = openSync(path, "r+");
    ftruncateSync(fd, length);
    closeSync(fd);
  }
}
