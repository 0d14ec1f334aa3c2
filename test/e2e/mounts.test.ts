/** mounts: each kind of them. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import type { MountEntry } from "./support/config.ts";
import { answersOf, onlyTsrun, openHost } from "./support/host.ts";
import { adding, at, bind } from "./support/mounts.ts";
import { CGROUP_V2 } from "./support/outside.ts";

const host = openHost();

const shared = join(host.dir, "shared");
mkdirSync(join(shared, "deep"), { recursive: true });
writeFileSync(join(shared, "file"), "from outside");

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
    adding(bind("/shared", ["bind"], shared)),
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

/** Where the pids controller's files are, below /sys/fs/cgroup. */
const PIDS = CGROUP_V2 ? "" : "pids/";
const PIDS_MOUNT = CGROUP_V2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";

t.test("cgroup in a container without a cgroup namespace shows its own cgroups, read-only", async (t) => {
  const [lines, cgroup, write] = await host.ask(
    ["mounts", ["cgroup", `${PIDS}cgroup.procs`], ["write", `/sys/fs/cgroup/${PIDS}cgroup.procs`, "1"]],
    adding({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
    }),
  );
  t.match(at(lines, PIDS_MOUNT).options, /^ro,nosuid,nodev,noexec/);
  t.equal(cgroup.files[`${PIDS}cgroup.procs`], "1");
  t.same(write, { call: "open", error: "EROFS" });
});

t.test("cgroup in a cgroup namespace", async (t) => {
  const [lines, cgroup] = await host.ask(["mounts", ["cgroup", `${PIDS}cgroup.procs`]], (config) => {
    config.linux.namespaces.push({ type: "cgroup" });
    config.mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
    });
  });
  t.equal(at(lines, PIDS_MOUNT).root, "/");
  t.equal(cgroup.files[`${PIDS}cgroup.procs`], "1");
  t.ok(
    cgroup.own.every((line) => line.endsWith(":/")),
    "its own cgroup is the root that it sees",
  );
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

t.test("an idmapped mount", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [stat] = await host.ask([["stat", "/mapped/file"]], (config) => {
    config.mounts.push({
      ...bind("/mapped", ["bind"], shared),
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
