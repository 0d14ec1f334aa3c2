/** `--trace`: each step of a command with its time and result; `explain --timed` shows the same to people. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { probe } from "./support/config.ts";
import { type Host, type Outcome, onlyTsrun, openHost } from "./support/host.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

/** The step that makes cgroups, but where systemd does, once the first process is there. */
const CGROUPS = BY_SYSTEMD ? [] : ["make the cgroups"];

const host = openHost();

interface Event {
  readonly ph: string;
  readonly name: string;
  readonly cat: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: {
    readonly name?: string;
    readonly op?: string;
    readonly index?: number;
    readonly result: string;
  };
}

interface TraceFile {
  readonly otherData: { readonly title: string; readonly ns: number; readonly error?: string };
  readonly traceEvents: readonly Event[];
}

/** What a command wrote, once the command has gone well or not. */
async function traceOf(
  args: readonly string[],
  code = 0,
): Promise<{ readonly trace: TraceFile; readonly events: readonly Event[]; readonly outcome: Outcome }> {
  const file = join(host.dir, "trace.json");
  const [verb = "", ...rest] = args;
  const outcome = await host.call([verb, "--trace", file, ...rest]);
  if (outcome.code !== code) throw new Error(`${verb} ended with ${outcome.code}: ${outcome.stderr}`);
  const trace = JSON.parse(readFileSync(file, "utf8")) as TraceFile;
  return { trace, events: trace.traceEvents.filter(({ ph }) => ph === "X"), outcome };
}

/** In each track one step comes after the other, and all of them are within the whole. */
function inOrder(
  t: Test,
  { trace, events }: { readonly trace: TraceFile; readonly events: readonly Event[] },
): void {
  for (const track of new Set(events.map(({ tid }) => tid))) {
    let last = 0;
    let sum = 0;
    for (const { tid, ts, dur, name } of events) {
      if (tid !== track) continue;
      // Half a nanosecond is what is lost in the conversion to microseconds.
      if (ts < last - 0.0005) t.fail(`${name} begins at ${ts}, before ${last}`);
      last = ts + dur;
      sum += dur;
    }
    t.ok(sum * 1000 <= trace.otherData.ns, `track ${track}: ${sum} µs of ${trace.otherData.ns} ns`);
    t.ok(last * 1000 <= trace.otherData.ns + 1, `track ${track} ends before the whole`);
  }
}

const opsOf = (events: readonly Event[]): readonly string[] =>
  events.flatMap(({ args: { op } }) => (op === undefined ? [] : [op]));

t.test("run: every operation of explain, and the host's steps", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    config.hooks = { prestart: [{ path: "/bin/true" }] };
    config.linux.namespaces.push({ type: "time" });
    config.linux.timeOffsets = { monotonic: { secs: 86_400 } };
  });
  const seen = await traceOf(["run", "-b", bundle.dir, host.id()]);
  inOrder(t, seen);
  const explained = JSON.parse(
    (await host.must(["explain", "--format", "json", "-b", bundle.dir])).stdout,
  ) as { readonly steps: readonly { readonly op: string; readonly text: string }[] };
  t.same(opsOf(seen.events), ["trace", ...explained.steps.map(({ op }) => op)]);
  t.same(
    new Set(seen.events.map(({ args: { result } }) => result)),
    new Set(["ok", "executed"]),
    "all went well",
  );
  const names = seen.events.map(({ name }) => name);
  for (const step of ["read config.json", "take the id", "start tsrun-init", ...CGROUPS])
    t.ok(names.includes(step), step);
  t.ok(names.includes("run the prestart and createRuntime hooks"));
  t.ok(names.includes("let it execute its program"));
  const tracks = seen.trace.traceEvents.filter(({ name }) => name === "thread_name");
  t.same(
    tracks.map(({ args: { name } }) => name),
    ["host", "stage one", "first process"],
  );
});

t.test("create, start, exec and delete", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const id = host.id();
  const created = await traceOf(["create", "-b", bundle.dir, id]);
  inOrder(t, created);
  t.match(created.trace.otherData.title, `tsrun create ${id}`);
  t.ok(opsOf(created.events).includes("ready"));
  t.notOk(opsOf(created.events).includes("exec"), "start is another command");
  const started = await traceOf(["start", id]);
  inOrder(t, started);
  t.match(started.trace.otherData.title, `tsrun start ${id}`);
  t.same(
    started.events.map(({ name, args: { result } }) => [name, result]),
    [
      ["lock the state", "ok"],
      ["read the state", "ok"],
      ["connect to its first process", "ok"],
      ["find out the status", "ok"],
      ["let it execute its program", "ok"],
      ["run the poststart hooks", "ok"],
    ],
  );
  const twice = await traceOf(["start", id], 1);
  t.match(twice.trace.otherData.error, /cannot start an already running container/);
  t.match(twice.events.at(-1), { name: "find out the status", args: { result: "not-created" } });
  for (const detach of [[], ["--detach"]]) {
    const executed = await traceOf(["exec", ...detach, id, "/bin/probe", "true"]);
    inOrder(t, executed);
    t.same(opsOf(executed.events).slice(0, 2), ["trace", "enter"]);
    t.equal(opsOf(executed.events).at(-1), "exec");
  }
  const deleted = await traceOf(["delete", "--force", id]);
  inOrder(t, deleted);
  t.same(
    deleted.events.map(({ name }) => name),
    [
      "lock the state",
      "read the state",
      "find out the status",
      "end the first process",
      "remove the cgroups",
      "remove the state",
    ],
  );
});

t.test("what fails: the error is the same, and the trace has it", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/data", type: "tmpfs", source: "tmpfs", options: ["size=much"] });
  });
  const plain = await host.call(["create", "-b", bundle.dir, host.id()]);
  const { outcome, trace, events } = await traceOf(["create", "-b", bundle.dir, host.id()], 1);
  t.equal(outcome.stderr, plain.stderr);
  t.equal(`${trace.otherData.error}\n`, plain.stderr);
  t.same(
    events
      .filter(({ cat, args }) => cat === "op" && args.result !== "ok")
      .map(({ name, args }) => [name, args.result]),
    [["mount tmpfs at /data", "EINVAL"]],
  );
  t.equal(
    events.filter(({ cat }) => cat === "op").at(-1)?.name,
    "mount tmpfs at /data",
    "nothing came after it",
  );
  t.ok(events.some(({ name }) => name === "take back what was made"));
  const absent = await traceOf(["run", "-b", "/no/such/bundle", host.id()], 1);
  t.match(absent.events, [{ name: "read config.json", args: { result: "missing" } }]);
});

t.test("a file that cannot be made, or written", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle();
  mkdirSync(join(host.dir, "folder"), { recursive: true });
  for (const [file, errno] of [
    ["/no/such/folder/t.json", "ENOENT"],
    [join(host.dir, "folder"), "EISDIR"],
    [join(bundle.dir, "config.json", "trace"), "ENOTDIR"],
  ] as const) {
    for (const args of [["create", "-b", bundle.dir], ["run", "-b", bundle.dir], ["delete"], ["exec"]]) {
      const id = host.id();
      const outcome = await host.call([
        ...args,
        "--trace",
        file,
        id,
        ...(args[0] === "exec" ? ["/bin/probe"] : []),
      ]);
      t.equal(outcome.code, args[0] === "exec" ? 255 : 1);
      t.match(
        outcome.stderr,
        new RegExp(`^open the trace file ${file}: open: ${errno}: .*; hint: name a file`),
      );
      t.notOk(existsSync(join(host.stateRoot, id)), "nothing was made");
    }
  }
  const full = await host.run(bundle, ["--trace", "/dev/full"]);
  t.equal(full.code, 0, "the container ran");
  t.match(full.stderr, /^warning: the trace is not complete: .*ENOSPC/);
});

/** The steps of the table, without what is only waiting. */
async function timed(on: Host, args: readonly string[]): Promise<Outcome> {
  return on.call(["explain", "--timed", ...args]);
}

t.test("explain --timed", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const { stdout, code } = await timed(host, ["-b", bundle.dir]);
  t.equal(code, 0);
  const [first, head, ...lines] = stdout.trimEnd().split("\n");
  t.match(first, "was run once, its program killed as soon as it was executed");
  t.match(head, /^ +ms +step$/);
  const times = lines.slice(0, -1).map((line) => Number(line.slice(0, 10)));
  t.same(
    times,
    times.toSorted((a, b) => b - a),
    "slowest first",
  );
  t.ok(lines.length > 40, `${lines.length} steps`);
  t.ok(lines.some((line) => /#+ +first process: mount proc at \/proc {2}\/mounts\/0$/.test(line)));
  t.ok(CGROUPS.every((step) => lines.some((line) => line.endsWith(`host: ${step}`))));
  t.equal((await host.must(["list", "-q"])).stdout, "", "nothing is left");
  const json = await timed(host, ["-b", bundle.dir, "--format", "json"]);
  t.equal(json.code, 1);
  t.match(json.stderr, "--timed prints a table for people");
});

await host.end();
