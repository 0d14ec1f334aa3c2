/** The options of `run` that end in the runtime's configuration, each seen from inside the container. */

import type { Case } from "./both.ts";
import { type Engine, inside } from "./engine.ts";

/** The one file of a controller of cgroup v1, read by a script at the place where engines mount it. */
function limit(controller: string, file: string): string {
  return `cat /sys/fs/cgroup/${controller}/${file}`;
}

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
    "--mount, a file for reading and a folder of its own",
    ({ corner }) => [
      ...["--mount", `type=bind,src=${corner.rootfs}/etc/passwd,dst=/made/file,readonly`],
      ...["--mount", "type=volume,dst=/made/folder", "--mount", "type=tmpfs,dst=/made/tmpfs"],
    ],
    "grep -c root /made/file; echo x 2>/dev/null > /made/file; echo $?; for i in folder tmpfs; do echo $i > /made/$i/x; cat /made/*/x; done",
    "0 1\n1\nfolder\nfolder\ntmpfs",
  ),
  inside(
    "--read-only, and what stays writable",
    ["--read-only", "--tmpfs", "/tmp", "-v", "/made"],
    "for i in / /etc /tmp /made /dev/shm; do touch $i/x 2>/dev/null; echo $?; done | tr -d '\\n'",
    "0 11000",
  ),
  inside(
    "--device",
    ["--device", "/dev/null:/dev/made"],
    "echo x > /dev/made; echo $?; head -c 1 /dev/made | wc -c; stat -c '%t %T' /dev/made",
    "0 0\n0\n1 3",
  ),
  inside(
    "--device-cgroup-rule",
    ["--device-cgroup-rule", "c 1:11 r"],
    "mknod /made c 1 11 && echo x 2>/dev/null > /made; echo $?; mknod /other b 7 0; true 2>/dev/null < /other; echo $?",
    "0 1\n1",
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
  inside(
    "--cpu-period and --cpu-quota",
    ["--cpu-period", "50000", "--cpu-quota", "20000"],
    `${limit("cpu", "cpu.cfs_period_us")} /sys/fs/cgroup/cpu/cpu.cfs_quota_us`,
    "0 50000\n20000",
  ),
  inside("--cpuset-mems", ["--cpuset-mems", "0"], limit("cpuset", "cpuset.mems"), "0 0"),
  inside(
    "--oom-kill-disable",
    ["--oom-kill-disable", "-m", "20m"],
    limit("memory", "memory.oom_control"),
    /^0 oom_kill_disable 1/,
  ),
  inside("--memory-swappiness", ["--memory-swappiness", "10"], limit("memory", "memory.swappiness"), "0 10"),
  inside("--cpu-shares", ["--cpu-shares", "200"], limit("cpu", "cpu.shares"), "0 200"),
  inside("--cpuset-cpus", ["--cpuset-cpus", "0"], limit("cpuset", "cpuset.cpus"), "0 0"),
];

/** All of them. */
export const OPTIONS: readonly Case<Engine>[] = [...FILES, ...SPACES, ...LIMITS];
