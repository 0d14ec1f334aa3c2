/** linux.maskedPaths and linux.readonlyPaths. */
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import { answersOf, openHost } from "./support/host.ts";

const host = openHost();

t.test("a masked file is empty, a masked folder is empty, and neither can be written", async (t) => {
  const questions = [
    ["read", "/secret"],
    ["ls", "/secrets"],
    ["write", "/secrets/new", "x"],
    ["read", "/proc/version"],
    ["write", "/secret", "x"],
  ] as const;
  const bundle = host.bundle((config) => {
    config.linux.maskedPaths = ["/secret", "/secrets", "/proc/version", "/not/there"];
    config.process.args = askingArgs(questions);
  });
  writeFileSync(join(bundle.rootfs, "secret"), "hidden");
  mkdirSync(join(bundle.rootfs, "secrets"));
  writeFileSync(join(bundle.rootfs, "secrets/one"), "hidden");
  const [file, folder, write, version] = answersOf(questions, await host.run(bundle));
  t.same(file, { text: "" });
  t.same(folder, []);
  t.same(write, { call: "open", error: "EROFS" });
  t.same(version, { text: "" });
});

t.test("the usual masked and read-only paths", async (t) => {
  const [timers, keys, firmware, sysctl, mounts] = await host.ask(
    [
      ["read", "/proc/timer_list"],
      ["read", "/proc/keys"],
      ["ls", "/sys/firmware"],
      ["write", "/proc/sys/kernel/hostname", "x"],
      "mounts",
    ],
    (config) => {
      config.linux.maskedPaths = [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/sys/firmware",
        "/proc/scsi",
      ];
      config.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
    },
  );
  t.same(timers, { text: "" });
  t.same(keys, { text: "" });
  t.same(firmware, []);
  t.same(sysctl, { call: "open", error: "EROFS" });
  t.match(mounts.find((line) => line.mountpoint === "/proc/sys")?.options, /^ro,/);
  t.match(mounts.find((line) => line.mountpoint === "/proc/keys")?.root, "/null");
});

t.test("a read-only path: what lies there can be read and not written", async (t) => {
  const questions = [
    ["read", "/kept/file"],
    ["write", "/kept/file", "x"],
    ["write", "/kept/below/new", "x"],
    ["write", "/beside", "x"],
  ] as const;
  const bundle = host.bundle((config) => {
    config.linux.readonlyPaths = ["/kept", "/not/there"];
    config.process.args = askingArgs(questions);
  });
  mkdirSync(join(bundle.rootfs, "kept/below"), { recursive: true });
  writeFileSync(join(bundle.rootfs, "kept/file"), "text");
  const [read, write, below, beside] = answersOf(questions, await host.run(bundle));
  t.same(read, { text: "text" });
  t.same(write, { call: "open", error: "EROFS" });
  t.same(below, { call: "open", error: "EROFS" });
  t.same(beside, { result: "ok" });
});

t.test("a read-only path keeps the flags of the mount it lies on", async (t) => {
  const [mounts] = await host.ask(["mounts"], (config) => {
    config.mounts.push({
      destination: "/flags",
      type: "tmpfs",
      source: "t",
      options: ["nosuid", "nodev", "noexec"],
    });
    config.linux.readonlyPaths = ["/flags"];
  });
  t.match(mounts.findLast((line) => line.mountpoint === "/flags")?.options, /^ro,nosuid,nodev,noexec/);
});

t.test(
  "an image whose /dev/null is something else does not uncover a masked path (CVE-2025-31133)",
  async (t) => {
    if ((await host.kind()) === "runc") {
      t.comment("runc 1.1.5 mounts whatever the image calls /dev/null: the hole itself");
      return;
    }
    const questions = [
      ["read", "/secret"],
      ["read", "/proc/version"],
    ] as const;
    for (const fake of ["link", "file", "missing"]) {
      const bundle = host.bundle((config) => {
        config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
        config.linux.maskedPaths = ["/secret", "/proc/version"];
        config.process.args = askingArgs(questions);
      });
      writeFileSync(join(bundle.rootfs, "secret"), "hidden");
      if (fake === "link") symlinkSync("/proc/sys/kernel/core_pattern", join(bundle.rootfs, "dev/null"));
      if (fake === "file") writeFileSync(join(bundle.rootfs, "dev/null"), "not a device");
      if (fake === "missing") rmSync(join(bundle.rootfs, "dev/null"), { force: true });
      const outcome = await host.run(bundle);
      if (outcome.code !== 0) {
        t.equal(outcome.stdout, "", `${fake}: refused before the program ran`);
        continue;
      }
      const [secret, version] = answersOf(questions, outcome);
      t.same(secret, { text: "" }, fake);
      t.same(version, { text: "" }, fake);
    }
  },
);

t.test("a container's root cannot change the host's null device", async (t) => {
  const before = statSync("/dev/null").ctimeMs;
  const bundle = host.bundle((config) => {
    config.linux.maskedPaths = ["/proc/version"];
    config.process.args = [
      "/bin/busybox",
      "sh",
      "-c",
      "chmod 666 /proc/version /proc/self/fd/0; cat /proc/version",
    ];
  });
  t.same((await host.run(bundle)).stdout, "", "the masked file is empty");
  t.equal(statSync("/dev/null").ctimeMs, before);
});

await host.end();
