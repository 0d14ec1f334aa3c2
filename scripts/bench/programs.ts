/** Running programs: to their end, timed, and with an error that says what they wrote. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";

/** A program and its arguments. */
export type Argv = readonly [string, ...string[]];

/** Longest that any one command may take, in milliseconds: a hanging runtime must not hang the benchmark. */
const DEADLINE_MS = 60_000;

/** A command that ended otherwise than with 0. */
export class CommandFailed extends Error {
  constructor(argv: Argv, end: SpawnSyncReturns<Buffer>) {
    const how =
      end.error?.message ?? (end.signal === null ? `exit code ${end.status}` : `signal ${end.signal}`);
    const said = end.stderr?.toString().trim() ?? "";
    super(`${argv.join(" ")}: ${how}${said === "" ? "" : `: ${said.slice(0, 500)}`}`);
  }
}

/** Runs a program and gives what it printed. @throws CommandFailed */
export function output(...argv: Argv): string {
  const [program, ...args] = argv;
  const end = spawnSync(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: DEADLINE_MS });
  if (end.status !== 0) throw new CommandFailed(argv, end);
  return end.stdout.toString();
}

/** Whether a program runs and ends with 0. Its streams go nowhere: a container would keep a pipe open. */
export function succeeds(...argv: Argv): boolean {
  const [program, ...args] = argv;
  return (
    spawnSync(program, args, { stdio: "ignore", timeout: DEADLINE_MS, killSignal: "SIGKILL" }).status === 0
  );
}

/** Runs a program with its streams on /dev/null; milliseconds from before the spawn to after the wait. @throws CommandFailed */
export function timed(...argv: Argv): number {
  const [program, ...args] = argv;
  const before = performance.now();
  const end = spawnSync(program, args, { stdio: "ignore", timeout: DEADLINE_MS });
  const after = performance.now();
  if (end.status !== 0) throw new CommandFailed(argv, end);
  return after - before;
}
