/** What leads the runtime's own dealings with /proc and /sys astray: mounts over them, links of the image, names of parameters. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Config, probe } from "../support/config.ts";
import { canRace, whileExchanged } from "../support/exchange.ts";
import { messageOf, onlyTsrun, openHost } from "../support/host.ts";
import { adding, bind } from "../support/mounts.ts";
import { textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { outside, canary, CONTENT, climbing, unharmed } = outsideOf(host);

t.test("CVE-2019-16884: only a whole procfs can be bound at /proc", async (t) => {
  const over = (source: string) => (config: Config) => {
    config.mounts = [bind("/proc", ["rbind"], source), ...config.mounts.slice(1)];
  };
  const plain = await host.run(host.bundle(over(outside)));
  t.equal(plain.code, 1);
  t.match(messageOf(plain), "cannot be mounted because it is not of type proc");
  unharmed(t, "a plain folder");
  t.equal((await host.run(host.bundle(over("/proc")))).code, 0, "the host's own");
  if ((await host.kind()) === "runc") return;
  t.match(messageOf(plain), "config.json#/mounts/0/source");
  const part = await host.run(host.bundle(over("/proc/self")));
  t.match(messageOf(part), "cannot be mounted because it is not of type proc", "a folder of a procfs");
  const linked = host.bundle(over("/proc"));
  rmSync(join(linked.rootfs, "proc"), { recursive: true });
  symlinkSync("/tmp", join(linked.rootfs, "proc"));
  t.match(messageOf(await host.run(linked)), "must be mounted on ordinary directory");
});

t.test("CVE-2019-16884, CVE-2025-52881: no link of the image leads a mount into /proc", async (t) => {
  const tmpfs = (destination: string) => ({ destination, type: "tmpfs", source: "blind" });
  const ways: [string, Config["mounts"][number]][] = [
    ["/proc", bind("/vol/sys", ["bind"], outside)],
    ["/proc/sys", bind("/vol", ["bind"], outside)],
    ["bin/../proc", bind("/vol/self/attr", ["bind"], outside)],
    ["/proc", tmpfs("/vol")],
    ["/proc/sys/kernel", tmpfs("/vol")],
    ["/proc", { destination: "/vol/sys", type: "none", options: ["remount", "bind", "rw"], source: "none" }],
    ["/proc/self/root/tmp", tmpfs("/vol")],
    ["/proc/self/cwd", tmpfs("/vol/deep")],
  ];
  const kind = await host.kind();
  for (const [text, mount] of ways) {
    // runc 1.1.5 looks at binds alone.
    if (kind === "runc" && mount.type !== "bind") continue;
    const bundle = host.bundle(adding(mount));
    symlinkSync(text, join(bundle.rootfs, "vol"));
    const outcome = await host.run(bundle);
    const what = `${mount.type} at ${mount.destination}, /vol -> ${text}`;
    t.equal(outcome.code, 1, what);
    t.match(
      messageOf(outcome),
      text.includes("self/") ? /ELOOP/ : /cannot be mounted because it is inside \/proc/,
    );
    if (kind === "tsrun") t.match(messageOf(outcome), "config.json#/mounts/6/destination");
    unharmed(t, what);
  }
});

t.test(
  "CVE-2025-52881, CVE-2025-62596: a link into /proc that appears while the mounts are made",
  async (t) => {
    if (!(await onlyTsrun(host, t)) || !canRace(t)) return;
    const pattern = textOf("/proc/sys/kernel/core_pattern");
    const volume = join(host.dir, "sysctl-volume");
    mkdirSync(join(volume, "a"), { recursive: true });
    symlinkSync("/proc/sys", join(volume, "b"));
    let refused = 0;
    await whileExchanged(t, volume, async () => {
      const bundle = host.bundle((config) => {
        config.mounts.push(bind("/vol", ["bind"], volume));
        for (const [index, name] of ["a", "b", "a", "b", "a", "b"].entries())
          config.mounts.push({ destination: `/vol/${name}`, type: "tmpfs", source: `raced${index}` });
        config.linux.sysctl = { "kernel.shm_rmid_forced": "1" };
        probe(config, "do", "mounts", ",", "sysctl", "kernel.shm_rmid_forced");
      });
      const outcome = await host.run(bundle);
      if (outcome.code === 0) {
        t.notMatch(outcome.stdout, /"mountpoint":"\/proc\/[^}]*raced/, "nothing is mounted in /proc");
        t.match(outcome.stdout, '{"kernel.shm_rmid_forced":"1"}', "the parameter has its value");
      } else {
        refused++;
        t.match(messageOf(outcome), /inside \/proc|ELOOP|ENOENT|EAGAIN|ENOTDIR/);
      }
      rmSync(bundle.dir, { recursive: true });
    });
    t.comment(`${refused} refused`);
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern);
  },
);

t.test("what lxcfs and monitors mount below a procfs stays possible", async (t) => {
  const [uptime, below] = await host.ask(
    [
      ["read", "/proc/uptime"],
      ["ls", "/host/proc/sys"],
    ],
    adding(
      bind("/proc/uptime", ["bind"], canary),
      bind("/host/proc", ["rbind"], "/proc"),
      bind("/host/proc/sys", ["bind"], join(outside, "deep")),
    ),
  );
  t.same(uptime, { text: CONTENT });
  t.same(below, []);
});

t.test("CVE-2019-19921: /proc and /sys of the image are links", async (t) => {
  for (const name of ["proc", "sys"]) {
    for (const text of [outside, climbing, "tmp"]) {
      const bundle = host.bundle();
      rmSync(join(bundle.rootfs, name), { recursive: true });
      symlinkSync(text, join(bundle.rootfs, name));
      const outcome = await host.run(bundle);
      t.equal(outcome.code, 1, `/${name} -> ${text}`);
      t.match(messageOf(outcome), "must be mounted on ordinary directory");
      unharmed(t, `/${name} -> ${text}`);
    }
  }
});

t.test("CVE-2025-54867: /proc and /sys of a volume that another container shares are links", async (t) => {
  const shared = join(host.dir, "shared-root");
  mkdirSync(join(shared, "real"), { recursive: true });
  for (const name of ["proc", "sys"]) {
    const bundle = host.bundle((config) => {
      config.mounts = [bind("/inner", ["bind"], shared), ...config.mounts];
      const mount = config.mounts.find(({ destination }) => destination === `/${name}`);
      if (mount) mount.destination = `/inner/${name}`;
    });
    symlinkSync("real", join(shared, name));
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, name);
    t.match(messageOf(outcome), "must be mounted on ordinary directory");
  }
});

await host.end();
