/** A program that counts, so that what was restored can be told from what was started again. */
import { textOf, until } from "../../support/outside.ts";

/** Writes into /state what it calls itself, anew each time that it is started, and how far it is; ends with 3 when it is told to. */
export const COUNTING =
  "trap 'exit 3' TERM; me=$(cat /proc/sys/kernel/random/uuid); i=0; " +
  'while :; do i=$((i + 1)); echo "$me $i" > /state; sleep 0.2; done';

/** How far the program is. */
export interface Counted {
  readonly me: string;
  readonly count: number;
}

/** How far the program is that is the process `pid`, seen from the host, once it is anywhere. */
export function counted(pid: string): Promise<Counted> {
  return until("it counts", () => {
    const text = textOf(`/proc/${pid}/root/state`) ?? "";
    const [, me, count] = /^([0-9a-f-]{36}) (\d+)\n/.exec(text) ?? [];
    return me !== undefined && count !== undefined && { me, count: Number(count) };
  });
}

/** `goes on` where the process `pid` is the program that was at `before`, and counts further; else what it does. */
export async function sequel(before: Counted, pid: string): Promise<string> {
  const after = await counted(pid);
  if (after.me !== before.me) return `began again, at ${after.count}`;
  if (after.count < before.count) return `is at ${after.count} and was at ${before.count}`;
  await until("it counts further", async () => (await counted(pid)).count > after.count);
  return "goes on";
}
