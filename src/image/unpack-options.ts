/** How layers are unpacked, and what is told of it. */
import type { Budget } from "./budget.ts";
import type { Move } from "./lower.ts";
import type { Owners } from "./owners.ts";

/** How entries are written. */
export interface UnpackOptions {
  readonly owners: Owners;
  readonly budget: Budget;
  /** Whether device nodes are made. */
  readonly devices: boolean;
  /**
   * What names like `.wh.x` are: removals from the layers below, marks for an overlay (with attributes that an ordinary user
   * can set, or not), or files like others.
   */
  readonly whiteouts: "apply" | "overlay" | "user-overlay" | "plain";
  /** Folders of an overlay's layer that it has no entry for, by path, where the layers below it have them otherwise than it would. */
  readonly moves?: ReadonlyMap<string, Move> | undefined;
}

/** What was left out. */
export interface Lost {
  readonly owners: number;
  readonly xattrs: number;
  readonly devices: number;
}
