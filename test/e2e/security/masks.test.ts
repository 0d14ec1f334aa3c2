/** What hides sensitive paths: the null device that it is made from, links in the way, and which paths `spec` names. */
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "../support/answers.ts";
import { probe } from "../support/config.ts";
import { answersOf, onlyTsrun, openHost } from "../support/host.ts";
import { at } from "../support/mounts.ts";
import { textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { outside, canary, climbing, unharmed } = outsideOf(host);

t.test("masked and read-only paths that are links cover what they lead to inside the root", async (t) => {
  const questions = [
    ["read", "/hidden"],
    ["read", canary],
    ["write", join(outside, "new"), "x"],
    "mounts",
  ] as const;
  const bundle = host.bundle((config) => {
    config.linux.maskedPaths = ["/hidden"];
    config.linux.readonlyPaths = ["/kept"];
    config.process.args = askingArgs(questions);
  });
  mkdirSync(join(bundle.rootfs, outside), { recursive: true });
  writeFileSync(join(bundle.rootfs, canary), "of the image");
  symlinkSync(`${climbing}/canary`, join(bundle.rootfs, "hidden"));
  symlinkSync(climbing, join(bundle.rootfs, "kept"));
  const [link, place, write, mounts] = answersOf(questions, await host.run(bundle));
  t.same(link, { text: "" });
  t.same(place, { text: "" });
  t.same(write, { call: "open", error: "EROFS" });
  t.match(at(mounts, outside).options, /^ro,/);
  unharmed(t, "links");
});

t.test("on a host whose mounts are shared, nothing of the container's is of their group", async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.maskedPaths = ["/proc/keys", "/proc/timer_list", "/sys/firmware", "/etc/passwd"];
    config.linux.readonlyPaths = ["/proc/bus", "/etc"];
    config.process.args = askingArgs(["mounts"]);
  });
  // As systemd makes it: what is mounted over a member of a group comes up at all of them.
  const through = ["unshare", "--mount", "--propagation", "shared"];
  const [mounts] = answersOf(["mounts"], await host.run(bundle, [], { through }));
  t.equal(at(mounts, "/proc/keys").type, "devtmpfs");
  t.same(
    mounts.filter(({ propagation }) => propagation.includes("shared")).map(({ mountpoint }) => mountpoint),
    [],
  );
});

t.test("CVE-2025-31133: the image's /dev/null is a link to a file of the host", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 binds whatever it leads to
  const pattern = textOf("/proc/sys/kernel/core_pattern");
  const questions = [
    ["read", "/secret"],
    ["write", "/secret", "changed"],
    ["stat", "/secret"],
  ] as const;
  for (const target of [`${climbing}/canary`, "/proc/sys/kernel/core_pattern"]) {
    const bundle = host.bundle((config) => {
      config.linux.maskedPaths = ["/secret"];
      config.process.args = askingArgs(questions);
    });
    writeFileSync(join(bundle.rootfs, "secret"), "hidden");
    // Where no mount hides the image's /dev, the device that is already there is the first to be met.
    symlinkSync(target, join(bundle.rootfs, "dev/null"));
    const [read, , stat] = answersOf(questions, await host.run(bundle));
    t.same(read, { text: "" });
    t.equal(stat["/secret"]?.rdev, "1:3", "the null device itself");
    const bare = host.bundle((config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
      config.linux.maskedPaths = ["/secret"];
      probe(config, "write", "/secret", "changed");
    });
    symlinkSync(target, join(bare.rootfs, "dev/null"));
    await host.run(bare);
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern, target);
    unharmed(t, target);
  }
});

t.test("CVE-2025-31133, CVE-2025-62161: no /dev/null in the image leaves no path unmasked", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 passes over what it cannot bind
  const questions = [
    ["read", "/secret"],
    ["ls", "/folder"],
    ["read", "/proc/version"],
  ] as const;
  const bundle = host.bundle((config) => {
    config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
    config.linux.maskedPaths = ["/secret", "/folder", "/proc/version", "/not/there"];
    config.process.args = askingArgs(questions);
  });
  rmSync(join(bundle.rootfs, "dev"), { recursive: true });
  writeFileSync(join(bundle.rootfs, "secret"), "hidden");
  mkdirSync(join(bundle.rootfs, "folder/below"), { recursive: true });
  t.same(answersOf(questions, await host.run(bundle)), [{ text: "" }, [], { text: "" }]);
});

/** Parts of /proc and /sys that tell about the host or change it, each the cause of a report. */
const SENSITIVE = [
  ...["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
  ...["/proc/scsi", "/proc/sched_debug", "/proc/timer_list", "/proc/timer_stats"],
  ...["/sys/devices/virtual/powercap", "/sys/firmware"],
];
const UNWRITABLE = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

t.test(
  "CVE-2015-3630, GHSA-7ww5-4wqc-m92c: what `spec` writes hides what tells about the host",
  async (t) => {
    const folder = join(host.dir, "spec");
    mkdirSync(folder);
    await host.must(["spec", "--bundle", folder]);
    const { linux } = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as {
      linux: { maskedPaths: string[]; readonlyPaths: string[] };
    };
    // runc 1.1.5 names neither interrupts nor powercap.
    const later = (await host.kind()) === "runc" ? /interrupts|powercap/ : /^$/;
    for (const path of SENSITIVE.filter((path) => !later.test(path)))
      t.ok(linux.maskedPaths.includes(path), path);
    for (const path of UNWRITABLE) t.ok(linux.readonlyPaths.includes(path), path);
    const there = [...SENSITIVE, ...UNWRITABLE].filter((path) => statSync(path, { throwIfNoEntry: false }));
    const [mounts] = await host.ask(["mounts"], (config) => {
      config.linux.maskedPaths = linux.maskedPaths;
      config.linux.readonlyPaths = linux.readonlyPaths;
    });
    for (const path of there) {
      if (linux.maskedPaths.includes(path) || linux.readonlyPaths.includes(path))
        t.match(at(mounts, path).options, /^r[ow]/, path);
      if (UNWRITABLE.includes(path)) t.match(at(mounts, path).options, /^ro/, path);
    }
  },
);

t.test("CVE-2015-3630: a parameter cannot be written through a read-only path", async (t) => {
  const [write] = await host.ask([["write", "/proc/sys/kernel/core_pattern", "|/evil"]], (config) => {
    config.linux.readonlyPaths = ["/proc/sys"];
    const all = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];
    config.process.capabilities = { bounding: all, effective: all, permitted: all };
  });
  t.same(write, { call: "open", error: "EROFS" });
});

await host.end();
