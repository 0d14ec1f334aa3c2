/** An ordinary user's container in cgroups that root has delegated to him: v1 folders that are his. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { messageOf } from "./support/host.ts";
import { cgroupsOfProcess, namesIn, textOf, until } from "./support/outside.ts";
import { give, openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true, cgroupV1: true });
const { host } = user;

/** A cgroup of the user's in every hierarchy. */
const MINE = namesIn("/sys/fs/cgroup")
  .map((name) => join("/sys/fs/cgroup", name, `${host.tag}-user`))
  .filter((dir) => textOf(join(dir, "../cgroup.procs")) !== undefined);

for (const dir of MINE) {
  mkdirSync(dir);
  // Without a cpu and a memory node no process can enter.
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const above = textOf(join(dir, "..", file));
    if (above !== undefined) writeFileSync(join(dir, file), above);
  }
  give(dir, USER.uid, USER.gid);
}

/** Enters them as root, then becomes the user. */
const inside = [
  "sh",
  "-c",
  `for dir in ${MINE.join(" ")}; do echo 0 > $dir/cgroup.procs || exit 99; done
   exec setpriv --reuid ${USER.uid} --regid ${USER.gid} --clear-groups "$@"`,
  "sh",
];
const delegated = { through: inside, env: user.env(), bare: true };

const call = (...args: string[]) => host.call(args, delegated);
const must = (...args: string[]) => host.must(args, delegated);

t.test("a container gets cgroups below his own, with its limits", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000"];
    config.linux.resources = {
      memory: { limit: 64 << 20 },
      pids: { limit: 20 },
      devices: [{ allow: false, access: "rwm" }],
    };
  });
  const id = host.id();
  await must("create", "--bundle", bundle.dir, id);
  const { pid } = JSON.parse((await must("state", id)).stdout) as { pid: number };
  const memory = cgroupsOfProcess(pid).get("memory") ?? "";
  t.equal(memory, `/sys/fs/cgroup/memory/${host.tag}-user/${id}`);
  t.equal(readFileSync(join(memory, "memory.limit_in_bytes"), "utf8").trim(), String(64 << 20));
  const pids = cgroupsOfProcess(pid).get("pids") ?? "";
  t.equal(readFileSync(join(pids, "pids.max"), "utf8").trim(), "20");

  await must("start", id);
  await must("exec", "-d", id, "/bin/probe", "sleep", "1000");
  t.equal((JSON.parse((await must("ps", "-f", "json", id)).stdout) as number[]).length, 2);

  await must("pause", id);
  t.match((await must("state", id)).stdout, '"paused"');
  await must("resume", id);
  await must("update", "--pids-limit", "33", id);
  t.equal(readFileSync(join(pids, "pids.max"), "utf8").trim(), "33");

  await must("kill", "--all", id, "KILL");
  await must("delete", "--force", id);
  for (const dir of MINE) {
    t.same(
      readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory()),
      [],
      `${dir} has none below it`,
    );
  }
});

t.test("exec is in the container's cgroups", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000"];
  });
  const id = host.id();
  await must("create", "--bundle", bundle.dir, id);
  await must("start", id);
  const seen = (await must("exec", id, "/bin/sh", "-c", "cat /proc/self/cgroup")).stdout;
  t.match(seen, `:pids:/${host.tag}-user/${id}\n`);
  await must("delete", "--force", id);
});

t.test("a limit on what is not delegated names it", async (t) => {
  const memory = MINE.find((dir) => dir.includes("/memory/")) ?? "";
  give(memory, 0, 0);
  const bundle = user.bundle((config) => {
    config.linux.resources = { memory: { limit: 64 << 20 } };
  });
  const outcome = await call("run", "--bundle", bundle.dir, host.id());
  give(memory, USER.uid, USER.gid);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /cannot set memory limit: container could not join or create cgroup/);
});

t.test("root takes his cgroups back", async (t) => {
  for (const dir of MINE) {
    // What has ended is in its cgroup until somebody reaps it.
    await until(`${dir} is empty`, () => {
      try {
        rmdirSync(dir);
        return true;
      } catch {
        return false;
      }
    });
    t.notOk(existsSync(dir));
  }
});

await user.end();
