/** The decoding of one text: its warnings, and how names are matched. */
import type { Pointer } from "../error.ts";
import type { Warning } from "./types.ts";

/** Enough to read; a hostile file could have a million. */
const MAX_WARNINGS = 100;

/** What the readers of one file share. */
export class Decoding {
  readonly warnings: Warning[] = [];
  /** Names match whatever their case: `update --resources` is used so. */
  readonly foldCase: boolean;

  constructor(foldCase = false) {
    this.foldCase = foldCase;
  }

  /** Whether further warnings would be dropped. */
  full(): boolean {
    return this.warnings.length >= MAX_WARNINGS;
  }

  warn(pointer: Pointer, text: string, hint?: string): void {
    if (!this.full()) this.warnings.push({ pointer, text, hint });
  }
}
