/** checkpoint and restore: a container goes on where it was. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { checkpointed, counter, counting, restored, SLOW } from "./support/checkpoint.ts";
import { listen } from "./support/console.ts";
import { intended, messageOf, openHost } from "./support/host.ts";
import { CGROUP_V2, cgroupsOfProcess, until } from "./support/outside.ts";

const host = openHost({ criu: true });
const kind = await host.kind();
t.setTimeout(900_000);

t.test("a container is gone, and goes on where it was", async (t) => {
  const program = counter(host, "goes-on", ({ linux, hostname }) => {
    linux.resources["pids"] = { limit: 55 };
    t.ok(hostname);
  });
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-goes-on");
  t.match(messageOf(await host.call(["state", id])), /container does not exist/, "it is gone");
  const before = program.count();
  t.ok(before > 0, `it had counted to ${before}`);
  const pidFile = join(host.dir, "pid");
  await restored(host, program, image, ["--pid-file", pidFile], id);
  const after = await program.counts();
  t.ok(after > before && after < before + 100, `it counted on from ${before}: ${after}`);
  const { status, pid, bundle } = await host.state(id);
  t.same([status, String(pid), bundle], ["running", readFileSync(pidFile, "utf8"), program.bundle.dir]);
  const cgroups = cgroupsOfProcess(pid);
  const folder = cgroups.get(CGROUP_V2 ? "unified" : "pids") ?? "";
  t.equal(readFileSync(join(folder, "pids.max"), "utf8").trim(), "55", "with its limit");
  t.equal((await host.call(["exec", id, "/bin/probe", "exit", "7"])).code, 7, "it can be entered");
  t.same(JSON.parse((await host.must(["ps", "--format", "json", id])).stdout), [pid], "ps");
  t.match(JSON.parse((await host.must(["events", "--stats", id])).stdout), { type: "stats", id }, "events");
  await host.must(["pause", id]);
  t.equal((await host.state(id)).status, "paused");
  await host.must(["resume", id]);
  const second = await checkpointed(host, id, "cp-goes-on-2");
  await restored(host, program, second, [], id);
  t.ok((await program.counts()) > after, "and again");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
});

t.test("a container that stays can be copied to another id", async (t) => {
  const program = counter(host, "copy");
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-copy", "--leave-running");
  await program.counts();
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
  const other = await restored(host, program, image);
  await program.counts();
  const { pid } = await host.state(other);
  const cgroups = [...cgroupsOfProcess(pid).values()].filter((path) => path !== "/");
  const where = (owner: string): boolean =>
    cgroups.some((path) => path.endsWith(`/${owner}`) || path.endsWith(`-${owner}.scope`));
  const own = intended(kind, {
    runc: [false, true],
    tsrun: [true, false],
    why: "runc's criu makes the first container's cgroups anew, which nobody removes",
  });
  t.same([where(other), where(id)], own, "in cgroups of its own");
  await host.delete(other);
});

t.test("memory in two steps", async (t) => {
  const program = counter(host, "steps");
  const id = await counting(host, program);
  await checkpointed(host, id, "cp-steps/first", "--pre-dump");
  await program.counts();
  t.notOk(existsSync(join(host.dir, "cp-steps/first/descriptors.json")), "memory only");
  const image = await checkpointed(host, id, "cp-steps/last", "--parent-path", "../first");
  t.ok(existsSync(join(image, "parent")));
  const before = program.count();
  await host.must(
    ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, "--auto-dedup", id],
    SLOW,
  );
  t.ok((await program.counts()) > before);
  await host.delete(id);
});

t.test("the log goes to the work folder", async (t) => {
  const program = counter(host, "log");
  const id = await counting(host, program);
  const work = join(host.dir, "work-log");
  const image = await checkpointed(host, id, "cp-log", "--work-path", work);
  t.ok(existsSync(join(work, "dump.log")), "dump.log");
  t.notOk(existsSync(join(image, "dump.log")), "not to the image");
  await restored(host, program, image, ["--work-path", work], id);
  t.ok(existsSync(join(work, "restore.log")), "restore.log");
  await host.delete(id);
});

t.test("each way with cgroups", async (t) => {
  for (const mode of ["soft", "full", "strict", "ignore"]) {
    const program = counter(host, mode);
    const id = await counting(host, program);
    const image = await checkpointed(host, id, `cp-${mode}`, "--manage-cgroups-mode", mode);
    const how = ["--manage-cgroups-mode", mode];
    const args = ["restore", "-d", "-b", program.bundle.dir, "--image-path", image, ...how, id];
    const { code, stderr } = await host.call(args, SLOW);
    t.equal(code, 0, `${mode} ${stderr}`);
    if (code === 0) await program.counts();
    await host.delete(id);
  }
});

t.test("a paused container is checkpointed, too", async (t) => {
  const program = counter(host, "paused");
  const id = await counting(host, program);
  await host.must(["pause", id]);
  const image = await checkpointed(host, id, "cp-paused");
  const before = program.count();
  await restored(host, program, image, [], id);
  t.ok((await program.counts()) > before);
  await host.delete(id);
});

t.test("a terminal comes to the console socket", async (t) => {
  const program = counter(host, "terminal", (config) => {
    config.process.terminal = true;
    config.process.args = ["/bin/probe", "cat", "/dev/stdin"];
  });
  const first = await listen(host, t, "console-1");
  const id = await host.running(program.bundle, ["--console-socket", first.socket]);
  first.type("before\n");
  await until("an echo", () => first.text().includes("before"));
  const image = await checkpointed(host, id, "cp-terminal");
  const second = await listen(host, t, "console-2");
  await restored(host, program, image, ["--console-socket", second.socket], id);
  second.type("after\n");
  await until("an echo", () => second.text().includes("after"));
  t.pass("what is typed there is heard");
  await host.delete(id);
});

t.test("in the foreground its exit code is restore's", async (t) => {
  const program = counter(host, "foreground");
  const id = await counting(host, program);
  const image = await checkpointed(host, id, "cp-foreground");
  const args = ["restore", "--bundle", program.bundle.dir, "--image-path", image, id];
  const running = host.start(args, SLOW);
  await until("it counts", () => program.counts(), 60_000);
  await host.must(["kill", id, "KILL"]);
  t.equal((await running.ended).code, 137);
  t.match(messageOf(await host.call(["state", id])), /container does not exist/, "and it is gone");
});

host.end();
