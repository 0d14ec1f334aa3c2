/**
 * Processes outside of tsrun's own pid namespace in a container's cgroup. cgroup v2 shows each of them as 0, which to kill(2) is the
 * caller's process group; v1 does not show them. A shell in such a namespace runs tsrun, and is the canary together with a
 * process beside it. In a mount namespace of its own it sees cgroup v2 alone, on a host of both too.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { probe, share } from "../support/config.ts";
import { openHost } from "../support/host.ts";
import { CGROUP_V2, hasEnded, namesIn, until } from "../support/outside.ts";
import { patience } from "../support/slow.ts";

const host = openHost({ busybox: true });
t.setTimeout(patience(120_000));

const CGROUPS = "/sys/fs/cgroup";

/** Which hierarchies tsrun sees, and where these are on the host. */
interface View {
  readonly name: string;
  readonly hierarchies: readonly string[];
  readonly v2: boolean;
}

const ONLY_V2: View = { name: "cgroup v2", hierarchies: [CGROUP_V2 ? "" : "unified"], v2: true };
const VIEWS: readonly View[] = CGROUP_V2
  ? [ONLY_V2]
  : [
      ONLY_V2,
      {
        name: "cgroup v1",
        hierarchies: namesIn(CGROUPS).filter((name) => existsSync(join(CGROUPS, name, "tasks"))),
        v2: false,
      },
    ];

/** What a command answered. */
interface Answer {
  readonly code: number;
  readonly output: string;
}

/** A shell in a pid and a mount namespace and a process group of its own, with a canary in that group. */
class Shell {
  readonly #child: ChildProcess;
  #text = "";

  constructor() {
    this.#child = spawn("setsid", ["-w", "unshare", "-pfm", "--kill-child", "--mount-proc", "sh"], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (bytes: Buffer) => {
        this.#text += bytes.toString();
      });
    }
    this.#child.stdin?.on("error", () => undefined);
  }

  async does(command: string): Promise<Answer> {
    this.#text = "";
    this.#child.stdin?.write(`${command}\necho "code=$?"\n`);
    return until(
      command,
      () => {
        const [, output = "", code] = /^(.*)code=(\d+)\n$/s.exec(this.#text) ?? [];
        if (code !== undefined) return { output, code: Number(code) };
        if (this.#child.exitCode !== null || this.#child.signalCode !== null)
          throw new Error(`the canary died at: ${command}`);
        return undefined;
      },
      20_000,
    );
  }

  tsrun(...words: readonly string[]): Promise<Answer> {
    return this.does(`${host.runtime} --root ${host.stateRoot} ${words.join(" ")} </dev/null`);
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

interface Scene {
  readonly shell: Shell;
  readonly id: string;
  /** The foreign process. */
  readonly foreign: number;
  /** The container's cgroup in each hierarchy, as the host has it. */
  readonly dirs: readonly string[];
}

/** A container in the shell's pid namespace, and a process of the host's in its cgroup, where there is no cgroup.kill. */
async function scene(t: Test, view: View, ownNamespace: boolean): Promise<Scene> {
  const shell = new Shell();
  const id = host.id();
  const bundle = host.bundle((config) => {
    if (!ownNamespace) share(config, "pid");
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `/${id}`;
    if (view.v2) config.linux.resources = {};
  });
  const foreign = spawn("sleep", ["1000"], {
    stdio: "ignore",
    detached: true,
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
  });
  t.teardown(() => {
    shell.end();
    foreign.kill("SIGKILL");
  });
  // The canary, in the shell's process group.
  await shell.does("sleep 900 >/dev/null 2>&1 & canary=$!");
  if (view.v2) await shell.does(`umount -R -l ${CGROUPS}; mount -t cgroup2 cgroup2 ${CGROUPS}`);
  const created = await shell.tsrun("create", "-b", bundle.dir, id, ">/dev/null");
  t.equal(created.code, 0, created.output);
  t.equal((await shell.tsrun("start", id)).code, 0);
  const dirs = view.hierarchies.map((name) => join(CGROUPS, name, id));
  const pid = foreign.pid ?? -1;
  for (const dir of dirs) writeFileSync(join(dir, "cgroup.procs"), String(pid));
  if (view.v2) {
    t.match((await shell.does(`cat ${CGROUPS}/${id}/cgroup.procs`)).output, /^0$/m, "the kernel calls it 0");
    // A kernel before 5.14 has no cgroup.kill: here writing it fails.
    await shell.does(`mount --bind /dev/full ${CGROUPS}/${id}/cgroup.kill`);
  }
  return { shell, id, foreign: pid, dirs };
}

/** The shell and the process beside it live, and so does whoever was not ours. */
async function unharmed(t: Test, { shell, foreign }: Scene, after: string): Promise<void> {
  t.equal((await shell.does("kill -0 $canary")).code, 0, `${after}: the caller's process group lives`);
  t.notOk(hasEnded(foreign), `${after}: the foreign process lives`);
}

const NOT_OURS =
  /^cannot .*; hint: a process that is outside of this pid namespace is not tsrun's to kill: .*\n$/;
const HELD = /held by some outside this pid namespace/;

/** The foreign process ends, and the container goes: nothing is left. */
async function cleared(t: Test, { shell, id, foreign, dirs }: Scene): Promise<void> {
  process.kill(foreign, "SIGKILL");
  await until("it is gone", () => hasEnded(foreign));
  const { code, output } = await shell.tsrun("delete", "--force", id);
  t.equal(code, 0, `and then it goes ${output}`);
  t.notOk(existsSync(join(host.stateRoot, id)), "no state");
  // Where the first process took its processes along, the cgroup was left to whoever was in it.
  for (const dir of dirs) if (existsSync(dir)) rmdirSync(dir);
}

for (const view of VIEWS) {
  for (const own of [true, false]) {
    const where = `${view.name}, ${own ? "a" : "no"} pid namespace of its own`;

    t.test(`ps, kill --all and stop: ${where}`, async (t) => {
      const made = await scene(t, view, own);
      const { shell, id } = made;
      t.match(
        (await shell.tsrun("ps", "--format", "json", id)).output,
        /^\[[1-9]\d*\]\n$/,
        "ps shows its own",
      );
      t.match((await shell.tsrun("ps", id)).output, /^UID.*\n\S+ +[1-9].*probe sleep 1000\n$/);
      for (const signal of ["CONT", "KILL"]) {
        const { code, output } = await shell.tsrun("kill", "--all", id, signal);
        t.equal(code, view.v2 ? 1 : 0, `kill --all ${signal}: ${output}`);
        if (view.v2) t.match(output, NOT_OURS);
        await unharmed(t, made, `kill --all ${signal}`);
      }
      t.match((await shell.tsrun("state", id)).output, '"status": "stopped"', "its own process got it");
      const { code, output } = await shell.tsrun("stop", "--time", "0", id);
      t.equal(code, view.v2 && !own ? 1 : 0, `stop: ${output}`);
      if (code !== 0) t.match(output, NOT_OURS);
      await unharmed(t, made, "stop");
      await cleared(t, made);
    });

    t.test(`delete --force: ${where}`, async (t) => {
      const made = await scene(t, view, own);
      const { shell, id } = made;
      const before = Date.now();
      const { code, output } = await shell.tsrun("delete", "--force", id);
      t.ok(Date.now() - before < 8000, "it does not wait for long");
      t.equal(code, 1, output);
      t.match(output, NOT_OURS);
      t.match(output, HELD);
      t.ok(existsSync(join(host.stateRoot, id)), "the state stays, so that it can be repeated");
      t.match((await shell.tsrun("state", id)).output, '"status": "stopped"', "its own process has ended");
      await unharmed(t, made, "delete --force");
      await cleared(t, made);
    });
  }
}

await host.end();
