/**
 * Published holes of container runtimes, each tried on the runtime under test: the image, the bundle or a neighbour does
 * what the report says, and something outside the bundle that must not change, a canary, is looked at afterwards.
 */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { askingArgs } from "./support/answers.ts";
import { type Config, probe, share } from "./support/config.ts";
import { answersOf, messageOf, onlyTsrun, openHost, PROBE, PROJECT } from "./support/host.ts";
import { adding, at, bind } from "./support/mounts.ts";
import { cgroupsOfProcess, textOf, until } from "./support/outside.ts";

const host = openHost();

const outside = join(host.dir, "outside");
const canary = join(outside, "canary");
const CONTENT = "what lies outside";
mkdirSync(join(outside, "deep"), { recursive: true });
writeFileSync(canary, CONTENT, { mode: 0o640 });

/** Whatever was tried, nothing has changed outside. */
function unharmed(t: Test, what: string): void {
  t.same(
    readdirSync(outside, { recursive: true }).sort(),
    ["canary", "deep"],
    `${what}: nothing made outside`,
  );
  t.equal(textOf(canary), CONTENT, `${what}: the file outside is as it was`);
  const { mode, uid } = statSync(canary);
  t.same([mode & 0o7777, uid], [0o640, 0], `${what}: its mode and owner, too`);
}

/** A path to the folder outside for a link in the image: by the host's root, if it were followed there. */
const climbing = `../../../../../../../../../..${outside}`;

const DEVICES = [
  ...["b *:* m", "c *:* m", "c 10:200 rwm", "c 136:* rwm", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm"],
  ...["c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm"],
];

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
}

t.test("GHSA-g54h-m393-cpwq: device rules are in force, in a user namespace as well", async (t) => {
  if (textOf("/sys/fs/cgroup/devices/devices.list") === undefined) {
    t.pass("not applicable", { skip: "needs cgroup v1's devices controller" });
    return;
  }
  for (const patch of [() => undefined, mapped]) {
    const id = await host.created(host.bundle(patch));
    const folder = cgroupsOfProcess((await host.state(id)).pid).get("devices") ?? "";
    const list = (textOf(join(folder, "devices.list")) ?? "").trim().split("\n").sort();
    t.same(list, DEVICES, patch.name);
    await host.delete(id);
  }
});

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

t.test("CVE-2022-0811 and its like: parameters of the host's own namespaces", async (t) => {
  const parameters: [string, string, string][] = [
    ["network", "net", "net.ipv4.ip_forward"],
    ["ipc", "ipc", "kernel.shm_rmid_forced"],
    ["ipc", "ipc", "fs.mqueue.msg_max"],
    ["uts", "uts", "kernel.domainname"],
  ];
  for (const [type, file, name] of parameters) {
    if ((await host.kind()) === "runc" && type !== "network") continue; // runc 1.1.5 compares the network's alone
    // The present value, so that nothing happens where it is written.
    const value = textOf(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim() ?? "";
    const patch = (path: string) => (config: Config) => {
      delete config.hostname;
      share(config, type);
      config.linux.namespaces.push({ type, path });
      config.linux.sysctl = { [name]: value };
    };
    const outcome = await host.run(host.bundle(patch(`/proc/self/ns/${file}`)));
    t.equal(outcome.code, 1, name);
    t.match(
      messageOf(outcome),
      /not allowed in (the )?hosts? (network|ipc)|not in a separate kernel namespace/,
    );
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), `config.json#/linux/sysctl/${name}`);
  }
  const first = await host.running(host.bundle((config) => probe(config, "sleep", "100")));
  const { pid } = await host.state(first);
  const joined = await host.run(
    host.bundle((config) => {
      share(config, "network");
      config.linux.namespaces.push({ type: "network", path: `/proc/${pid}/ns/net` });
      config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
    }),
  );
  t.equal(joined.code, 0, `another container's namespace is not the host's ${joined.stderr}`);
  await host.delete(first);
});

t.test("CVE-2022-0811: nothing but the named parameter is written", async (t) => {
  const pattern = textOf("/proc/sys/kernel/core_pattern");
  const wrong: Record<string, string>[] = [
    { "kernel.shm_rmid_forced": "1+kernel.core_pattern=|/evil" },
    { "kernel.shm_rmid_forced": "1\nkernel.core_pattern=|/evil" },
    { "net/../kernel/core_pattern": "|/evil" },
    { "net/ipv4/../../kernel/core_pattern": "|/evil" },
    { "net.ipv4.ip_forward\nkernel.core_pattern": "|/evil" },
    { [`net/../../../../../../../../..${canary}`]: "|/evil" },
  ];
  for (const sysctl of wrong) {
    const outcome = await host.run(
      host.bundle((config) => {
        config.linux.sysctl = sysctl;
      }),
    );
    // runc hands a value of two lines to the kernel, which takes the first.
    const isTwoLines = Object.values(sysctl).some((value) => value.includes("\n"));
    if (!isTwoLines || (await host.kind()) === "tsrun") t.equal(outcome.code, 1, JSON.stringify(sysctl));
    t.equal(textOf("/proc/sys/kernel/core_pattern"), pattern);
    unharmed(t, JSON.stringify(sysctl));
  }
});

t.test("a warning where a container shares its cgroup on v1", async (t) => {
  if (textOf("/sys/fs/cgroup/devices/devices.list") === undefined) {
    t.pass("not applicable", { skip: "needs cgroup v1" });
    return;
  }
  const path = `/${host.tag}-shared`;
  const make = () =>
    host.bundle((config) => {
      config.linux.cgroupsPath = path;
    });
  const first = await host.created(make());
  const second = host.id();
  const outcome = await host.must(["create", "-b", make().dir, second]);
  t.match(outcome.stderr, /warning.*container's cgroup is not empty: 1 process\(es\) found/);
  if ((await host.kind()) === "tsrun") t.match(outcome.stderr, "config.json#/linux/cgroupsPath");
  await host.delete(second);
  await host.delete(first);
});

function sum(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

t.test("CVE-2019-5736: the runtime's program cannot be written from inside", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const files = ["tsrun", "tsrun-init"].map((name) => join(PROJECT, "dist", name));
  const before = files.map(sum);
  const waiting = await host.created(host.bundle());
  const { pid } = await host.state(waiting);
  t.match(readlinkSync(`/proc/${pid}/exe`), /^\/memfd:/, "it is a copy in memory");
  t.throws(
    () => openSync(`/proc/${pid}/exe`, "r+"),
    { code: "ETXTBSY" },
    "not even the host's root writes to it",
  );
  const capabilities = ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"];
  // A neighbour in the same pid namespace sees it as process 1.
  const [open] = await host.ask([["open", "/proc/1/exe", "rw"]], (config) => {
    share(config, "pid");
    config.linux.namespaces.push({ type: "pid", path: `/proc/${pid}/ns/pid` });
    config.process.capabilities = {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
    };
  });
  t.match(open.w, /^(EACCES|EPERM|ETXTBSY)$/);
  await host.delete(waiting);
  const bundle = host.bundle((config) => {
    config.process.args = ["/evil"];
  });
  writeFileSync(join(bundle.rootfs, "evil"), "#!/proc/self/exe\n", { mode: 0o755 });
  const outcome = await host.run(bundle);
  t.not(outcome.code, 0, "the runtime as its own interpreter does nothing");
  t.equal(outcome.stdout, "");
  t.same(files.map(sum), before);
});

t.test("CVE-2024-21626: no descriptor leads out of the container", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 has the hole
  copyFileSync(PROBE, join(host.dir, "tool"));
  for (let fd = 3; fd < 14; fd++) {
    for (const cwd of [`/proc/self/fd/${fd}`, `/proc/self/fd/${fd}/../../..`]) {
      const outcome = await host.run(
        host.bundle((config) => {
          config.process.cwd = cwd;
        }),
      );
      t.equal(outcome.code, 1, `cwd ${cwd}`);
    }
    const program = `/proc/self/fd/${fd}/../../../../../../../../../..${host.dir}/tool`;
    const bundle = host.bundle((config) => {
      config.process.args = [program, "echo", "escaped"];
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, program);
    t.notMatch(outcome.stdout, "escaped");
  }
  unharmed(t, "descriptors");
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

/** Exchanges `a` and `b` in a folder for ever: renameat2(2) with RENAME_EXCHANGE. */
const EXCHANGE = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = os.open(sys.argv[1], os.O_RDONLY)
while True: libc.renameat2(folder, b"a", folder, b"b", 2)
`;

t.test("CVE-2021-30465: a folder of a shared volume is exchanged for a link meanwhile", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  try {
    execFileSync("python3", ["-c", "pass"]);
  } catch {
    t.pass("not applicable", { skip: "needs python3" });
    return;
  }
  const volume = join(host.dir, "volume");
  mkdirSync(join(volume, "a/deep"), { recursive: true });
  symlinkSync(climbing, join(volume, "b"));
  const racer = spawn("python3", ["-c", EXCHANGE, volume], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"] },
  });
  let attempts = 0;
  let refused = 0;
  try {
    await until("the exchange to run", () => lstatSync(join(volume, "a")).isSymbolicLink(), 8000);
    for (const end = Date.now() + 3000; Date.now() < end; attempts++) {
      const bundle = host.bundle((config) => {
        config.mounts.push(bind("/vol", ["bind"], volume));
        for (let i = 0; i < 20; i++) {
          const destination = `/vol/${i % 2 === 0 ? "a" : "b"}/deep/n${attempts}-${i}`;
          config.mounts.push({ destination, type: "tmpfs", source: "raced" });
        }
        probe(config, "mounts");
      });
      const outcome = await host.run(bundle);
      if (outcome.code !== 0) refused++;
      else t.equal(outcome.stdout.match(/"source":"raced"/g)?.length, 20, "each mount is inside");
      rmSync(bundle.dir, { recursive: true });
    }
  } finally {
    racer.kill("SIGKILL");
    await until("the exchange to end", () => racer.signalCode !== null || racer.exitCode !== null);
  }
  t.comment(`${attempts} containers started, ${refused} of them refused`);
  t.ok(attempts > 5, `${attempts} attempts`);
  unharmed(t, "the race");
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

t.test("CVE-2025-31133: the image's /dev/null is a link to a file of the host", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 binds whatever it leads to
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
    unharmed(t, target);
  }
});

t.test("CVE-2022-29162: the inheritable set is what config.json says, and nothing without it", async (t) => {
  const [none] = await host.ask(["caps"]);
  t.equal(none.inheritable, "0000000000000000");
  t.equal(none.ambient, "0000000000000000");
  const [one] = await host.ask(["caps"], (config) => {
    config.process.capabilities = { ...config.process.capabilities, inheritable: ["CAP_KILL"] };
  });
  t.equal(one.inheritable, "0000000000000020");
});

/** The names of abstract sockets in a /proc/net/unix. */
function abstractSockets(text: string | undefined): string[] {
  return [...(text ?? "").matchAll(/^.* (@.*)$/gm)].map(([, name = ""]) => name).sort();
}

t.test("CVE-2020-15257: no abstract socket waits in a network namespace", async (t) => {
  const before = abstractSockets(textOf("/proc/net/unix"));
  const waiting = await host.created(host.bundle((config) => share(config, "network")));
  t.same(abstractSockets(textOf("/proc/net/unix")), before, "the host's");
  const id = await host.created(host.bundle());
  const { pid } = await host.state(id);
  t.same(abstractSockets(textOf(`/proc/${pid}/net/unix`)), [], "the container's own");
  await host.delete(waiting);
  await host.delete(id);
});

t.test("a huge page size that is a path", async (t) => {
  for (const pageSize of ["../../../../../../../..".concat(canary), "2MB/../x", "2MB\n", ""]) {
    const bundle = host.bundle((config) => {
      config.linux.resources["hugepageLimits"] = [{ pageSize, limit: 0 }];
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1, JSON.stringify(pageSize));
    if ((await host.kind()) === "tsrun") {
      t.match(messageOf(outcome), "config.json#/linux/resources/hugepageLimits/0/pageSize");
    }
    unharmed(t, pageSize);
  }
});

t.test("an id that is a path, in every command", async (t) => {
  const bundle = host.bundle();
  for (const id of ["../outside", "..", ".", "a/../../outside", `/${outside}`, "a\nb", ""]) {
    for (const args of [
      ["create", "-b", bundle.dir, id],
      ["run", "-b", bundle.dir, id],
      ["start", id],
      ["state", id],
      ["kill", id],
      ["delete", id],
    ]) {
      const outcome = await host.call(args);
      t.not(outcome.code, 0, JSON.stringify(args));
    }
    await host.call(["delete", "--force", id]);
    unharmed(t, JSON.stringify(id));
  }
});

t.test("CVE-2026-55686: a missing working folder behind a link", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.cwd = "/work/new";
  });
  symlinkSync(climbing, join(bundle.rootfs, "work"));
  await host.run(bundle);
  unharmed(t, "cwd");
});

t.test("CVE-2026-47262: the image's passwd is read in bounds, without waiting", async (t) => {
  const make: Record<string, (path: string) => void> = {
    "a pipe": (path) => void execFileSync("mkfifo", [path]),
    "a link to a device": (path) => symlinkSync("/dev/zero", path),
    "many gigabytes of nothing": (path) => {
      closeSync(openSync(path, "w"));
      execFileSync("truncate", ["-s", "8G", path]);
    },
  };
  if (!(await onlyTsrun(host, t))) return;
  for (const [what, put] of Object.entries(make)) {
    const bundle = host.bundle((config) => probe(config, "env"));
    rmSync(join(bundle.rootfs, "etc/passwd"));
    put(join(bundle.rootfs, "etc/passwd"));
    const outcome = await host.run(bundle, [], { limit: 5000 });
    t.equal(outcome.code, 0, what);
    t.match(outcome.stdout, "HOME=/", what);
  }
});

await host.end();
