/**
 * The plan while it is written: the stages of the recipe append to it, in order. Nobody but `compile` sees one.
 */
import type { Warning } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";
import type { HostSource, Op, Step } from "./ops.ts";

/** A plan in the making. */
export interface Draft {
  readonly steps: Step[];
  readonly sources: HostSource[];
  readonly warnings: Warning[];
}

/** Appends one operation and the place in config.json that asked for it. */
export function add(draft: Draft, op: Op, pointer: Pointer | undefined): void {
  draft.steps.push({ op, pointer });
}

/** Asks the host to open a mount source; answers the index to put into the bind. */
export function addSource(draft: Draft, source: HostSource): number {
  return draft.sources.push(source) - 1;
}

/** A JSON pointer (RFC 6901) to a part of config.json: `pointerTo("linux", "sysctl", "a/b")` is `/linux/sysctl/a~1b`. */
export function pointerTo(...parts: readonly (string | number)[]): Pointer {
  let pointer = "";
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] ?? "";
    const special = typeof part === "string" && (part.includes("/") || part.includes("~"));
    pointer += special ? `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}` : `/${part}`;
  }
  return pointer;
}
