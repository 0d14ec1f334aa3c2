import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import t from "tap";
import { onAbort } from "../../../src/sys/abort.ts";
import { cstring } from "../../../src/sys/bytes.ts";
import { lib } from "../../../src/sys/lib.ts";
import { readable } from "../../../src/sys/loop.ts";
import { Pidfd } from "../../../src/sys/process.ts";
import { changesOf, eventfd } from "../../../src/sys/watch.ts";
import { noLibrary } from "../native.ts";

const skip = noLibrary;
/** Makes an eventfd readable. */
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** A program that ends when it is told to. */
function child(): { readonly first: Pidfd; end(): void } {
  const cat = spawn("/bin/cat", { stdio: ["pipe", "ignore", "ignore"] });
  const first = Pidfd.of(cat.pid ?? -1);
  if (first === undefined) throw new Error("the child is a process");
  return { first, end: () => void cat.stdin.end() };
}

t.test("the time passes, and the loop goes round meanwhile", { skip }, async (t) => {
  const quiet = eventfd();
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const before = Date.now();
  t.same(await readable(t.testdir(), [quiet.fd], 50), []);
  t.ok(Date.now() - before >= 49);
  t.ok(turns > 5, `${turns} turns`);
  clearInterval(timer);
  quiet.close();
});

t.test("what is ready, of several; a process when it has ended", { skip }, async (t) => {
  const folder = t.testdir();
  const [quiet, counter] = [eventfd(), eventfd()];
  const { first, end } = child();
  const both = readable(folder, [quiet.fd, counter.fd, first.fd], 10_000);
  lib().ts_write(counter.fd, ONE, ONE.length);
  t.same(await both, [counter.fd]);
  t.same(await readable(folder, [counter.fd], 10_000), [counter.fd], "it still is");
  const ended = readable(folder, [quiet.fd, first.fd], Number.POSITIVE_INFINITY);
  end();
  t.same(await ended, [first.fd]);
  t.same(readdirSync(folder), [], "no name is left");
  for (const handle of [quiet, counter, first]) handle.close();
});

t.test("several waits for one descriptor", { skip }, async (t) => {
  const folder = t.testdir();
  const counter = eventfd();
  const waits = [10_000, 10_000, 5].map((timeout) => readable(folder, [counter.fd], timeout));
  t.same(await waits[2], [], "the one that gives up takes none of the others along");
  lib().ts_write(counter.fd, ONE, ONE.length);
  t.same(await Promise.all(waits), [[counter.fd], [counter.fd], []]);
  counter.close();
});

t.test("an abort ends a wait", { skip }, async (t) => {
  const quiet = eventfd();
  const controller = new AbortController();
  const wait = readable(t.testdir(), [quiet.fd], Number.POSITIVE_INFINITY, controller.signal);
  controller.abort();
  t.same(await wait, []);
  t.same(await readable(t.testdir(), [quiet.fd], 10_000, controller.signal), [], "one from before, too");
  quiet.close();
});

t.test("what cannot be waited for", { skip }, async (t) => {
  await t.rejects(readable(t.testdir(), [1 << 20], 10), { syscall: "epoll_ctl", code: "EBADF" });
  const folder = t.testdir({ file: "" });
  const fd = lib().ts_open(cstring(`${folder}/file`), 0, 0);
  await t.rejects(readable(folder, [fd], 10), { syscall: "epoll_ctl", code: "EPERM" });
  lib().ts_close(fd);
  t.equal(changesOf(`${folder}/none`), undefined);
});

t.test("an abort is heard of by all, once, unless they have taken it back", async (t) => {
  const controller = new AbortController();
  const heard: string[] = [];
  const forget = onAbort(controller.signal, () => heard.push("forgotten"));
  for (const name of ["a", "b"]) onAbort(controller.signal, () => heard.push(name));
  onAbort(undefined, () => heard.push("nobody's"));
  forget();
  t.same(heard, []);
  controller.abort();
  t.same(heard, ["a", "b"]);
  onAbort(controller.signal, () => heard.push("late"));
  t.same(heard, ["a", "b", "late"]);
});
