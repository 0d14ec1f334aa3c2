/** Steps with their times: from what tsrun-init noted to what is shown. Pure. */

import { type Pointer, visible } from "../error.ts";
import { largest } from "../lists.ts";
import { CLONE, ERRNO, PLAN } from "../sys/constants.gen.ts";
import { describe } from "./describe.ts";
import { type Stage, stagesOf } from "./explain.ts";
import type { OpName, Step } from "./ops.ts";

/** Who took a step. */
export type Track = "host" | "stage one" | "first process";

/** A step that was taken, in nanoseconds of the host's CLOCK_MONOTONIC. */
export interface Span {
  readonly track: Track;
  readonly text: string;
  readonly begin: bigint;
  readonly end: bigint;
  /** What became of it: `ok`, an errno's name, why it failed, or how it never ended. */
  readonly result: string;
  /** Of an operation of the plan. */
  readonly op?: {
    readonly name: OpName;
    readonly index: number;
    readonly stage: Stage | undefined;
    readonly pointer: Pointer | undefined;
  };
}

/** How far a container's clock is ahead of the host's, in nanoseconds, by time_namespaces(7). */
export type ClockOffset = bigint;

/**
 * The operations that have begun, in their order.
 *
 * @param memory what tsrun-init noted (native/plan.h, struct plan_trace)
 * @param until when it was read: what has no end until then is still going on, or was executed
 * @param offset of the time namespace that the plan makes or joins
 */
export function opSpans(
  steps: readonly Step[],
  memory: Uint8Array,
  until: bigint,
  offset: ClockOffset = 0n,
): readonly Span[] {
  const { size, begin: beginAt, end: endAt, failed: failedAt, value: valueAt } = PLAN.trace;
  const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
  const fork = steps.findIndex(({ op }) => op.op === "fork");
  const shift = shiftedFrom(steps);
  const stages = stagesOf(steps);
  const spans: Span[] = [];
  steps.forEach(({ op, pointer }, index) => {
    const at = index * size;
    if (at + size > memory.length) return;
    const [noted, ended] = [view.getBigUint64(at + beginAt, true), view.getBigUint64(at + endAt, true)];
    if (noted === 0n) return;
    const begin = noted - (index > shift ? offset : 0n);
    const end = ended === 0n ? until : ended - (index >= shift ? offset : 0n);
    const failed = view.getUint32(at + failedAt, true);
    spans.push({
      track: fork < 0 || index <= fork ? "stage one" : "first process",
      text: describe(op),
      begin,
      // A clock that was read before a seccomp filter forbade it stands still; none goes back.
      end: end < begin ? begin : end,
      result:
        failed > 0 ? failureText(failed - 1, view.getUint32(at + valueAt, true)) : outcome(op.op, ended),
      op: { name: op.op, index, stage: stages[index], pointer },
    });
  });
  return spans;
}

/** Which operation's end is the first time that is told by the container's clock. */
function shiftedFrom(steps: readonly Step[]): number {
  const fork = steps.findIndex(({ op }) => op.op === "fork");
  const at = steps.findIndex(
    ({ op }) =>
      (op.op === "join" && op.ns === CLONE.NEWTIME) ||
      (op.op === "enter" && (op.flags & CLONE.NEWTIME) !== 0),
  );
  return at < 0 ? fork : at;
}

function outcome(name: OpName, ended: bigint): string {
  // What the host has answered is over, though it may not have been noted yet.
  if (ended !== 0n || name === "ready") return "ok";
  if (name === "awaitStart") return "still waiting";
  return name === "exec" ? "executed" : "no end";
}

function failureText(detail: number, value: number): string {
  for (const [name, number] of Object.entries(PLAN.failures)) {
    if (number !== detail) continue;
    if (name === "SYSCALL" || name === "NOT_FOUND") return ERRNO[value] ?? `errno ${value}`;
    return `${name}${value === 0 ? "" : ` ${value}`}`;
  }
  return `failure ${detail}`;
}

/** What is known of a trace beside its steps. */
export interface TraceFacts {
  /** What is shown as its name: `tsrun create ID`. */
  readonly title: string;
  /** When it began, on the host's CLOCK_MONOTONIC. */
  readonly begin: bigint;
  readonly end: bigint;
  /** The processes by their numbers, which become those of the tracks. */
  readonly pids: Readonly<Record<Track, number>>;
  /** The one line of what the command failed with. */
  readonly error: string | undefined;
}

const TRACKS: readonly Track[] = ["host", "stage one", "first process"];

/**
 * The trace as chrome://tracing and ui.perfetto.dev read it (Trace Event Format: complete events, microseconds). Times count
 * from the trace's beginning, so that their nanoseconds stay exact.
 */
export function traceJson(spans: readonly Span[], { title, begin, end, pids, error }: TraceFacts): string {
  const pid = pids.host;
  const meta = (name: string, tid: number, args: object) => ({ ph: "M", name, pid, tid, args });
  const events: object[] = [meta("process_name", pid, { name: title })];
  for (const [index, track] of TRACKS.entries()) {
    if (track !== "host" && !spans.some((span) => span.track === track)) continue;
    events.push(meta("thread_name", pids[track], { name: track }));
    events.push(meta("thread_sort_index", pids[track], { sort_index: index }));
  }
  for (const span of spans) {
    const { op } = span;
    const { name, ...place } = op ?? { name: undefined };
    events.push({
      ph: "X",
      name: span.text,
      cat: op === undefined ? "host" : "op",
      pid,
      tid: pids[span.track],
      ts: microseconds(span.begin - begin),
      dur: microseconds(span.end - span.begin),
      args: { op: name, ...place, result: span.result, ns: Number(span.end - span.begin) },
    });
  }
  const otherData = { title, begin: String(begin), clock: "CLOCK_MONOTONIC", ns: Number(end - begin), error };
  const lines = events.map((event) => JSON.stringify(event)).join(",\n");
  return `{"displayTimeUnit":"ns","otherData":${JSON.stringify(otherData)},"traceEvents":[\n${lines}\n]}\n`;
}

/** Exact to the nanosecond for traces of some weeks. */
function microseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1000;
}

/** The widest bar, in characters. */
const BAR = 30;

/** The steps as a table for people, slowest first. */
export function timesTable(spans: readonly Span[], total: bigint): string {
  const sorted = [...spans].sort((a, b) => Number(b.end - b.begin - (a.end - a.begin)));
  const longest = largest(
    sorted.map(({ begin, end }) => Number(end - begin)),
    1,
  );
  const lines = [`${"ms".padStart(10)}  ${"".padEnd(BAR)}  step`];
  for (const { begin, end, track, text, result, op } of sorted) {
    const took = Number(end - begin);
    const bar = "#".repeat(Math.max(1, Math.round((took / longest) * BAR)));
    const ends = result === "ok" || result === "executed" ? "" : `: ${result}`;
    const place = op?.pointer === undefined ? "" : `  ${op.pointer}`;
    lines.push(`${milliseconds(took)}  ${bar.padEnd(BAR)}  ${visible(`${track}: ${text}${ends}${place}`)}`);
  }
  lines.push(`${milliseconds(Number(total))}  ${"".padEnd(BAR)}  from the first step to the last`);
  return `${lines.join("\n")}\n`;
}

function milliseconds(nanoseconds: number): string {
  return (nanoseconds / 1e6).toFixed(6).padStart(10);
}
