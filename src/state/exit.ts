/** exit.json in a container's folder: how its first process ended, where tsrun was there to see it. */
import { performAll, readTextIfThere } from "../sys/files.ts";

/** How and when a first process ended. */
export interface ExitRecord {
  /** Its wait status (wait(2)): see exitOf in sys/process.ts. */
  readonly status: number;
  /** RFC 3339. */
  readonly time: string;
  /** What ended it from outside, such as the memory limit, in words. */
  readonly reason?: string;
}

/** Where it lies. */
export function exitFile(dir: string): string {
  return `${dir}/exit.json`;
}

/** Writes it, whole or not at all. @throws SystemError */
export function saveExit(dir: string, record: ExitRecord): void {
  const path = exitFile(dir);
  performAll([
    { do: "create", path: `${path}~`, text: JSON.stringify(record), mode: 0o600 },
    { do: "rename", path: `${path}~`, to: path },
  ]);
}

/** `undefined` where nobody saw the end, or what is there is not what tsrun writes. @throws SystemError */
export function loadExit(dir: string): ExitRecord | undefined {
  const text = readTextIfThere(exitFile(dir));
  if (text === undefined) return undefined;
  try {
    const { status, time, reason } = JSON.parse(text) as {
      status?: unknown;
      time?: unknown;
      reason?: unknown;
    };
    if (typeof status !== "number" || typeof time !== "string") return undefined;
    return { status, time, ...(typeof reason === "string" ? { reason } : {}) };
  } catch {
    return undefined;
  }
}
