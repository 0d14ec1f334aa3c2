/** The options of `run` that end in the runtime's configuration, each seen from inside the container. */

import type { Case } from "./both.ts";
import { type Engine, IMAGE, inside, lineOf, run } from "./engine.ts";

/** The one file of a controller of cgroup v1, read by a script at the place where engines mount it. */
function limit(controller: string, file: string): string {
  return `cat /sys/fs/cgroup/${controller}/${file}`;
}

/** A container whose program cannot be started: what the engine's exit code is. */
function unstartable(name: string, words: readonly string[], expect: RegExp): Case<Engine> {
  return {
    name,
    expect,
    run: async (engine, runtime) => lineOf(await run(engine, runtime, ["--rm", ...words])),
  };
}

const SECURITY: readonly Case<Engine>[] = [
  inside("--read-only", ["--read-only"], "touch /x; echo $?", "0 1"),
  inside("--user by number", ["--user", "1000:29"], "id -u; id -g", "0 1000\n29"),
  inside("--user by name", ["--user", "user"], "id -un; echo $HOME", "0 user\n/home/user"),
  inside("--group-add", ["--user", "user", "--group-add", "29"], "id -G | grep -wo 29", "0 29"),
  inside(
    "--cap-drop and --cap-add",
    ["--cap-drop", "all", "--cap-add", "net_raw"],
    "grep -E 'Cap(Eff|Bnd)' /proc/self/status",
    "0 CapEff:\t0000000000002000\nCapBnd:\t0000000000002000",
  ),
  inside(
    "the default capabilities as another user",
    ["--user", "user"],
    "grep -E 'Cap(Eff|Amb)' /proc/self/status",
    "0 CapEff:\t0000000000000000\nCapAmb:\t0000000000000000",
  ),
  inside(
    "--security-opt no-new-privileges",
    ["--security-opt", "no-new-privileges"],
    "grep NoNewPrivs /proc/self/status",
    "0 NoNewPrivs:\t1",
  ),
  inside(
    "the masked paths",
    [],
    "wc -c < /proc/timer_list; ls /proc/acpi /sys/firmware | wc -w",
    /^0 0\n[0-9]+$/,
  ),
  inside("the read-only paths", [], "echo 1 2>/dev/null > /proc/sys/vm/swappiness; echo $?", /^0 [12]$/),
  inside("--oom-score-adj", ["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "0 500"),
];

const FILES: readonly Case<Engine>[] = [
  inside(
    "--tmpfs",
    ["--tmpfs", "/mnt:size=1m,mode=700"],
    "stat -c %a /mnt; df /mnt | grep -c ' 1024 '; touch /mnt/x; ls /mnt",
    "0 700\n1\nx",
  ),
  inside(
    "-v, for reading and for writing",
    ({ corner }) => ["-v", `${corner.rootfs}:/ro:ro`, "-v", `${corner.rootfs}/tmp:/rw`],
    "touch /ro/x 2>&1 | grep -c Read-only; touch /rw/x; ls /ro/tmp",
    "0 1\nx",
  ),
  inside(
    "--device for reading only",
    ["--device", "/dev/fuse:/dev/log:r"],
    "true < /dev/log; echo $?; echo x 2>/dev/null > /dev/log; echo $?; test -c /dev/log; echo $?",
    "0 0\n1\n0",
  ),
  inside("a device that was not given", [], "mknod /x b 7 0; head -c 1 /x >/dev/null 2>&1; echo $?", "0 1"),
  inside("--workdir", ["-w", "/made/here"], "pwd", /^0 \/made\/here$|^12[67] .*workdir/),
  inside("--env", ["-e", "A=1", "-e", "B=a b"], 'echo "$A $B"', "0 1 a b"),
  inside("--shm-size", ["--shm-size", "1m"], "df /dev/shm | grep -c ' 1024 '", "0 1"),
];

const SPACES: readonly Case<Engine>[] = [
  inside("--hostname", ["--hostname", "made-up"], "hostname", "0 made-up"),
  inside("--sysctl", ["--sysctl", "kernel.msgmax=65000"], "cat /proc/sys/kernel/msgmax", "0 65000"),
  inside("--init", ["--init"], "cat /proc/1/comm", /^0 (podman|docker)-init$/),
  inside("--pid host", ["--pid", "host"], "test $(ls -d /proc/[0-9]* | wc -w) -gt 20; echo $?", "0 0"),
  inside("--network host", ["--network", "host"], "ls /sys/class/net | grep -c eth", /^0 [1-9]|^1 0$/),
  inside("--ipc host and --uts host", ["--ipc", "host", "--uts", "host"], "echo ok", "0 ok"),
  inside(
    "--cgroupns private",
    ["--cgroupns", "private"],
    "grep :memory: /proc/self/cgroup",
    /^0 \d+:memory:\/$/,
  ),
];

const LIMITS: readonly Case<Engine>[] = [
  inside(
    "--ulimit",
    ["--ulimit", "nofile=100:200", "--ulimit", "nproc=4000:4000"],
    "ulimit -n; ulimit -Hn",
    "0 100\n200",
  ),
  inside("--pids-limit", ["--pids-limit", "20"], limit("pids", "pids.max"), "0 20"),
  inside("-m", ["-m", "20m"], limit("memory", "memory.limit_in_bytes"), "0 20971520"),
  inside(
    "-m with --memory-swap and --memory-reservation",
    ["-m", "20m", "--memory-swap", "30m", "--memory-reservation", "10m"],
    `${limit("memory", "memory.memsw.limit_in_bytes")} /sys/fs/cgroup/memory/memory.soft_limit_in_bytes`,
    "0 31457280\n10485760",
  ),
  inside("--cpus", ["--cpus", "0.5"], limit("cpu", "cpu.cfs_quota_us"), "0 50000"),
  inside("--cpu-shares", ["--cpu-shares", "200"], limit("cpu", "cpu.shares"), "0 200"),
  inside("--cpuset-cpus", ["--cpuset-cpus", "0"], limit("cpuset", "cpuset.cpus"), "0 0"),
];

const ENDS: readonly Case<Engine>[] = [
  inside("the program's exit code", [], "exit 7", /^7\b/),
  unstartable(
    "a program that is not in $PATH: 127",
    [IMAGE, "nope"],
    /^127 .*executable file not found in \$PATH/s,
  ),
  unstartable("a program that is not there: 127", [IMAGE, "/nope"], /^127 .*no such file or directory/s),
  unstartable("a file that is no program: 126", [IMAGE, "/etc/passwd"], /^126 .*permission denied/is),
  unstartable("a folder: 126", [IMAGE, "/etc"], /^126 .*(permission denied|is a directory)/is),
  unstartable(
    "a user that is not there",
    ["--user", "nobody-knows", IMAGE, "true"],
    /^12[56] .*nobody-knows/s,
  ),
  unstartable(
    "more memory than the limit: 137",
    ["-m", "20m", "--memory-swap", "20m", IMAGE, "tail", "/dev/zero"],
    /^137/,
  ),
];

/** All of them. */
export const OPTIONS: readonly Case<Engine>[] = [...SECURITY, ...FILES, ...SPACES, ...LIMITS, ...ENDS];
