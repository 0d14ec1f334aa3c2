/** `run` and `exec --tty` in a person's terminal: sizes, keys, jobs, modes, windows that are closed, much pasted at once. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t, { type Test } from "tap";
import { probe, script } from "./support/config.ts";
import { entered, staying, stillRuns } from "./support/exec.ts";
import { openHost, PROBE } from "./support/host.ts";
import { cgroupsOf, processesOf, textOf, until } from "./support/outside.ts";
import { hasTmux, Tmux } from "./support/tmux.ts";

const host = openHost({ only: "tsrun", busybox: true });
if (!hasTmux()) {
  t.plan(0, "needs tmux");
  process.exit(0);
}
const id = await entered(host);
const EXEC = `${host.runtime} --root ${host.stateRoot} exec -t`;
let windows = 0;

function window(t: Test): Tmux {
  windows += 1;
  return new Tmux(host, t, String(windows));
}

/** The pids of tsrun's processes whose arguments hold these words. */
function pidsOf(words: RegExp): number[] {
  return processesOf(host.tag)
    .filter((line) => words.test(line))
    .map((line) => Number(line.split(" ")[0]));
}

/** The modes of the outer terminal, as its shell sees them. */
async function modes(tmux: Tmux, mark: string): Promise<string> {
  tmux.line(`clear; echo ${mark}-$(stty -g)-end`);
  const seen = await tmux.shows(new RegExp(`^${mark}-[0-9a-f:]+-end`, "m"));
  return new RegExp(`^${mark}-([0-9a-f:]+)-end`, "m").exec(seen)?.[1] ?? "";
}

t.test("a shell: its size, a new size, control-C, jobs, the modes afterwards", async (t) => {
  const tmux = window(t);
  await tmux.shows(/outer> $/m);
  const before = await modes(tmux, "before");
  tmux.line(`${EXEC} -e 'PS1=inner> ' ${id} /bin/busybox sh -i`);
  await tmux.shows(/inner> /);
  tmux.line("/bin/busybox stty size");
  await tmux.shows(/^24 80$/m);
  tmux.resize(101, 37);
  tmux.line("clear; /bin/busybox stty size");
  await tmux.shows(/^37 101$/m);

  tmux.line("sleep 100; echo after-$?");
  await until(
    "it sleeps",
    () =>
      pidsOf(/sleep 100$/).length > 0 ||
      processesOf(host.tag).some((line) => /sleep 100/.test(line) && !/tmux|exec/.test(line)),
  );
  tmux.press("C-c");
  tmux.line("echo interrupted-$?");
  await tmux.shows(/^interrupted-130$/m);
  t.notMatch(tmux.screen(), /^after-0/m);

  tmux.line("sleep 200");
  await until("it sleeps", () => processesOf(host.tag).some((line) => / sleep 200/.test(line)));
  tmux.press("C-z");
  await tmux.shows(/Stopped +sleep 200/);
  tmux.line("kill -9 %1; sleep 0.3; jobs; echo killed");
  await tmux.shows(/^killed$/m);

  tmux.line("exit 9");
  await tmux.shows(/outer> $/m);
  tmux.line("echo code-$?");
  await tmux.shows(/^code-9$/m);
  t.equal(await modes(tmux, "after"), before);
  await stillRuns(host, t, id);
});

t.test("a program is told of a new size, and finds it", async (t) => {
  const tmux = window(t);
  const text = "trap 'echo winch $(/bin/busybox stty size)' WINCH; echo begun; while :; do sleep 0.1; done";
  tmux.line(`clear; ${EXEC} ${id} /bin/sh -c "${text.replaceAll("$", "\\$")}"`);
  await tmux.shows(/^begun/m);
  for (const [columns, rows] of [
    [101, 37],
    [33, 12],
    [200, 50],
  ] as const) {
    tmux.resize(columns, rows);
    await tmux.shows(new RegExp(`^winch ${rows} ${columns}`, "m"));
  }
  tmux.press("C-c");
  await tmux.shows(/outer> $/m);
});

t.test("keys are the program's alone: none ends or stops tsrun", async (t) => {
  const tmux = window(t);
  tmux.line(`${EXEC} ${id} /bin/probe gulp 6`);
  await tmux.shows(/"ready":6/);
  tmux.press("C-c", "C-z", "C-\\", "C-s", "C-q", "C-d");
  const seen = await tmux.shows(/"sum":"?(0x)?[0-9a-f]+/);
  let sum = 0xcbf29ce484222325n;
  for (const byte of [3, 26, 28, 19, 17, 4])
    sum = ((sum ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
  t.match(seen, sum.toString(16), "each of them arrived as a byte");
});

for (const [what, end] of [
  [
    "the program is killed",
    (): void => void process.kill(pidsOf(/^\d+ \/bin\/probe trap/)[0] ?? -1, "SIGKILL"),
  ],
  ["tsrun gets SIGTERM", (): void => void process.kill(pidsOf(/^\d+ tsrun: exec/)[0] ?? -1, "SIGTERM")],
] as const) {
  t.test(`the modes are as they were after ${what}`, async (t) => {
    const tmux = window(t);
    const before = await modes(tmux, "before");
    tmux.line(`clear; ${EXEC} ${id} /bin/probe trap; echo code-$?`);
    await tmux.shows(/"ready"/);
    end();
    await tmux.shows(/^code-(0|137|143)\s*$/m);
    t.equal(await modes(tmux, "after"), before);
  });
}

t.test("the container ends under an exec: the modes are as they were", async (t) => {
  const other = await entered(host);
  const tmux = window(t);
  const before = await modes(tmux, "before");
  tmux.line(`clear; ${EXEC} ${other} /bin/probe trap stay; echo code-$?`);
  await tmux.shows(/"ready"/);
  await host.delete(other);
  await tmux.shows(/^code-137\s*$/m);
  t.equal(await modes(tmux, "after"), before);
});

t.test("the window is closed under `run`: the program is told, and the container goes", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    // The first process of a pid namespace ignores what it has no handler for.
    script(config, "trap 'exit 3' HUP; echo begun; sleep 600 & wait");
  });
  const container = host.id();
  const tmux = window(t);
  tmux.line(`${host.runtime} --root ${host.stateRoot} run -b ${bundle.dir} ${container}`);
  await tmux.shows(/^begun/m);
  tmux.kill();
  await until(
    "the container has gone",
    () => cgroupsOf(container).length === 0 && processesOf(container).length === 0,
  );
  t.equal((await host.call(["state", container])).code, 1, "and is deleted");
});

t.test("the window is closed under a program that does not care: nobody spins", async (t) => {
  const tmux = window(t);
  tmux.line(`clear; ${EXEC} ${id} /bin/probe trap stay`);
  await tmux.shows(/"ready"/);
  const pid = pidsOf(/^\d+ tsrun: exec/)[0] ?? -1;
  tmux.kill();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const spent = (): number => {
    const fields = (textOf(`/proc/${pid}/stat`) ?? "").replace(/^.*\) /, "").split(" ");
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  };
  const before = spent();
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.ok(spent() - before <= 5, `${spent() - before} ticks of 10 ms in half a second`);
  for (const left of pidsOf(/^\d+ \/bin\/probe trap stay/)) process.kill(left, "SIGKILL");
  await until("both have gone", () => pidsOf(/trap stay|tsrun: exec/).length === 0);
  await stillRuns(host, t, id);
});

const HALF = 512 * 1024;

t.test("half a megabyte pasted: all of it arrives, in order", async (t) => {
  // Every byte of 256, as raw terminals carry them.
  const pasted = randomBytes(HALF);
  writeFileSync(join(host.dir, "pasted"), pasted);
  const bundle = host.bundle(staying());
  const container = await host.running(bundle);
  const text = `/bin/busybox stty raw -echo; echo ready; head -c ${HALF} >/tmp/got; echo done`;
  const words = [host.runtime, "--root", host.stateRoot, "exec", "-t", container, "/bin/sh", "-c", text];
  const call = execa(PROBE, ["pty", "--", ...words], {
    env: { TSRUN_TEST: host.tag },
    reject: false,
    timeout: 60_000,
    encoding: "buffer",
  });
  let shown = "";
  call.stdout.on("data", (data: Buffer) => {
    shown += data.toString("latin1");
  });
  await until("the program", () => shown.includes("ready"));
  call.stdin.write(pasted);
  await until("the end", () => shown.includes("done"), 30_000);
  call.stdin.end();
  t.equal((await call).exitCode, 0);
  const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  t.equal(hash(readFileSync(join(bundle.rootfs, "tmp/got"))), hash(pasted));
  await host.delete(container);
});

t.test("half a megabyte said: all of it is shown, in order", async (t) => {
  const said = randomBytes(HALF);
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    script(config, "/bin/busybox stty raw; cat /tmp/said");
  });
  writeFileSync(join(bundle.rootfs, "tmp/said"), said);
  const words = [host.runtime, "--root", host.stateRoot, "run", "-b", bundle.dir, host.id()];
  const call = execa(PROBE, ["pty", "--", ...words], {
    env: { TSRUN_TEST: host.tag },
    reject: false,
    timeout: 60_000,
    encoding: "buffer",
    stripFinalNewline: false,
    maxBuffer: 1 << 24,
  });
  const outcome = await call;
  call.stdin.end();
  t.equal(outcome.exitCode, 0);
  t.equal(Buffer.compare(Buffer.from(outcome.stdout), said), 0, `${outcome.stdout.length} bytes`);
  t.match(Buffer.from(outcome.stderr).toString(), '{"restored":true}');
});

t.test("a slow reader outside loses nothing", async (t) => {
  const text = `exec ${host.runtime} --root ${host.stateRoot} exec -t ${id} /bin/probe gush ${HALF}`;
  const { stdout } = await execa("sh", ["-c", `(${text}) </dev/null | (sleep 1; wc -c)`], {
    env: { TSRUN_TEST: host.tag },
    timeout: 30_000,
  });
  // The terminal makes "\r\n" of each line's end, of which there are one in 64 bytes.
  t.equal(Number(stdout), HALF + HALF / 64);
});

t.test("without a terminal outside, and with its input closed", async (t) => {
  const closed = await host.call(["exec", "-t", id, "/bin/probe", "tty"]);
  t.equal(closed.code, 0, closed.stderr);
  t.match(closed.stdout, '"terminals":[true,true,true]');
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    probe(config, "cat");
  });
  // The end of a file is not a key: a program that reads its terminal waits on, as in runc, until it is told to end.
  const call = host.start(["run", "-b", bundle.dir, host.id()], { input: "text\n" });
  await until("its echo", () => call.stdout().split("text").length >= 3);
  call.kill("SIGTERM");
  await Promise.race([call.ended, new Promise((resolve) => setTimeout(resolve, 1000))]);
  call.kill("SIGKILL");
  await call.ended;
});

await host.end();
