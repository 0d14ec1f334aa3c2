/** `--trace`: every step of a command with its time. Loaded only where it is asked for. */
import { errorLine, SystemError } from "../error.ts";
import type { Step } from "../plan/ops.ts";
import { opSpans, type Span, type Track, traceJson } from "../plan/trace.ts";
import type { Tracer } from "../spawn/steps.ts";
import { cstring } from "../sys/bytes.ts";
import { O, PLAN } from "../sys/constants.gen.ts";
import { Handle, readTextIfThere, writeAll } from "../sys/files.ts";
import { checked, errnoName, lib } from "../sys/lib.ts";
import { clock, ids } from "../sys/process.ts";

/** Opens the file that a trace is to be written to, before anything else is done. @throws SystemError */
export function openTraceFile(path: string): Handle {
  const fd = lib().ts_open(cstring(path), O.WRONLY | O.CREAT | O.TRUNC | O.CLOEXEC, 0o644);
  if (fd >= 0) return new Handle(fd);
  throw new SystemError("open", errnoName(-fd), path, {
    doing: `open the trace file ${path}`,
    hint: "name a file in a folder that is there, and that you may write to",
  });
}

/** What a trace is about, and where it goes. */
export interface TraceTarget {
  /** `tsrun create ID`. */
  readonly title: string;
  /** Where the JSON is written to at the end; nowhere where it is absent. */
  readonly file?: Handle;
  /** Told why it could not be written: what the command did is done all the same. */
  readonly warn?: (text: string) => void;
}

/** Notes steps and their times. */
export class Trace implements Tracer {
  readonly #target: TraceTarget;
  readonly #begin = clock("monotonic");
  readonly #host: Span[] = [];
  #ops: readonly Span[] = [];
  #memory: { readonly handle: Handle; readonly steps: readonly Step[] } | undefined;
  #pids: Record<Track, number>;
  #offset = 0n;
  #finished = false;

  constructor(target: TraceTarget) {
    this.#target = target;
    const { pid } = ids();
    this.#pids = { host: pid, "stage one": pid + 1, "first process": pid + 2 };
  }

  step<T>(text: string, perform: () => T): T {
    const begin = clock("monotonic");
    let result = "ok";
    try {
      return perform();
    } catch (error) {
      result = codeOf(error);
      throw error;
    } finally {
      this.#host.push({ track: "host", text, begin, end: clock("monotonic"), result });
    }
  }

  memory(steps: readonly Step[]): number {
    const size = steps.length * PLAN.trace.size;
    const fd = checked(lib().ts_shared(cstring("tsrun-trace"), size), "memfd_create", "the trace");
    this.#memory = { handle: new Handle(fd), steps };
    return fd;
  }

  performedBy(stageOne: number, first: number): void {
    this.#pids = { ...this.#pids, "stage one": stageOne, "first process": first };
    this.#offset = monotonicOffset(first) - monotonicOffset("self");
  }

  /** What has been noted, in the order of the beginnings; complete after {@link Trace.finish}. */
  get spans(): readonly Span[] {
    return [...this.#host, ...this.#ops].sort((a, b) => Number(a.begin - b.begin));
  }

  /** Nanoseconds since it began. */
  get total(): bigint {
    return clock("monotonic") - this.#begin;
  }

  finish(error?: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    const end = clock("monotonic");
    try {
      this.#readMemory(end);
      this.#write(end, error);
    } catch (failure) {
      this.#target.warn?.(`the trace is not complete: ${errorLine(failure)}`);
    } finally {
      this.#memory?.handle.close();
      this.#target.file?.close();
    }
  }

  #readMemory(end: bigint): void {
    if (this.#memory === undefined) return;
    const { handle, steps } = this.#memory;
    const bytes = new Uint8Array(steps.length * PLAN.trace.size);
    const got = checked(lib().ts_read_fd(handle.fd, bytes, bytes.length), "read", "the trace");
    this.#ops = opSpans(steps, bytes.subarray(0, got), end, this.#offset);
  }

  #write(end: bigint, error: unknown): void {
    if (this.#target.file === undefined) return;
    const facts = {
      title: this.#target.title,
      begin: this.#begin,
      end,
      pids: this.#pids,
      error: error === undefined ? undefined : errorLine(error),
    };
    writeAll(this.#target.file.fd, traceJson(this.spans, facts));
  }
}

/** The code of an error, for what became of a step. */
function codeOf(error: unknown): string {
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  return typeof errno === "string" ? errno : typeof code === "string" ? code : "failed";
}

/** How far the clock of a process's children is ahead of the first time namespace's, in nanoseconds (time_namespaces(7)). */
function monotonicOffset(process: number | "self"): bigint {
  let text: string | undefined;
  try {
    text = readTextIfThere(`/proc/${process}/timens_offsets`);
  } catch {
    // It may not be looked at; then the times of another clock are shown as they are.
  }
  const [, seconds = "0", nanoseconds = "0"] =
    /^monotonic\s+(-?[0-9]+)\s+(-?[0-9]+)$/m.exec(text ?? "") ?? [];
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
}
