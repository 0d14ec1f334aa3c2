/**
 * `npm run demo`: the life of a container, shown with real commands and their real output. Each step says what it shows
 * and checks it; the program ends with 1 where something is not as said, and leaves nothing behind.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeRootfs, PROJECT } from "./make-rootfs.ts";

const TSRUN = process.env["TSRUN_TEST_RUNTIME"] ?? join(PROJECT, "dist/tsrun");
const folder = mkdtempSync(join(tmpdir(), "tsrun-demo-"));
const root = join(folder, "state");
const id = `demo-${process.pid}`;
const failures: string[] = [];
let calls = 0;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs tsrun and shows the command as a person would type it, with what it printed. */
function tsrun(...args: string[]): Ended {
  console.log(
    `\n$ tsrun ${args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(" ")}`,
  );
  // A container keeps its starter's streams, so the output goes to a file: a pipe would not end before the container.
  calls += 1;
  const file = join(folder, `output-${calls}`);
  const end = spawnSync("/bin/sh", [
    "-c",
    'exec "$@" >"$0" 2>&1 </dev/null',
    file,
    TSRUN,
    "--root",
    root,
    ...args,
  ]);
  const output = readFileSync(file, "utf8");
  process.stdout.write(shortened(output));
  return { code: end.status, output };
}

function shortened(output: string): string {
  const lines = output.split("\n");
  return lines.length <= 14
    ? output
    : [...lines.slice(0, 6), `  ... ${lines.length - 12} more lines ...`, ...lines.slice(-6)].join("\n");
}

/** Says what a step shows, and remembers where it does not. */
function shows(what: string, holds: boolean): void {
  console.log(`# ${what}${holds ? "" : "   <-- NOT SO"}`);
  if (!holds) failures.push(what);
}

function bundle(name: string): string {
  return join("bundles", name);
}

/** A long-running copy of the hello bundle, made where the demo may write. */
function sleepingBundle(): string {
  const dir = join(folder, "sleeper");
  mkdirSync(dir);
  makeRootfs(join(dir, "rootfs"));
  const config = JSON.parse(readFileSync(join(PROJECT, "bundles/limits/config.json"), "utf8")) as {
    process: { args: string[] };
  };
  config.process.args = ["/bin/probe", "sleep", "60"];
  writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  return dir;
}

function cgroupFolders(): string[] {
  const parent = "/sys/fs/cgroup";
  return readdirSync(parent)
    .map((name) => join(parent, name, id))
    .filter((path) => existsSync(path));
}

function lifecycle(): void {
  const hello = tsrun("run", "-b", bundle("hello"), `${id}-hello`);
  shows(
    "run: create, start, wait and delete in one; the exit code is the program's",
    hello.code === 0 && hello.output === "hello from a container\n",
  );

  const sleeper = sleepingBundle();
  const create = tsrun("create", "-b", sleeper, id);
  shows(
    "create: everything is set up, but the program has not been executed",
    create.code === 0 && create.output === "",
  );
  const created = tsrun("state", id);
  shows("state: as JSON, as the OCI specification wants it", created.output.includes('"status": "created"'));
  const { pid } = JSON.parse(created.output) as { pid: number };
  console.log(`\n$ readlink /proc/${pid}/ns/pid /proc/self/ns/pid`);
  const namespaces = execFileSync("readlink", [`/proc/${pid}/ns/pid`, "/proc/self/ns/pid"], {
    encoding: "utf8",
  });
  process.stdout.write(namespaces);
  shows(
    "the container's processes live in a namespace of their own",
    new Set(namespaces.trim().split("\n")).size === 2,
  );

  shows("start: the program runs", tsrun("start", id).code === 0);
  const list = tsrun("list");
  shows("list: one row a container", list.output.includes(id) && list.output.includes("running"));
  const again = tsrun("delete", id);
  shows(
    "a running container is not deleted by mistake",
    again.code === 1 && again.output.includes("is not stopped: running"),
  );
  shows("kill: any signal, by name or number", tsrun("kill", id, "KILL").code === 0);
  shows(
    "delete: process, cgroups and state are gone",
    tsrun("delete", "--force", id).code === 0 && cgroupFolders().length === 0,
  );
}

function service(): void {
  const name = `${id}-service`;
  shows(
    "run --detach: returns as soon as the container runs",
    tsrun("run", "--detach", "-b", bundle("service"), name).code === 0,
  );
  shows("stop: asks with SIGTERM, and kills what has not ended in time", tsrun("stop", name).code === 0);
  shows("the container has stopped, and is still there", tsrun("state", name).output.includes('"stopped"'));
  shows("delete takes it away", tsrun("delete", name).code === 0);
}

function limitsAndMistakes(): void {
  const limits = tsrun("run", "-b", bundle("limits"), `${id}-limits`);
  shows(
    "limits bite: 20 processes, a fifth of a processor, 64 MiB; past it the kernel kills (128 + 9)",
    limits.code === 137 && limits.output.includes('"made":19'),
  );
  const readonly = tsrun("run", "-b", bundle("readonly"), `${id}-readonly`);
  shows(
    "a read-only root refuses writes, a tmpfs takes them",
    readonly.output.includes("EROFS") && readonly.output.includes('"result":"ok"'),
  );

  const wrong = tsrun("run", "-b", bundle("broken/unknown-namespace"), `${id}-broken`);
  shows(
    "a mistake in config.json: its place, the reason, what to do, in one line",
    wrong.code === 1 && wrong.output.includes("/linux/namespaces/5/type"),
  );
  const check = tsrun("check", "-b", bundle("broken/hook-with-timeout-zero"));
  shows(
    "check: the same without trying to run it",
    check.code === 1 && check.output.includes("/hooks/prestart/0/timeout"),
  );
  const explain = tsrun("explain", "-b", bundle("hello"));
  shows(
    "explain: every step that create would take, before it takes any",
    explain.code === 0 && explain.output.includes("/bin/probe"),
  );
}

function tidy(): void {
  if (existsSync(root)) {
    for (const left of readdirSync(root)) {
      failures.push(`${left} was left in the state folder`);
      spawnSync(TSRUN, ["--root", root, "delete", "--force", left]);
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

if (process.getuid?.() !== 0) {
  console.error("the demo needs root: it makes containers without a user namespace");
  process.exitCode = 1;
} else {
  process.chdir(PROJECT);
  for (const name of ["hello", "limits", "readonly", "service"])
    makeRootfs(join(PROJECT, "bundles", name, "rootfs"));
  try {
    lifecycle();
    service();
    limitsAndMistakes();
  } finally {
    tidy();
  }
  if (failures.length > 0) {
    console.error(`\nNot as said:\n${failures.map((what) => `  ${what}`).join("\n")}`);
    process.exitCode = 1;
  } else console.log("\nAll as said, and nothing is left.");
}
