/** Memory that moves when it is used: a page server at the checkpoint, criu's lazy-pages daemon at the restore. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { counter, counting, SLOW } from "./support/checkpoint.ts";
import { intended, messageOf, openHost } from "./support/host.ts";
import { cgroupsOf, namesIn, textOf, until } from "./support/outside.ts";

const host = openHost({ criu: true });
const kind = await host.kind();
t.setTimeout(900_000);

const PORT = String(20_000 + (process.pid % 10_000));
const PAGE_SERVER = ["--page-server", `127.0.0.1:${PORT}`];

/** criu's daemon, which fetches pages for processes that miss them. */
function daemon(t: Test, image: string): { readonly ended: Promise<number | null> } {
  const where = ["--address", "127.0.0.1", "--port", PORT, "-D", image, "-W", image];
  const words = ["lazy-pages", "--page-server", ...where, "-vvvv", "-o", "lazy.log"];
  const child: ChildProcess = spawn("criu", words, { stdio: "ignore" });
  t.teardown(() => void child.kill("SIGKILL"));
  return { ended: new Promise((settle) => child.on("exit", settle)) };
}

/** The sum of what the lines of a log say at the only group of a pattern. */
function sum(log: string, pattern: RegExp): number {
  return [...log.matchAll(pattern)].reduce((total, [, number]) => total + Number(number), 0);
}

t.test("a container goes on before its memory is there", async (t) => {
  const program = counter(host, "lazy");
  const first = await counting(host, program);
  const image = join(host.dir, "cp-lazy");
  const ready = join(host.dir, "ready");
  const statusFd = openSync(ready, "w");
  const checkpoint = host.start(
    ["checkpoint", "--image-path", image, "--lazy-pages", ...PAGE_SERVER, "--status-fd", "3", first],
    { ...SLOW, fds: [statusFd] },
  );
  closeSync(statusFd);
  await until("criu waits for who fetches the memory", () => statSync(ready).size > 0, 60_000);
  t.same([...readFileSync(ready)], [0], "--status-fd is told so with one NUL");
  const before = program.count();
  const pages = daemon(t, image);
  await until("the daemon listens", () => existsSync(join(image, "lazy-pages.socket")), 60_000);
  const second = host.id();
  const { dir } = program.bundle;
  await host.must(["restore", "-d", "--lazy-pages", "-b", dir, "--image-path", image, second], SLOW);
  const after = await program.counts();
  t.ok(after > before && after < before + 100, `it counted on from ${before}: ${after}`);
  t.equal((await checkpoint.ended).code, 0, "the checkpoint ends when the memory has been fetched");
  t.equal(await pages.ended, 0, "and so does the daemon");
  const left = sum(textOf(join(image, "restore.log")) ?? "", /nr_lazy:\s+(\d+)/g);
  const fetched = sum(textOf(join(image, "lazy.log")) ?? "", /UFFD transferred pages: \((\d+)\/\d+\)/g);
  t.ok(left > 0, `restore left ${left} pages out`);
  t.equal(fetched, left, "all of these came through the page server");
  t.match(
    textOf(join(image, "dump.log")),
    /Accepted connection from 127\.0\.0\.1.*Lazy pages transfer finished/s,
  );
  t.match(messageOf(await host.call(["state", first])), /container does not exist/, "the first one is gone");
  await program.counts();
  await host.delete(second);
  // The first container's, which runc's criu has put the second into.
  if (kind === "runc") for (const folder of cgroupsOf(first)) rmdirSync(folder);
});

t.test("without a daemon the restore is refused", async (t) => {
  const program = counter(host, "alone");
  const id = await counting(host, program);
  const image = join(host.dir, "cp-alone");
  await host.must(["checkpoint", "--image-path", image, id], SLOW);
  const args = ["restore", "-d", "--lazy-pages", "-b", program.bundle.dir, "--image-path", image, id];
  const outcome = await host.call(args, SLOW);
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    intended(kind, {
      runc: /criu failed: type/,
      tsrun: /hint: lazy pages need userfaultfd and a running criu lazy-pages/,
      why: "runc gives no line of criu's log",
    }),
  );
  t.notOk(namesIn(host.stateRoot).includes(id), "nothing is left");
});

t.test("a descriptor that cannot be written to", async (t) => {
  const program = counter(host, "fd");
  const id = await counting(host, program);
  const image = join(host.dir, "cp-fd");
  const fd = openSync("/dev/null", "r");
  const args = ["checkpoint", "--image-path", image, "--lazy-pages", ...PAGE_SERVER, "--status-fd"];
  t.match(
    messageOf(await host.call([...args, "3", id], { ...SLOW, fds: [fd] })),
    /invalid --status-fd argument 3: not writable/,
  );
  t.match(
    messageOf(await host.call([...args, "77", id], SLOW)),
    /invalid --status-fd argument 77: bad file descriptor/,
  );
  closeSync(fd);
  await program.counts();
  await host.delete(id);
});

await host.end();
