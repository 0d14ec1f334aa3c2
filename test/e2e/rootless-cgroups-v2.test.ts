/** An ordinary user's container on cgroup v2, in a cgroup that root has delegated to him as the kernel's documentation says. */
import { chownSync, existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type CallOptions, messageOf } from "./support/host.ts";
import { cgroupsOf, hasEnded, namesIn, textOf, until } from "./support/outside.ts";
import { openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true, cgroupV2: true, cgroupfs: true, only: "tsrun" });
const { host } = user;
const TOP = "/sys/fs/cgroup";
const MIB = 1 << 20;

/** His, with a cgroup below it that his shell is in. */
const MINE = join(TOP, `${host.tag}-user`);
const SHELL = join(MINE, "shell");

/** Makes a cgroup his: the folder and the files that the kernel names for it. */
function delegate(folder: string, uid: number, gid: number): void {
  chownSync(folder, uid, gid);
  for (const file of (textOf("/sys/kernel/cgroup/delegate") ?? "").trim().split("\n")) {
    if (existsSync(join(folder, file))) chownSync(join(folder, file), uid, gid);
  }
}

mkdirSync(SHELL, { recursive: true });
for (const folder of [MINE, SHELL]) delegate(folder, USER.uid, USER.gid);

/** Calls as he, from the given cgroup. */
const from = (folder: string): CallOptions => ({
  through: [
    ...["sh", "-c", 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"', "sh", folder],
    ...["setpriv", "--reuid", String(USER.uid), "--regid", String(USER.gid), "--clear-groups"],
  ],
  env: user.env(),
  bare: true,
});
const delegated = from(SHELL);

const call = (...args: string[]) => host.call(args, delegated);
const must = (...args: string[]) => host.must(args, delegated);

t.test("a container beside his shell, with its limits, through its whole life", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000"];
    config.linux.resources = {
      memory: { limit: 64 * MIB, swap: 64 * MIB, reservation: 16 * MIB },
      pids: { limit: 20 },
      cpu: { shares: 512, quota: 50_000, period: 100_000 },
      unified: { "memory.high": `${48 * MIB}` },
    };
  });
  const id = host.id();
  await must("create", "--bundle", bundle.dir, id);
  const { pid } = JSON.parse((await must("state", id)).stdout) as { pid: number };
  const own = join(MINE, id);
  t.match(textOf(`/proc/${pid}/cgroup`), `0::/${host.tag}-user/${id}\n`);
  const read = (file: string): string | undefined => textOf(join(own, file))?.trim();
  t.equal(read("memory.max"), String(64 * MIB));
  t.equal(read("memory.swap.max"), "0");
  t.equal(read("memory.low"), String(16 * MIB));
  t.equal(read("memory.high"), String(48 * MIB));
  t.equal(read("pids.max"), "20");
  t.equal(read("cpu.weight"), "20");
  t.equal(read("cpu.max"), "50000 100000");

  await must("start", id);
  await must("exec", "-d", id, "/bin/probe", "sleep", "1000");
  t.equal((JSON.parse((await must("ps", "-f", "json", id)).stdout) as number[]).length, 2);
  t.match((await must("events", "--stats", id)).stdout, `"limit":${64 * MIB}`);
  await must("pause", id);
  t.match((await must("state", id)).stdout, '"paused"');
  t.equal(read("cgroup.freeze"), "1");
  await must("resume", id);
  await must("update", "--pids-limit", "33", "--memory", "80M", "--memory-swap", "80M", id);
  t.equal(read("pids.max"), "33");
  t.equal(read("memory.max"), String(80 * MIB));
  const refused = await call("update", "--pids-limit", "34", "--memory", "90M", "--memory-swap", "50M", id);
  t.equal(refused.code, 1);
  t.equal(read("pids.max"), "33", "all or nothing");
  await must("pause", id);
  await must("delete", "--force", id);
  t.ok(hasEnded(pid), "also while it is paused");
  t.same(cgroupsOf(id), []);
});

t.test("a limit that bites is named", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "eat", String(64 * MIB)];
    config.linux.resources = { memory: { limit: 16 * MIB, swap: 16 * MIB } };
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  t.equal(outcome.code, 137);
  t.match(outcome.stderr, `killed by the memory limit of ${16 * MIB} bytes`);
});

t.test("a cgroupsPath below what is his; none elsewhere", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/sh", "-c", "cat /proc/self/cgroup"];
    config.linux.cgroupsPath = `/${host.tag}-user/deep/own`;
    config.linux.resources = { pids: { limit: 20 } };
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  t.equal(outcome.stdout, `0::/${host.tag}-user/deep/own\n`, outcome.stderr);
  t.notOk(existsSync(join(MINE, "deep")), "what was made above goes too");
  bundle.config.linux.cgroupsPath = `/${host.tag}-elsewhere`;
  bundle.save();
  const refused = await call("run", "--bundle", bundle.dir, host.id());
  t.equal(refused.code, 1);
  t.match(
    messageOf(refused),
    /cannot make cgroup \/sys\/fs\/cgroup\/\S+-elsewhere \(cgroup v2\): \S+ cannot be written.*\(config\.json#\/linux\/cgroupsPath\)/,
  );
});

t.test(
  "where nothing is delegated: without a limit it runs in his cgroup, with one it is refused",
  async (t) => {
    const folder = join(TOP, `${host.tag}-plain`);
    mkdirSync(folder);
    const plain = from(folder);
    const bundle = user.bundle((config) => {
      config.process.args = ["/bin/sh", "-c", "cat /proc/self/cgroup"];
    });
    const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], plain);
    t.equal(outcome.stdout, `0::/${host.tag}-plain\n`, outcome.stderr);
    bundle.config.linux.resources = { memory: { limit: 64 * MIB } };
    bundle.save();
    const refused = await host.call(["run", "--bundle", bundle.dir, host.id()], plain);
    t.equal(refused.code, 1);
    t.match(
      messageOf(refused),
      /cannot set memory limit: container could not join or create cgroup.*delegated/,
    );
    rmdirSync(folder);
  },
);

t.test("a controller that is not delegated is named, with who keeps it", async (t) => {
  // Only the folder and cgroup.procs are his: he may make cgroups, and hand no controllers down.
  const folder = join(TOP, `${host.tag}-half`);
  mkdirSync(join(folder, "shell"), { recursive: true });
  for (const path of ["", "cgroup.procs", "shell", "shell/cgroup.procs"])
    chownSync(join(folder, path), USER.uid, USER.gid);
  const bundle = user.bundle((config) => {
    config.linux.resources = { memory: { limit: 64 * MIB } };
  });
  const outcome = await host.call(["run", "--bundle", bundle.dir, host.id()], from(join(folder, "shell")));
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /set memory\.max .*\(config\.json#\/linux\/resources\/memory\/limit\); hint: \S+-half\/cgroup\.subtree_control may not be written \(EACCES\): have memory delegated to this user/,
  );
  t.same(
    namesIn(folder).filter((name) => existsSync(join(folder, name, "cgroup.procs"))),
    ["shell"],
    "nothing is left",
  );
  rmdirSync(join(folder, "shell"));
  rmdirSync(folder);
});

t.test("cgroups that a container's own root makes are removed with it", async (t) => {
  const bundle = user.bundle((config) => {
    config.linux.namespaces.push({ type: "cgroup" });
    const options = ["nosuid", "noexec", "nodev", "rw"];
    config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
    config.process.args = [
      ...["/bin/sh", "-c"],
      "cd /sys/fs/cgroup && mkdir init && echo 0 > init/cgroup.procs && echo +pids > cgroup.subtree_control; exec sleep 1000",
    ];
  });
  const id = host.id();
  await must("create", "--bundle", bundle.dir, id);
  await must("start", id);
  const handed = join(MINE, id, "cgroup.subtree_control");
  await until("it hands the controller down", () => textOf(handed)?.trim() === "pids");
  t.equal((await call("exec", id, "/bin/sh", "-c", "cat /proc/self/cgroup")).stdout, "0::/init\n");
  await must("delete", "--force", id);
  t.same(cgroupsOf(id), []);
});

t.test("root takes his cgroup back", async (t) => {
  writeFileSync(join(MINE, "cgroup.kill"), "1");
  for (const folder of [SHELL, MINE]) {
    await until(`${folder} is empty`, () => {
      try {
        rmdirSync(folder);
        return true;
      } catch {
        return false;
      }
    });
  }
  t.notOk(existsSync(MINE));
});

await user.end();
