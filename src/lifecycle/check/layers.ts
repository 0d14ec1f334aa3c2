/** A root that is an overlay of shared layers: whether they are there. What is in the root is seen only once it is mounted. */
import type { Bundle } from "../../bundle/types.ts";
import { BundleError } from "../../error.ts";
import { pointerTo } from "../../plan/draft.ts";
import { OVERLAY_LOWER, OVERLAY_STORE } from "../../plan/overlay.ts";
import { kindOf } from "../../sys/files.ts";
import type { Findings } from "./findings.ts";

/** Whether the bundle's root is such an overlay; what is missing of it goes to the findings. */
export function checkLayers(bundle: Bundle, findings: Findings): boolean {
  const lower = bundle.annotations.get(OVERLAY_LOWER);
  if (lower === undefined) return false;
  const layers = `${bundle.annotations.get(OVERLAY_STORE) ?? ""}/layers`;
  const hint = "tsrun bundle --overlay makes such a bundle, in the place where it is to stay";
  const folders = [
    ...lower.split(":").map((name) => `${layers}/${name}`),
    `${bundle.dir}/upper`,
    `${bundle.dir}/work`,
  ];
  for (const folder of folders) {
    if (kindOf(folder) === "dir") continue;
    const pointer = pointerTo("annotations", OVERLAY_LOWER);
    findings.problem(new BundleError("missing", pointer, `the overlay's folder ${folder} is missing`, hint));
  }
  return true;
}
