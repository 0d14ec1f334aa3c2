/**
 * The same bundle under runc and under the runtime under test: what the probe sees inside is compared, all of it. What
 * may differ is in a table, with the reason. (Under runc itself this shows that the comparison is stable.)
 */
import { execFileSync, spawnSync } from "node:child_process";
import t from "tap";
import type { Answers, MountLine } from "./support/answers.ts";
import { type Config, type Patch, share } from "./support/config.ts";
import { Host, openHost } from "./support/host.ts";
import { namespaceOf } from "./support/outside.ts";

if (spawnSync("runc", ["--version"]).status !== 0) {
  t.plan(0, "needs runc to compare with");
  process.exit(0);
}

const host = openHost();
const reference = new Host("runc");

/** Where the two are meant to differ: the place, and why. */
const INTENDED: readonly { readonly place: RegExp; readonly why: string }[] = [
  {
    place:
      /^\/mounts\/\/sys\/fs\/cgroup 1\/options: "rw,nosuid,nodev,noexec,relatime" \/ "ro,nosuid,nodev,noexec,relatime"$/,
    why: "the folder above the hierarchies is read-only too where config.json says ro, so that nothing can be put there",
  },
  {
    place:
      /^\/mounts\/\/(proc\/\w+|sys\/\w+|etc\/passwd|home) \d\/(source|options|super): .* \/ "(none|ro,nosuid,nodev,noexec,relatime|ro,size=4k,nr_inodes=2,mode=755)"$/,
    why: "a masked folder is covered by one small empty tmpfs that can do nothing, shared by all of them",
  },
  {
    place:
      /^\/mounts\/\/(proc\/\w+|etc\/passwd) \d\/(type|source|options|super): .*(tmpfs|size=|nosuid).* \/ .*/,
    why: "a masked file is covered by the host's null device: the image's own could be something else (CVE-2025-31133)",
  },
  {
    place: /^\/devices\/mqueue\/gid: 65534 \/ 0$/,
    why: "mounted as the user namespace's own root, not as a group that it does not know",
  },
  {
    place: /^\/env\/[12]: "[AB]=[23]" \/ "[AB]=[23]"$/,
    why: "of a name given twice the last entry stays, at its place, as runc does since 1.3; 1.1.5 moves it to the first's",
  },
];

const NAMES = [
  "cgroup",
  "ipc",
  "mnt",
  "net",
  "pid",
  "pid_for_children",
  "time",
  "time_for_children",
  "user",
  "uts",
];

/** What differs between two runs of the same runtime, replaced by what it means. */
function normal(all: Answers, from: Host): unknown {
  const text = JSON.stringify({
    ...all,
    ns: Object.fromEntries(
      NAMES.map((name) => [name, all.ns[name] === namespaceOf("self", name) ? "the host's" : "its own"]),
    ),
    mounts: byMountpoint(all.mounts),
    // A foreground container's streams may be pipes of the runtime's or the caller's own files.
    fds: Object.keys(all.fds),
    // In the host's pid namespace every run has other numbers.
    proc:
      all.proc.pid === 1
        ? all.proc
        : { ...all.proc, pid: "", ppid: "", pgid: "", sid: all.proc.sid === all.proc.pid, visible: "" },
  });
  return JSON.parse(text.replaceAll(from.dir, "DIR").replaceAll(from.tag, "TAG"));
}

/** mountinfo's order is that of the mounts' making, which nobody inside can tell; what lies on what is kept. */
function byMountpoint(lines: readonly MountLine[]): Record<string, MountLine> {
  const counts = new Map<string, number>();
  return Object.fromEntries(
    lines.map((line) => {
      const count = (counts.get(line.mountpoint) ?? 0) + 1;
      counts.set(line.mountpoint, count);
      return [`${line.mountpoint} ${count}`, line];
    }),
  );
}

/** The places at which two values differ, as `place: one / other`. */
function differences(place: string, one: unknown, other: unknown): string[] {
  if (isObject(one) && isObject(other)) {
    return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) =>
      differences(`${place}/${key}`, one[key], other[key]),
    );
  }
  return JSON.stringify(one) === JSON.stringify(other)
    ? []
    : [`${place}: ${JSON.stringify(one)} / ${JSON.stringify(other)}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The bundle's folder has the same name under both, so that the paths in mountinfo are the same but for the parent. */
async function seenBy(from: Host, patch: Patch, extra: readonly string[]): Promise<unknown> {
  const bundle = from.bundle((config) => {
    patch(config);
    config.process.args = ["/bin/probe", "all"];
    config.process.env = config.process.env.filter((entry) => !entry.startsWith("TSRUN_TEST="));
  });
  const outcome = await from.must(["run", "--bundle", bundle.dir, ...extra, from.id()]);
  return normal(JSON.parse(outcome.stdout) as Answers, from);
}

const specConfig = JSON.parse(
  execFileSync("sh", ["-c", `cd ${reference.dir} && runc spec && cat config.json`], { encoding: "utf8" }),
) as Config;

const CASES: [string, Patch, string[]?][] = [
  ["the base config", () => undefined],
  [
    "what runc spec writes",
    (config) => {
      Object.assign(config, structuredClone(specConfig));
      config.process.terminal = false;
    },
  ],
  [
    "a cgroup namespace and its mount",
    (config) => {
      config.linux.namespaces.push({ type: "cgroup" });
      config.mounts.push(cgroupMount());
    },
  ],
  [
    "the cgroup mount without a cgroup namespace",
    (config) => {
      config.mounts.push(cgroupMount());
    },
  ],
  [
    "a cgroup mount that is not read-only",
    (config) => {
      config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" });
    },
  ],
  ["namespaces shared with the host", sharing],
  ["a user namespace", mapped],
  [
    "a user namespace and a read-only root",
    (config) => {
      mapped(config);
      config.root.readonly = true;
    },
  ],
  [
    "a user of its own",
    (config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 29], umask: 0o77 };
    },
  ],
  ["all capabilities of the host", allCapabilities],
  [
    "no capabilities object",
    (config) => {
      delete config.process.capabilities;
    },
  ],
  [
    "no new privileges left out",
    (config) => {
      delete config.process.noNewPrivileges;
    },
  ],
  [
    "rlimits",
    (config) => {
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ];
    },
  ],
  ["masked and read-only paths", masked],
  [
    "a read-only root",
    (config) => {
      config.root.readonly = true;
    },
  ],
  [
    "no mounts at all but proc",
    (config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
    },
  ],
  ["a bind of the host's /dev", bindDev],
  ["devices", devices],
  ["resources", resources],
  ["binds with many options", binds],
  ["tmpfs with many options", tmpfs],
  [
    "sysctl",
    (config) => {
      config.linux.sysctl = { "net.ipv4.ip_forward": "1", "kernel.msgmax": "65000" };
    },
  ],
  [
    "oomScoreAdj",
    (config) => {
      config.process.oomScoreAdj = 321;
    },
  ],
  ["--no-pivot", () => undefined, ["--no-pivot"]],
  ["--no-new-keyring", () => undefined, ["--no-new-keyring"]],
  [
    "rootfsPropagation rslave",
    (config) => {
      config.linux.rootfsPropagation = "rslave";
    },
  ],
  [
    "a cgroupsPath",
    (config) => {
      config.linux.cgroupsPath = "/tsrun-test-same-as-runc";
    },
  ],
  [
    "a folder to start in that is missing",
    (config) => {
      config.process.cwd = "/made/for/this";
    },
  ],
  [
    "no environment at all",
    (config) => {
      config.process.env = [];
    },
  ],
  [
    "an environment with duplicates",
    (config) => {
      config.process.env.push("A=1", "B=2", "A=3");
    },
  ],
];

function cgroupMount(): Config["mounts"][number] {
  return {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  };
}

function sharing(config: Config): void {
  share(config, "network", "ipc", "uts", "pid");
  delete config.hostname;
}

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
}

function allCapabilities(config: Config): void {
  const all = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
    "SYS_ADMIN",
    "NET_ADMIN",
  ];
  const names = all.map((name) => `CAP_${name}`);
  config.process.capabilities = {
    bounding: names,
    effective: names,
    permitted: names,
    inheritable: names,
    ambient: names,
  };
  config.process.noNewPrivileges = false;
}

function masked(config: Config): void {
  config.linux.maskedPaths = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/sys/firmware",
    "/proc/scsi",
    "/etc/passwd",
    "/home",
  ];
  config.linux.readonlyPaths = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/etc",
    "/not/there",
  ];
}

function bindDev(config: Config): void {
  config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
  config.mounts.push({ destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rprivate"] });
}

function devices(config: Config): void {
  config.linux.devices = [
    { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    { path: "/dev/block", type: "b", major: 7, minor: 0, fileMode: 0o640, uid: 1, gid: 6 },
    { path: "/dev/pipe", type: "p", fileMode: 0o600 },
    { path: "/dev/default-mode", type: "c", major: 10, minor: 229 },
  ];
  config.linux.resources["devices"] = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    { allow: true, type: "b", access: "r" },
  ];
  config.mounts.push(cgroupMount());
}

function resources(config: Config): void {
  Object.assign(config.linux.resources, {
    memory: { limit: 1 << 28, swap: 1 << 29, reservation: 1 << 27, swappiness: 10 },
    cpu: { shares: 200, quota: 90_000, period: 100_000, cpus: "0", mems: "0" },
    pids: { limit: 77 },
  });
  config.mounts.push(cgroupMount());
}

function binds(config: Config): void {
  const options = [
    ["ro"],
    ["nosuid", "nodev"],
    ["noexec", "noatime"],
    ["nodiratime"],
    ["strictatime"],
    ["relatime"],
    ["private"],
    ["shared"],
    ["rslave"],
    ["rro"],
    ["sync"],
  ];
  for (const [index, words] of options.entries()) {
    config.mounts.push({
      destination: `/bind/${index}`,
      type: "bind",
      source: "/etc",
      options: ["rbind", ...words],
    });
  }
  config.mounts.push({
    destination: "/file",
    type: "bind",
    source: "/etc/hostname",
    options: ["bind", "ro"],
  });
}

function tmpfs(config: Config): void {
  const options = [
    [],
    ["ro"],
    ["nosuid", "nodev", "noexec"],
    ["mode=700", "uid=5", "gid=6"],
    ["size=1m"],
    ["size=10%"],
    ["nr_inodes=10"],
    ["noatime"],
    ["sync"],
    ["lazytime"],
    ["private"],
    ["tmpcopyup"],
  ];
  for (const [index, words] of options.entries()) {
    config.mounts.push({ destination: `/tmpfs/${index}`, type: "tmpfs", source: "tmpfs", options: words });
  }
}

for (const [name, patch, extra] of CASES) {
  t.test(name, async (t) => {
    const wanted = await seenBy(reference, patch, extra ?? []);
    const seen = await seenBy(host, patch, extra ?? []);
    const unexpected = differences("", wanted, seen).filter(
      (difference) => !INTENDED.some(({ place }) => place.test(difference)),
    );
    t.same(unexpected, [], "the same as under runc");
  });
}

await reference.end();
await host.end();
