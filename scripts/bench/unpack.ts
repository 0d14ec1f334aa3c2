/** Unpacking an image beside `tar -x`: pairs in turns, on a tmpfs, which takes nothing but processor time, and on the disk. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { compressed, type LayerSize, writeLayer, writeLayout } from "./layers.ts";
import { type Extent, PAUSE_MS } from "./measure.ts";
import { median, ms, ratio } from "./numbers.ts";
import { type Argv, CommandFailed, succeeds } from "./programs.ts";
import type { Table } from "./table.ts";

const FULL: LayerSize = { folders: 1900, large: 20 };
const QUICK: LayerSize = { folders: 190, large: 4 };
/** What the tmpfs has to have free. */
const ROOM = 2 ** 31;

/** One way of storing the layer. */
interface Form {
  readonly name: string;
  readonly layout: string;
  readonly tar: readonly string[];
}

interface Took {
  /** Milliseconds from before the spawn to after the wait. */
  readonly wall: number;
  /** Of all processors, user and system. */
  readonly cpu: number;
}

interface BunHost {
  spawnSync(
    argv: readonly string[],
    options: object,
  ): { exitCode: number; resourceUsage: { cpuTime: { total: number } } };
}

/** Runs a program; the processor time is what wait4(2) tells. @throws CommandFailed */
function measured(argv: Argv): Took {
  const { Bun } = globalThis as unknown as { Bun: BunHost };
  const before = performance.now();
  const end = Bun.spawnSync(argv, { stdio: ["ignore", "ignore", "ignore"] });
  const wall = performance.now() - before;
  if (end.exitCode !== 0) throw new CommandFailed(argv, spawnSync(argv[0], argv.slice(1)));
  return { wall, cpu: Number(end.resourceUsage.cpuTime.total) / 1000 };
}

/** The most memory that a program has held, in MiB, looked at as it runs: what wait4 tells would count this process, too. */
async function peak([program, ...args]: Argv): Promise<number> {
  const child = spawn(program, args, { stdio: "ignore" });
  const ended = new Promise((settle) => child.on("exit", settle));
  let most = 0;
  for (let running = true; running; ) {
    running = await Promise.race([pause(5, true), ended.then(() => false)]);
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      most = Math.max(most, Number(/^VmHWM:\s+([0-9]+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // Ended meanwhile.
    }
  }
  return most / 1024;
}

async function makeForms(folder: string, size: LayerSize): Promise<{ forms: Form[]; told: string }> {
  const archive = join(folder, "layer.tar");
  const entries = await writeLayer(archive, size);
  const forms: Form[] = [];
  const add = async (name: string, blob: string, suffix: string, tar: readonly string[]): Promise<void> => {
    const layout = join(folder, `layout-${name}`);
    await writeLayout(layout, archive, blob, suffix);
    forms.push({ name, layout, tar: [...tar, blob] });
  };
  await add("uncompressed", archive, "", ["-xf"]);
  await add("gzip", compressed(archive, "gzip"), "+gzip", ["-xzf"]);
  if (succeeds("zstd", "--version"))
    await add("zstd", compressed(archive, "zstd"), "+zstd", ["--zstd", "-xf"]);
  return { forms, told: `${(statSync(archive).size / 2 ** 20).toFixed(0)} MiB in ${entries} entries` };
}

async function row(tsrun: string, form: Form, place: string, rounds: number): Promise<readonly Took[][]> {
  const out = join(place, "out");
  const sides: readonly Argv[] = [
    ["tar", ...form.tar, "-C", out],
    [tsrun, "bundle", "--quiet", form.layout, join(out, "bundle")],
  ];
  const took: Took[][] = [[], []];
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const side = (turn + Math.max(round, 0)) % sides.length;
      mkdirSync(out);
      // What the one before has written is not this one's to wait for.
      spawnSync("sync");
      await pause(PAUSE_MS);
      const result = measured(sides[side] ?? ["false"]);
      rmSync(out, { recursive: true });
      // The first round only warms up.
      if (round >= 0) took[side]?.push(result);
    }
  }
  return took;
}

function line(what: string, tar: readonly Took[], ours: readonly Took[], most: number): string[] {
  const middle = (took: readonly Took[], of: keyof Took): string => ms(median(took.map((each) => each[of])));
  const pairs = (of: keyof Took): string =>
    ratio(median(ours.map((each, at) => each[of] / (tar[at]?.[of] ?? Number.NaN))), 1);
  const columns = (["wall", "cpu"] as const).flatMap((of) => [middle(tar, of), middle(ours, of), pairs(of)]);
  return [what, ...columns, most.toFixed(0), String(ours.length)];
}

/** @param quick a layer of a tenth */
export async function unpack(tsrun: string, { rounds, folder }: Extent, quick: boolean): Promise<Table> {
  const own = mkdtempSync(join(folder, "unpack-"));
  const shm = "/dev/shm";
  const roomy = existsSync(shm) && ((status) => status.bavail * status.bsize > ROOM)(statfsSync(shm));
  const fast = roomy ? mkdtempSync(`${shm}/tsrun-bench-`) : undefined;
  try {
    const { forms, told } = await makeForms(own, quick ? QUICK : FULL);
    const rows: string[][] = [];
    const raw: object[] = [];
    for (const form of forms) {
      for (const [where, place] of [
        ["tmpfs", fast],
        ["disk", own],
      ] as const) {
        if (place === undefined) continue;
        const [tar = [], ours = []] = await row(tsrun, form, place, Math.min(rounds, 10));
        const most = await peak([tsrun, "bundle", "--quiet", form.layout, join(place, "peak")]);
        rmSync(join(place, "peak"), { recursive: true });
        rows.push(line(`${form.name}, ${where}`, tar, ours, most));
        raw.push({ form: form.name, where, tar, tsrun: ours, peakMiB: most });
      }
    }
    return {
      title: "Unpacking an image of one layer",
      notes: [
        `${told}; tar -x, and tsrun bundle, which also verifies the digests; pairs in turns, medians, the ratios of each pair`,
        "processor: user and system time of all threads and children",
      ],
      head: [
        "ms",
        "tar",
        "tsrun",
        "tsrun ÷ tar",
        "processor: tar",
        "tsrun",
        "tsrun ÷ tar",
        "tsrun's most, MiB",
        "rounds",
      ],
      rows,
      raw,
    };
  } finally {
    rmSync(own, { recursive: true, force: true });
    if (fast !== undefined) rmSync(fast, { recursive: true, force: true });
  }
}
