/** `exec` is inside: in all namespaces of the container, whatever kind of container it is, and nobody sees it come. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Patch, script, share } from "./support/config.ts";
import { askIn, entered, execProbe, stillRuns } from "./support/exec.ts";
import { answersOf, type Host, messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { namespaceOf, until } from "./support/outside.ts";

const host = openHost({ busybox: true });
const kind = await host.kind();

const user: Patch = (config) => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
};

/** Every namespace of an exec'd process is that of the container's first one. */
async function sharesAll(host: Host, t: Test, id: string): Promise<void> {
  const { pid } = await host.state(id);
  const [inside, signals, fds] = await askIn(host, id, ["ns", "signals", "fds"]);
  for (const name of readdirSync(`/proc/${pid}/ns`)) t.equal(inside[name], namespaceOf(pid, name), name);
  t.same(signals, { blocked: [], ignored: [], caught: [] });
  t.same(Object.keys(fds), ["0", "1", "2"]);
}

const KINDS: readonly [what: string, patch: Patch, extra?: readonly string[]][] = [
  ["an ordinary one", () => undefined],
  ["with a cgroup namespace", (config) => void config.linux.namespaces.push({ type: "cgroup" })],
  ["with a user namespace", user],
  [
    "with a user namespace and a cgroup namespace",
    (config) => {
      user(config);
      config.linux.namespaces.push({ type: "cgroup" });
    },
  ],
  ["without a pid namespace", (config) => share(config, "pid")],
  [
    "with a mount namespace alone",
    (config) => {
      share(config, "pid", "network", "ipc", "uts");
      delete config.hostname;
      config.mounts = config.mounts.filter(({ destination }) => /^\/(proc|dev)$/.test(destination));
    },
  ],
  [
    "with a read-only root",
    (config) => {
      config.root.readonly = true;
    },
  ],
  ["without pivot_root", () => undefined, ["--no-pivot"]],
];

for (const [what, patch, extra] of KINDS) {
  t.test(`a container ${what}`, async (t) => {
    const id = await entered(host, patch, extra);
    await sharesAll(host, t, id);
    const [root] = await askIn(host, id, [["ls", "/"]]);
    t.ok(
      Array.isArray(root) && root.includes("bin") && !root.includes("work"),
      "its root is the container's",
    );
    await stillRuns(host, t, id);
    await host.delete(id);
  });
}

t.test("a container with a time namespace", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const id = await entered(host, (config) => {
    config.linux.namespaces.push({ type: "time" });
    config.linux.timeOffsets = { monotonic: { secs: 5000, nanosecs: 0 } };
  });
  await sharesAll(host, t, id);
  await host.delete(id);
});

t.test("a container that has joined namespaces by path", async (t) => {
  const other = await entered(host, (config) => {
    user(config);
    config.linux.namespaces.push({ type: "cgroup" });
  });
  const { pid } = await host.state(other);
  const plain = await entered(host);
  const { pid: plainPid } = await host.state(plain);
  const id = await entered(host, (config) => {
    share(config, "network", "ipc", "uts", "pid");
    delete config.hostname;
    for (const [type, file] of [
      ["network", "net"],
      ["ipc", "ipc"],
      ["uts", "uts"],
      ["pid", "pid"],
    ] as const) {
      config.linux.namespaces.push({ type, path: `/proc/${plainPid}/ns/${file}` });
    }
  });
  await sharesAll(host, t, id);
  // Whose path leads nowhere by now: exec goes by the process.
  await host.delete(plain);
  await host.delete(id);
  if (kind === "tsrun") {
    const mapped = await entered(host, (config) => {
      config.linux.namespaces.push({ type: "user", path: `/proc/${pid}/ns/user` });
    });
    await sharesAll(host, t, mapped);
    const [ids] = await askIn(host, mapped, ["ids"]);
    t.same(ids.uid, [0, 0, 0, 0]);
    await host.delete(mapped);
  }
  await host.delete(other);
});

t.test("the ids of a user namespace", async (t) => {
  const id = await entered(host, user);
  const [ids, maps, caps] = await askIn(host, id, ["ids", "maps", "caps"], ["-u", "1000:1001", "-g", "5"]);
  t.same(ids.uid, [1000, 1000, 1000, 1000]);
  t.same(ids.groups, [5]);
  t.same(maps.uid, ["0 100000 65536"]);
  t.equal(
    caps.effective,
    "0".repeat(16),
    "no capabilities outlive a change to another user but what the container gives",
  );
  const beyond = await execProbe(host, id, ["-u", "70000"], "true");
  t.equal(beyond.code, 255);
  if (kind === "tsrun") t.match(messageOf(beyond), "no mapping in the container's user namespace");
  await host.delete(id);
});

t.test("the session keyring is the container's, and not the host's", async (t) => {
  const bundle = host.bundle((config) => script(config, "grep _ses. /proc/keys >/tmp/keys; sleep 600"));
  const id = await host.running(bundle);
  await until("the first process has looked", () => readdirSync(join(bundle.rootfs, "tmp")).includes("keys"));
  await until("all of it", () => readFileSync(join(bundle.rootfs, "tmp/keys"), "utf8").includes(id));
  const serial = (text: string): string | undefined =>
    text
      .split("\n")
      .find((line) => line.includes(`_ses.${id}`))
      ?.split(" ")[0];
  const first = serial(readFileSync(join(bundle.rootfs, "tmp/keys"), "utf8"));
  t.type(first, "string");
  const second = await host.call(["exec", id, "/bin/busybox", "grep", `_ses.${id}`, "/proc/keys"]);
  t.equal(serial(second.stdout), first, "one keyring for both");
  const [keyring] = await askIn(host, id, ["keyring"]);
  t.match(keyring.session, new RegExp(`_ses\\.${id}$`));
  await host.delete(id);
});

t.test("what runs is not tsrun's file, and the host sees no file of it", async (t) => {
  const id = await entered(host);
  const file = join(host.dir, "pid");
  await host.must(["exec", "-d", "--pid-file", file, id, "/bin/probe", "sleep", "600"]);
  const pid = readFileSync(file, "utf8");
  t.match(readlinkSync(`/proc/${pid}/exe`), /\/bin\/probe$/);
  t.notMatch(readFileSync(`/proc/${pid}/maps`, "utf8"), /tsrun-init|memfd|libtsrun|\/dist\//);
  t.equal(readlinkSync(`/proc/${pid}/root`), readlinkSync(`/proc/${(await host.state(id)).pid}/root`));
  // CVE-2019-5736: a program that is "whoever executes me".
  const self = await host.call(["exec", id, "/proc/self/exe", "--version"]);
  t.not(self.stdout.includes("tsrun version"), true);
  t.not(self.code, 0, "it may only meet a sealed copy of the helper");
  await host.delete(id);
});

for (const [what, patch] of [
  ["of an ordinary container", () => undefined],
  [
    "of a container with a user namespace, though it may trace",
    (config) => {
      user(config);
      const caps = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_KILL"];
      config.process.capabilities = { bounding: caps, effective: caps, permitted: caps };
    },
  ],
] as const satisfies readonly (readonly [string, Patch])[]) {
  t.test(`a process ${what} sees nothing of one that comes in`, async (t) => {
    const id = await entered(host, patch);
    const spy = host.start(["exec", id, "/bin/probe", "spy", "2500"]);
    let ended = false;
    void spy.ended.then(() => {
      ended = true;
    });
    let came = 0;
    for (; !ended && came < 300; came++) t.equal((await execProbe(host, id, [], "exit", "4")).code, 4);
    const [seen] = answersOf(["spy"], await spy.ended);
    t.ok(
      seen.shut > 0,
      `it has come upon helpers: ${seen.shut} times, in ${came} execs and ${seen.looks} looks`,
    );
    t.same([seen.exe, seen.fds, seen.attached], [0, 0, 0]);
    await host.delete(id);
  });
}

await host.end();
