/** What `run` takes away from a container and grants it: users, capabilities, system calls, paths; each seen from inside. */

import type { Case } from "./both.ts";
import { type Engine, inside } from "./engine.ts";

/** A seccomp profile that answers mkdir with EL2NSYNC, which nothing else does. */
export const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 45 }],
});

/** All of them. */
export const SECURITY: readonly Case<Engine>[] = [
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
  inside(
    "the default seccomp profile",
    [],
    "grep Seccomp: /proc/self/status; unshare -m true 2>&1 | grep -c 'not permitted'",
    "0 Seccomp:\t2\n1",
  ),
  inside(
    "--security-opt seccomp=unconfined",
    ["--security-opt", "seccomp=unconfined"],
    "grep Seccomp: /proc/self/status",
    "0 Seccomp:\t0",
  ),
  inside(
    "--security-opt seccomp with a profile",
    ({ corner }) => ["--security-opt", `seccomp=${corner.file("profile.json", PROFILE)}`],
    "mkdir /x 2>&1; uname 2>&1; echo $?",
    "0 mkdir: can't create directory '/x': Level 2 not synchronized\nLinux\n0",
  ),
  inside("--security-opt apparmor=unconfined", ["--security-opt", "apparmor=unconfined"], "echo ok", "0 ok"),
  // Without the kernel's module Docker leaves the profile out, and podman refuses it.
  inside(
    "--security-opt apparmor with a profile that is not there",
    ["--security-opt", "apparmor=tsrun-test-none"],
    "echo ok",
    /^0 ok$|^12[56] .*apparmor/is,
  ),
  inside("--security-opt label=disable", ["--security-opt", "label=disable"], "echo ok", "0 ok"),
  inside(
    "--cap-add, with the calls that the seccomp profile allows for it",
    ["--cap-add", "sys_admin"],
    "mount -t tmpfs none /tmp && df /tmp | grep -c none",
    "0 1",
  ),
  inside("--oom-score-adj", ["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj", "0 500"),
];
