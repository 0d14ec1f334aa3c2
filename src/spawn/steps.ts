/** The host's steps, for whoever wants to know what is done and how long it takes. Without him a step is a call. */

import type { Step } from "../plan/ops.ts";

/** Somebody who notes steps and their times (`--trace`). */
export interface Tracer {
  /** Performs a step of the host's, and notes it. */
  step<T>(name: string, perform: () => T): T;
  /** The descriptor of memory in which tsrun-init notes the times of these operations (native/plan.h, struct plan_trace). @throws SystemError */
  memory(steps: readonly Step[]): number;
  /** Notes which processes perform a plan: the first part of it stage one, from `fork` on the other. */
  performedBy(stageOne: number, first: number): void;
  /** The last step of this process has been taken: what is noted is written down. Never throws. */
  finish(error?: unknown): void;
}

/** Performs one step. */
export function step<T>(tracer: Tracer | undefined, name: string, perform: () => T): T {
  return tracer === undefined ? perform() : tracer.step(name, perform);
}
