/** Configurations as tools and engines write them: decoded without a warning. */
import t from "tap";
import { parseProcess, parseResources } from "../../../src/bundle/parse.ts";
import { type Json, parse, runcSpec, small, withValue } from "./configs.ts";

const DOCKER_CAPS = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
];

/** As dockerd writes it for `docker run -m 64m --hostname web`, with Go's nulls where it leaves them. */
function docker(): Json {
  return {
    ociVersion: "1.0.2-dev",
    process: {
      consoleSize: { height: 0, width: 0 },
      user: { uid: 0, gid: 0, additionalGids: [0, 10], username: "" },
      args: ["/bin/sh", "-c", ""],
      env: ["PATH=/usr/bin:/bin", "HOSTNAME=web", "EMPTY="],
      cwd: "/",
      capabilities: {
        bounding: DOCKER_CAPS,
        effective: DOCKER_CAPS,
        permitted: DOCKER_CAPS,
        inheritable: null,
      },
      apparmorProfile: "",
      oomScoreAdj: 0,
      rlimits: null,
    },
    root: { path: "/var/lib/docker/overlay2/0123/merged" },
    hostname: "web",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      {
        destination: "/etc/hosts",
        type: "bind",
        source: "/var/lib/docker/hosts",
        options: ["rbind", "rprivate"],
      },
    ],
    hooks: {
      prestart: [
        { path: "/proc/612/exe", args: ["libnetwork-setkey", "-exec-root=/run/docker", "ab", "cd"] },
      ],
    },
    annotations: null,
    linux: {
      sysctl: { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
          { allow: true, type: "c", major: 136, minor: -1, access: "rwm" },
        ],
        memory: { limit: 67108864, swap: 134217728, reservation: 0, kernel: 0, disableOOMKiller: false },
        cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" },
        pids: { limit: -1 },
        blockIO: { weight: 0, weightDevice: null, throttleReadBpsDevice: null },
        hugepageLimits: null,
        network: null,
      },
      cgroupsPath: "/docker/0123456789",
      namespaces: [
        { type: "mount" },
        { type: "network", path: "" },
        { type: "uts" },
        { type: "pid" },
        { type: "ipc" },
        { type: "cgroup" },
      ],
      devices: null,
      seccomp: null,
      maskedPaths: ["/proc/asound", "/proc/acpi", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/sys"],
      mountLabel: "",
    },
  };
}

/** As podman writes it for a container in a user namespace whose network namespace is made beforehand. */
function podman(): Json {
  return {
    ociVersion: "1.0.2-dev",
    process: {
      terminal: false,
      user: { uid: 1000, gid: 1000, umask: 18, additionalGids: [1000] },
      args: ["sleep", "100"],
      env: ["container=podman", "HOME=/root"],
      cwd: "/",
      capabilities: { bounding: DOCKER_CAPS, effective: [], inheritable: null, permitted: [] },
      rlimits: [
        { type: "RLIMIT_NOFILE", hard: 1048576, soft: 1048576 },
        { type: "RLIMIT_NPROC", hard: 4194304, soft: 4194304 },
      ],
      noNewPrivileges: false,
      oomScoreAdj: 0,
    },
    root: { path: "/home/user/.local/share/containers/storage/overlay/0/merged" },
    hostname: "0123456789ab",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      {
        destination: "/sys",
        type: "bind",
        source: "/sys",
        options: ["rprivate", "nosuid", "noexec", "rbind", "ro"],
      },
      {
        destination: "/run/secrets",
        type: "bind",
        source: "/run/user/1000/secrets",
        options: ["bind", "rprivate"],
      },
      { destination: "/dev/mqueue", type: "bind", source: "/dev/mqueue", options: ["bind", "nosuid"] },
    ],
    annotations: { "io.podman.annotations.autoremove": "FALSE", "org.opencontainers.image.stopSignal": "15" },
    hooks: {},
    linux: {
      uidMappings: [
        { containerID: 0, hostID: 1000, size: 1 },
        { containerID: 1, hostID: 100000, size: 65536 },
      ],
      gidMappings: [
        { containerID: 0, hostID: 1000, size: 1 },
        { containerID: 1, hostID: 100000, size: 65536 },
      ],
      sysctl: { "net.ipv4.ping_group_range": "0 0" },
      resources: { devices: [{ allow: false, access: "rwm" }], pids: { limit: 2048 } },
      cgroupsPath: "/libpod_parent/libpod-0123",
      namespaces: [
        { type: "pid" },
        { type: "network", path: "/run/user/1000/netns/netns-1" },
        { type: "ipc" },
        { type: "uts" },
        { type: "mount" },
        { type: "user" },
        { type: "cgroup" },
      ],
      devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 8630, uid: 0, gid: 0 }],
      maskedPaths: ["/proc/acpi"],
      readonlyPaths: ["/proc/bus"],
      rootfsPropagation: "slave",
    },
  };
}

t.test("runc spec, docker and podman give no warning", (t) => {
  for (const [name, config] of [
    ["runc spec", runcSpec()],
    ["docker", docker()],
    ["podman", podman()],
    ["small", small()],
  ] as const) {
    t.same(parse(config).warnings, [], name);
  }
  t.end();
});

t.test("what docker writes for unset is unset", (t) => {
  const { process, linux, hooks } = parse(docker()).bundle;
  t.equal(linux.resources.memory.limit, 67108864n);
  t.equal(linux.resources.memory.reservation, undefined);
  t.equal(linux.resources.memory.kernel, undefined);
  t.same(
    { ...linux.resources.cpu },
    {
      shares: undefined,
      quota: undefined,
      burst: undefined,
      period: undefined,
      realtimeRuntime: undefined,
      realtimePeriod: undefined,
      cpus: undefined,
      mems: undefined,
      idle: undefined,
    },
  );
  t.equal(linux.resources.pids.limit, -1n);
  t.equal(linux.resources.blockIO.weight, undefined);
  t.same(linux.resources.devices[2], { allow: true, type: "c", major: 136, minor: undefined, access: "rwm" });
  t.equal(linux.namespaces[1]?.path, undefined);
  t.same(process?.rlimits, []);
  t.same(process?.user.additionalGids, [0, 10]);
  t.same(hooks.prestart[0]?.args[0], "libnetwork-setkey");
  t.equal(hooks.prestart[0]?.env, undefined);
  t.end();
});

t.test("what podman writes arrives", (t) => {
  const { process, linux } = parse(podman()).bundle;
  t.equal(process?.user.umask, 0o022);
  t.equal(linux.devices[0]?.fileMode, 0o666, "the file type in fileMode is dropped");
  t.equal(linux.rootfsPropagation, "slave");
  t.equal(linux.uidMappings[1]?.size, 65536);
  t.end();
});

t.test("pids.limit: absent, zero and -1 are three things", (t) => {
  const limit = (value: Json | undefined): unknown =>
    parse(withValue(small(), "/linux/resources/pids/limit", value)).bundle.linux.resources.pids.limit;
  t.same([limit(undefined), limit(null), limit(0), limit(-1)], [undefined, undefined, 0n, -1n]);
  t.end();
});

t.test("exec --process and update --resources", (t) => {
  const { process, warnings } = parseProcess(
    '{"args":["id"],"cwd":"/","env":["A=b"],"user":{"uid":7,"gid":8}}',
  );
  t.same([process.args, process.user.uid, process.user.gid, warnings], [["id"], 7, 8, []]);
  t.throws(() => parseProcess('{"args":["id"],"cwd":"tmp"}'), { code: "format", pointer: "/cwd" });
  const update = parseResources(
    '{"CPU":{"Cpus":"0-1","QUOTA":20000},"Memory":{"swap":9223372036854771712},"blockio":{"weight":10}}',
  );
  t.same(update.warnings, []);
  t.equal(update.resources.cpu.cpus, "0-1");
  t.equal(update.resources.cpu.quota, 20000n);
  t.equal(
    update.resources.memory.swap,
    9223372036854771712n,
    "swap without limit is for the caller to judge",
  );
  t.equal(update.resources.blockIO.weight, 10);
  t.match(parseResources('{"Memroy":{}}').warnings, [{ pointer: "/memroy", hint: 'did you mean "memory"?' }]);
  t.end();
});
