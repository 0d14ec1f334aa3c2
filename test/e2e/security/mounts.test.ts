/** Places of mounts, and files that a runtime makes for them, behind links of an image or of a volume that others change. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "../support/answers.ts";
import { type Config, type Patch, probe, share } from "../support/config.ts";
import { canRace, whileExchanged } from "../support/exchange.ts";
import { answersOf, messageOf, onlyTsrun, openHost } from "../support/host.ts";
import { adding, at, bind } from "../support/mounts.ts";
import { namespaceOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { outside, canary, climbing, unharmed } = outsideOf(host);

t.test("CVE-2019-18837: the last part of a mount's destination is a link out", async (t) => {
  for (const text of [outside, climbing, "/proc/self/cwd/../outside"]) {
    const bundle = host.bundle((config) => {
      config.mounts.push({ destination: "/vol", type: "tmpfs", source: "landed" });
      probe(config, "mounts");
    });
    symlinkSync(text, join(bundle.rootfs, "vol"));
    const outcome = await host.run(bundle);
    if (outcome.code === 0) t.match(outcome.stdout, /"source":"landed"/, "inside");
    unharmed(t, text);
  }
});

t.test("CVE-2025-24965, CVE-2024-45310: a file that is made for a mount, behind a link", async (t) => {
  for (const text of [`${outside}/new`, `${climbing}/new`, `${climbing}/canary`]) {
    const bundle = host.bundle((config) => {
      config.mounts.push(
        bind("/etc/hosts", ["bind"], "/etc/hostname"),
        bind("/made/below/file", ["bind"], canary),
      );
    });
    symlinkSync(text, join(bundle.rootfs, "etc/hosts"));
    symlinkSync(climbing, join(bundle.rootfs, "made"));
    await host.run(bundle);
    unharmed(t, text);
  }
});

/** A volume whose `a` is a folder and whose `b` leads out. */
function volumeOf(name: string): string {
  const volume = join(host.dir, name);
  mkdirSync(join(volume, "a/deep"), { recursive: true });
  symlinkSync(climbing, join(volume, "b"));
  return volume;
}

t.test(
  "CVE-2021-30465, CVE-2026-87766, CVE-2024-0132: a folder of a shared volume is exchanged for a link meanwhile",
  async (t) => {
    if (!(await onlyTsrun(host, t)) || !canRace(t)) return;
    const volume = volumeOf("volume");
    let refused = 0;
    await whileExchanged(t, volume, async (count) => {
      const bundle = host.bundle((config) => {
        config.mounts.push(bind("/vol", ["bind"], volume));
        for (let i = 0; i < 20; i++) {
          const destination = `/vol/${i % 2 === 0 ? "a" : "b"}/deep/n${count}-${i}`;
          config.mounts.push({ destination, type: "tmpfs", source: "raced" });
        }
        probe(config, "mounts");
      });
      const outcome = await host.run(bundle);
      if (outcome.code !== 0) refused++;
      else t.equal(outcome.stdout.match(/"source":"raced"/g)?.length, 20, "each mount is inside");
      rmSync(bundle.dir, { recursive: true });
    });
    t.comment(`${refused} refused`);
    unharmed(t, "the race");
  },
);

t.test(
  "CVE-2024-45310: files, folders and devices are made while a folder is exchanged for a link",
  async (t) => {
    if (!(await onlyTsrun(host, t)) || !canRace(t)) return;
    const volume = volumeOf("files-volume");
    let refused = 0;
    await whileExchanged(t, volume, async (count) => {
      const bundle = host.bundle((config) => {
        config.mounts.push(bind("/vol", ["bind"], volume));
        for (let i = 0; i < 10; i++) {
          const name = i % 2 === 0 ? "a" : "b";
          config.mounts.push(bind(`/vol/${name}/f${count}-${i}`, ["bind"], "/etc/hostname"));
        }
        config.linux.devices = [{ path: "/vol/a/null", type: "c", major: 1, minor: 3 }];
        config.process.cwd = `/vol/b/cwd${count}`;
      });
      if ((await host.run(bundle)).code !== 0) refused++;
      rmSync(bundle.dir, { recursive: true });
    });
    t.comment(`${refused} refused`);
    unharmed(t, "the race");
  },
);

const ALL = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"];
const cgroup: Patch = (config) => {
  const options = ["nosuid", "noexec", "nodev", "relatime", "ro"];
  config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
  config.process.capabilities = { bounding: ALL, effective: ALL, permitted: ALL };
};

t.test("CVE-2023-25809, CVE-2022-0492: what was asked for read-only cannot be written", async (t) => {
  const ways: [string, (config: Config) => void][] = [
    ["without a cgroup namespace", () => undefined],
    ["with one", (config) => void config.linux.namespaces.push({ type: "cgroup" })],
    ["sharing the host's network", (config) => share(config, "network")],
  ];
  for (const [what, patch] of ways) {
    const [mounts, release, make] = await host.ask(
      [
        "mounts",
        ["write", "/sys/fs/cgroup/memory/release_agent", "/evil"],
        ["mkdir", "/sys/fs/cgroup/memory/new"],
      ],
      (config) => {
        cgroup(config);
        patch(config);
      },
    );
    const lines = mounts.filter(
      ({ mountpoint, type }) => mountpoint.startsWith("/sys/fs/cgroup") && type.startsWith("cgroup"),
    );
    t.ok(lines.length > 0, what);
    t.same(
      lines.filter(({ options }) => !/^ro(,|$)/.test(options)),
      [],
      `${what}: each is read-only`,
    );
    t.match(release, { call: "open", error: /EROFS|ENOENT|EACCES/ }, what);
    t.match(make, { call: "mkdir", error: /EROFS|ENOENT/ }, what);
  }
});

t.test("CVE-2021-43784: lengths beyond 16 bits reach no neighbouring field", async (t) => {
  for (const length of [0xffff, 0x10000, 0x10000 + 24, 200_000]) {
    const long = "x".repeat(length);
    const bundle = host.bundle((config) => {
      config.mounts.push({ destination: "/vol", type: "tmpfs", source: long });
      config.process.env.push(`LONG=${long.slice(0, 120_000)}`);
      config.process.args = askingArgs(["ns"]);
      config.annotations = { long };
    });
    const outcome = await host.run(bundle);
    if (outcome.code !== 0) {
      t.match(messageOf(outcome), /E2BIG|ENAMETOOLONG|EINVAL|too long|invalid|EFBIG/, `${length} refused`);
      continue;
    }
    const [inside] = answersOf(["ns"], outcome);
    for (const type of ["pid", "net", "ipc", "uts", "mnt"])
      t.not(inside[type], namespaceOf("self", type), `${length}: ${type}`);
  }
});

t.test("CVE-2022-0811's and CVE-2020-5291's like: options and sources that name other places", async (t) => {
  const questions = ["mounts"] as const;
  const bundle = host.bundle((config) => {
    adding({ destination: "/vol", type: "tmpfs", source: `landed\n/ / ext4`, options: ["size=4k"] })(config);
    config.process.args = askingArgs(questions);
  });
  const outcome = await host.run(bundle);
  if (outcome.code === 0) {
    const [mounts] = answersOf(questions, outcome);
    t.match(at(mounts, "/vol").source, /landed/);
  } else t.match(messageOf(outcome), /source/);
});

await host.end();
