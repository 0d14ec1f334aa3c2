import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { OomWatch } from "../../../src/cgroup/oom-watch.ts";
import { poll } from "../../../src/sys/watch.ts";
import { noLibrary } from "../native.ts";

const skip = noLibrary;

t.test("v2: a change of memory.events is told of, and counts when it is a kill", { skip }, async (t) => {
  const dir = t.testdir({ "memory.events": "max 0\noom 0\noom_kill 2\n" });
  const watch = new OomWatch(new Map([["", dir]]));
  t.equal(watch.take(), 0, "what was before is not told of");
  t.same(poll(watch.fds, 0), []);
  writeFileSync(join(dir, "memory.events"), "max 9\noom 0\noom_kill 2\n");
  t.same(poll(watch.fds, 1000), watch.fds);
  t.equal(watch.take(), 0, "the limit was reached, and nothing was killed");
  t.equal(watch.patience, Number.POSITIVE_INFINITY);
  writeFileSync(join(dir, "memory.events"), "max 9\noom 3\noom_kill 5\n");
  t.same(poll(watch.fds, 1000), watch.fds);
  t.equal(watch.take(), 3);
  t.equal(watch.take(), 0);
  rmSync(join(dir, "memory.events"));
  t.equal(watch.take(), 0, "the cgroup is gone");
  watch.close();
});

t.test("v1 without notifications: the counter alone", { skip }, async (t) => {
  const dir = t.testdir({ "memory.oom_control": "oom_kill 0\n" });
  const watch = new OomWatch(new Map([["memory", dir]]));
  t.same(watch.fds, []);
  writeFileSync(join(dir, "memory.oom_control"), "oom_kill 1\n");
  t.equal(watch.take(), 1);
  watch.close();
});

t.test("a host that does not count memory", { skip }, async (t) => {
  const watch = new OomWatch(new Map([["pids", "/nowhere"]]));
  t.same([watch.fds, watch.take(), watch.patience], [[], 0, Number.POSITIVE_INFINITY]);
  watch.close();
});
