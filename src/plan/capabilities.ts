/** Capability names to the kernel's bit masks (capabilities(7)). */
import type { Capabilities } from "../bundle/types.ts";
import { CAPABILITIES, type CapabilityName } from "../bundle/vocabulary.ts";
import { type Draft, pointerTo } from "./draft.ts";

/** The five sets, bit n for capability n. */
export interface CapabilityMasks {
  readonly bounding: bigint;
  readonly effective: bigint;
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly ambient: bigint;
}

/**
 * The sets of config.json, less what the running kernel doesn't know (warned about, as config.md asks). The ambient set
 * keeps only what is permitted and inheritable: the kernel takes no other (PR_CAP_AMBIENT_RAISE), and the engines and
 * `runc spec` list more out of habit, so that this is no warning.
 */
export function compileCapabilities(draft: Draft, sets: Capabilities, lastCap: number): CapabilityMasks {
  const inheritable = maskOf(draft, "inheritable", sets.inheritable, lastCap);
  const permitted = maskOf(draft, "permitted", sets.permitted, lastCap);
  return {
    bounding: maskOf(draft, "bounding", sets.bounding, lastCap),
    effective: maskOf(draft, "effective", sets.effective, lastCap),
    inheritable,
    permitted,
    ambient: maskOf(draft, "ambient", sets.ambient, lastCap) & permitted & inheritable,
  };
}

function maskOf(
  draft: Draft,
  set: keyof Capabilities,
  names: readonly CapabilityName[],
  lastCap: number,
): bigint {
  // Two halves of plain numbers: a bigint operation a name would cost more than the whole rest of the plan.
  let low = 0;
  let high = 0;
  for (const name of names) {
    const bit = CAPABILITIES.indexOf(name);
    if (bit > lastCap) {
      draft.warnings.push({
        pointer: pointerTo("process", "capabilities", set),
        text: `the running kernel does not know ${name}; it is left out`,
        hint: undefined,
      });
    } else if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
