/** `explain --timed`: a bundle's steps with the time that each takes, from having taken them once. */
import { timesTable } from "../plan/trace.ts";
import { step } from "../spawn/steps.ts";
import { finish } from "./finish.ts";
import type { CreateRequest } from "./prepare.ts";
import { runDetached } from "./run.ts";
import { Trace } from "./trace.ts";

/** How long a killed program may take to be gone. */
const KILL_MS = 10_000;

const SIGKILL = 9;

/**
 * Runs a bundle once, up to the execution of its program, which is killed at once, and deletes the container.
 *
 * @returns the steps of the host and the plan's operations with their times, slowest first
 * @throws what create and start throw; then nothing of the container is left
 */
export function timeBundle(root: string, request: CreateRequest): string {
  const tracer = new Trace({ title: `tsrun explain --timed ${request.id}` });
  const { first, created, terminal } = runDetached(root, { ...request, tracer });
  try {
    step(tracer, "kill the program", () => {
      first.signal(SIGKILL);
      first.awaitExit(KILL_MS);
      first.reap();
    });
  } finally {
    first.close();
    terminal?.close();
    finish(root, request.id, created, tracer);
  }
  tracer.finish();
  const { spans, total } = tracer;
  return (
    "The bundle was run once, its program killed as soon as it was executed, and the container deleted. Slowest first:\n" +
    timesTable(spans, total)
  );
}
