import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { endingOf } from "../../../src/observe/ending.ts";
import type { Record } from "../../../src/state/record.ts";
import type { Saved } from "../../../src/state/store.ts";
import { noLibrary } from "../native.ts";

const TIME = "2024-05-06T07:08:09Z";
const KILLED = { "memory.oom_control": "oom_kill 1\n", "memory.limit_in_bytes": "1048576\n" };

/** A container's record, with what is in its folder and in its memory cgroup. */
function saved(t: Test, exit: object | undefined, cgroup: { readonly [file: string]: string } = {}): Saved {
  const dir = t.testdir({ cgroup: { "memory.max_usage_in_bytes": "1048576\n", ...cgroup } });
  if (exit !== undefined) writeFileSync(join(dir, "exit.json"), JSON.stringify(exit));
  const record: Partial<Record> = { id: "c", cgroups: { memory: join(dir, "cgroup") } };
  return { dir, record: record as Record, process: undefined, complete: true };
}

t.test("how a container ended", { skip: noLibrary }, async (t) => {
  t.same(endingOf(saved(t, undefined)), {}, "nothing is known");
  t.same(endingOf(saved(t, { status: 7 << 8, time: TIME })), { exitCode: 7, exitedAt: TIME });
  t.same(endingOf(saved(t, { status: 15, time: TIME })), { exitCode: 143, exitedAt: TIME }, "by a signal");
  t.same(
    endingOf(saved(t, { status: 9, time: TIME, reason: "killed by somebody" }, KILLED)),
    { exitCode: 137, exitedAt: TIME, reason: "killed by somebody" },
    "what was noted then counts",
  );
});

t.test("killed for want of memory", { skip: noLibrary }, async (t) => {
  const words = "killed by the memory limit of 1048576 bytes";
  t.equal(endingOf(saved(t, { status: 9, time: TIME }, KILLED)).reason, words);
  const other = `a process of the container was ${words}`;
  t.equal(endingOf(saved(t, { status: 0, time: TIME }, KILLED)).reason, other, "it ended otherwise");
  t.equal(endingOf(saved(t, undefined, KILLED)).reason, other, "nobody saw how it ended");
});
