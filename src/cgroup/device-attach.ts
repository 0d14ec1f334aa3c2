/** Putting the program for a container's device rules in force on its cgroup of v2. */
import { SystemError } from "../error.ts";
import { cstring, text } from "../sys/bytes.ts";
import { Handle } from "../sys/files.ts";
import { errnoName, lib } from "../sys/lib.ts";
import { type DeviceProgram, INSTRUCTION_SIZE } from "./device-program.ts";

/** The calls by the numbers that `ts_device_attach` names them with. */
const CALLS = ["open", "BPF_PROG_QUERY", "BPF_PROG_GET_FD_BY_ID", "BPF_PROG_ATTACH", "BPF_PROG_DETACH"];

/** What the verifier says of a program that the kernel refuses. */
const LOG_ROOM = 4096;

/** Device rules that the kernel has accepted, and that are not in force yet. */
export interface LoadedDevices {
  /**
   * Puts them in force on a cgroup, in place of every program that is attached to it, whoever has attached it: rules of a
   * container that is gone, or systemd's for a scope. There is no moment in which neither old nor new rules hold. Programs
   * of cgroups above hold as before. The rules then live as long as the cgroup.
   * @throws SystemError; then the old ones hold
   */
  attach(dir: string): void;
  /** Forgets them, unless a cgroup has them. */
  close(): void;
}

/** Has the kernel accept a program. @throws SystemError */
export function loadDevices({ instructions, pointer }: DeviceProgram): LoadedDevices {
  const program = instructions.length === 0 ? undefined : new Handle(load(instructions, pointer));
  return {
    attach(dir) {
      const step = new Int32Array(1);
      const answer = lib().ts_device_attach(program?.fd ?? -1, cstring(dir), step);
      if (answer >= 0) return;
      const errno = errnoName(-answer);
      const call = CALLS[step[0] ?? 0] ?? "bpf";
      throw new SystemError(call, errno, dir, {
        doing: `cannot put the device rules in force in ${dir}`,
        pointer,
        hint: call === "BPF_PROG_ATTACH" ? attachHint(errno) : hintFor(errno),
      });
    },
    close: () => program?.close(),
  };
}

/** {@link loadDevices} and `attach` in one. @throws SystemError */
export function attachDevices(dir: string, program: DeviceProgram): void {
  const loaded = loadDevices(program);
  try {
    loaded.attach(dir);
  } finally {
    loaded.close();
  }
}

function load(instructions: Uint8Array, pointer: string): number {
  const log = new Uint8Array(LOG_ROOM);
  const count = instructions.length / INSTRUCTION_SIZE;
  const answer = lib().ts_device_program(instructions, count, log, LOG_ROOM);
  if (answer >= 0) return answer;
  // Then come figures.
  const said = text(log.subarray(0, log.indexOf(0))).split("\n", 1)[0] ?? "";
  const errno = errnoName(-answer);
  throw new SystemError("BPF_PROG_LOAD", errno, "device rules", {
    doing: `cannot load the program of ${count} instructions for the device rules${said === "" ? "" : ` (${said})`}`,
    pointer,
    hint: hintFor(errno),
  });
}

function attachHint(errno: string): string | undefined {
  if (errno === "E2BIG")
    return "as many programs as the kernel takes are attached to the cgroup: detach those of others";
  if (errno === "EPERM")
    return "a program of a cgroup above may not let any stand below it (bpftool cgroup tree)";
  return hintFor(errno);
}

function hintFor(errno: string): string | undefined {
  switch (errno) {
    case "EPERM":
      return (
        "cgroup v2 takes device rules only with CAP_SYS_ADMIN and CAP_NET_ADMIN in the host's user namespace: " +
        'run as the host\'s root, or give [{"allow": true, "access": "rwm"}] to run without device rules'
      );
    case "EINVAL":
    case "ENOSYS":
      return "the kernel needs CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF (Linux 4.15 or later)";
    case "EFAULT":
    case "E2BIG":
      return "there are more rules than the kernel can check: give wildcards instead of single devices";
    default:
      return undefined;
  }
}
