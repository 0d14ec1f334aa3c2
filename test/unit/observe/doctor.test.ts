/** doctor on hosts that are made up: what is there, what is not, and what is said of it. */
import t from "tap";
import { SystemError } from "../../../src/error.ts";
import { filesystemOf } from "../../../src/observe/doctor/host.ts";
import type { Finding, World } from "../../../src/observe/doctor/world.ts";
import { canRun, diagnose, report } from "../../../src/observe/doctor.ts";
import type { Hierarchy } from "../../../src/plan/facts.ts";
import { CLONE } from "../../../src/sys/constants.gen.ts";

const V2: Hierarchy = { version: 2, controllers: [], mountpoint: "/sys/fs/cgroup", root: "/", own: "/" };

const FILES: { readonly [path: string]: string } = {
  "/proc/sys/kernel/osrelease": "6.18.1\n",
  "/proc/sys/kernel/cap_last_cap": "40\n",
  "/proc/self/status": "CapEff:\t000001ffffffffff\n",
  "/proc/self/mountinfo":
    "1 1 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / /run rw - tmpfs tmpfs rw\n3 1 0:3 / /r rw - resctrl r rw\n",
  "/proc/self/limits": "Max processes             unlimited            unlimited            processes\n",
  "/proc/sys/kernel/pid_max": "4194304\n",
  "/proc/sys/fs/inotify/max_user_instances": "128\n",
  "/proc/sys/kernel/keys/root_maxkeys": "1000000\n",
  "/proc/sys/kernel/keys/maxkeys": "200\n",
  "/proc/key-users": "    0:     2 2/2 2/1000000 31/25000000\n 1000:   190 190/190 190/200 9/20000\n",
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
  "/sys/fs/cgroup/user/cgroup.controllers": "memory pids\n",
  "/sys/module/apparmor/parameters/enabled": "Y\n",
  "/sys/fs/selinux/enforce": "1",
  "/etc/passwd": "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n",
  "/etc/subuid": "user:100000:65536\n",
};

/** A host that has everything, but for what is said. */
function world(
  changes: Partial<World> = {},
  files: { readonly [path: string]: string | undefined } = {},
): World {
  const all = { ...FILES, ...files };
  return {
    privilege: "root",
    uid: 0,
    env: {},
    root: "/run/tsrun",
    read: (path) => all[path],
    kind: (path) =>
      ["/run", "/run/systemd/system"].includes(path) ? "dir" : path === "/run/tsrun" ? "missing" : "file",
    mode: () => 0o4755,
    access: () => undefined,
    distrust: () => undefined,
    attempt: () => undefined,
    idmap: () => undefined,
    deviceRules: () => undefined,
    filterFlags: () => true,
    libseccomp: () => "2.5.4",
    pidfdInfo: () => "exit",
    program: (name) => `/usr/bin/${name}`,
    run: () => ({ kind: "ended", exit: { code: 0 }, output: "Looks good.\n" }),
    cgroups: () => ({ mode: "v2", hierarchies: [V2] }),
    cgroupDirs: () => new Map([["/sys/fs/cgroup", "/sys/fs/cgroup/user/tsrun-doctor"]]),
    ...changes,
  };
}

const user = (changes: Partial<World> = {}): Partial<World> => ({ privilege: "user", uid: 1000, ...changes });

t.test("a host that has everything", async (t) => {
  const findings = diagnose(world());
  t.strictSame(
    findings.filter(({ state }) => state !== "ok"),
    [],
  );
  t.equal(canRun(findings), true);
  t.match(report(findings), /^kernel\n {2}ok +version +Linux 6\.18\.1\n[\s\S]*\ncontainers can run here\n$/);
  t.strictSame(new Set(findings.map(({ name }) => name)).size, findings.length, "each has a name of its own");
});

/** A world, and the one finding that it is about. */
const CASES: readonly (readonly [string, World, Partial<Finding> & { readonly name: string }])[] = [
  [
    "an old kernel",
    world({ attempt: (what) => (what === "mountCalls" ? "ENOSYS" : undefined) }),
    {
      name: "mount calls",
      state: "missing",
      needed: true,
      cure: "this kernel has no fsopen or mount_setattr: tsrun needs Linux 5.12 or newer",
    },
  ],
  [
    "its version",
    world({}, { "/proc/sys/kernel/osrelease": "5.10.0-9-amd64\n" }),
    { name: "version", state: "partial" },
  ],
  [
    "no namespaces for users",
    world(user({ attempt: () => "EPERM" }), { "/proc/sys/kernel/unprivileged_userns_clone": "0\n" }),
    {
      name: "user",
      state: "missing",
      needed: true,
      found: "EPERM: operation not permitted",
      lost: "every container",
      cure: "kernel.unprivileged_userns_clone is 0: root allows users their namespaces with sysctl kernel.unprivileged_userns_clone=1",
    },
  ],
  [
    "namespaces without power",
    world(user({ attempt: (what) => (what === "mountCalls" ? "EPERM" : undefined) }), {
      "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
    }),
    {
      name: "mount calls",
      state: "missing",
      needed: true,
      cure: "AppArmor takes the privileges of users' namespaces away: root stops it with sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    },
  ],
  [
    "no time namespace",
    world({
      attempt: (_, __, flags) => (flags === CLONE.NEWTIME ? "EINVAL" : undefined),
      kind: (path) => (path.endsWith("/time") ? "missing" : "dir"),
    }),
    {
      name: "time",
      state: "missing",
      found: "not in this kernel",
      lost: "namespaces of type time in linux.namespaces",
      cure: "a kernel that is compiled with it",
    },
  ],
  [
    "a limit of namespaces",
    world({ attempt: (what) => (what === "unshare" ? "ENOSPC" : undefined) }),
    {
      name: "pid",
      state: "missing",
      needed: true,
      cure: "a limit in /proc/sys/user/max_*_namespaces is reached",
    },
  ],
  [
    "no overlay",
    world({ attempt: (what) => (what === "overlay" ? "ENODEV" : undefined) }),
    { name: "overlay", cure: "modprobe overlay" },
  ],
  [
    "a filesystem that cannot be id-mapped",
    world({ idmap: () => "EINVAL" }),
    { name: "id-mapped mounts", state: "partial" },
  ],
  ["a user does not", world(user()), { name: "id-mapped mounts", state: "missing", found: "root only" }],
  ["no PIDFD_GET_INFO", world({ pidfdInfo: () => "none" }), { name: "PIDFD_GET_INFO", state: "missing" }],
  [
    "capabilities that root lacks",
    world({}, { "/proc/self/status": "CapEff:\t000001fffeffffff\n" }),
    {
      name: "capabilities",
      state: "partial",
      found: "root lacks CAP_SYS_RESOURCE",
      lost: "CAP_SYS_RESOURCE: raising hard limits (process.rlimits), and an oomScoreAdj below the present one; giving them to containers",
    },
  ],
  [
    "capabilities that only a newer kernel has",
    world(
      {},
      { "/proc/sys/kernel/cap_last_cap": "38\n", "/proc/self/status": "CapEff:\t0000007fffffffff\n" },
    ),
    { name: "capabilities", state: "ok" },
  ],
  [
    "no map tools",
    world({ program: () => undefined }),
    {
      name: "newuidmap",
      state: "missing",
      found: "not in PATH",
      cure: "install it (package uidmap, or shadow-utils)",
    },
  ],
  [
    "map tools without power",
    world({ mode: () => 0o755 }),
    {
      name: "newgidmap",
      state: "partial",
      cure: "/usr/bin/newgidmap is not setuid root: chmod u+s /usr/bin/newgidmap, or setcap cap_setgid+ep /usr/bin/newgidmap",
    },
  ],
  ["a user's ids", world(user()), { name: "/etc/subuid", state: "ok", found: "100000 to 165535" }],
  [
    "a user without groups",
    world(user()),
    {
      name: "/etc/subgid",
      state: "missing",
      cure: "/etc/subgid has no line for user; root adds one: usermod --add-subgids 100000-165535 user",
    },
  ],
  [
    "a user without a name",
    world(user({ uid: 5 })),
    { name: "/etc/subuid", found: "user 5 has no entry in /etc/passwd" },
  ],
  [
    "no cgroups",
    world({ cgroups: () => ({ mode: "none", hierarchies: [] }) }),
    { name: "hierarchy", state: "missing", cure: "mount -t cgroup2 cgroup2 /sys/fs/cgroup" },
  ],
  [
    "no cgroup for a user",
    world(user({ cgroupDirs: () => new Map() })),
    {
      name: "delegation",
      state: "missing",
      cure: "in a session of systemd: systemd-run --user --scope -p Delegate=yes",
    },
  ],
  [
    "some controllers for a user",
    world(user()),
    {
      name: "controllers",
      state: "partial",
      found: "memory, pids",
      lost: "cpu: linux.resources.cpu; cpuset: cpu.cpus and cpu.mems; io: linux.resources.blockIO",
      cure: "root adds them: systemctl edit user@.service, with [Service] and Delegate=cpu cpuset io memory pids",
    },
  ],
  [
    "no eBPF",
    world({
      deviceRules: () => new SystemError("BPF_PROG_LOAD", "EPERM", "", { hint: "as the error says" }),
    }),
    {
      name: "device rules",
      state: "missing",
      found: "EPERM: operation not permitted",
      cure: "as the error says",
    },
  ],
  [
    "no resctrl",
    world({}, { "/proc/self/mountinfo": "", "/proc/filesystems": "nodev\tresctrl\n" }),
    { name: "resctrl", found: "not mounted" },
  ],
  [
    "no listener",
    world({ filterFlags: (flags) => (flags & 8) === 0 }),
    { name: "seccomp notify", lost: "SCMP_ACT_NOTIFY" },
  ],
  [
    "no libseccomp",
    world({ libseccomp: () => undefined }),
    {
      name: "libseccomp",
      state: "missing",
      cure: "install libseccomp: the package is libseccomp2 on Debian and Ubuntu, and libseccomp on most others",
    },
  ],
  ["an old libseccomp", world({ libseccomp: () => "2.4.9" }), { name: "libseccomp", state: "partial" }],
  [
    "no AppArmor",
    world(
      {},
      {
        "/sys/module/apparmor/parameters/enabled": undefined,
        "/sys/kernel/security/lsm": "capability,yama\n",
      },
    ),
    { name: "AppArmor", state: "missing", found: "not among the kernel's modules (capability,yama)" },
  ],
  [
    "SELinux without a policy",
    world({}, { "/proc/self/attr/current": "kernel\0" }),
    { name: "SELinux", found: "no policy is loaded" },
  ],
  [
    "a state root that cannot be written",
    world({ access: () => "EACCES" }),
    { name: "state root", state: "missing", needed: true, found: "/run cannot be written: EACCES" },
  ],
  [
    "a state root on a disk",
    world({ root: "/var/tsrun", kind: (path) => (path === "/var" ? "dir" : "missing") }),
    { name: "state root", state: "partial", found: "/var/tsrun, on ext4" },
  ],
  [
    "few keys",
    world(user()),
    {
      name: "keyrings",
      state: "partial",
      found: "190 of 200 keys used",
      cure: "sysctl kernel.keys.maxkeys=20000",
    },
  ],
  [
    "few processes",
    world(
      {},
      {
        "/proc/self/limits":
          "Max processes             100                  100                  processes\n",
      },
    ),
    { name: "processes", state: "partial", found: "100 at most" },
  ],
  ["no bus", world(user()), { name: "user's bus", state: "missing", found: "XDG_RUNTIME_DIR is not set" }],
  [
    "criu that is not content",
    world({ run: () => ({ kind: "ended", exit: { code: 1 }, output: "a\nError: b\n" }) }),
    { name: "criu", state: "partial", found: "/usr/bin/criu; criu check: Error: b" },
  ],
];

for (const [title, host, { name, ...wanted }] of CASES) {
  t.test(title, async (t) => {
    const findings = diagnose(host);
    const found = findings.find((each) => each.name === name);
    t.match(found, wanted);
    t.equal(
      canRun(findings),
      wanted.needed !== true || wanted.state !== "missing",
      "whether containers can run",
    );
  });
}

t.test("what is missing is said at the end", async (t) => {
  const text = report(diagnose(world(user({ attempt: () => "EPERM" }))));
  t.match(
    text,
    /\nno container can run here: mount calls, mount namespace, pid namespace, user namespace\n$/,
  );
  t.match(text, /\n {2}missing {2}overlay +EPERM: .*\n +without it: .*\n +to get it: /);
});

t.test("the filesystem of a path", async (t) => {
  const mounts =
    "1 1 0:1 / / rw - ext4 a rw\n2 1 0:2 / /run rw shared:3 - tmpfs b rw\n3 2 0:3 / /run rw - xfs c rw\n";
  t.equal(filesystemOf("/run/tsrun", mounts), "xfs");
  t.equal(filesystemOf("/running", mounts), "ext4");
  t.equal(filesystemOf("/run", ""), undefined);
});
