/** containerd and its runc-v2 shim, driven by ctr: what they do with runc and with tsrun. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { cgroupsOf, until } from "../support/outside.ts";
import { both, type Case } from "./support/both.ts";
import { type Containerd, must, openContainerd, remove, running, taskStatus } from "./support/containerd.ts";
import { KILLING, LOAD } from "./support/containerd-load.ts";
import { PROBE, type RuntimeName } from "./support/corner.ts";
import { lineOf } from "./support/engine.ts";
import { PROFILE } from "./support/security.ts";

const containerd = await openContainerd();
const { corner } = containerd;
const SLEEPER = ["/bin/sleep", "1000"];
const EXEC = ["task", "exec", "--fifo-dir", join(corner.dir, "fifo"), "--exec-id", "e1"];
const MEMORY = ["--memory-limit", String(20 << 20)];

/** A case that runs a script in a new container. */
function inside(
  name: string,
  options: readonly string[],
  script: string,
  expect: string | RegExp,
): Case<Containerd> {
  return {
    name,
    expect,
    run: async ({ ctr, run }, runtime) =>
      lineOf(await ctr(run(runtime, ["--rm", ...options], corner.name(), "/bin/sh", "-c", script))),
  };
}

/** A case about a container that runs. */
function about(
  name: string,
  expect: string | RegExp,
  look: (id: string, runtime: RuntimeName) => Promise<string>,
): Case<Containerd> {
  return {
    name,
    expect,
    run: (_, runtime) => running(containerd, runtime, SLEEPER, (id) => look(id, runtime)),
  };
}

/** The limits of a container's cgroup on the host. */
function limitsOf(id: string): string {
  const files = ["memory/PATH/memory.limit_in_bytes", "cpu/PATH/cpu.cfs_quota_us"];
  return files
    .map((file) =>
      readFileSync(join("/sys/fs/cgroup", file.replace("PATH", `${corner.tag}/${id}`)), "utf8").trim(),
    )
    .join(" ");
}

const RUN: readonly Case<Containerd>[] = [
  inside("run", [], "echo hi; exit 7", /^7 hi/),
  inside("--cwd and --env", ["--cwd", "/tmp", "--env", "A=1"], "echo $(pwd) $A", "0 /tmp 1"),
  inside("--read-only", ["--read-only"], "/bin/touch /x 2>/dev/null; echo $?", "0 1"),
  inside(
    "--mount",
    ["--mount", `type=bind,src=${corner.rootfs},dst=/mnt,options=rbind:ro`],
    "/bin/touch /mnt/x 2>&1",
    /^1 .*Read-only/s,
  ),
  inside("--cap-drop", ["--cap-drop", "CAP_CHOWN"], "/bin/chown 1 /tmp 2>&1", /^1 .*not permitted/s),
  inside("--seccomp", ["--seccomp"], "/bin/grep Seccomp: /proc/self/status", "0 Seccomp:\t2"),
  inside(
    "--seccomp-profile",
    ["--seccomp", "--seccomp-profile", corner.file("profile.json", PROFILE)],
    "/bin/mkdir /x 2>&1",
    /^1 .*Level 2 not synchronized/,
  ),
  inside(
    "--allow-new-privs",
    ["--allow-new-privs"],
    "/bin/grep NoNewPrivs: /proc/self/status",
    "0 NoNewPrivs:\t0",
  ),
  inside("no new privileges otherwise", [], "/bin/grep NoNewPrivs: /proc/self/status", "0 NoNewPrivs:\t1"),
  inside("--device", ["--device", "/dev/kmsg"], "/bin/stat -c '%t %T' /dev/kmsg", "0 1 b"),
  inside(
    "--net-host",
    ["--net-host"],
    "/bin/readlink /proc/self/ns/net",
    `0 ${readlinkSync("/proc/self/ns/net")}`,
  ),
  {
    name: "--memory-limit and --cpus",
    expect: "20971520 50000",
    run: (_, runtime) =>
      running(containerd, runtime, SLEEPER, async (id) => limitsOf(id), [...MEMORY, "--cpus", "0.5"]),
  },
  inside("--no-pivot", ["--no-pivot"], "echo ok", "0 ok"),
  {
    name: "run -t",
    expect: /^6 .*"terminals":\[true,true,true\].*typed/s,
    run: async ({ run }, runtime) => {
      const script = "sleep 0.5; /bin/probe do tty; read x; echo $x; exit 6";
      const words = run(
        runtime,
        ["--rm", "--tty", "--env", "PATH=/bin"],
        corner.name(),
        "/bin/sh",
        "-c",
        script,
      );
      const ctr = ["ctr", "--address", join(corner.dir, "containerd.sock"), "--namespace", corner.tag];
      return lineOf(await corner.call(PROBE, ["pty", "--", ...ctr, ...words], { input: "typed\n" }));
    },
  },
  {
    // What comes of it with systemd is tried in the virtual machines.
    name: "--runc-systemd-cgroup",
    expect: /^0 ok$|^1 .*systemd not running on this host, cannot use systemd cgroups manager/,
    run: async ({ ctr, run }, runtime) => {
      const id = corner.name();
      const options = ["--rm", "--runc-systemd-cgroup", "--cgroup", `system.slice:tsrun-test:${id}`];
      return lineOf(await ctr(run(runtime, options, id, "/bin/echo", "ok")));
    },
  },
  {
    name: "a program that is not there",
    expect: /^1 .*"\/nope": stat \/nope: no such file or directory/s,
    run: async ({ ctr, run }, runtime) => lineOf(await ctr(run(runtime, ["--rm"], corner.name(), "/nope"))),
  },
  {
    name: "a file that is no program",
    expect: /^1 .*"\/etc\/passwd": permission denied/s,
    run: async ({ ctr, run }, runtime) =>
      lineOf(await ctr(run(runtime, ["--rm"], corner.name(), "/etc/passwd"))),
  },
];

const TASKS: readonly Case<Containerd>[] = [
  about("exec", "5 x", async (id) =>
    lineOf(await containerd.ctr([...EXEC, id, "/bin/sh", "-c", "echo x; exit 5"])),
  ),
  about("exec -t", /^5 .*"terminals":\[true,true,true\].*typed/s, async (id) => {
    const script = "sleep 0.5; /bin/probe do tty; read x; echo $x; exit 5";
    const words = [...EXEC, "--tty", id, "/bin/sh", "-c", `PATH=/bin; ${script}`];
    const ctr = ["ctr", "--address", join(corner.dir, "containerd.sock"), "--namespace", corner.tag];
    return lineOf(await corner.call(PROBE, ["pty", "--", ...ctr, ...words], { input: "typed\n" }));
  }),
  about(
    "exec of a program that is not there",
    /^1 .*"\/nope": stat \/nope: no such file or directory/s,
    async (id) => lineOf(await containerd.ctr([...EXEC, id, "/nope"])),
  ),
  about("exec of a file that is no program", /^1 .*"\/etc\/passwd": permission denied/s, async (id) =>
    lineOf(await containerd.ctr([...EXEC, id, "/etc/passwd"])),
  ),
  about("exec while paused", /^1 .*paused/s, async (id) => {
    await must(containerd, ["task", "pause", id]);
    return lineOf(await containerd.ctr([...EXEC, id, "/bin/true"]));
  }),
  about("the options BinaryName and Root", "in its own root", async (id, runtime) => {
    const state = join(corner.dir, `runtime-${runtime}`, corner.tag, id, "state.json");
    return existsSync(state) ? "in its own root" : `no ${state}`;
  }),
  about("--with-ns", "0 the same", async (id, runtime) => {
    const pid = (await must(containerd, ["task", "ps", id])).split("\n")[1]?.split(/\s/)[0];
    const space = readlinkSync(`/proc/${pid}/ns/uts`);
    const { ctr, run } = containerd;
    const options = ["--rm", "--with-ns", `uts:/proc/${pid}/ns/uts`];
    const seen = lineOf(
      await ctr(run(runtime, options, corner.name(), "/bin/readlink", "/proc/self/ns/uts")),
    );
    return seen.replace(space, "the same");
  }),
  about("task kill --all", "STOPPED", async (id) => {
    await must(containerd, ["task", "kill", "--all", "--signal", "SIGKILL", id]);
    return until("the end", async () => {
      const status = await taskStatus(containerd, id);
      return status === "STOPPED" && status;
    });
  }),
  about("task delete --force", "0 gone", async (id) => {
    const { code } = await containerd.ctr(["task", "delete", "--force", id]);
    return `${code} ${(await taskStatus(containerd, id)) || "gone"}`;
  }),
  about("pause and resume", "PAUSED RUNNING", async (id) => {
    await must(containerd, ["task", "pause", id]);
    const paused = await taskStatus(containerd, id);
    await must(containerd, ["task", "resume", id]);
    return `${paused} ${await taskStatus(containerd, id)}`;
  }),
  about("removal while paused", "PAUSED", async (id) => {
    await must(containerd, ["task", "pause", id]);
    return taskStatus(containerd, id);
  }),
  about("metrics", /^pids 1, memory [1-9]\d*$/, async (id) => {
    const seen = await must(containerd, ["task", "metrics", "--format", "json", id]);
    const memory = /"usage":\s*\{[^}]*"usage":\s*(\d+)/.exec(seen)?.[1] ?? seen;
    return `pids ${/"pids":\s*\{\s*"current":\s*(\d+)/.exec(seen)?.[1] ?? seen}, memory ${memory}`;
  }),
  about("task ps", /^\d+\s/m, async (id) =>
    (await must(containerd, ["task", "ps", id])).replace(/^PID.*\n/, ""),
  ),
  about("kill with a signal", "STOPPED", async (id) => {
    await must(containerd, ["task", "kill", "--signal", "SIGKILL", id]);
    return until("the end", async () => {
      const status = await taskStatus(containerd, id);
      return status === "STOPPED" && status;
    });
  }),
];

const EVENTS: Case<Containerd> = {
  name: "task events: create, start, oom, exit, delete",
  expect: "create start oom exit delete",
  run: async ({ run, ctr }, runtime) => {
    const id = corner.name();
    const program = "while :; do /bin/tail /dev/zero; exit 137; done";
    await ctr(run(runtime, ["--rm", ...MEMORY], id, "/bin/sh", "-c", program));
    const seen = await until("the events", () => {
      const lines = readFileSync(join(corner.dir, "events.log"), "utf8").split("\n");
      const own = lines.filter((line) => new RegExp(`"${id}"`).test(line));
      const names = own.flatMap((line) => /\/tasks\/(\w+)/.exec(line)?.[1] ?? []);
      return names.includes("delete") && names;
    });
    const order = ["create", "start", "oom", "exit", "delete"];
    return order.filter((name) => seen.includes(name)).join(" ");
  },
};

corner.daemon("events", "ctr", ["--address", join(corner.dir, "containerd.sock"), "events"]);
await both(containerd, RUN);
await both(containerd, TASKS);
await both(containerd, [EVENTS]);
await both(containerd, LOAD);
await both(containerd, KILLING, "apart");
await corner.end(async () => {
  const ids = (await must(containerd, ["container", "list", "-q"])).split("\n").filter((id) => id !== "");
  for (const id of ids) await remove(containerd, id);
  await until("no container's cgroup", () => cgroupsOf(`${corner.tag}/`).length === 0).catch(() => undefined);
});
