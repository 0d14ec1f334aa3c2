/** User namespaces that root makes for a container: several ranges, sources out of its root's reach, id-mapped mounts. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { askingArgs } from "./support/answers.ts";
import { type Config, share } from "./support/config.ts";
import { answersOf, messageOf, onlyTsrun, openHost, type TestBundle } from "./support/host.ts";
import { bind } from "./support/mounts.ts";
import { namespaceOf, textOf } from "./support/outside.ts";

const host = openHost({ busybox: true });

/** The bundle, its root file system that of the mapped root. */
function given(bundle: TestBundle): TestBundle {
  execFileSync("chown", ["-hR", `${FIRST}:${FIRST}`, bundle.rootfs]);
  return bundle;
}

/** A tmpfs for the time of one test. */
function mountTmpfs(t: Test, dir: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", "mode=755", host.tag, dir]);
  t.teardown(() => void execFileSync("umount", [dir]));
}

const FIRST = 700_000;

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
}

const tidy = (lines: readonly string[]): string[] => lines.map((line) => line.trim().replace(/\s+/g, " "));

t.test("several ranges, each map its own", async (t) => {
  const [maps, ids] = await host.ask(["maps", "ids"], (config) => {
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = [
      { containerID: 0, hostID: FIRST, size: 10 },
      { containerID: 10, hostID: 5000, size: 1 },
      { containerID: 1000, hostID: FIRST + 100, size: 7 },
    ];
    config.linux.gidMappings = [
      { containerID: 0, hostID: FIRST + 9, size: 3 },
      { containerID: 5, hostID: FIRST + 5, size: 1 },
      { containerID: 50, hostID: 40, size: 2 },
    ];
    config.process.user = { uid: 1001, gid: 51, additionalGids: [1, 50] };
  });
  t.same(tidy(maps.uid), [`0 ${FIRST} 10`, "10 5000 1", `1000 ${FIRST + 100} 7`]);
  t.same(tidy(maps.gid), [`0 ${FIRST + 9} 3`, `5 ${FIRST + 5} 1`, "50 40 2"]);
  t.same(maps.setgroups, ["allow"]);
  t.same([ids.uid[0], ids.gid[0], [...ids.groups].sort((a, b) => a - b)], [1001, 51, [1, 50]]);
});

t.test(
  "sources that its root could not reach: below folders of mode 0700, files, trees with mounts",
  async (t) => {
    const shut = join(host.dir, "shut");
    mkdirSync(join(shut, "deeper/tree/below"), { recursive: true });
    writeFileSync(join(shut, "deeper/file"), "a file");
    writeFileSync(join(shut, "deeper/tree/first"), "first");
    const below = join(shut, "deeper/tree/below");
    mountTmpfs(t, below);
    writeFileSync(join(below, "second"), "second");
    for (const dir of [join(shut, "deeper"), shut]) chmodSync(dir, 0o700);
    const script =
      "cat /file /tree/first /tree/below/second; ls /plain/below | wc -l; cat /ro/first; echo x 2>/dev/null >/ro/x";
    const bundle = host.bundle((config) => {
      mapped(config);
      config.mounts.push(
        bind("/file", ["bind"], join(shut, "deeper/file")),
        bind("/tree", ["rbind"], join(shut, "deeper/tree")),
        bind("/plain", ["bind"], join(shut, "deeper/tree")),
        bind("/ro", ["bind", "ro"], join(shut, "deeper/tree")),
      );
      config.process.args = ["/bin/sh", "-c", script];
    });
    const outcome = await host.run(given(bundle));
    const kind = await host.kind();
    // runc 1.1 opens binds itself only where they are not recursive.
    if (kind === "tsrun") t.equal(outcome.stdout, "a filefirstsecond0\nfirst", outcome.stderr);
    else t.comment(`runc: ${outcome.code} ${outcome.stdout}`);
  },
);

t.test("a joined user namespace: its owner's maps and groups hold, also in exec", async (t) => {
  const id = await host.running(
    host.bundle((config) => {
      mapped(config);
      config.process.args = ["/bin/probe", "sleep", "1000"];
    }),
  );
  const { pid } = await host.state(id);
  const joining = host.bundle((config) => {
    config.linux.namespaces.push({ type: "user", path: `/proc/${pid}/ns/user` });
    share(config, "ipc");
    config.linux.namespaces.push({ type: "ipc", path: `/proc/${pid}/ns/ipc` });
    if (process.env["TSRUN_TEST_RUNTIME"]?.endsWith("runc") === true) {
      config.linux.uidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: FIRST, size: 65_536 }];
    }
    config.process.user = { uid: 5, gid: 6, additionalGids: [7] };
    config.process.args = ["/bin/probe", "sleep", "1000"];
  });
  const second = await host.running(joining);
  const state = await host.state(second);
  for (const type of ["user", "ipc"]) t.equal(namespaceOf(state.pid, type), namespaceOf(pid, type), type);
  const status = textOf(`/proc/${state.pid}/status`) ?? "";
  t.match(status, new RegExp(`^Uid:\\t${FIRST + 5}\\t`, "m"));
  t.match(status, new RegExp(`^Groups:\\t${FIRST + 7} $`, "m"));
  t.match((await host.must(["exec", second, "/bin/probe", "ids"])).stdout, '"uid":[5,');
  for (const each of [second, id]) await host.delete(each);
});

t.test("a joined user namespace that has denied setgroups for good", async (t) => {
  if (!(await onlyTsrun(host, t))) return;

  const owner = spawn("unshare", ["--user", "--map-root-user", "sh", "-c", "echo up; exec sleep 1000"]);
  await new Promise((resolve) => owner.stdout.once("data", resolve));
  const path = `/proc/${owner.pid}/ns/user`;
  const patch = (groups: number[]) => (config: Config) => {
    config.linux.namespaces.push({ type: "user", path });
    for (const mount of config.mounts)
      mount.options = mount.options?.filter((word) => word !== "gid=5") ?? [];
    config.process.user = { uid: 0, gid: 0, additionalGids: groups };
    config.process.args = ["/bin/probe", "maps"];
  };
  const outcome = await host.run(host.bundle(patch([])));
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, '"setgroups":["deny"]');
  const refused = await host.run(host.bundle(patch([0])));
  t.match(
    messageOf(refused),
    /setgroups additional groups: EPERM.*config.json#\/process\/user\/additionalGids/,
  );
  owner.kill("SIGKILL");
});

t.test(
  "id-mapped mounts: the container's mapping, one of the mount's own, with what is mounted below",
  async (t) => {
    if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
    const tree = join(host.dir, "owned");
    const below = join(tree, "below");
    const another = join(host.dir, "another");
    for (const dir of [below, another]) mkdirSync(dir, { recursive: true });
    // Not a tmpfs: it has id-mapped mounts since Linux 6.3 only.
    execFileSync("mount", ["--bind", another, below]);
    t.teardown(() => void execFileSync("umount", [below]));
    for (const dir of [tree, below]) {
      writeFileSync(join(dir, "a"), "");
      chownSync(join(dir, "a"), 3, 4);
    }
    const places = ["/none", "/own", "/theirs", "/flat"];
    const questions = ["", "/below"].flatMap((sub) => places.map((place) => `${place}${sub}/a`));
    const asked: [["stat", ...string[]]] = [["stat", ...questions]];
    const bundle = host.bundle((config) => {
      config.process.args = askingArgs(asked);
      mapped(config);
      config.mounts.push(
        bind("/none", ["rbind"], tree),
        bind("/own", ["rbind", "ridmap"], tree),
        bind("/flat", ["rbind", "idmap"], tree),
        {
          ...bind("/theirs", ["rbind", "ridmap"], tree),
          ...{
            uidMappings: [
              { containerID: 0, hostID: FIRST, size: 3 },
              { containerID: 3, hostID: FIRST + 30, size: 1 },
            ],
            gidMappings: [{ containerID: 4, hostID: FIRST + 40, size: 1 }],
          },
        },
      );
    });
    const [stat] = answersOf(asked, await host.run(given(bundle)));
    const owner = (path: string) => [stat[path]?.uid, stat[path]?.gid];
    t.same(owner("/none/a"), [65_534, 65_534], "the host's 3 is nobody in there");
    t.same(owner("/own/a"), [3, 4]);
    t.same(owner("/own/below/a"), [3, 4], "ridmap");
    t.same(owner("/flat/a"), [3, 4]);
    t.same(owner("/flat/below/a"), [65_534, 65_534], "idmap is for one mount");
    t.same(owner("/theirs/a"), [30, 40]);
    t.same(owner("/theirs/below/a"), [30, 40]);
  },
);

t.test("a filesystem without id-mapped mounts is named, with path and kernel", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    mapped(config);
    config.mounts.push(bind("/mapped", ["bind", "idmap"], "/proc/sys"));
  });
  const outcome = await host.run(given(bundle));
  t.equal(outcome.code, 1);
  const kernel = textOf("/proc/sys/kernel/osrelease")?.trim() ?? "";
  t.match(messageOf(outcome), `id-map the mount of /proc/sys (proc): mount_setattr: EINVAL`);
  t.match(messageOf(outcome), "(config.json#/mounts/6");
  t.match(messageOf(outcome), `proc at /proc/sys does not support id-mapped mounts on kernel ${kernel}`);
});

await host.end();
