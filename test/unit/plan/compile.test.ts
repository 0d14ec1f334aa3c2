import t from "tap";
import { compile, wantedSources } from "../../../src/plan/compile.ts";
import { describe } from "../../../src/plan/describe.ts";
import { bundle, deepFreeze, facts, hook, mount, names, namespaces, only, options } from "./support.ts";

t.test("the bundle of `runc spec` becomes this plan", async (t) => {
  const plan = compile(bundle(), facts(), options());
  t.strictSame(
    plan.steps.map(({ op, pointer }) =>
      pointer === undefined ? describe(op) : `${describe(op)} ${pointer}`,
    ),
    [
      "unshare CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWPID|CLONE_NEWNET /linux/namespaces",
      "enter the container's cgroups",
      "make the container's first process",
      "join a new session keyring _ses.c1",
      "start a session",
      "bring up the loopback device",
      "set the host name to runc /hostname",
      "make the mounts at / rslave",
      "attach the root filesystem /bundle/rootfs /root/path",
      "make the folder /proc /mounts/0",
      "mount proc at /proc /mounts/0",
      "make the folder /dev /mounts/1",
      "mount tmpfs at /dev /mounts/1",
      "make the folder /dev/pts /mounts/2",
      "mount devpts at /dev/pts /mounts/2",
      "make the folder /dev/shm /mounts/3",
      "mount tmpfs at /dev/shm /mounts/3",
      "make the folder /dev/mqueue /mounts/4",
      "mount mqueue at /dev/mqueue /mounts/4",
      "make the folder /sys /mounts/5",
      "mount sysfs at /sys /mounts/5",
      "make the folder /sys/fs/cgroup /mounts/6",
      "mount tmpfs at /sys/fs/cgroup /mounts/6",
      "remount /sys/fs/cgroup /mounts/6/options/4",
      "make the folder /dev",
      "make the device /dev/null",
      "make the device /dev/zero",
      "make the device /dev/full",
      "make the device /dev/random",
      "make the device /dev/urandom",
      "make the device /dev/tty",
      "link /dev/ptmx to pts/ptmx",
      "link /dev/fd to /proc/self/fd",
      "link /dev/stdin to /proc/self/fd/0",
      "link /dev/stdout to /proc/self/fd/1",
      "link /dev/stderr to /proc/self/fd/2",
      "pivot_root into the container's root",
      "make the root filesystem read-only /root/readonly",
      "make /proc/bus read-only /linux/readonlyPaths/0",
      "make /proc/sys read-only /linux/readonlyPaths/1",
      "mask /proc/acpi /linux/maskedPaths/0",
      "mask /proc/kcore /linux/maskedPaths/1",
      "mask /sys/firmware /linux/maskedPaths/2",
      "set RLIMIT_NOFILE to 1024:1024 /process/rlimits/0",
      "set the umask to 0022",
      "forbid new privileges /process/noNewPrivileges",
      "give standard input, output and error to uid 0 /process/user/uid",
      "limit the bounding set to CAP_KILL,CAP_NET_BIND_SERVICE,CAP_AUDIT_WRITE /process/capabilities/bounding",
      "change to the folder / /process/cwd",
      "become uid 0, gid 0 /process/user",
      "set the capabilities /process/capabilities",
      "find the program sh /process/args/0",
      "close the descriptors from 3 on at execution",
      "report ready",
      "wait for start",
      "execute the program /process/args/0",
    ],
  );
  t.strictSame(plan.sources, []);
  t.strictSame(plan.warnings, []);
});

t.test("compile is pure: frozen input works, and the same input gives the same plan", async (t) => {
  const input = [bundle(), facts(), options()] as const;
  for (const each of input) deepFreeze(each);
  t.strictSame(compile(...input), compile(...input));
});

t.test(
  "hooks: the host's before createContainer's before pivot_root, startContainer's after start",
  async (t) => {
    const hooks = {
      createRuntime: [hook("/bin/a")],
      createContainer: [{ path: "/bin/b", args: ["b", "x"], env: ["A=1"], timeout: 3 }, hook("/bin/c")],
      startContainer: [hook("/bin/d")],
      poststart: [hook("/bin/e")],
    };
    const plan = compile(bundle({ hooks, annotations: new Map([["k", 'v"']]) }), facts(), options());
    t.strictSame(
      names(plan).filter((name) => ["hostHooks", "hook", "pivotRoot", "awaitStart", "exec"].includes(name)),
      ["hostHooks", "hook", "hook", "pivotRoot", "awaitStart", "hook", "exec"],
    );
    const [first, second, last] = plan.steps.filter(({ op }) => op.op === "hook");
    const tail = ',"bundle":"/bundle","annotations":{"k":"v\\""}}';
    t.strictSame(first, {
      op: {
        op: "hook",
        stage: "createContainer",
        index: 0,
        path: "/bin/b",
        args: ["b", "x"],
        hasEnv: 1,
        env: ["A=1"],
        timeout: 3000,
        stateHead: '{"ociVersion":"1.0.2-dev","id":"c1","status":"creating","pid":',
        stateTail: tail,
      },
      pointer: "/hooks/createContainer/0",
    });
    t.match(second, {
      op: { index: 1, hasEnv: 0, env: [], timeout: 0 },
      pointer: "/hooks/createContainer/1",
    });
    t.match(last, { op: { stage: "startContainer", index: 0 }, pointer: "/hooks/startContainer/0" });
    const start = last?.op.op === "hook" ? `${last.op.stateHead}7${last.op.stateTail}` : "";
    t.strictSame(JSON.parse(start), {
      ociVersion: "1.0.2-dev",
      id: "c1",
      status: "created",
      pid: 7,
      bundle: "/bundle",
      annotations: { k: 'v"' },
    });
  },
);

t.test(
  "the host's hooks are asked for where the first of them stands, and not at all without any",
  async (t) => {
    const at = (hooks: Parameters<typeof bundle>[0]) =>
      compile(bundle(hooks), facts(), options()).steps.find(({ op }) => op.op === "hostHooks")?.pointer;
    t.equal(at({}), undefined);
    t.equal(at({ hooks: { prestart: [hook("/a")], createRuntime: [hook("/b")] } }), "/hooks/prestart");
    t.equal(at({ hooks: { createRuntime: [hook("/b")] } }), "/hooks/createRuntime");
  },
);

t.test("names, keyring and loopback are set only where asked for", async (t) => {
  const change = { hostname: undefined, domainname: "d.example", linux: { namespaces: namespaces("uts") } };
  const plan = compile(bundle(change), facts(), options({ noNewKeyring: true }));
  t.equal(only(plan, "domainname").name, "d.example");
  for (const name of ["hostname", "keyring", "loopback"] as const) t.notOk(names(plan).includes(name), name);
  const joined = [...namespaces(), { type: "network" as const, path: "/run/netns/a" }];
  t.notOk(names(compile(bundle({ linux: { namespaces: joined } }), facts(), options())).includes("loopback"));
});

t.test("wantedSources names each bind's source and the kcore file", async (t) => {
  const mounts = [
    mount("/a", "bind", "rel/b"),
    mount("/c", "none", "/srv", "rbind"),
    mount("/t", "tmpfs", "tmpfs"),
  ];
  t.strictSame(wantedSources(bundle({ mounts })), ["/proc/kcore", "/bundle/rel/b", "/srv"]);
});
