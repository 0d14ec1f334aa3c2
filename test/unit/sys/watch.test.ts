import { execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { Pidfd } from "../../../src/sys/process.ts";
import { changesOf, drain, eventfd, poll, Signals, terminalSize } from "../../../src/sys/watch.ts";
import { noLibrary } from "../native.ts";

const skip = noLibrary;

t.test("nothing to wait for: the time passes", { skip }, async (t) => {
  const before = Date.now();
  t.same(poll([], 30), []);
  t.ok(Date.now() - before >= 25);
  t.same(poll([], 0), []);
});

t.test("a process that ends among descriptors that are quiet", { skip }, async (t) => {
  const quiet = eventfd();
  const child = spawn("/bin/sleep", ["0.05"]);
  const first = Pidfd.of(child.pid ?? -1);
  if (first === undefined) throw new Error("the child is a process");
  t.same(poll([quiet.fd, first.fd], 0), []);
  t.same(poll([quiet.fd, first.fd], 5000), [first.fd]);
  t.equal(drain(quiet.fd), 0, "nothing was counted");
  first.close();
  quiet.close();
});

t.test("a file that changes", { skip }, async (t) => {
  const path = join(t.testdir({ file: "one" }), "file");
  const changes = changesOf(path);
  if (changes === undefined) throw new Error("the file is there");
  t.same(poll([changes.fd], 0), []);
  writeFileSync(path, "two");
  t.same(poll([changes.fd], 1000), [changes.fd]);
  t.ok(drain(changes.fd) > 0);
  t.same(poll([changes.fd], 0), [], "quiet again");
  changes.close();
  t.equal(changesOf(`${path}-is-not-there`), undefined);
});

t.test("signals are taken, not obeyed", { skip }, async (t) => {
  const signals = Signals.catch([12]);
  t.same(signals.take(), []);
  execFileSync("/bin/sh", ["-c", `kill -USR2 ${process.pid}`]);
  t.same(poll([signals.fd], 2000), [signals.fd]);
  t.same(signals.take(), [12]);
  t.throws(() => Signals.catch([12]), { code: "EBUSY" }, "once a process");
});

t.test("a file is no terminal", { skip }, async (t) => {
  const fd = openSync("/dev/null", "r");
  t.equal(terminalSize(fd), undefined);
  closeSync(fd);
});
