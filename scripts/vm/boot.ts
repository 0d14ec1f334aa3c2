/** One virtual machine: boots, runs one command on a copy-on-write view of this machine's own files, ends. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initrd, jobText } from "./initrd.ts";
import { cachedKernel } from "./kernel.ts";
import { MSIZE, qemuArguments } from "./qemu.ts";

/** How cgroups are laid out. */
export type CgroupLayout = "v1" | "hybrid" | "v2";

/** What to run, and in which machine. */
export interface Job {
  readonly words: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** systemd as process 1, with the system bus, and the command in a delegated service. */
  readonly systemd: boolean;
  readonly cgroup: CgroupLayout;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** The size of the disk that is mounted at `DISK`. */
  readonly diskMiB: number;
  /** Seconds after which the machine is stopped. */
  readonly deadline: number;
  /** The command has the caller's terminal; nothing is told of its output then. */
  readonly terminal: boolean;
}

/** What the command says while it runs. */
export interface Listener {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** How it went: the command's exit status, or why there is none, with what the kernel said last. */
export type Ended =
  | { readonly end: "status"; readonly status: number }
  | { readonly end: "deadline" | "failed"; readonly said: string };

/** Where the guest has an ext4 file system for temporary files. */
export const DISK = "/mnt/vm";

/** The second disk, /dev/vdb, which nothing uses: for limits of input and output. */
const BLANK_MIB = 64;

/** Milliseconds between two looks at the output. */
const LOOK = 50;

/** How many of the console's last lines tell why a machine failed. */
const LAST_LINES = 15;

/** Boots a machine for a job and waits for its end. @throws Error where something that it takes is missing */
export async function boot(job: Job, listener: Listener): Promise<Ended> {
  const work = mkdtempSync(join(tmpdir(), "tsrun-vm-"));
  const file = (name: string): string => join(work, name);
  try {
    const names = ["out", "err", "status", "console"];
    for (const name of names) writeFileSync(file(name), "");
    const qemu = start(job, file);
    const follow = [follower(file("out"), listener.out), follower(file("err"), listener.err)];
    const looking = setInterval(() => {
      for (const look of follow) look();
    }, LOOK);
    const struck = await endOf(qemu, job.deadline);
    clearInterval(looking);
    for (const look of follow) look();
    const status = readFileSync(file("status"), "utf8").trim();
    if (!struck && status !== "") return { end: "status", status: Number(status) };
    const said = [
      ...readFileSync(file("qemu"), "utf8").split("\n"),
      ...readFileSync(file("console"), "utf8").split(/\r?\n/),
    ];
    const last = said.filter((line) => line.trim() !== "").slice(-LAST_LINES);
    return { end: struck ? "deadline" : "failed", said: last.join("\n") };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes the machine's files and starts the emulator. */
function start(job: Job, file: (name: string) => string): ChildProcess {
  const kernel = cachedKernel();
  const disks = [file("disk"), file("blank")];
  for (const [index, size] of [job.diskMiB, BLANK_MIB].entries()) {
    writeFileSync(disks[index] ?? "", "");
    truncateSync(disks[index] ?? "", size * 2 ** 20);
  }
  // Without a journal, which a disk that lives as long as the machine does not need.
  const features = ["-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard"];
  execFileSync("/sbin/mke2fs", ["-q", "-t", "ext4", ...features, file("disk")]);
  const settings = {
    release: kernel.release,
    modules: kernel.modules,
    msize: MSIZE,
    systemd: job.systemd ? 1 : 0,
    cgroup: job.cgroup,
    disk: DISK,
    terminal: job.terminal ? 1 : 0,
    term: process.env["TERM"] ?? "dumb",
    rows: process.stdout.rows || 24,
    columns: process.stdout.columns || 80,
  };
  writeFileSync(
    file("initrd"),
    initrd(kernel, settings, jobText(job.words, job.folder, { TMPDIR: DISK, ...job.env })),
  );
  const args = qemuArguments({
    memoryMiB: job.memoryMiB,
    cpus: job.cpus,
    kernel: kernel.image,
    initrd: file("initrd"),
    console: file("console"),
    ports: { out: file("out"), err: file("err"), status: file("status") },
    disks,
    terminal: job.terminal,
    kernelArguments: layoutArguments(job),
  });
  const errors = openSync(file("qemu"), "w");
  const qemu = spawn("qemu-system-x86_64", args, {
    stdio: job.terminal ? ["inherit", "inherit", errors] : ["ignore", errors, errors],
  });
  closeSync(errors);
  return qemu;
}

/** What systemd makes of cgroups. */
function layoutArguments({ systemd, cgroup }: Job): readonly string[] {
  if (!systemd || cgroup === "v2") return [];
  const unified = "systemd.unified_cgroup_hierarchy=0";
  return cgroup === "hybrid" ? [unified] : [unified, "systemd.legacy_systemd_cgroup_controller=1"];
}

/** Waits for the emulator; whether it had to be stopped. With this process it ends as well. */
async function endOf(qemu: ChildProcess, seconds: number): Promise<boolean> {
  let struck = false;
  const timer = setTimeout(() => {
    struck = true;
    qemu.kill("SIGKILL");
  }, seconds * 1000);
  const stop = (): void => void qemu.kill("SIGKILL");
  process.once("exit", stop);
  try {
    await once(qemu, "exit");
  } finally {
    clearTimeout(timer);
    process.removeListener("exit", stop);
  }
  return struck;
}

/** Tells what has been added to a file since it was asked last. */
function follower(path: string, tell: (text: string) => void): () => void {
  const fd = openSync(path, "r");
  const decoder = new TextDecoder();
  const buffer = Buffer.alloc(1 << 16);
  return () => {
    for (;;) {
      const length = readSync(fd, buffer);
      if (length === 0) return;
      tell(decoder.decode(buffer.subarray(0, length), { stream: true }));
    }
  };
}
