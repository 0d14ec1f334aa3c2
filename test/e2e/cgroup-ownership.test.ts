/**
 * Cgroup v2: whose a container's cgroup is, and a user's own. On a host with the hybrid layout the runtime is shown its unified
 * hierarchy alone, in a mount namespace of its own.
 */
import { existsSync, mkdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { type CallOptions, messageOf, onlyTsrun } from "./support/host.ts";
import { namesIn, textOf, until } from "./support/outside.ts";
import { give, openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true, cgroupfs: true });
const { host } = user;

const NATIVE = existsSync("/sys/fs/cgroup/cgroup.controllers");
const TOP = NATIVE ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";

if (!existsSync(join(TOP, "cgroup.procs"))) {
  await t.test("cgroup v2", { skip: "needs a unified hierarchy" }, async () => undefined);
  await user.end();
  process.exit(0);
}

const VIEW = join(host.dir, "unified");
mkdirSync(VIEW);
// The cover hides the other hierarchies; nothing of the host's is unmounted.
const COVER = NATIVE
  ? ""
  : `mount --bind ${TOP} ${VIEW} && mount -t tmpfs ${host.tag} /sys/fs/cgroup && mount --bind ${VIEW} /sys/fs/cgroup &&`;
const shown = (then: string): string[] => [
  ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
  ...[`${COVER} ${then}`, "sh"],
];

const asRoot: CallOptions = { through: shown('exec "$@"') };

function owned(config: Config, options: string[]): void {
  config.linux.resources = {};
  config.linux.namespaces.push({ type: "user" }, { type: "cgroup" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
  config.linux.cgroupsPath = `/${host.tag}-owned`;
  config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
  config.process.args = ["/bin/sh", "-c", "mkdir /sys/fs/cgroup/mine && echo made"];
}

const cgroup = join(TOP, `${host.tag}-owned`);
const owner = (file: string): number => statSync(join(cgroup, file)).uid;

t.test(
  "a cgroup that the container may write to is its process's user's, as the kernel lists its files",
  async (t) => {
    if (!(await onlyTsrun(host, t))) return; // runc 1.1 leaves it to root
    const bundle = host.bundle((config) => owned(config, ["nosuid", "noexec", "nodev", "rw"]));
    const id = host.id();
    await host.must(["create", "--bundle", bundle.dir, id], asRoot);
    const list = (textOf("/sys/kernel/cgroup/delegate") ?? "cgroup.procs").trim().split("\n");
    t.equal(owner(""), 700_000);
    for (const file of list.filter((name) => existsSync(join(cgroup, name))))
      t.equal(owner(file), 700_000, file);
    t.equal(owner("cgroup.events"), 0, "what would be a way out stays root's");
    t.equal(owner("cgroup.max.depth"), 0);
    await host.must(["start", id], asRoot);
    await until("the container's own cgroup", () => namesIn(cgroup).includes("mine"));
    await host.must(["delete", "--force", id], asRoot);
    t.notOk(existsSync(cgroup));
  },
);

t.test("one that it may not write to stays root's", async (t) => {
  const bundle = host.bundle((config) => owned(config, ["nosuid", "noexec", "nodev", "ro"]));
  const id = host.id();
  await host.must(["create", "--bundle", bundle.dir, id], asRoot);
  t.equal(owner(""), 0);
  t.equal(owner("cgroup.procs"), 0);
  await host.must(["delete", "--force", id], asRoot);
});

t.test("an ordinary user's container gets one beside his own, below what is delegated to him", async (t) => {
  const mine = join(TOP, `${host.tag}-user`);
  mkdirSync(join(mine, "shell"), { recursive: true });
  give(mine, USER.uid, USER.gid);
  const asUser: CallOptions = {
    through: shown(
      `echo 0 > /sys/fs/cgroup/${host.tag}-user/shell/cgroup.procs && exec setpriv --reuid ${USER.uid} --regid ${USER.gid} --clear-groups "$@"`,
    ),
    env: user.env(),
    bare: true,
  };
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "sleep", "1000"];
  });
  const id = host.id();
  await host.must(["create", "--bundle", bundle.dir, id], asUser);
  await host.must(["start", id], asUser);
  const { pid } = JSON.parse((await host.must(["state", id], asUser)).stdout) as { pid: number };
  t.match(textOf(`/proc/${pid}/cgroup`), `0::/${host.tag}-user/${id}\n`);
  await host.must(["exec", "-d", id, "/bin/probe", "sleep", "1000"], asUser);
  t.equal((JSON.parse((await host.must(["ps", "-f", "json", id], asUser)).stdout) as number[]).length, 2);
  await host.must(["pause", id], asUser);
  t.match((await host.must(["state", id], asUser)).stdout, '"paused"');
  await host.must(["resume", id], asUser);
  await host.must(["kill", "--all", id, "KILL"], asUser);
  await host.must(["delete", "--force", id], asUser);
  t.same(
    namesIn(mine).filter((name) => existsSync(join(mine, name, "cgroup.procs"))),
    ["shell"],
  );

  // The cgroup that holds both is root's: who is outside of what is his may move nobody in.
  bundle.config.linux.cgroupsPath = `/${host.tag}-user/asked`;
  bundle.save();
  const refused = await host.call(["run", "--bundle", bundle.dir, id], {
    ...asUser,
    through: shown(`exec setpriv --reuid ${USER.uid} --regid ${USER.gid} --clear-groups "$@"`),
  });
  t.equal(refused.code, 1);
  if ((await host.kind()) === "tsrun")
    t.match(
      messageOf(refused),
      /cannot make cgroup .*asked \(cgroup v2\): \/sys\/fs\/cgroup\/cgroup.procs cannot be written.*EACCES/,
    );
  for (const dir of [join(mine, "shell"), mine]) rmdirSync(dir);
});

await user.end();
