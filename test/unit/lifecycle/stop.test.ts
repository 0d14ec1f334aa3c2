import t from "tap";
import { STOP_SIGNAL, stopContainer } from "../../../src/lifecycle/stop.ts";
import { startTimeOf } from "../../../src/state/status.ts";
import { load, reserve } from "../../../src/state/store.ts";
import { noLibrary } from "../native.ts";
import { onRecord, shell } from "./container.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

t.test("stopContainer() asks, and kills what stays, without keeping the thread", async (t) => {
  const root = t.testdir();
  const cases: readonly (readonly [string, string, Record<string, string>, string | undefined, number])[] = [
    ["ends", "trap 'exit 0' TERM", {}, undefined, 0],
    ["annotated", "trap 'exit 0' USR1", { [STOP_SIGNAL]: "USR1" }, undefined, 0],
    ["option", "trap 'exit 0' INT", { [STOP_SIGNAL]: "USR1" }, "int", 0],
    ["stays", "trap '' TERM", {}, undefined, 300],
  ];
  for (const [id, trap, annotations, signal, least] of cases) {
    const { pid, ended } = await shell("while :; do sleep 0.01; done", trap);
    onRecord(root, id, pid, { annotations });
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const before = Date.now();
    await stopContainer(root, id, { timeout: least === 0 ? 20_000 : least, signal });
    const took = Date.now() - before;
    clearInterval(timer);
    t.equal(startTimeOf(pid), undefined, `${id}: it has ended`);
    t.ok(took >= least && took < 10_000, `${id}: ${took} ms`);
    if (least > 0) t.ok(turns > 0, `${id}: a timer that was due earlier has fired`);
    await ended;
    await stopContainer(root, id);
  }
});

t.test("stopContainer(): what it refuses", async (t) => {
  const root = t.testdir();
  await t.rejects(stopContainer(root, "nosuch"), { name: "StateError", code: "not-found" });
  const { pid, ended } = await shell("exec sleep 100");
  onRecord(root, "c", pid, { annotations: { [STOP_SIGNAL]: "SIGFOO" } });
  await t.rejects(stopContainer(root, "c"), {
    name: "UsageError",
    message: `annotation ${STOP_SIGNAL}: unknown signal "SIGFOO"`,
    hint: "name another signal with --signal",
  });
  await t.rejects(stopContainer(root, "c", { signal: "nosuch" }), { message: 'unknown signal "nosuch"' });
  t.ok(startTimeOf(pid), "it still runs");
  await stopContainer(root, "c", { signal: "KILL" });
  await ended;
});

t.test("stopContainer(): a container that is being created", async (t) => {
  const root = t.testdir();
  onRecord(root, "other", process.pid);
  const record = { ...load(root, "other").record, id: "half" };
  const locked = reserve(root, record, "{}");
  await t.rejects(stopContainer(root, "half"), {
    code: "busy",
    message: "cannot stop container half: it is being created",
  });
  locked.release();
  await stopContainer(root, "half"); // its creator has died: there is nothing to stop
});
