/** The machine: what it is, whether it is quiet, and the mount namespace in which all runtimes work. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, statfsSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

const CGROUP = "/sys/fs/cgroup";
const UNIFIED = `${CGROUP}/unified`;

/** What the numbers were measured on. */
export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly cgroups: string;
  readonly loadBefore: readonly number[];
  readonly quiet: boolean;
}

/** Describes the machine. */
export function machine(quiet: boolean, loadBefore: readonly number[]): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cpus: all.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    cgroups: layout(),
    loadBefore,
    quiet,
  };
}

function layout(): string {
  if (existsSync(`${CGROUP}/cgroup.controllers`)) return "v2";
  return existsSync(UNIFIED) ? "v1 (hybrid; the unified hierarchy covered by an empty tmpfs)" : "v1";
}

const TMPFS_MAGIC = 0x01021994;

/**
 * Makes this host one like others for all runtimes alike: this very command runs again in a mount namespace of its own. In it
 * the unified hierarchy of a hybrid cgroup layout, which Debian's crun refuses, is covered (not unmounted) by an empty tmpfs; and
 * /run, where runtimes keep their state, is a tmpfs, as it is nearly everywhere.
 *
 * @returns the exit code of that second run, or `undefined` where this process may go on itself
 */
export function likeOthers(): number | undefined {
  const covered = [
    ...(existsSync(`${UNIFIED}/cgroup.procs`) ? [UNIFIED] : []),
    ...(statfsSync("/run").type === TMPFS_MAGIC ? [] : ["/run"]),
  ];
  if (covered.length === 0) return undefined;
  const cover = covered.map((place) => `mount -t tmpfs none ${place} && `).join("");
  const again = ["-m", "--propagation", "private", "sh", "-c", `${cover}exec "$0" "$@"`];
  const end = spawnSync("unshare", [...again, process.execPath, ...process.argv.slice(1)], {
    stdio: "inherit",
  });
  if (end.error !== undefined) throw end.error;
  return end.status ?? 1;
}

/** Processor time used by everybody since boot, in clock ticks (proc_stat(5)): all but idle and iowait. */
function busyTicks(): number {
  const fields =
    readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.split(/ +/).slice(1, 9).map(Number) ?? [];
  return fields.reduce((sum, ticks, at) => (at === 3 || at === 4 ? sum : sum + ticks), 0);
}

/** Below so many busy processors a second is quiet. */
const QUIET = 0.5;

/** USER_HZ, which is 100 on every architecture that matters here. */
const TICKS_A_SECOND = 100;

/**
 * Waits until fewer than {@link QUIET} processors were busy in each of `seconds` seconds in a row, for `most` seconds at
 * most. The load average would need minutes to forget the previous part of the benchmark itself.
 *
 * @returns whether it became quiet
 */
export async function awaitQuiet(seconds: number, most: number): Promise<boolean> {
  let before = busyTicks();
  for (let waited = 0, quiet = 0; quiet < seconds; waited++) {
    if (waited >= most) return false;
    await pause(1000);
    const now = busyTicks();
    quiet = (now - before) / TICKS_A_SECOND < QUIET ? quiet + 1 : 0;
    before = now;
  }
  return true;
}

/** The three load averages. */
export function load(): number[] {
  return loadavg().map((value) => Math.round(value * 100) / 100);
}

/** Removes the cgroups that a failed command may have left: folders of these names directly below each hierarchy. */
export function removeCgroups(isOurs: (name: string) => boolean): void {
  const hierarchies = existsSync(CGROUP) ? ["", ...readdirSync(CGROUP)] : [];
  for (const hierarchy of hierarchies) {
    const dir = `${CGROUP}/${hierarchy}`;
    if (!existsSync(`${dir}/cgroup.procs`)) continue;
    for (const name of readdirSync(dir)) {
      if (!isOurs(name)) continue;
      try {
        rmdirSync(`${dir}/${name}`);
      } catch {
        console.error(`cannot remove ${dir}/${name}: remove it with rmdir once it is empty`);
      }
    }
  }
}
