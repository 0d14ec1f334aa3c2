/** A plan as tsrun-init reads it. */
import { encode } from "../plan/encode.ts";
import type { Plan } from "../plan/ops.ts";
import { planEncoder } from "../sys/ffi.ts";

/** By the engine itself where it can, else by {@link encode}, which also says what cannot be written. @throws BundleError as it */
export function planBytes(plan: Plan): Uint8Array {
  return planEncoder()?.(plan.steps) ?? encode(plan);
}
