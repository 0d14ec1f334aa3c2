/** `exec` and cgroups on cgroup v2: below the container's own, and in a container that manages cgroups itself. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import t, { type Test } from "tap";
import { folderOf, setFrozen } from "./support/cgroup-files.ts";
import type { Config } from "./support/config.ts";
import { entered, execProbe, stillRuns } from "./support/exec.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf, hasEnded, namesIn, textOf, until } from "./support/outside.ts";

const host = openHost({ cgroupV2: true, busybox: true });
const id = await entered(host);
const own = await folderOf(host, id, "");

/** The cgroup of a process that `exec` has run with these options. */
async function cgroupAfter(t: Test, container: string, ...extra: string[]): Promise<string> {
  const file = join(host.dir, "exec.pid");
  const command = ["/bin/probe", "sleep", "600"];
  const outcome = await host.call(["exec", "-d", "--pid-file", file, ...extra, container, ...command]);
  t.equal(outcome.code, 0, outcome.stderr);
  const pid = Number(readFileSync(file, "utf8"));
  const found = /^0::(.*)$/m.exec(textOf(`/proc/${pid}/cgroup`) ?? "")?.[1] ?? "";
  process.kill(pid, "SIGKILL");
  await until("the process has gone", () => hasEnded(pid));
  return join("/sys/fs/cgroup", found);
}

t.test("the container's own, and below it", async (t) => {
  t.equal(await cgroupAfter(t, id), own);
  mkdirSync(join(own, "a/b"), { recursive: true });
  t.equal(await cgroupAfter(t, id, "--cgroup", "a/b"), join(own, "a/b"));
  t.equal(await cgroupAfter(t, id, "--cgroup", "/"), own);
});

t.test("no path leads out, and none is made", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const sibling = `${own}-x`;
  mkdirSync(sibling);
  for (const path of [
    "..",
    `../${basename(own)}-x`,
    `a/../../${basename(own)}-x`,
    "/a",
    "a//b",
    "./a",
    "a/",
  ]) {
    const outcome = await execProbe(host, id, ["--cgroup", path], "true");
    t.equal(outcome.code, 255, path);
    t.match(messageOf(outcome), "is not a sub cgroup path", path);
  }
  const missing = await execProbe(host, id, ["--cgroup", "nosuch"], "true");
  t.equal(missing.code, 255);
  t.match(missing.stderr, /nosuch.*no such file or directory/);
  t.notOk(existsSync(join(own, "nosuch")));
  const named = await execProbe(host, id, ["--cgroup", "memory:a"], "true");
  t.equal(named.code, 255);
  t.match(messageOf(named), "unknown controller memory in SubCgroupPaths");
  rmdirSync(sibling);
});

t.test("a cgroup below that hands controllers down", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  mkdirSync(join(own, "handing/leaf"), { recursive: true });
  // The container's own has processes: only what counts threads could be handed down there.
  const outcome = await execProbe(host, id, ["--cgroup", "handing/leaf"], "exit", "4");
  t.equal(outcome.code, 4);
});

t.test("a paused container", async (t) => {
  setFrozen(own, true);
  await host.reaches(id, "paused");
  const refused = await execProbe(host, id, [], "true");
  t.equal(refused.code, 255);
  t.match(messageOf(refused), "cannot exec in a paused container (use --ignore-paused to override)");
  const waiting = host.start(["exec", "--ignore-paused", id, "/bin/probe", "exit", "17"]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(waiting.stdout(), "");
  setFrozen(own, false);
  t.equal((await waiting.ended).code, 17, "it goes on once the container does");
  await stillRuns(host, t, id);
});

/** A container with its part of the hierarchy to write to, whose init moves below and hands controllers down, as systemd does. */
function manager(config: Config): void {
  config.linux.namespaces.push({ type: "cgroup" });
  config.mounts.push({
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "rw"],
  });
  config.linux.resources = { ...config.linux.resources, memory: { limit: 128 << 20 }, pids: { limit: 50 } };
  config.process.args = [
    ...["/bin/sh", "-c"],
    `cd /sys/fs/cgroup && mkdir init job && echo 0 > init/cgroup.procs && echo +memory +pids > cgroup.subtree_control &&
     echo 9 > job/pids.max && echo ready > /tmp/ready; exec sleep 1000`,
  ];
}

for (const users of ["the host's users", "users of its own"] as const) {
  t.test(`a container that manages its own cgroups, with ${users}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return; // runc 1.1 leaves the cgroup to root
    const bundle = host.bundle((config) => {
      manager(config);
      if (users === "the host's users") return;
      config.linux.namespaces.push({ type: "user" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
    });
    const container = await host.running(bundle);
    const first = await until("it has moved below", async () => {
      const folder = await folderOf(host, container, "");
      return textOf(join(folder, "../job/pids.max"))?.trim() === "9" && folder;
    });
    const top = join(first, "..");
    t.equal(textOf(join(top, "cgroup.procs")), "", "the container's own cgroup has no process");
    t.equal(await cgroupAfter(t, container), first, "beside the first process");
    t.equal(await cgroupAfter(t, container, "--cgroup", "job"), join(top, "job"));
    const fork = await execProbe(host, container, ["--cgroup", "job"], "fork", "20");
    t.match(fork.stdout, '"error":"EAGAIN"', "whose limit holds");
    const busy = await execProbe(host, container, ["--cgroup", "/"], "true");
    t.equal(busy.code, 255, "the container's own cgroup takes none");
    t.match(messageOf(busy), /EBUSY.*on cgroup v2 a cgroup that hands controllers down/);

    t.equal((JSON.parse((await host.must(["ps", "-f", "json", container])).stdout) as number[]).length, 1);
    const stats = JSON.parse((await host.must(["events", "--stats", container])).stdout) as {
      data: { memory: { usage: { limit: number } }; pids: { current: number } };
    };
    t.match(stats.data, { memory: { usage: { limit: 128 << 20 } }, pids: { current: 1 } });
    await host.must(["update", "--pids-limit", "40", container]);
    t.equal(textOf(join(top, "pids.max"))?.trim(), "40");
    await host.must(["pause", container]);
    await host.must(["resume", container]);
    const { pid } = await host.state(container);
    await host.must(["delete", "--force", container]);
    t.ok(hasEnded(pid));
    t.notOk(existsSync(top), "all of it is removed");
    t.same(cgroupsOf(container), []);
  });
}

t.test("the container is unharmed, and goes with what was made below it", async (t) => {
  await stillRuns(host, t, id);
  writeFileSync(join(own, "a/cgroup.max.depth"), "1");
  await host.delete(id);
  t.same(namesIn(own), []);
});

await host.end();
