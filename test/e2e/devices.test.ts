/** /dev: the default devices and links, linux.devices, and which devices may be used. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import { answersOf, messageOf, openHost } from "./support/host.ts";

const host = openHost();

const DEFAULT_DEVICES = [
  ["null", "1:3"],
  ["zero", "1:5"],
  ["full", "1:7"],
  ["random", "1:8"],
  ["urandom", "1:9"],
  ["tty", "5:0"],
] as const;

const DEFAULT_LINKS = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
] as const;

t.test("the default devices and links", async (t) => {
  const [devices] = await host.ask(["devices"]);
  for (const [name, rdev] of DEFAULT_DEVICES) {
    t.match(devices[name], { type: "char", mode: "0666", uid: 0, gid: 0, rdev }, name);
  }
  for (const [name, target] of DEFAULT_LINKS) t.match(devices[name], { type: "symlink", target }, name);
  const extra = Object.keys(devices).filter(
    (name) =>
      ![...DEFAULT_DEVICES, ...DEFAULT_LINKS].some(([known]) => known === name) &&
      !["pts", "shm", "mqueue"].includes(name),
  );
  t.same(
    extra,
    existsSync("/proc/kcore") ? ["core"] : [],
    "core leads to /proc/kcore, where the kernel has that",
  );
});

t.test("the default devices can be used, others cannot", async (t) => {
  const [zero, full, own, kmsg] = await host.ask(
    [
      ["open", "/dev/zero", "rw"],
      ["open", "/dev/full", "rw"],
      ["open", "/dev/tty", "r"],
      ["open", "/dev/kmsg-node", "rw"],
    ],
    (config) => {
      config.linux.devices = [{ path: "/dev/kmsg-node", type: "c", major: 1, minor: 11, fileMode: 0o666 }];
    },
  );
  t.same(zero, { r: "ok", w: "ok" });
  t.same(full, { r: "ok", w: "ok" });
  t.same(own, { r: "ENXIO" }, "allowed, but there is no terminal");
  t.same(kmsg, { r: "EPERM", w: "EPERM" }, "made, but not allowed");
});

t.test("linux.devices of each type, with mode and owner, in folders that are not there", async (t) => {
  const [stat] = await host.ask(
    [["stat", "/dev/char", "/dev/deep/block", "/dev/unbuffered", "/dev/fifo", "/srv/outside"]],
    (config) => {
      config.linux.devices = [
        { path: "/dev/char", type: "c", major: 10, minor: 229, fileMode: 0o640, uid: 7, gid: 8 },
        { path: "/dev/deep/block", type: "b", major: 7, minor: 3, fileMode: 0o600, uid: 0, gid: 0 },
        { path: "/dev/unbuffered", type: "u", major: 10, minor: 230, fileMode: 0o4777, uid: 0, gid: 0 },
        { path: "/dev/fifo", type: "p", fileMode: 0o622, uid: 1, gid: 2 },
        { path: "/srv/outside", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
      ];
    },
  );
  t.same(stat["/dev/char"], { type: "char", mode: "0640", uid: 7, gid: 8, rdev: "10:229" });
  t.same(stat["/dev/deep/block"], { type: "block", mode: "0600", uid: 0, gid: 0, rdev: "7:3" });
  t.match(stat["/dev/unbuffered"], { type: "char", rdev: "10:230" });
  t.same(stat["/dev/fifo"], { type: "fifo", mode: "0622", uid: 1, gid: 2 });
  t.same(stat["/srv/outside"], { type: "char", mode: "0666", uid: 0, gid: 0, rdev: "1:3" });
});

t.test("the mode is exact whatever the caller's umask", async (t) => {
  const [stat] = await host.ask(
    [["stat", "/dev/open", "/dev/null"]],
    (config) => {
      config.linux.devices = [
        { path: "/dev/open", type: "c", major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 },
      ];
    },
    [],
    { launch: ["umask=077"] },
  );
  t.equal(stat["/dev/open"]?.mode, "0666");
  t.equal(stat["/dev/null"]?.mode, "0666");
});

t.test("device rules decide reading, writing and making nodes", async (t) => {
  const [node] = await host.ask([["open", "/dev/node", "rwm"]], (config) => {
    config.linux.devices = [
      { path: "/dev/node", type: "c", major: 1, minor: 11, fileMode: 0o666, uid: 0, gid: 0 },
    ];
    config.linux.resources["devices"] = [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 11, access: "r" },
    ];
    const capabilities = ["CAP_MKNOD", "CAP_SYSLOG", "CAP_SYS_ADMIN"];
    config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  });
  t.equal(node.r, "ok");
  t.equal(node.w, "EPERM");
  t.equal(node.m, "ok", "the defaults allow mknod of every device");
});

t.test("a rule for every device of a major number, taken back for one", async (t) => {
  const [made, allowed, denied] = await host.ask(
    [
      ["stat", "/dev/a", "/dev/b"],
      ["open", "/dev/a", "r"],
      ["open", "/dev/b", "r"],
    ],
    (config) => {
      config.linux.devices = [
        { path: "/dev/a", type: "c", major: 4, minor: 1, fileMode: 0o666, uid: 0, gid: 0 },
        { path: "/dev/b", type: "c", major: 10, minor: 1, fileMode: 0o666, uid: 0, gid: 0 },
      ];
      config.linux.resources["devices"] = [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 4, access: "rwm" },
      ];
    },
  );
  t.equal(made["/dev/a"]?.rdev, "4:1");
  t.not(allowed.r, "EPERM");
  t.equal(denied.r, "EPERM");
});

t.test("a device that the image already has, of another kind", async (t) => {
  if ((await host.kind()) === "runc") {
    t.comment("runc 1.1.5 then takes the program's output for /dev/null and replaces it (CVE-2026-88265)");
    return;
  }
  const questions = [["stat", "/dev/null", "/dev/zero"]] as const;
  const bundle = host.bundle((config) => {
    config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
    config.process.args = askingArgs(questions);
  });
  writeFileSync(join(bundle.rootfs, "dev/null"), "a file called null");
  const outcome = await host.run(bundle);
  if (outcome.code === 0) {
    const [stat] = answersOf(questions, outcome);
    t.equal(stat["/dev/zero"]?.rdev, "1:5");
  } else t.match(messageOf(outcome), /dev\/null/);
});

t.test("an image whose /dev is a link makes nothing on the host (CVE-2026-41579)", async (t) => {
  const outside = join(host.dir, "outside");
  mkdirSync(outside);
  const bundle = host.bundle((config) => {
    config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
  });
  rmSync(join(bundle.rootfs, "dev"), { recursive: true });
  symlinkSync(outside, join(bundle.rootfs, "dev"));
  if ((await host.kind()) === "runc") {
    t.comment("runc 1.1.5 makes its links in the folder outside: the hole itself");
    return;
  }
  await host.run(bundle);
  t.same(readdirSync(outside), []);
  t.equal(readlinkSync(join(bundle.rootfs, "dev")), outside);
});

t.test("host devices that are bound in", async (t) => {
  const [open] = await host.ask([["open", "/dev/bound-null", "rw"]], (config) => {
    config.mounts.push({
      destination: "/dev/bound-null",
      type: "bind",
      source: "/dev/null",
      options: ["bind"],
    });
  });
  t.same(open, { r: "ok", w: "ok" });
});

await host.end();
