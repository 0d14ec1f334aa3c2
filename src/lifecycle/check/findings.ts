/** What a check has found so far. */
import type { Warning } from "../../bundle/types.ts";
import { type Pointer, TsrunError } from "../../error.ts";

/** Collects problems and warnings, each place of config.json once: what goes wrong there, or within, first is the cause. */
export class Findings {
  readonly problems: TsrunError[] = [];
  readonly warnings: Warning[] = [];

  problem(error: TsrunError | undefined): void {
    if (error === undefined) return;
    const { pointer } = error;
    const known = this.problems.some((other) =>
      pointer === undefined || pointer === ""
        ? other.message === error.message
        : other.pointer === pointer || other.pointer?.startsWith(`${pointer}/`) === true,
    );
    if (!known) this.problems.push(error);
  }

  warn(pointer: Pointer, text: string, hint?: string): void {
    if (this.warnings.some((other) => other.pointer === pointer && other.text === text)) return;
    this.warnings.push({ pointer, text, hint });
  }

  /** Runs something that may throw a problem. */
  attempt<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      this.problem(error);
      return undefined;
    }
  }
}
