/** `--trace FILE` */
import { openTraceFile, Trace } from "../lifecycle/trace.ts";
import type { Tracer } from "../spawn/steps.ts";
import { reportWarning } from "./report.ts";

/**
 * Performs a command and writes down its steps, also where it fails: then the error stays the same.
 *
 * @param title what it is: `tsrun create ID`
 * @throws SystemError where the file cannot be made, before anything is done; what the command throws
 */
export function traced(file: string, title: string, command: (tracer: Tracer) => number): number {
  const trace = new Trace({ title, file: openTraceFile(file), warn: reportWarning });
  try {
    const code = command(trace);
    trace.finish();
    return code;
  } catch (error) {
    trace.finish(error);
    throw error;
  }
}
