/** tsrun itself, as far as it decides what a container may get. */
import type { RlimitName } from "../../bundle/vocabulary.ts";
import { RLIMIT } from "../../sys/constants.gen.ts";
import { readTextIfThere } from "../../sys/files.ts";
import { ids, rlimitOf } from "../../sys/process.ts";

/** Our own privileges and limits. */
export interface Self {
  readonly root: boolean;
  /** Bit n for capability n (capabilities(7)). */
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly oomScoreAdj: number;
  /** The hard limit of a resource; `undefined` where it cannot be asked. */
  hardLimit(name: RlimitName): bigint | undefined;
}

/** Reads it. */
export function readSelf(): Self {
  const sets = parseStatus(readTextIfThere("/proc/self/status") ?? "");
  return {
    ...sets,
    root: ids().euid === 0,
    oomScoreAdj: Number(readTextIfThere("/proc/self/oom_score_adj") ?? 0),
    hardLimit: (name) => rlimitOf(0, RLIMIT[name])?.hard,
  };
}

/** The capability sets of /proc/PID/status (proc_pid_status(5)). Pure. */
export function parseStatus(text: string): Pick<Self, "permitted" | "effective" | "bounding"> {
  const set = (name: string): bigint => {
    const digits = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(text)?.[1];
    return digits === undefined ? 0n : BigInt(`0x${digits}`);
  };
  return { permitted: set("CapPrm"), effective: set("CapEff"), bounding: set("CapBnd") };
}
