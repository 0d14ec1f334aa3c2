/**
 * Processes outside of tsrun's own pid namespace in a container's cgroup. The kernel shows each of them as 0, and to kill(2) 0 is the
 * caller's process group: a shell in such a namespace runs tsrun, and is the canary together with a process beside it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { probe, share } from "../support/config.ts";
import { openHost } from "../support/host.ts";
import { CGROUP_V2, hasEnded, until } from "../support/outside.ts";

const host = openHost({ busybox: true });
t.setTimeout(120_000);

/** What a command answered. */
interface Answer {
  readonly code: number;
  readonly output: string;
}

/** A shell in a pid namespace and a process group of its own, with a canary in that group. */
class Shell {
  readonly #child: ChildProcess;
  #text = "";

  constructor() {
    this.#child = spawn("setsid", ["-w", "unshare", "-pf", "--kill-child", "--mount-proc", "sh"], {
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
    const [, output = "", code = ""] = await until(
      command,
      () => {
        if (this.#child.exitCode !== null || this.#child.signalCode !== null)
          throw new Error(`the canary died at: ${command}`);
        return /^([\s\S]*)code=(\d+)\n$/.exec(this.#text) ?? undefined;
      },
      20_000,
    );
    return { output, code: Number(code) };
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
}

/** A container in the shell's pid namespace, and a process of the host's in its cgroup. */
async function scene(t: Test, ownNamespace: boolean): Promise<Scene> {
  const shell = new Shell();
  const id = host.id();
  const bundle = host.bundle((config) => {
    if (!ownNamespace) share(config, "pid");
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `/${id}`;
  });
  const foreign = spawn("sleep", ["1000"], {
    stdio: "ignore",
    detached: true,
    env: { TSRUN_TEST: host.tag },
  });
  t.teardown(() => {
    shell.end();
    foreign.kill("SIGKILL");
  });
  // The canary, in the shell's process group.
  await shell.does("sleep 900 >/dev/null 2>&1 & canary=$!");
  const created = await shell.tsrun("create", "-b", bundle.dir, id, ">/dev/null");
  t.equal(created.code, 0, created.output);
  t.equal((await shell.tsrun("start", id)).code, 0);
  const dir = join("/sys/fs/cgroup", id);
  const pid = foreign.pid ?? -1;
  writeFileSync(join(dir, "cgroup.procs"), String(pid));
  const seen = await shell.does(`cat ${dir}/cgroup.procs`);
  t.match(seen.output, /^0$/m, "the kernel calls it 0");
  return { shell, id, foreign: pid };
}

/** The shell and the process beside it live, and so does whoever was not ours. */
async function unharmed(t: Test, { shell, foreign }: Scene, after: string): Promise<void> {
  t.equal((await shell.does("kill -0 $canary")).code, 0, `${after}: the caller's process group lives`);
  t.notOk(hasEnded(foreign), `${after}: the foreign process lives`);
}

const NOT_OURS = /outside of this pid namespace is not tsrun's to kill/;
const V1 = !CGROUP_V2 && "needs cgroup v2: v1 lists no process of outside the pid namespace";

for (const [where, own] of [
  ["a pid namespace of its own", true],
  ["its caller's pid namespace", false],
] as const) {
  t.test(`a container in ${where}`, { skip: V1 }, async (t) => {
    const made = await scene(t, own);
    const { shell, id, foreign } = made;
    const ps = await shell.tsrun("ps", "--format", "json", id);
    t.match(ps.output, /^\[\d+\]\n$/, "ps shows the container's process alone");
    t.notMatch(ps.output, /\b0\b/);
    t.equal((await shell.tsrun("ps", id)).code, 0);
    for (const signal of ["CONT", "TERM"]) {
      const asked = await shell.tsrun("kill", "--all", id, signal);
      t.equal(asked.code, 1, `kill --all ${signal} cannot signal everybody`);
      t.match(asked.output, NOT_OURS);
      t.equal(asked.output.trim().split("\n").length, 1, "one line");
      await unharmed(t, made, `kill --all ${signal}`);
    }
    // The kernel kills who is in the cgroup, whatever he is called (cgroup.kill); runc has it do the same.
    const deleted = await shell.tsrun("delete", "--force", id);
    t.equal(deleted.code, 0, deleted.output);
    t.equal((await shell.does("kill -0 $canary")).code, 0, "the caller's process group lives");
    await until("the foreign process's end", () => hasEnded(foreign));
    t.notOk(existsSync(join(host.stateRoot, id)), "the state is gone");
  });
}

await host.end();
