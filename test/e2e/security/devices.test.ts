/** Devices: which may be used, where they are made, and what is taken for one. */
import { rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "../support/config.ts";
import { deviceProgramsOf, unifiedCgroupOf } from "../support/device-programs.ts";
import { onlyTsrun, openHost } from "../support/host.ts";
import { cgroupsOfProcess, textOf } from "../support/outside.ts";
import { outsideOf } from "../support/outside-bundle.ts";

const host = openHost();
const { outside, canary, climbing, unharmed } = outsideOf(host);

const V2 = textOf("/sys/fs/cgroup/cgroup.controllers") !== undefined;

const DEVICES = [
  ...["b *:* m", "c *:* m", "c 10:200 rwm", "c 136:* rwm", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm"],
  ...["c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm"],
];

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
}

/** v1: the kernel's list. v2: the programs on the container's own cgroup; what they do is e2e/devices-v2.test.ts's. */
async function inForce(id: string): Promise<readonly unknown[]> {
  const { pid } = await host.state(id);
  // systemd puts one of its own beside it when it hears of an update.
  if (V2) return deviceProgramsOf(unifiedCgroupOf(pid)).filter(({ name }) => name !== "sd_devices");
  const folder = cgroupsOfProcess(pid).get("devices") ?? "";
  return (textOf(join(folder, "devices.list")) ?? "").trim().split("\n").sort();
}

t.test("GHSA-g54h-m393-cpwq: device rules are in force, in a user namespace as well", async (t) => {
  for (const patch of [() => undefined, mapped]) {
    const id = await host.created(host.bundle(patch));
    const rules = await inForce(id);
    if (V2) t.equal(rules.length, 1, patch.name);
    else t.same(rules, DEVICES, patch.name);
    await host.delete(id);
  }
});

t.test("GHSA-g54h-m393-cpwq: update leaves the device rules in force", async (t) => {
  const id = await host.created(host.bundle());
  const before = await inForce(id);
  t.ok(before.length > 0);
  for (const input of ['{"pids":{"limit":50}}', '{"memory":{"limit":67108864}}', '{"devices":[]}']) {
    await host.call(["update", "--resources", "-", id], { input });
    t.same(await inForce(id), before, input);
  }
  await host.must(["update", "--pids-limit", "40", id]);
  t.same(await inForce(id), before, "--pids-limit");
  await host.delete(id);
});

t.test("GHSA-g54h-m393-cpwq: the host's disk and memory cannot be opened", async (t) => {
  const [kmsg, disk, memory] = await host.ask(
    [
      ["open", "/dev/kmsg", "r"],
      ["open", "/dev/disk", "rw"],
      ["open", "/dev/mem", "r"],
    ],
    (config) => {
      const all = ["CAP_MKNOD", "CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE"];
      config.process.capabilities = { bounding: all, effective: all, permitted: all };
      // A node alone gives nothing: the rules decide.
      config.linux.devices = [
        { path: "/dev/kmsg", type: "c", major: 1, minor: 11 },
        { path: "/dev/disk", type: "b", major: 7, minor: 0 },
        { path: "/dev/mem", type: "c", major: 1, minor: 1 },
      ];
    },
  );
  for (const answer of [kmsg.r, disk.r, disk.w, memory.r]) t.equal(answer, "EPERM");
});

t.test("CVE-2026-41579: the image's /dev is a link to a folder of the host", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 makes its links there
  for (const text of [outside, climbing]) {
    const bundle = host.bundle((config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
      config.linux.devices = [{ path: "/dev/below/null", type: "c", major: 1, minor: 3 }];
    });
    rmSync(join(bundle.rootfs, "dev"), { recursive: true });
    symlinkSync(text, join(bundle.rootfs, "dev"));
    await host.run(bundle);
    unharmed(t, text);
  }
});

t.test("CVE-2026-47766: parts of the image's /dev are links", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const name of ["null", "ptmx", "fd", "stdin", "core", "tty", "below"]) {
    const bundle = host.bundle((config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
      config.linux.devices = [
        { path: "/dev/below/zero", type: "c", major: 1, minor: 5, uid: 7, fileMode: 0o777 },
      ];
    });
    symlinkSync(name === "below" ? climbing : `${climbing}/canary`, join(bundle.rootfs, "dev", name));
    await host.run(bundle);
    unharmed(t, `/dev/${name}`);
  }
});

t.test("CVE-2026-88265: what stands at the image's /dev/null is neither opened nor given away", async (t) => {
  const before = statSync("/dev/null");
  for (const target of [`${climbing}/canary`, canary, "/proc/self/fd/0", "/proc/1/root/dev/null"]) {
    const bundle = host.bundle((config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
      config.process.user = { uid: 1000, gid: 1000 };
    });
    symlinkSync(target, join(bundle.rootfs, "dev/null"));
    if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 changes the owner of the host's null device
    await host.run(bundle, [], { launch: ["close=0", "open=1:/dev/null"] });
    unharmed(t, target);
  }
  const after = statSync("/dev/null");
  t.same([after.uid, after.gid, after.mode, after.rdev], [before.uid, before.gid, before.mode, before.rdev]);
});

await host.end();
