/** What an ordinary user cannot have: each refusal names the place, the reason and the cure, and leaves nothing. */
import { chmodSync, chownSync, cpSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import type { Patch } from "./support/config.ts";
import { messageOf, type Outcome } from "./support/host.ts";
import { bind } from "./support/mounts.ts";
import { give, openUser, USER } from "./support/user.ts";

const user = openUser({ only: "tsrun" });
const { host } = user;

interface Refusal {
  readonly what: string;
  readonly patch: Patch;
  readonly says: RegExp;
  readonly pointer: string;
  readonly cure: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    what: "no user namespace",
    patch: (config) => {
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "user");
      delete config.linux.uidMappings;
      delete config.linux.gidMappings;
    },
    says: /rootless container requires user namespaces/,
    pointer: "/linux/namespaces",
    cure: /spec --rootless/,
  },
  {
    what: "a mount owned by a group that is not mapped",
    patch: (config) => {
      config.mounts.find(({ type }) => type === "devpts")?.options?.push("gid=5");
    },
    says: /cannot specify gid= mount options for unmapped gid in rootless containers: 5/,
    pointer: "/mounts/2/options/5",
    cure: /take gid=5 out/,
  },
  {
    what: "additional groups, with nothing but his own group mapped",
    patch: (config) => {
      config.process.user.additionalGids = [5];
    },
    says: /cannot set any additional groups in a rootless container/,
    pointer: "/process/user/additionalGids",
    cure: /newgidmap/,
  },
  {
    what: "a memory limit without a cgroup",
    patch: (config) => {
      config.linux.resources["memory"] = { limit: 1 << 26 };
    },
    says: /cannot set memory limit: container could not join or create cgroup/,
    pointer: "/linux/resources/memory/limit",
    cure: /delegated/,
  },
  {
    what: "a limit of processes without a cgroup",
    patch: (config) => {
      config.linux.resources["pids"] = { limit: 10 };
    },
    says: /cannot set pids limit: container could not join or create cgroup/,
    pointer: "/linux/resources/pids/limit",
    cure: /delegated/,
  },
  {
    what: "a cgroup's path where he may make none",
    patch: (config) => {
      config.linux.cgroupsPath = "/tsrun-test-not-his";
    },
    says: /cannot make cgroup \/sys\/fs\/cgroup\/.*tsrun-test-not-his .*EACCES/,
    pointer: "/linux/cgroupsPath",
    cure: /leave cgroupsPath out/,
  },
  {
    what: "a new sysfs without a network namespace",
    patch: (config) => {
      config.mounts.push({ destination: "/sys2", type: "sysfs", source: "sysfs" });
    },
    says: /mount sysfs at \/sys2.*EPERM/,
    pointer: "/mounts/6/type",
    cure: /cannot be mounted/,
  },
  {
    what: "an id-mapped mount",
    patch: (config) => void config.mounts.push(bind("/mapped", ["bind", "idmap"], "/tmp")),
    says: /ordinary user cannot id-map a mount/,
    pointer: "/mounts/6/options/1",
    cure: /run as root/,
  },
  {
    what: "a folder with mounts in it, bound without them",
    patch: (config) => void config.mounts.push(bind("/host", ["bind"], "/")),
    says: /open_tree.*EINVAL/,
    pointer: "/mounts/6/source",
    cure: /rbind/,
  },
  {
    what: "an oom_score_adj below his own",
    patch: (config) => {
      config.process.oomScoreAdj = -999;
    },
    says: /oom_score_adj to -999.*EACCES/,
    pointer: "/process/oomScoreAdj",
    cure: /CAP_SYS_RESOURCE/,
  },
  {
    what: "a hard limit above his own",
    patch: (config) => {
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 1_048_576_000 }];
    },
    says: /RLIMIT_NOFILE.*EPERM/,
    pointer: "/process/rlimits/0",
    cure: /CAP_SYS_RESOURCE/,
  },
  {
    what: "a map of somebody else's id",
    patch: (config) => {
      config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    },
    says: /write the container's uid_map/,
    pointer: "/linux/uidMappings",
    cure: /newuidmap|uidmap/,
  },
];

function check(t: Test, outcome: Outcome, { says, pointer, cure }: Refusal): void {
  t.equal(outcome.code, 1);
  const message = messageOf(outcome);
  t.match(message, says);
  t.match(message, `(config.json#${pointer})`);
  t.match(message.split("; hint: ")[1] ?? "no hint", cure);
}

for (const refusal of REFUSALS) {
  t.test(refusal.what, async (t) => {
    check(t, await user.run(user.bundle(refusal.patch)), refusal);
  });
}

t.test("a root file system that the mapped root cannot reach", async (t) => {
  const bundle = user.bundle();
  const shut = join(host.dir, "shut");
  mkdirSync(shut, { mode: 0o711 });
  renameSync(bundle.rootfs, join(shut, "rootfs"));
  bundle.config.root.path = join(shut, "rootfs");
  bundle.save();
  t.equal((await user.run(bundle)).code, 0, "with mode 0711 he can");
  chmodSync(shut, 0o700);
  const outcome = await user.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /invalid rootfs: .*permission denied.*config.json#\/root\/path.*hint:/);
});

t.test("a bundle's folder that he cannot enter", async (t) => {
  const bundle = user.bundle();
  chownSync(bundle.dir, 0, 0);
  chmodSync(bundle.dir, 0o700);
  const outcome = await user.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /EACCES: permission denied/);
});

t.test("no XDG_RUNTIME_DIR, and none that counts", async (t) => {
  const bundle = user.bundle();
  for (const value of [undefined, ""]) {
    const { XDG_RUNTIME_DIR: _, ...env } = user.env();
    const outcome = await user.run(bundle, [], {
      env: value === undefined ? env : { ...env, XDG_RUNTIME_DIR: value },
    });
    t.equal(outcome.code, 1);
    t.match(
      messageOf(outcome),
      /folder of the containers' state, \/run\/tsrun.*EACCES.*hint: set XDG_RUNTIME_DIR.*--root/,
    );
  }
  const root = join(user.runtimeDir, "elsewhere");
  const outcome = await user.call(["--root", root, "run", "-b", bundle.dir, host.id()]);
  t.equal(outcome.code, 0, "--root will do");
});

t.test("root's call has root's state folder, whatever XDG_RUNTIME_DIR says", async (t) => {
  const id = host.id();
  const bundle = host.bundle();
  const env = user.env();
  await host.must(["create", "--bundle", bundle.dir, id], { env, bare: true });
  const state = JSON.parse(
    (await host.must(["--root", "/run/tsrun", "state", id], { bare: true })).stdout,
  ) as {
    id: string;
  };
  t.equal(state.id, id);
  await host.must(["delete", "--force", id], { env, bare: true });
});

t.test("without newuidmap in PATH, the error names the package", async (t) => {
  const patch: Patch = (config) => {
    config.linux.uidMappings = [
      { containerID: 0, hostID: USER.uid, size: 1 },
      { containerID: 1, hostID: 700_000, size: 9 },
    ];
  };
  const outcome = await user.run(user.bundle(patch), [], { env: { ...user.env(), PATH: "/nowhere" } });
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /newuidmap, which is not in PATH.*config.json#\/linux\/uidMappings\).*hint: .*package uidmap/,
  );
});

t.test("a newuidmap that is not setuid", async (t) => {
  const tools = join(host.dir, "tools");
  mkdirSync(tools);
  symlinkSync("/bin/false", join(tools, "newuidmap"));
  const patch: Patch = (config) => {
    config.linux.uidMappings = [{ containerID: 0, hostID: USER.uid, size: 2 }];
  };
  const outcome = await user.run(user.bundle(patch), [], { env: { ...user.env(), PATH: tools } });
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /newuidmap refused: no output/);
});

t.test("files of tsrun that belong to the user are his to run", async (t) => {
  const dist = join(host.dir, "own");
  cpSync(dirname(host.runtime), dist, { recursive: true });
  give(dist, USER.uid, USER.gid);
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/probe", "ids"];
  });
  // The runtime's own path becomes $0, which nobody asks for.
  const own = ["sh", "-c", `exec ${join(dist, "tsrun")} "$@"`];
  const outcome = await user.call(["run", "-b", bundle.dir, host.id()], { through: own });
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, '"uid":[0,');
});

t.test("check says the same as create, and makes nothing", async (t) => {
  for (const refusal of REFUSALS.slice(0, 6)) {
    const bundle = user.bundle(refusal.patch);
    const outcome = await user.call(["check", "-b", bundle.dir]);
    t.equal(outcome.code, 1, refusal.what);
    t.match(`${outcome.stdout}${outcome.stderr}`, refusal.says, refusal.what);
  }
  const good = await user.call(["check", "-b", user.bundle().dir]);
  t.equal(good.code, 0, good.stdout + good.stderr);
});

await user.end();
