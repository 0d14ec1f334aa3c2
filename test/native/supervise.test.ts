/**
 * tsrun-supervise by itself, over ordinary processes instead of containers: once as shipped and once with the same sources
 * under AddressSanitizer and UndefinedBehaviorSanitizer.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
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
import { execa } from "execa";
import t, { type Test } from "tap";
import { PROBE, PROJECT } from "../../scripts/make-rootfs.ts";
import { until } from "../e2e/support/outside.ts";

const BUILT = join(PROJECT, "build/native");
const DRIVE = join(BUILT, "supervise-drive");
const PASTED = 512 << 10;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program whose output is collected. */
class Call {
  readonly child: ChildProcess;
  readonly ended: Promise<End>;
  out = Buffer.alloc(0);
  err = "";

  constructor(words: readonly string[], stdin: "pipe" | "ignore" = "ignore") {
    const [program = "", ...args] = words;
    this.child = spawn(program, args, { stdio: [stdin, "pipe", "pipe"] });
    this.child.stdout?.on("data", (data: Buffer) => {
      this.out = Buffer.concat([this.out, data]);
    });
    this.child.stderr?.on("data", (data: Buffer) => {
      this.err += data.toString();
    });
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
    this.ended = new Promise((settle) => {
      this.child.on("close", (code, signal) => {
        clearTimeout(timer);
        settle({ code, signal });
      });
    });
  }

  get text(): string {
    return this.out.toString();
  }

  shows(what: string): Promise<unknown> {
    return until(`${what} in the output`, () => this.text.includes(what));
  }

  says(what: string): Promise<unknown> {
    return until(`${what} on standard error`, () => this.err.includes(what));
  }
}

/** Bytes of every value, none of which may be lost or changed. */
function pasted(): { readonly bytes: Buffer; readonly sum: string } {
  const bytes = Buffer.alloc(PASTED);
  let sum = 0xcbf29ce484222325n;
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (at * 7 + (at >> 8)) & 0xff;
    sum = ((sum ^ BigInt(bytes[at] ?? 0)) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return { bytes, sum: sum.toString(16) };
}

const PASTE = pasted();
const folder = mkdtempSync(join(tmpdir(), "tsrun-test-supervise-"));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;

/** A name below the test's folder that was not there yet. */
function fresh(name: string): string {
  count += 1;
  return join(folder, `${name}-${count}`);
}

/** A script that writes down its arguments, one a line, in the file `path`.said, and ends with `code`. */
function finishScript(path: string, code = 0): string {
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$@" > ${path}.said\nexit ${code}\n`);
  chmodSync(path, 0o755);
  return path;
}

function saidBy(script: string): readonly string[] | undefined {
  return existsSync(`${script}.said`) ? readFileSync(`${script}.said`, "utf8").trim().split("\n") : undefined;
}

/** A state folder with something in it, and the orders to take it away. */
function stateFolder(): {
  readonly dir: string;
  readonly finish: string;
  readonly orders: readonly string[];
} {
  const dir = fresh("state");
  mkdirSync(join(dir, "notify"), { recursive: true });
  writeFileSync(join(dir, "state.json"), "{}");
  writeFileSync(join(dir, "notify/notify.sock"), "");
  const finish = finishScript(fresh("finish"));
  const orders = [`folder=${dir}`, `hidden=${dir}~gone`, `finish=${finish}`, "finish=--status"];
  return { dir, finish, orders };
}

function exits(t: Test, drive: Drive): void {
  t.test("the exit code is the process's, or 128 and the signal", async (t) => {
    for (const [words, code] of [
      [["exit", "0"], 0],
      [["exit", "7"], 7],
      [["exit", "255"], 255],
      [["signal", "15"], 143],
      [["signal", "9"], 137],
    ] as const) {
      t.same(await drive([], words).ended, { code, signal: null }, words.join(" "));
    }
  });

  t.test("the status of a process that is no child is unknown: 255", async (t) => {
    t.same(await drive(["stranger"], ["sleep", "0.2"]).ended, { code: 255, signal: null });
  });

  t.test("without orders it says who starts it", async (t) => {
    const call = new Call([drive.program]);
    t.same(await call.ended, { code: 1, signal: null });
    t.equal(call.err, "tsrun: tsrun-supervise is started by tsrun run\n");
  });
}

function signals(t: Test, drive: Drive): void {
  t.test("signals that can be passed on are, once each; the others are not", async (t) => {
    const call = drive([], ["trap", "stay"]);
    await call.shows("ready");
    for (const number of [1, 2, 3, 10, 12, 15, 18, 20, 34, 64]) {
      process.kill(call.child.pid ?? 0, number);
      await call.shows(`{"signal":${number}}`);
    }
    for (const number of [13, 17, 23, 28]) process.kill(call.child.pid ?? 0, number);
    process.kill(call.child.pid ?? 0, 40);
    await call.shows('{"signal":40}');
    t.notMatch(call.text, /"signal":(13|17|23|28)}/);
    const pid = JSON.parse(call.text.split("\n")[0] ?? "") as { ready: number };
    process.kill(pid.ready, "SIGKILL");
    t.same(await call.ended, { code: 137, signal: null });
  });

  t.test("a signal that came before it ran is passed on", async (t) => {
    t.same(await drive(["early=15"], ["sleep", "30"]).ended, { code: 143, signal: null });
  });
}

function terminals(t: Test, drive: Drive): void {
  t.test("an input that is no terminal ends for the program too", async (t) => {
    for (const [typed, seen] of [
      ["one line\n", "one line\r\none line\r\n"],
      ["half a line", "half a linehalf a line"],
      ["", ""],
    ] as const) {
      const call = drive(["terminal"], ["cat"], { stdin: "pipe" });
      call.child.stdin?.end(typed);
      t.same(await call.ended, { code: 0, signal: null });
      t.equal(call.text.replaceAll("\b", ""), seen);
    }
  });

  t.test("all output arrives, and the end is not waited for where others hold the terminal", async (t) => {
    const call = drive(["terminal"], ["gush", "1000000"]);
    t.same(await call.ended, { code: 0, signal: null });
    t.equal(call.out.length, 1_000_000 + 1_000_000 / 64, "with a carriage return a line");
    const held = drive(["terminal"], ["do", "echo", "said", ",", "orphan", "3"]);
    const start = Date.now();
    t.same(await held.ended, { code: 0, signal: null });
    t.equal(held.text, "said\r\n");
    t.ok(Date.now() - start < 2500);
  });

  t.test("a reader that goes away hangs the terminal up", async (t) => {
    const call = drive(["terminal"], ["gush", "100000000"]);
    await until("output", () => call.out.length > 0);
    call.child.stdout?.destroy();
    t.match(await call.ended, { code: /^(1|129)$/ });
  });

  t.test("the host's terminal: raw meanwhile, as before afterwards; its size and its changes", async (t) => {
    const call = drive(["terminal"], ["do", "sleep", "0.2", ",", "tty", ",", "trap"], {
      pty: ["size=33x111", "resize=50x132"],
    });
    await call.shows("ready");
    t.match(call.text, '"size":[33,111]');
    call.child.kill("SIGUSR2");
    await call.says('"raw"');
    t.match(call.err, '{"raw":true}');
    call.child.kill("SIGUSR1");
    // From the terminal's own line discipline to the program, which gets SIGWINCH from its own terminal.
    await call.shows('{"signal":28}');
    const supervisor = await until("the supervisor", () => childOf(call.child.pid ?? 0));
    process.kill(supervisor, "SIGTERM");
    t.same(await call.ended, { code: 0, signal: null });
    t.match(call.err, '{"restored":true}');
  });

  t.test("the modes are put back after the end by any signal", async (t) => {
    const call = drive(["terminal"], ["do", "echo", "up", ",", "sleep", "30"], { pty: [] });
    await call.shows("up");
    process.kill(await until("the supervisor", () => childOf(call.child.pid ?? 0)), "SIGHUP");
    t.same(await call.ended, { code: 129, signal: null });
    t.match(call.err, '{"restored":true}');
  });

  t.test("half a megabyte that is pasted arrives byte for byte", async (t) => {
    const call = drive(["terminal"], ["gulp", String(PASTED)], { pty: [], stdin: "pipe" });
    await call.shows('{"ready":524288}');
    call.child.stdin?.write(PASTE.bytes);
    await call.shows('{"sum"');
    t.match(call.text, `{"sum":"${PASTE.sum}"}`);
    call.child.stdin?.end();
    t.same(await call.ended, { code: 0, signal: null });
  });

  t.test("^C is typed into the container's terminal and is no signal outside", async (t) => {
    const call = drive(["terminal"], ["do", "echo", "up", ",", "sleep", "30"], { pty: [], stdin: "pipe" });
    await call.shows("up");
    call.child.stdin?.write("\u0003");
    t.same(await call.ended, { code: 130, signal: null });
    t.match(call.text, "^C");
  });
}

function notifications(t: Test, drive: Drive): void {
  t.test("notifications are passed on, but not what names a process or whom to believe", async (t) => {
    const [inner, outer] = [fresh("inner"), fresh("outer")];
    const listener = new Call([PROBE, "notify-listen", outer]);
    await listener.shows("listening");
    const lines = ["STATUS=up", "READY=1 MAINPID=7 STATUS=x", "NOTIFYACCESS=all", "STOPPING=1"];
    const script = [`export NOTIFY_SOCKET=${inner}`, ...lines.map((line) => `${PROBE} notify-send ${line}`)];
    const call = drive([`notify=${inner}`, `notify-to=${outer}`], [], { script: script.join("\n") });
    t.same(await call.ended, { code: 0, signal: null });
    await listener.shows("STOPPING");
    listener.child.kill();
    t.same(messagesOf(listener), ["STATUS=up", "READY=1\nSTATUS=x", "STOPPING=1"]);
  });

  t.test("until ready: ends with READY=1, which names the first process, or with that", async (t) => {
    const [inner, outer] = [fresh("inner"), fresh("outer")];
    const listener = new Call([PROBE, "notify-listen", outer]);
    await listener.shows("listening");
    const orders = (at: string): string[] => [
      "stranger",
      `notify=${at}`,
      `notify-to=${outer}`,
      "until-ready=1",
    ];
    const script = `export NOTIFY_SOCKET=${inner}; echo "pid $$"; sleep 0.2; ${PROBE} notify-send READY=1 MAINPID=7; exec sleep 2 >/dev/null 2>&1`;
    const start = Date.now();
    const call = drive(orders(inner), [], { script });
    t.same(await call.ended, { code: 0, signal: null });
    t.ok(Date.now() - start < 1800, "it did not wait for the end");
    await listener.shows("READY=1");
    listener.child.kill();
    const pid = /pid (\d+)/.exec(call.text)?.[1] ?? "";
    t.same(messagesOf(listener), [`READY=1\nMAINPID=${pid}`]);
    t.same(await drive(orders(fresh("inner")), ["exit", "3"]).ended, { code: 0, signal: null });
  });

  t.test("until ready: signals do what they do to any program", async (t) => {
    const orders = ["stranger", `notify=${fresh("inner")}`, "notify-to=@nobody", "until-ready=1"];
    const call = drive(orders, ["sleep", "1"]);
    await until("it runs", () => /^tsrun: test/.test(commandOf(call.child.pid ?? 0)));
    call.child.kill("SIGTERM");
    t.same(await call.ended, { code: null, signal: "SIGTERM" });
  });
}

/** What the listener was told, without the newlines at the end. */
function messagesOf(listener: Call): readonly string[] {
  const lines = listener.text.trim().split("\n").slice(1);
  return lines.map((line) => (JSON.parse(line) as { message: string }).message.trim());
}

function afterwards(t: Test, drive: Drive): void {
  t.test("the folder goes, and no command is needed", async (t) => {
    const { dir, finish, orders } = stateFolder();
    const group = fresh("group");
    mkdirSync(join(group, "below"), { recursive: true });
    const call = drive(
      [...orders, `cgroup=${group}/below`, `cgroup=${group}/none`, `above=${group}`],
      ["exit", "3"],
    );
    t.same(await call.ended, { code: 3, signal: null });
    t.equal(call.err, "");
    t.notOk(existsSync(dir));
    t.notOk(existsSync(`${dir}~gone`));
    t.notOk(existsSync(group));
    t.equal(saidBy(finish), undefined);
  });

  t.test("a level above that something else is in stays", async (t) => {
    const { orders, finish } = stateFolder();
    const group = fresh("group");
    mkdirSync(join(group, "other"), { recursive: true });
    t.same(await drive([...orders, `above=${group}`], ["true"]).ended, { code: 0, signal: null });
    t.same(readdirSync(group), ["other"]);
    t.equal(saidBy(finish), undefined);
  });

  t.test("what is out of the ordinary is left to the command, with the wait status", async (t) => {
    const group = fresh("group");
    mkdirSync(join(group, "busy"), { recursive: true });
    for (const [name, more, words, status, code] of [
      ["a cgroup that is not empty", [`cgroup=${group}`], ["exit", "3"], 768, 3],
      ["poststop hooks", ["careful=1"], ["exit", "4"], 1024, 4],
      ["SIGKILL", [], ["signal", "9"], 9, 137],
    ] as const) {
      const { orders, finish, dir } = stateFolder();
      t.same(await drive([...orders, ...more], words).ended, { code, signal: null }, name);
      t.same(saidBy(finish), ["--status", String(status)], name);
      t.ok(existsSync(dir), name);
    }
  });

  t.test("a command that cannot be executed is named, and the code is still the container's", async (t) => {
    const { orders } = stateFolder();
    const call = drive([...orders.slice(0, 2), "finish=/nonexistent/tsrun", "careful=1"], ["exit", "5"]);
    t.same(await call.ended, { code: 5, signal: null });
    t.equal(
      call.err,
      "tsrun: the container is not cleaned up; hint: tsrun delete --force does; cannot execute /nonexistent/tsrun\n",
    );
  });

  t.test("a folder that another has removed, or that is a later container's, is left alone", async (t) => {
    const { orders, dir, finish } = stateFolder();
    const call = drive(orders, ["sleep", "0.3"]);
    await until("it runs", () => /^tsrun: test/.test(commandOf(call.child.pid ?? 0)));
    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    t.same(await call.ended, { code: 0, signal: null });
    t.ok(existsSync(dir));
    t.equal(saidBy(finish), undefined);
  });

  t.test("keep: the end is written down and nothing goes", async (t) => {
    const { orders, dir } = stateFolder();
    t.same(await drive([...orders, "keep=1"], ["exit", "6"]).ended, { code: 6, signal: null });
    const { status, time } = JSON.parse(readFileSync(join(dir, "exit.json"), "utf8")) as {
      status: number;
      time: string;
    };
    t.equal(status, 6 << 8);
    t.equal(new Date(time).toISOString(), time, "RFC 3339 as JavaScript writes it");
    t.ok(Math.abs(Date.now() - Date.parse(time)) < 10_000);
    t.ok(existsSync(join(dir, "state.json")));
  });
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function childOf(pid: number): number | undefined {
  const child = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0];
  return child === undefined || child === "" ? undefined : Number(child);
}

interface DriveOptions {
  readonly stdin?: "pipe" | "ignore";
  /** Settings of `probe pty`, on whose terminal the supervisor is started. */
  readonly pty?: readonly string[];
  /** A shell script instead of a verb of the probe. */
  readonly script?: string;
}

interface Drive {
  /** Starts the supervisor over a verb of the probe. */
  (orders: readonly string[], verb: readonly string[], options?: DriveOptions): Call;
  readonly program: string;
}

function driveOf(program: string): Drive {
  const drive = (orders: readonly string[], verb: readonly string[], options: DriveOptions = {}): Call => {
    const outer = options.pty === undefined ? [] : [PROBE, "pty", ...options.pty, "--"];
    const inner = options.script === undefined ? [PROBE, ...verb] : ["/bin/sh", "-c", options.script];
    return new Call([...outer, DRIVE, program, ...orders, "--", ...inner], options.stdin);
  };
  return Object.assign(drive, { program });
}

for (const [title, target, program] of [
  ["as shipped", "supervise", join(PROJECT, "dist/tsrun-supervise")],
  ["with sanitizers", "../build/native/tsrun-supervise-sanitized", join(BUILT, "tsrun-supervise-sanitized")],
] as const) {
  t.test(`tsrun-supervise, ${title}`, async (t) => {
    const targets = [target, "../build/native/supervise-drive", "probe"];
    await execa("make", ["-s", "-C", join(PROJECT, "native"), ...targets]);
    const drive = driveOf(program);
    exits(t, drive);
    signals(t, drive);
    terminals(t, drive);
    notifications(t, drive);
    afterwards(t, drive);
  });
}
