/** What containers and runtimes hold in memory, and how small a limit a container can live with. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Bundles } from "./bundles.ts";
import type { Extent } from "./measure.ts";
import { kib, median } from "./numbers.ts";
import { output, succeeds, timed } from "./programs.ts";
import { awaitPid, contents, id, line, type Runtime } from "./runtimes.ts";
import type { Table } from "./table.ts";

/** How long a process may take to come to rest before its memory is read. */
const SETTLE_MS = 300;

interface Sizes {
  readonly rss: number;
  readonly pss: number;
}

/** Measures resident memory. */
export async function memory(runtimes: readonly Runtime[], bundles: Bundles, extent: Extent): Promise<Table> {
  const bundle = bundles.usual("memory", ["/bin/sleep", "1000"]);
  const brief = bundles.usual("brief", ["/bin/true"]);
  const found = new Map<string, Map<string, number[]>>();
  const add = (what: string, { name }: Runtime, value: number): void => {
    const row = found.get(what) ?? new Map<string, number[]>();
    row.set(name, [...(row.get(name) ?? []), value]);
    found.set(what, row);
  };
  for (let sample = 0; sample < extent.samples; sample++) {
    for (const runtime of runtimes) {
      const waiting = await created(runtime, bundle, extent.folder);
      add("first process while created, RSS", runtime, waiting.rss);
      add("first process while created, PSS", runtime, waiting.pss);
      const foreground = await running(runtime, bundle, extent.folder);
      add("runtime while run is in the foreground, RSS", runtime, foreground.rss);
      add("runtime while run is in the foreground, PSS", runtime, foreground.pss);
      add("highest RSS of any process of run", runtime, peak(runtime, brief, extent.folder));
    }
  }
  const names = runtimes.map(({ name }) => name);
  const rows = [...found].map(([what, row]) => [
    what,
    ...names.map((name) => kib(median(row.get(name) ?? []))),
  ]);
  return {
    title: "Memory",
    notes: [
      `medians of ${extent.samples} in KiB; PSS shares pages among those who map them, RSS counts them in full`,
      "highest RSS: ru_maxrss of wait4, over the runtime and the children it has waited for",
    ],
    head: ["KiB", ...names],
    rows,
    raw: Object.fromEntries([...found].map(([what, row]) => [what, Object.fromEntries(row)])),
  };
}

function sizes(pid: number | string): Sizes {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(rollup)?.[1] ?? Number.NaN);
  return { rss: field("Rss"), pss: field("Pss") };
}

async function created(runtime: Runtime, bundle: string, folder: string): Promise<Sizes> {
  const container = id(runtime, "waits");
  const pidFile = join(folder, `${container}.pid`);
  timed(...line(runtime, "create", "--bundle", bundle, "--pid-file", pidFile, container));
  const pid = await awaitPid(pidFile);
  await pause(SETTLE_MS);
  const found = sizes(pid);
  timed(...line(runtime, "delete", "--force", container));
  return found;
}

/** The runtime's own processes while it waits for a container: the one started, and its children but the container. */
async function running(runtime: Runtime, bundle: string, folder: string): Promise<Sizes> {
  const container = id(runtime, "runs");
  const pidFile = join(folder, `${container}.pid`);
  rmSync(pidFile, { force: true });
  const [program, ...args] = line(runtime, "run", "--bundle", bundle, "--pid-file", pidFile, container);
  const process = spawn(program, args, { stdio: "ignore" });
  const ended = once(process, "exit");
  const first = await awaitPid(pidFile);
  await pause(SETTLE_MS);
  const all = [...family(process, first)].map(sizes);
  timed(...line(runtime, "kill", container, "KILL"));
  await ended;
  if (existsSync(join(runtime.root, container))) timed(...line(runtime, "delete", "--force", container));
  return { rss: all.reduce((sum, { rss }) => sum + rss, 0), pss: all.reduce((sum, { pss }) => sum + pss, 0) };
}

function* family({ pid = 0 }: ChildProcess, but: number): Generator<string> {
  yield String(pid);
  const children = output("sh", "-c", `cat /proc/${pid}/task/*/children`).trim().split(/\s+/);
  yield* children.filter((child) => child !== "" && child !== String(but));
}

/** time(1) is small, so that its own size does not become the child's peak, as that of a vfork from here would. */
function peak(runtime: Runtime, bundle: string, folder: string): number {
  const file = join(folder, "peak");
  timed(
    "/usr/bin/time",
    "-o",
    file,
    "-f",
    "%M",
    ...line(runtime, "run", "--bundle", bundle, id(runtime, "peak")),
  );
  return Number(contents(file));
}

/** The limits that are asked for, in KiB, and the largest that is tried in the search for the least. */
const ASKED = [512, 256];
const LARGEST = 64 * 1024;
const PAGE = 4;

/** Finds how small memory.limit may be for a container that runs /bin/true. */
export function smallestLimit(runtimes: readonly Runtime[], bundles: Bundles): Table {
  const rows: string[][] = [];
  const raw: Record<string, Record<string, unknown>> = {};
  for (const runtime of runtimes) {
    const works = (limit: number): boolean => {
      const bundle = bundles.usual("small", ["/bin/true"], limit * 1024);
      // Near the edge it may work once and not again.
      return [1, 2, 3].every(() => {
        const container = id(runtime, "small");
        const good = succeeds(...line(runtime, "run", "--bundle", bundle, container));
        if (!good) succeeds(...line(runtime, "delete", "--force", container));
        return good;
      });
    };
    const asked = ASKED.map((limit) => (works(limit) ? "works" : "fails"));
    const least = search(works);
    rows.push([runtime.name, ...asked, least === undefined ? "none" : kib(least)]);
    raw[runtime.name] = { asked: Object.fromEntries(ASKED.map((limit, at) => [limit, asked[at]])), least };
  }
  return {
    title: "How small a memory limit may be",
    notes: [
      "run of /bin/true under linux.resources.memory.limit; it works if three runs in a row end with 0",
    ],
    head: ["runtime", ...ASKED.map((limit) => `${limit} KiB`), "least that works, KiB"],
    rows,
    raw,
  };
}

/** The least multiple of a page that works, taken that everything above works too. */
function search(works: (limit: number) => boolean): number | undefined {
  let good = PAGE;
  while (!works(good)) {
    good *= 2;
    if (good > LARGEST) return undefined;
  }
  let bad = good / 2;
  while (good - bad > PAGE) {
    const middle = Math.round((good + bad) / 2 / PAGE) * PAGE;
    if (works(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
