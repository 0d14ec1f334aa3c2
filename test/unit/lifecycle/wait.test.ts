import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { awaitContainer, awaitEnd, blockUntilEnd, pause } from "../../../src/lifecycle/wait.ts";
import { saveExit } from "../../../src/state/exit.ts";
import { lock } from "../../../src/state/store.ts";
import { Pidfd } from "../../../src/sys/process.ts";
import { noLibrary } from "../native.ts";
import { onRecord, shell } from "./container.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8").split(".").map(Number);
const old = (major < 6 || (major === 6 && minor < 15)) && "needs Linux 6.15: PIDFD_INFO_EXIT";

t.test("awaitEnd() leaves the thread to others, and gives up in time", async (t) => {
  const { pid, ended } = await shell("exec sleep 100");
  const first = Pidfd.of(pid);
  if (first === undefined) throw new Error("the shell has ended");
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const before = Date.now();
  t.equal(await awaitEnd(first, 60), false);
  t.ok(Date.now() - before >= 59);
  t.ok(turns > 0, "a timer that was due earlier has fired");
  t.equal(await blockUntilEnd(first, 1), false);
  first.signal(9);
  t.equal(await awaitEnd(first), true);
  t.equal(await blockUntilEnd(first, -1), true);
  clearInterval(timer);
  await ended;
  first.close();
});

t.test("awaitContainer(): how a process ended that somebody else has reaped", { skip: old }, async (t) => {
  const root = t.testdir();
  for (const [script, exit] of [
    ["sleep 0.5; exit 7", { code: 7 }],
    ["sleep 0.5; kill -9 $$", { signal: 9 }],
  ] as const) {
    const id = `c-${Object.values(exit)[0]}`;
    const { pid, ended } = await shell(script);
    const dir = onRecord(root, id, pid);
    const waits = [awaitContainer(root, id), awaitContainer(root, id), awaitContainer(root, id)];
    t.strictSame(await Promise.all(waits), [exit, exit, exit], script);
    await ended;
    t.match(JSON.parse(readFileSync(join(dir, "exit.json"), "utf8")), {
      status: "code" in exit ? exit.code << 8 : exit.signal,
      time: /^\d{4}-\d\d-\d\dT/,
    });
    t.strictSame(await awaitContainer(root, id), exit, "and afterwards from what was written down");
  }
});

t.test(
  "awaitContainer(): nothing is written into a container that is locked, or a later one",
  { skip: old },
  async (t) => {
    const root = t.testdir();
    const { pid, ended } = await shell("sleep 0.5; exit 1");
    const dir = onRecord(root, "locked", pid);
    const locked = lock(root, "locked");
    t.strictSame(await awaitContainer(root, "locked"), { code: 1 });
    await ended;
    t.notOk(existsSync(join(dir, "exit.json")));
    locked.release();

    const other = await shell("sleep 0.6; exit 2");
    onRecord(root, "again", other.pid);
    const wait = awaitContainer(root, "again");
    await pause(20);
    lock(root, "again").remove();
    const later = onRecord(root, "again", other.pid, { created: "2026-01-02T00:00:00Z" });
    t.strictSame(await wait, { code: 2 });
    t.notOk(existsSync(join(later, "exit.json")));
  },
);

t.test("awaitContainer(): what nobody knows", async (t) => {
  const root = t.testdir();
  const { pid, ended } = await shell("exit 4");
  await ended;
  const dir = onRecord(root, "gone", pid);
  t.equal(await awaitContainer(root, "gone"), undefined);
  saveExit(dir, { status: 4 << 8, time: "2026-01-01T00:00:00Z" });
  t.strictSame(await awaitContainer(root, "gone"), { code: 4 }, "but for who wrote it down");
  await t.rejects(awaitContainer(root, "nosuch"), { code: "not-found" });
});

t.test("awaitContainer(): a pid that has become another process's is not waited for", async (t) => {
  const root = t.testdir();
  const dir = onRecord(root, "reused", process.pid);
  writeFileSync(join(dir, "process.json"), JSON.stringify({ pid: process.pid, startTime: "1" }));
  t.equal(await awaitContainer(root, "reused"), undefined);
});
