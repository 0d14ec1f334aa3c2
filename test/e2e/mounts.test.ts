/** mounts: every kind, every option, and destinations that are not plain folders. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { MountLine } from "./support/answers.ts";
import { askingArgs } from "./support/answers.ts";
import type { MountEntry, Patch } from "./support/config.ts";
import { answersOf, messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();

const shared = join(host.dir, "shared");
mkdirSync(join(shared, "deep"), { recursive: true });
writeFileSync(join(shared, "file"), "from outside");

function adding(...mounts: MountEntry[]): Patch {
  return (config) => void config.mounts.push(...mounts);
}

function bind(destination: string, options: string[], source = shared): MountEntry {
  return { destination, type: "bind", source, options };
}

function at(lines: readonly MountLine[], mountpoint: string): MountLine {
  const line = lines.findLast((one) => one.mountpoint === mountpoint);
  if (line === undefined) throw new Error(`nothing is mounted at ${mountpoint}`);
  return line;
}

t.test("the usual mounts, in config.json's order, with their options", async (t) => {
  const [lines] = await host.ask(["mounts"]);
  t.same(
    lines.map(({ mountpoint, type }) => [mountpoint, type]),
    [
      ["/", "ext4"].map((word, index) => (index === 1 ? (lines[0]?.type ?? "") : word)),
      ["/proc", "proc"],
      ["/dev", "tmpfs"],
      ["/dev/pts", "devpts"],
      ["/dev/shm", "tmpfs"],
      ["/dev/mqueue", "mqueue"],
      ["/sys", "sysfs"],
    ],
  );
  t.equal(at(lines, "/proc").options, "rw,relatime");
  t.equal(at(lines, "/dev").options, "rw,nosuid");
  t.match(at(lines, "/dev").super, /size=65536k.*mode=755/);
  t.match(at(lines, "/dev/pts").super, /gid=5,mode=620,ptmxmode=666/);
  t.equal(at(lines, "/sys").options, "ro,nosuid,nodev,noexec,relatime");
  t.equal(at(lines, "/dev/shm").options, "rw,nosuid,nodev,noexec,relatime");
});

t.test("a bind shows the source's files, changes pass both ways", async (t) => {
  const [read, write] = await host.ask(
    [
      ["read", "/shared/file"],
      ["write", "/shared/inside", "from inside"],
    ],
    adding(bind("/shared", ["bind"])),
  );
  t.same(read, { text: "from outside" });
  t.same(write, { result: "ok" });
  t.equal(readFileSync(join(shared, "inside"), "utf8"), "from inside");
});

t.test("a bind is recognised by bind or rbind in the options, and needs no type", async (t) => {
  for (const mount of [
    { destination: "/shared", type: "none", source: shared, options: ["bind"] },
    { destination: "/shared", source: shared, options: ["rbind"] },
    { destination: "/shared", type: "bind", source: shared, options: ["rbind", "rw"] },
  ]) {
    const [read] = await host.ask([["read", "/shared/file"]], adding(mount));
    t.same(read, { text: "from outside" }, JSON.stringify(mount.options));
  }
});

t.test("a relative bind source is taken from the bundle", async (t) => {
  const bundle = host.bundle((config) => {
    config.mounts.push(bind("/data", ["bind"], "data"));
    config.process.args = askingArgs([["read", "/data/name"]]);
  });
  mkdirSync(join(bundle.dir, "data"));
  writeFileSync(join(bundle.dir, "data/name"), "the bundle's");
  const [read] = answersOf([["read", "/data/name"]] as const, await host.run(bundle));
  t.same(read, { text: "the bundle's" });
});

t.test("a bind of one file, onto nothing and onto a file", async (t) => {
  const [made, over] = await host.ask(
    [
      ["read", "/new/folder/file"],
      ["read", "/etc/passwd"],
    ],
    adding(
      bind("/new/folder/file", ["bind"], join(shared, "file")),
      bind("/etc/passwd", ["bind", "ro"], join(shared, "file")),
    ),
  );
  t.same(made, { text: "from outside" });
  t.same(over, { text: "from outside" });
});

const FLAGS: [string[], string][] = [
  [["ro"], "ro,relatime"],
  [["rw"], "rw,relatime"],
  [["nosuid"], "rw,nosuid,relatime"],
  [["nodev"], "rw,nodev,relatime"],
  [["noexec"], "rw,noexec,relatime"],
  [["noatime"], "rw,noatime"],
  [["nodiratime"], "rw,nodiratime,relatime"],
  [["strictatime"], "rw"],
  [["relatime"], "rw,relatime"],
  [["ro", "nosuid", "nodev", "noexec"], "ro,nosuid,nodev,noexec,relatime"],
  [["ro", "rw"], "rw,relatime"],
  [["nosuid", "suid", "nodev", "dev", "noexec", "exec"], "rw,relatime"],
  [["nosymfollow"], "rw,relatime,nosymfollow"],
];

t.test("options of a bind, as the container's mountinfo has them", async (t) => {
  const points = FLAGS.map((_, index) => `/flags/${index}`);
  const [lines] = await host.ask(
    ["mounts"],
    adding(...FLAGS.map(([options], index) => bind(points[index] ?? "", ["bind", ...options]))),
  );
  for (const [index, [options, wanted]] of FLAGS.entries()) {
    const seen = at(lines, points[index] ?? "")
      .options.split(",")
      .sort();
    t.same(seen, wanted.split(",").sort(), options.join(","));
  }
});

t.test("options of a new filesystem", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      { destination: "/t/plain", type: "tmpfs", source: "tmpfs" },
      {
        destination: "/t/ro",
        type: "tmpfs",
        source: "name",
        options: ["ro", "noexec", "nosuid", "nodev", "noatime"],
      },
      {
        destination: "/t/sized",
        type: "tmpfs",
        source: "tmpfs",
        options: ["size=1m", "nr_inodes=100", "mode=1770", "uid=3", "gid=4"],
      },
      { destination: "/t/sync", type: "tmpfs", source: "tmpfs", options: ["sync", "dirsync"] },
      { destination: "/t/last", type: "tmpfs", source: "tmpfs", options: ["ro", "rw"] },
    ),
  );
  t.equal(at(lines, "/t/plain").options, "rw,relatime");
  t.equal(at(lines, "/t/ro").options, "ro,nosuid,nodev,noexec,noatime");
  t.equal(at(lines, "/t/ro").source, "name");
  t.match(at(lines, "/t/sized").super, /size=1024k,nr_inodes=100,mode=1770,uid=3,gid=4/);
  t.match(at(lines, "/t/sync").super, /^rw,sync,dirsync/);
  t.equal(at(lines, "/t/last").options, "rw,relatime");
});

t.test("an rbind takes the mounts below with it, a bind does not", async (t) => {
  const outer: MountEntry[] = [
    { destination: "/outer", type: "tmpfs", source: "outer" },
    { destination: "/outer/inner", type: "tmpfs", source: "inner" },
  ];
  // The host's own /dev has mounts below: /dev/pts and /dev/shm.
  const [lines] = await host.ask(
    ["mounts"],
    adding(...outer, bind("/with", ["rbind"], "/dev"), bind("/without", ["bind"], "/dev")),
  );
  t.ok(lines.some((line) => line.mountpoint === "/with/pts"));
  t.notOk(lines.some((line) => line.mountpoint === "/without/pts"));
});

t.test("recursive options reach the mounts below", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      bind("/rro", ["rbind", "rro"], "/dev"),
      bind("/rno", ["rbind", "rnosuid", "rnoexec", "rnodev", "rnoatime"], "/dev"),
      bind("/ro", ["rbind", "ro"], "/dev"),
    ),
  );
  t.match(at(lines, "/rro").options, /^ro,/);
  t.match(at(lines, "/rro/pts").options, /^ro,/);
  t.match(at(lines, "/rno/pts").options, /nosuid,nodev,noexec,noatime/);
  t.match(at(lines, "/ro").options, /^ro,/);
  t.match(at(lines, "/ro/pts").options, /^rw,/);
});

t.test("propagation of a mount", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      bind("/private", ["bind", "private"]),
      bind("/rprivate", ["rbind", "rprivate"]),
      bind("/shared", ["bind", "shared"]),
      bind("/unbindable", ["bind", "unbindable"]),
      { destination: "/tmpshared", type: "tmpfs", source: "tmpfs", options: ["shared"] },
    ),
  );
  t.same(at(lines, "/private").propagation, []);
  t.same(at(lines, "/rprivate").propagation, []);
  t.same(at(lines, "/shared").propagation, ["shared"]);
  t.same(at(lines, "/unbindable").propagation, ["unbindable"]);
  t.same(at(lines, "/tmpshared").propagation, ["shared"]);
});

t.test("tmpcopyup starts the tmpfs with what the folder held", async (t) => {
  const questions = [
    ["read", "/etc/passwd"],
    ["stat", "/etc/run.sh", "/etc/link", "/etc/sub"],
    ["write", "/etc/new", "x"],
    "mounts",
  ] as const;
  const bundle = host.bundle((config) => {
    config.mounts.push({
      destination: "/etc",
      type: "tmpfs",
      source: "tmpfs",
      options: ["tmpcopyup", "mode=755"],
    });
    config.process.args = askingArgs(questions);
  });
  writeFileSync(join(bundle.rootfs, "etc/run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  symlinkSync("passwd", join(bundle.rootfs, "etc/link"));
  mkdirSync(join(bundle.rootfs, "etc/sub"), { mode: 0o700 });
  const [passwd, stat, write, lines] = answersOf(questions, await host.run(bundle));
  t.match("text" in passwd ? passwd.text : "", /^root:x:0:0/);
  t.equal(stat["/etc/run.sh"]?.mode, "0755");
  t.equal(stat["/etc/link"]?.target, "passwd");
  t.equal(stat["/etc/sub"]?.mode, "0700");
  t.same(write, { result: "ok" });
  t.equal(at(lines, "/etc").type, "tmpfs");
  t.notOk(existsSync(join(bundle.rootfs, "etc/new")), "the rootfs itself is not written");
});

t.test("an overlay", async (t) => {
  const [upper, work] = ["upper", "work"].map((name) => join(host.dir, "overlay", name));
  for (const folder of [upper, work]) mkdirSync(folder ?? "", { recursive: true });
  const [read, write] = await host.ask(
    [
      ["read", "/over/file"],
      ["write", "/over/added", "upper"],
    ],
    adding({
      destination: "/over",
      type: "overlay",
      source: "overlay",
      options: [`lowerdir=${shared}`, `upperdir=${upper}`, `workdir=${work}`],
    }),
  );
  t.same(read, { text: "from outside" });
  t.same(write, { result: "ok" });
  t.ok(existsSync(join(upper ?? "", "added")));
  t.notOk(existsSync(join(shared, "added")));
});

t.test("cgroup in a container without a cgroup namespace shows its own cgroups, read-only", async (t) => {
  const [lines, cgroup, write] = await host.ask(
    ["mounts", ["cgroup", "pids/cgroup.procs"], ["write", "/sys/fs/cgroup/pids/cgroup.procs", "1"]],
    adding({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
    }),
  );
  t.match(at(lines, "/sys/fs/cgroup/pids").options, /^ro,nosuid,nodev,noexec/);
  t.equal(cgroup.files["pids/cgroup.procs"], "1");
  t.same(write, { call: "open", error: "EROFS" });
});

t.test("cgroup in a cgroup namespace", async (t) => {
  const [lines, cgroup] = await host.ask(["mounts", ["cgroup", "pids/cgroup.procs"]], (config) => {
    config.linux.namespaces.push({ type: "cgroup" });
    config.mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
    });
  });
  t.equal(at(lines, "/sys/fs/cgroup/pids").root, "/");
  t.equal(cgroup.files["pids/cgroup.procs"], "1");
  t.ok(
    cgroup.own.every((line) => line.endsWith(":/")),
    "its own cgroup is the root that it sees",
  );
});

t.test("destinations: relative, with .., through links of the rootfs", async (t) => {
  const questions = ["mounts"] as const;
  const bundle = host.bundle((config) => {
    config.mounts.push(
      { destination: "relative/place", type: "tmpfs", source: "relative" },
      { destination: "/a/../b", type: "tmpfs", source: "dots" },
      { destination: "/link/below", type: "tmpfs", source: "absolute-link" },
      { destination: "/up/below", type: "tmpfs", source: "link-upwards" },
      { destination: "/dangling/below", type: "tmpfs", source: "dangling-link" },
    );
    config.process.args = askingArgs(questions);
  });
  symlinkSync("/var", join(bundle.rootfs, "link"));
  symlinkSync("../../../../../../../../var/tmp", join(bundle.rootfs, "up"));
  symlinkSync("/not/there/yet", join(bundle.rootfs, "dangling"));
  const [lines] = answersOf(questions, await host.run(bundle));
  t.equal(at(lines, "/relative/place").source, "relative");
  t.equal(at(lines, "/b").source, "dots");
  t.equal(at(lines, "/var/below").source, "absolute-link");
  t.equal(at(lines, "/var/tmp/below").source, "link-upwards");
  t.equal(at(lines, "/not/there/yet/below").source, "dangling-link");
  t.notOk(existsSync("/not"), "nothing was made on the host");
});

t.test("a destination whose last part is a link", async (t) => {
  const questions = ["mounts"] as const;
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/run", type: "tmpfs", source: "through" });
    config.process.args = askingArgs(questions);
  });
  symlinkSync("/var/run", join(bundle.rootfs, "run"));
  const [lines] = answersOf(questions, await host.run(bundle));
  t.equal(at(lines, "/var/run").source, "through");
  t.equal(readlinkSync(join(bundle.rootfs, "run")), "/var/run", "the link is left as it is");
});

t.test("proc on a link is refused (CVE-2019-19921)", async (t) => {
  const bundle = host.bundle();
  rmSync(join(bundle.rootfs, "proc"), { recursive: true });
  mkdirSync(join(bundle.rootfs, "elsewhere"));
  symlinkSync("/elsewhere", join(bundle.rootfs, "proc"));
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "must be mounted on ordinary directory");
});

t.test("a mount over what a former mount brought is on top", async (t) => {
  const [read] = await host.ask(
    [["stat", "/shared/file"]],
    adding(bind("/shared", ["bind"]), { destination: "/shared", type: "tmpfs", source: "over" }),
  );
  t.same(read["/shared/file"], { error: "ENOENT" });
});

t.test("remount changes the mount that is there", async (t) => {
  const [lines] = await host.ask(
    ["mounts"],
    adding(
      { destination: "/r", type: "tmpfs", source: "r" },
      { destination: "/r", type: "tmpfs", source: "r", options: ["remount", "ro", "nosuid"] },
    ),
  );
  t.match(at(lines, "/r").options, /^ro,nosuid/);
  t.equal(lines.filter((line) => line.mountpoint === "/r").length, 1);
});

t.test("a mount that fails says which, and nothing is left", async (t) => {
  const wrong: [MountEntry, string | RegExp, string][] = [
    [bind("/x", ["bind"], "/no/such/source"), /no such file or directory/, "source"],
    [{ destination: "/x", type: "nosuchfs", source: "x" }, /no such device/, "type"],
    [{ destination: "/x", type: "tmpfs", source: "x", options: ["size=many"] }, /invalid argument/, "option"],
    [
      { destination: "/x", type: "tmpfs", source: "x", options: ["nosuchoption=1"] },
      /invalid argument/,
      "option",
    ],
    [{ destination: "/etc/passwd/x", type: "tmpfs", source: "x" }, /not a directory/, "destination"],
  ];
  for (const [mount, words, what] of wrong) {
    const outcome = await host.run(host.bundle(adding(mount)));
    t.equal(outcome.code, 1, what);
    t.match(messageOf(outcome), words);
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), "config.json#/mounts/6");
  }
});

t.test("many mounts with few descriptors", async (t) => {
  const count = 300;
  const [lines] = await host.ask(
    ["mounts"],
    adding(...Array.from({ length: count }, (_, index) => bind(`/many/${index}`, ["bind", "ro"]))),
    [],
    { launch: ["nofile=64"] },
  );
  t.equal(lines.filter((line) => line.mountpoint.startsWith("/many/")).length, count);
});

t.test("mount points are made in the rootfs as folders", async (t) => {
  const bundle = host.bundle(adding({ destination: "/made/for/it", type: "tmpfs", source: "x" }));
  await host.run(bundle);
  t.ok(lstatSync(join(bundle.rootfs, "made/for/it")).isDirectory());
});

t.test("an idmapped mount", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [stat] = await host.ask([["stat", "/mapped/file"]], (config) => {
    config.mounts.push({
      ...bind("/mapped", ["bind"]),
      ...{
        uidMappings: [{ containerID: 0, hostID: 5000, size: 10 }],
        gidMappings: [{ containerID: 0, hostID: 6000, size: 10 }],
      },
    });
  });
  t.equal(stat["/mapped/file"]?.uid, 5000);
  t.equal(stat["/mapped/file"]?.gid, 6000);
});

await host.end();
