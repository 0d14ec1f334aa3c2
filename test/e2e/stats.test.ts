/** stats: what containers use, for people and as JSON. */
import { spawn } from "node:child_process";
import t from "tap";
import { probe, script } from "./support/config.ts";
import { messageOf, openHost, PROBE } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost({ only: "tsrun", busybox: true });
const busy = host.bundle((config) => {
  script(config, "while :; do :; done");
  config.linux.resources["cpu"] = { quota: 20_000, period: 100_000 };
  config.linux.resources["memory"] = { limit: 64 << 20 };
  config.linux.resources["pids"] = { limit: 30 };
});
const idle = host.bundle((config) => probe(config, "sleep", "1000"));

interface Stats {
  readonly id: string;
  readonly cpu: { readonly usage: number; readonly percent: number; readonly quota?: number };
  readonly memory: { readonly used: number; readonly total: number; readonly limit?: number };
  readonly pids: { readonly current: number; readonly limit?: number };
}

function linesOf(stdout: string): Stats[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Stats);
}

t.test("all that run, once", async (t) => {
  t.equal(
    (await host.must(["stats", "--once"])).stdout.trim().split("\n").length,
    1,
    "none: the headers alone",
  );
  const first = await host.running(busy);
  const second = await host.running(idle);
  const gone = await host.running(idle);
  await host.must(["kill", gone, "KILL"]);
  await host.reaches(gone, "stopped");

  const [head, ...rows] = (await host.must(["stats", "--once"])).stdout.trimEnd().split("\n");
  t.match(head, /^ID +CPU +OF QUOTA +MEMORY \/ LIMIT .*PIDS \/ LIMIT +READ +WRITTEN .*OOM KILLS$/);
  t.same(
    rows.map((row) => row.split(" ")[0]),
    [first, second],
    "the one that has stopped is not shown",
  );
  t.match(rows[0], / \/ 64\.0MiB +\[[#.]{10}\] +1 \/ 30 /);
  t.match(rows[1], / \/ -/);

  const stats = linesOf((await host.must(["stats", "--no-stream", "--format", "json", first])).stdout);
  t.equal(stats.length, 1);
  const [one] = stats;
  t.equal(one?.id, first);
  t.equal(one?.cpu.quota, 0.2);
  t.equal(one?.memory.limit, 64 << 20);
  t.same(one?.pids, { current: 1, limit: 30 });
  t.ok(one !== undefined && one.memory.used <= one.memory.total && one.memory.used > 4096);
  t.ok(
    one !== undefined && one.cpu.percent > 5 && one.cpu.percent < 60,
    `${one?.cpu.percent} % of a processor`,
  );
  for (const id of [first, second, gone]) await host.delete(id);
});

t.test("again and again, until the last has stopped", async (t) => {
  const first = await host.running(idle);
  const second = await host.running(idle);
  const watching = host.start(["stats", "--interval", "100ms", "--format", "json", first, second]);
  await until("both twice", () => watching.stdout().split("\n").length > 4);
  await host.delete(first);
  await until(
    "one of them",
    () => linesOf(watching.stdout()).at(-2)?.id === second && watching.stdout().endsWith("\n"),
  );
  await host.delete(second);
  const { code, stdout } = await watching.ended;
  t.equal(code, 0);
  t.same([...new Set(linesOf(stdout).map(({ id }) => id))].sort(), [first, second].sort());
});

t.test("no terminal: no control characters, and a signal ends it", async (t) => {
  const id = await host.running(idle);
  const watching = host.start(["stats", "--interval", "100ms", id], {
    env: { TERM: "xterm", LANG: "C.UTF-8" },
  });
  await until("two tables", () => watching.stdout().split("ID ").length > 2);
  watching.kill("SIGINT");
  const { code, signal, stdout } = await watching.ended;
  t.ok(signal === "SIGINT" || code === 130);
  t.notMatch(stdout, "\u001b");
  await host.delete(id);
});

/** `stats` on a terminal of 24 lines and 100 characters, until it is typed on and ends; what it wrote, and its exit code. */
async function onTerminal(
  typed: string,
  env: Record<string, string>,
): Promise<{ text: string; code: number | null }> {
  const words = [host.runtime, "--root", host.stateRoot, "stats", "--interval", "50ms"];
  const child = spawn(PROBE, ["pty", "size=24x100", "--", ...words], {
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag, TERM: "xterm", ...env },
    stdio: ["pipe", "pipe", "ignore"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await until("three tables", () => text.split("ID ").length > 3);
  child.stdin.write(typed);
  return { code: await ended, text };
}

t.test("on a terminal: drawn in place, and the cursor comes back", async (t) => {
  const id = await host.running(busy);
  const { text, code } = await onTerminal("\u0003", { LANG: "C.UTF-8" });
  t.equal(code, 130, "Ctrl-C");
  t.ok(text.startsWith("\u001b[?25l"), "the cursor is hidden first");
  t.match(text, /\u001b\[2A\r/, "two lines up, to draw over them");
  t.match(text.trimEnd(), /\u001b\[\?25h(\^C)?$/, "shown last");
  t.match(text, "░", "bars of a terminal that knows them");
  const lines = text.split("\n").map((line) => line.replaceAll(/\u001b\[[?0-9]*[A-Za-z]|[\r\n]/g, ""));
  for (const line of lines) t.ok([...line].length <= 100, line);
  const plain = await onTerminal("\u001c", { LC_ALL: "C", LANG: "C.UTF-8" });
  t.equal(plain.code, 131, "Ctrl-\\\\");
  t.match(plain.text, /\[[#.]{10}\]/);
  t.match(plain.text.trimEnd(), /\u001b\[\?25h(\^\\)?$/);
  await host.delete(id);
});

t.test("what cannot be shown", async (t) => {
  const id = await host.running(idle);
  for (const [args, message] of [
    [["stats", "--once", "no-such-container"], "container does not exist"],
    [["stats", "--interval", "0s"], "duration interval must be greater than 0"],
    [["stats", "--interval", "x", id], 'invalid value "x" for flag -interval'],
    [["stats", "--format", "yaml", id], "invalid format option"],
  ] as const) {
    const outcome = await host.call(args);
    t.equal(outcome.code, 1, args.join(" "));
    t.match(messageOf(outcome), message);
  }
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  t.match(messageOf(await host.call(["stats", "--once", id])), `container with id ${id} is not running`);
  await host.delete(id);
});

await host.end();
