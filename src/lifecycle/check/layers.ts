/** A root that is an overlay of shared layers: whether they are there. What is in the root is seen only once it is mounted. */
import type { Bundle } from "../../bundle/types.ts";
import { TsrunError } from "../../error.ts";
import { readOverlay } from "../../state/overlay.ts";
import type { Findings } from "./findings.ts";

/** Whether the bundle's root is such an overlay; what is missing of it goes to the findings. */
export function checkLayers({ dir }: Bundle, findings: Findings): boolean {
  try {
    return readOverlay(dir) !== undefined;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    findings.problem(error);
    return true;
  }
}
