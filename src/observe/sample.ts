/** Several looks at what containers use, so that rates can be told. */
import { StateError, TsrunError } from "../error.ts";
import { statusOf } from "../state/status.ts";
import { listIds, load, type Saved } from "../state/store.ts";
import { clock } from "../sys/process.ts";
import { type ContainerStats, running, statsOf } from "./stats.ts";

/** A container's statistics, and what can be told by comparing them with those of the look before. */
export interface Sample extends ContainerStats {
  /** Percent of one processor since the look before; `undefined` at the first. */
  readonly cpuPercent: number | undefined;
}

/** What is kept of a look, by id. */
type Looks = Map<string, { readonly at: bigint; readonly created: string; readonly usage: number }>;

/** Looks at some containers, or at all that run, again and again. */
export class Sampler {
  readonly #root: string;
  #ids: readonly string[] | undefined;
  #before: Looks = new Map();

  /**
   * @param ids those to look at; all that run at each look, where there are none
   * @throws StateError `not-found`, `not-running`, `damaged` for one that is asked for
   */
  constructor(root: string, ids: readonly string[]) {
    this.#root = root;
    this.#ids = ids.length === 0 ? undefined : ids;
    for (const id of ids) running(root, id);
  }

  /** Whether there can be no more: all that were asked for have stopped. */
  get over(): boolean {
    return this.#ids?.length === 0;
  }

  /** The next look, by id. @throws SystemError */
  take(): readonly Sample[] {
    const samples: Sample[] = [];
    const seen: Looks = new Map();
    for (const id of this.#ids ?? listIds(this.#root)) {
      const saved = this.#living(id);
      if (saved === undefined) continue;
      const at = clock("monotonic");
      const now = statsOf(saved);
      const { created } = saved.record;
      const before = this.#before.get(id);
      // A later container may have the id of one that has gone.
      const past = before?.created === created ? before : undefined;
      const micros = past === undefined ? 0 : Number(at - past.at) / 1000;
      const cpuPercent =
        past === undefined || micros <= 0 ? undefined : ((now.cpu.usage - past.usage) * 100) / micros;
      samples.push({ ...now, cpuPercent });
      seen.set(id, { at, created, usage: now.cpu.usage });
    }
    this.#before = seen;
    if (this.#ids !== undefined) this.#ids = this.#ids.filter((id) => seen.has(id));
    return samples;
  }

  #living(id: string): Saved | undefined {
    try {
      const saved = load(this.#root, id);
      return saved.process === undefined || statusOf(saved) === "stopped" ? undefined : saved;
    } catch (error) {
      // One that goes just now, or is damaged, hides none of the others.
      if (error instanceof StateError) return undefined;
      if (error instanceof TsrunError && this.#ids === undefined) return undefined;
      throw error;
    }
  }
}
