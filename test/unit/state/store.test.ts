import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Record } from "../../../src/state/record.ts";
import { makeRoot } from "../../../src/state/root.ts";
import { isAlive, startTimeOf, statusOf } from "../../../src/state/status.ts";
import {
  alreadyExists,
  isLocked,
  listIds,
  load,
  loadRecordIfWhole,
  lock,
  notFound,
  removeUnfinished,
  reserve,
  startSocket,
} from "../../../src/state/store.ts";
import { Socket } from "../../../src/sys/socket.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const record = (id: string): Record => ({
  version: 1,
  ociVersion: "1.3.0",
  id,
  bundle: "/b",
  rootfs: "/b/rootfs",
  created: "",
  annotations: {},
  cgroups: {},
  newCgroups: [],
  noNewKeyring: false,
  ownPidNamespace: true,
  afterStart: { from: 0, steps: [] },
  poststart: [],
  poststop: [],
});

const SELF = { pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
const GONE = { pid: process.pid, startTime: "1" };

t.test("a container's folder from reservation to removal", async (t) => {
  const root = join(t.testdir(), "deep/root");
  makeRoot(root);
  makeRoot(root);
  t.equal(statSync(root).mode & 0o777, 0o700);
  const locked = reserve(root, record("c1"), "{}");
  t.strictSame([readdirSync(root), readdirSync(locked.dir).sort()], [["c1"], ["config.json", "state.json"]]);
  t.equal(statSync(join(locked.dir, "state.json")).mode & 0o777, 0o600);
  t.match(load(root, "c1"), { process: undefined, complete: false, record: { id: "c1" } });
  t.ok(isLocked(locked.dir));
  t.equal(statusOf(load(root, "c1")), "creating", "somebody makes it");
  t.equal(statusOf(load(root, "c1"), true), "stopped", "we hold the lock, so nobody does");
  locked.saveInit(SELF);
  t.match(load(root, "c1"), { process: SELF, complete: false });
  locked.saveCreated();
  t.match(load(root, "c1"), { process: SELF, complete: true });
  const socket = Socket.listen(startSocket(locked.dir));
  t.equal(statusOf(load(root, "c1")), "created");
  socket.close();
  t.equal(statusOf(load(root, "c1")), "running", "nobody listens any more");
  locked.saveStarted();
  locked.saveStarted();
  t.notOk(existsSync(startSocket(locked.dir)));
  locked.remove();
  t.strictSame(readdirSync(root), []);
  t.throws(() => load(root, "c1"), notFound("c1"));
});

t.test("an id is taken once", async (t) => {
  const root = t.testdir();
  const locked = reserve(root, record("c1"), "{}");
  t.throws(() => reserve(root, record("c1"), "{}"), alreadyExists("c1"));
  t.match(alreadyExists("c1"), { code: "exists", message: "container with given ID already exists: c1" });
  t.strictSame(readdirSync(root), ["c1"], "the second try left nothing");
  locked.remove();
  t.throws(() => reserve(join(root, "no"), record("c1"), "{}"), { code: "ENOENT", syscall: "mkdir" });
});

t.test("lock(): one at a time, and not for ever", async (t) => {
  const root = t.testdir();
  t.throws(() => lock(root, "c1"), { code: "not-found", message: "container does not exist: c1" });
  t.throws(() => lock(root, "../c1"), { code: "id-invalid" });
  const first = reserve(root, record("c1"), "{}");
  const before = Date.now();
  t.throws(() => lock(root, "c1", 50), { code: "busy", message: "container c1 is in use by another tsrun" });
  t.ok(Date.now() - before >= 50);
  first.release();
  t.notOk(isLocked(first.dir));
  const second = lock(root, "c1", 0);
  t.ok(isLocked(second.dir));
  second.remove();
  t.notOk(isLocked(second.dir), "gone");
});

t.test("listIds() and what a create that died leaves", async (t) => {
  const root = t.testdir({
    b: {},
    a: {},
    file: "x",
    "~a~1~2": { "state.json": "{}", other: "x" },
    "~ab~1~2": {},
  });
  t.strictSame(listIds(root), ["a", "b"]);
  t.strictSame(listIds(join(root, "no")), []);
  removeUnfinished(root, "a");
  removeUnfinished(join(root, "no"), "a");
  t.strictSame(readdirSync(root).sort(), ["a", "b", "file", "~ab~1~2"], "only a's");
});

t.test("damaged folders", async (t) => {
  const root = t.testdir({ empty: {}, torn: { "state.json": '{"version":1' } });
  t.throws(() => load(root, "empty"), {
    code: "damaged",
    message: "container empty: its state is damaged: state.json is missing",
  });
  t.throws(() => load(root, "torn"), {
    code: "damaged",
    message: "container torn: its state is damaged: state.json is no JSON",
  });
  const locked = reserve(root, record("c1"), "{}");
  writeFileSync(join(locked.dir, "process.json"), "");
  t.throws(() => load(root, "c1"), { code: "damaged", message: /process\.json/ });
  t.equal(loadRecordIfWhole(locked.dir, "c1")?.id, "c1", "the record of what it is was whole");
  t.equal(loadRecordIfWhole(join(root, "torn"), "torn"), undefined);
  t.equal(loadRecordIfWhole(join(root, "empty"), "empty"), undefined);
  writeFileSync(join(locked.dir, "foreign"), "");
  locked.remove();
  t.notOk(existsSync(locked.dir), "foreign files go as well");
});

t.test("a container stays whole until its name is gone", async (t) => {
  const root = t.testdir();
  const locked = reserve(root, record("c1"), "{}");
  mkdirSync(join(locked.dir, "folder"));
  t.throws(() => locked.remove(), { code: "EISDIR" }, "what cannot be removed is told of");
  t.strictSame(listIds(root), []);
  t.match(readdirSync(root), [/^~c1~/]);
});

t.test("isAlive() knows a process from a later one of its pid", async (t) => {
  t.ok(isAlive(SELF));
  t.notOk(isAlive(GONE));
  t.equal(SELF.startTime, readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ")[19]);
  t.equal(startTimeOf(0x7ffffffe), undefined);
  // The name stands in parentheses before the fields that are counted.
  const program = join(t.testdir(), ") S (");
  copyFileSync("/bin/sleep", program);
  const child = spawn(program, ["100"]);
  t.type(startTimeOf(child.pid ?? -1), "string");
  const ended = new Promise((resolve) => child.on("exit", resolve));
  child.kill("SIGKILL");
  await ended;
  t.equal(startTimeOf(child.pid ?? -1), undefined);
});
