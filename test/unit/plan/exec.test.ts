import t from "tap";
import type { Process } from "../../../src/bundle/types.ts";
import { describe } from "../../../src/plan/describe.ts";
import { encode } from "../../../src/plan/encode.ts";
import { compileExec } from "../../../src/plan/exec.ts";
import type { ExecOptions } from "../../../src/plan/facts.ts";
import type { OpName } from "../../../src/plan/ops.ts";
import { CLONE } from "../../../src/sys/constants.gen.ts";
import { all, bundle, type Change, deepFreeze, facts, names, namespaces, only, options } from "./support.ts";

function execOptions(change: Partial<ExecOptions> = {}): ExecOptions {
  return { ...options(), pid: 42, ownUserNamespace: false, ...change };
}

/** The plan for a process in a container, by default the container's own. */
function planned(
  of: Change = {},
  change: Partial<ExecOptions> = {},
  process: Partial<Process> = {},
  privileged = true,
) {
  const container = bundle(of);
  const own = container.process;
  if (own === undefined) throw new Error("the sample has a process");
  return compileExec(
    container,
    { ...own, ...process },
    {
      lastCap: 40,
      privileged,
      root: privileged,
      filter: undefined,
      lsm: { apparmor: false, selinux: false },
    },
    execOptions(change),
  );
}

t.test("in the container of `runc spec`", async (t) => {
  t.strictSame(
    planned().steps.map(({ op, pointer }) =>
      pointer === undefined ? describe(op) : `${describe(op)} ${pointer}`,
    ),
    [
      "enter the container's namespaces CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWPID|CLONE_NEWNET",
      "enter the container's cgroups",
      "make the container's first process",
      "join a new session keyring _ses.c1",
      "start a session",
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
      "execute the program /process/args/0",
    ],
  );
});

/** Everything that could change a mount, or look at a file of the host by its path. */
const MOUNTING: readonly OpName[] = [
  "propagation",
  "rootfs",
  "mkdir",
  "mkfile",
  "mount",
  "bind",
  "remount",
  "mknod",
  "symlink",
  "pivotRoot",
  "moveRoot",
  "sysctl",
  "readonlyPath",
  "maskPath",
  "rootReadonly",
  "hook",
  "hostHooks",
  "unshare",
  "userns",
  "oomScoreAdj",
  "awaitStart",
];

t.test("no operation mounts, makes a namespace or runs a hook, whatever the container is", async (t) => {
  const plan = planned(
    {
      linux: {
        namespaces: namespaces("pid", "user", "cgroup", "time", "network", "ipc", "uts"),
        sysctl: new Map([["net.ipv4.ip_forward", "1"]]),
      },
      process: { terminal: true, consoleSize: { height: 3, width: 4 }, oomScoreAdj: 5 },
    },
    { preserveFds: 3 },
  );
  for (const name of MOUNTING) t.notOk(names(plan).includes(name), name);
  t.same(
    only(plan, "console"),
    { op: "console", target: "", height: 3, width: 4 },
    "its terminal is mounted nowhere",
  );
  t.same(only(plan, "closeFrom"), { op: "closeFrom", first: 6 });
});

t.test("namespaces: those that the container has, all but the cgroup's at once", async (t) => {
  const flags = (of: Change, change?: Partial<ExecOptions>): number =>
    only(planned(of, change), "enter").flags;
  t.equal(flags({ linux: { namespaces: namespaces() } }), CLONE.NEWNS);
  t.equal(
    flags({ linux: { namespaces: namespaces("pid", "user", "cgroup", "time", "network", "ipc", "uts") } }),
    CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWUSER | CLONE.NEWTIME | CLONE.NEWNET | CLONE.NEWIPC | CLONE.NEWUTS,
  );
  t.equal(
    flags({ linux: { namespaces: namespaces("user") } }, { ownUserNamespace: true }),
    CLONE.NEWNS,
    "nobody enters the user namespace that he is in",
  );
  t.equal(
    flags({ linux: { namespaces: [{ type: "network", path: "/proc/9/ns/net" }] } }),
    CLONE.NEWNET,
    "a path is the first process's business",
  );
});

t.test("the cgroup namespace is entered once the process is in the cgroup", async (t) => {
  const plan = planned({ linux: { namespaces: namespaces("cgroup") } });
  t.same(only(plan, "join"), { op: "join", ns: CLONE.NEWCGROUP, path: "/proc/42/ns/cgroup" });
  const order = names(plan);
  t.ok(order.indexOf("attach") < order.indexOf("fork") && order.indexOf("fork") < order.indexOf("join"));
  t.same(all(planned(), "join"), []);
});

t.test("--no-new-keyring of the container", async (t) => {
  t.same(only(planned(), "keyring"), { op: "keyring", name: "_ses.c1" });
  t.same(all(planned({}, { noNewKeyring: true }), "keyring"), []);
});

t.test("execCPUAffinity: the initial one before all, the final one in the container", async (t) => {
  const plan = planned({}, {}, { execCPUAffinity: { initial: [0], final: [1, 65] } });
  t.same(
    plan.steps.flatMap(({ op, pointer }) => (op.op === "affinity" ? [[op.cpus, pointer]] : [])),
    [
      [[1n], "/process/execCPUAffinity/initial"],
      [[2n, 2n], "/process/execCPUAffinity/final"],
    ],
  );
  const order = names(plan);
  t.equal(order[0], "affinity");
  t.ok(order.lastIndexOf("affinity") > order.indexOf("fork"));
  t.same(all(planned({}, {}, { execCPUAffinity: { initial: undefined, final: [1] } }), "affinity").length, 1);
});

t.test("the container's personality and memory policy hold for every process of it", async (t) => {
  const plan = planned({ linux: { personality: { domain: "LINUX32" } } });
  t.same(only(plan, "personality"), { op: "personality", persona: 8n });
});

t.test(
  "the terminal comes before the ids, and after the session that it becomes the terminal of",
  async (t) => {
    const order = names(planned({}, {}, { terminal: true }));
    t.ok(order.indexOf("session") < order.indexOf("console"));
    t.ok(order.indexOf("console") < order.indexOf("user"));
  },
);

t.test("additional groups where the namespace maps no group but the caller's", async (t) => {
  const mapping = { containerID: 0, hostID: 1000, size: 1 };
  const linux = { namespaces: namespaces("user"), uidMappings: [mapping], gidMappings: [mapping] };
  const user = { uid: 0, gid: 0, umask: undefined, additionalGids: [5] };
  t.throws(() => planned({ linux }, {}, { user }, false), {
    name: "BundleError",
    pointer: "/process/user/additionalGids",
  });
});

t.test("it is pure, and can be encoded", async (t) => {
  const container = deepFreeze(bundle());
  const own = container.process;
  if (own === undefined) throw new Error("the sample has a process");
  const once = compileExec(container, own, deepFreeze(facts()), deepFreeze(execOptions()));
  t.strictSame(once, compileExec(container, own, facts(), execOptions()));
  t.ok(encode(once).length > 100);
});

t.test("oom_score_adj is set from outside by root, by others before they enter", async (t) => {
  const at = (privileged: boolean) => names(planned({}, {}, { oomScoreAdj: 5 }, privileged)).slice(0, 2);
  t.strictSame(at(true), ["enter", "attach"]);
  t.strictSame(at(false), ["oomScoreAdj", "enter"]);
});
