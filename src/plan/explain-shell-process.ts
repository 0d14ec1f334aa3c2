/** The process's part of the script: limits and priorities as they come, ids and capabilities at the exec. */

import { IOPRIO_CLASS } from "../sys/constants.gen.ts";
import {
  ioPriorityText,
  limitText,
  listText,
  modeText,
  personalityName,
  policyName,
  rlimitName,
} from "./names.ts";
import type { Op, Plan } from "./ops.ts";
import { capabilityList, quote, quotePath } from "./shell-words.ts";

/** chrt(1)'s option for each policy that it knows. */
const CHRT: Readonly<Record<string, string>> = {
  SCHED_OTHER: "--other",
  SCHED_FIFO: "--fifo",
  SCHED_RR: "--rr",
  SCHED_BATCH: "--batch",
  SCHED_IDLE: "--idle",
  SCHED_DEADLINE: "--deadline",
};

/**
 * The commands for an operation on the process; a comment where no tool does it to a shell that goes on. `root` is the
 * container's root on the host.
 */
export function explainProcess(op: Op, plan: Plan, root: string): readonly string[] {
  switch (op.op) {
    case "hook":
      return [hookLine(op, root)];
    case "rlimit": {
      const name = rlimitName(op.resource).slice("RLIMIT_".length).toLowerCase();
      return [`prlimit --pid $$ --${name}=${limitText(op.soft)}:${limitText(op.hard)}`];
    }
    case "umask":
      return [`umask ${modeText(op.mask)}`];
    case "scheduler":
      return schedulerLines(op);
    case "ioPriority": {
      const [, level = "0"] = ioPriorityText(op.value).split(" ");
      return [`ionice -c ${op.value >> IOPRIO_CLASS.SHIFT} -n ${level} -p $$`];
    }
    case "affinity":
      return [`taskset -p -c ${listText(op.cpus)} $$`];
    case "stdioOwner":
      // Not a device's: /dev/null is everybody's.
      return ["0", "1", "2"].map((fd) => `[ -c /dev/fd/${fd} ] || chown -f ${op.uid} /dev/fd/${fd} || :`);
    case "keyring":
      return ["# (keyctl session would do it, which starts a program of its own)"];
    case "session":
      return ["# (setsid would do it, and take the terminal away)"];
    case "console":
      return ["# (script(1) would do it, which starts a program of its own)"];
    case "hostHooks":
      return ["# (they run in the host's namespaces, which this script has left: see config.json)"];
    case "ready":
    case "awaitStart":
      return ["# (here create ends, and start goes on)"];
    case "chdir":
    case "program":
    case "closeFrom":
    case "personality":
    case "memoryPolicy":
    case "boundingSet":
    case "user":
    case "capabilities":
    case "noNewPrivs":
      return ["# (done by the exec at the end)"];
    case "label":
      return ["# (done for the program alone: runcon(1), aa-exec(1))"];
    case "seccomp":
      return ["# (no command installs a filter: the program runs without one here)"];
    case "exec":
      return execLines(plan, root);
    default:
      return ["# (no command does this here)"];
  }
}

function hookLine(op: Extract<Op, { op: "hook" }>, root: string): string {
  const limit = op.timeout === 0 ? "" : `timeout -s KILL ${op.timeout / 1000} `;
  const env = op.hasEnv === 1 ? `env -i ${op.env.map((entry) => `${quote(entry)} `).join("")}` : "";
  const args = op.args.slice(1).map((arg) => ` ${quote(arg)}`);
  const state = `printf '%s%s%s' ${quote(op.stateHead)} $$ ${quote(op.stateTail)}`;
  const where = op.stage === "startContainer" ? `chroot ${quotePath(root)} ` : "";
  return `${state} | ${limit}${env}${where}${quotePath(op.path)}${args.join("")}`;
}

function schedulerLines(op: Extract<Op, { op: "scheduler" }>): readonly string[] {
  const option = CHRT[policyName(op.policy)];
  if (option === undefined) return ["# (chrt knows no such policy)"];
  const reset = (op.flags & 1n) === 1n ? " --reset-on-fork" : "";
  const times = op.period === 0n ? "" : ` -T ${op.runtime} -D ${op.deadline} -P ${op.period}`;
  const lines = [`chrt ${option}${reset}${times} -p ${op.priority} $$`];
  if (op.nice !== 0n) lines.push(`renice -n ${op.nice} -p $$`);
  return lines;
}

/** What `exec` of the program needs to know, from the operations before it. */
interface Execution {
  readonly before: string[];
  readonly caps: string[];
  env: readonly string[];
  args: readonly string[];
  cwd: string;
}

/** `exec` of the program, with everything that can only be done at that moment, in capsh's order. */
function execLines(plan: Plan, root: string): readonly string[] {
  const found: Execution = { before: [], caps: [], env: [], args: [], cwd: "/" };
  for (const { op } of plan.steps) collect(found, op);
  const { before, caps, env, args, cwd } = found;
  const [program = "", ...rest] = args;
  const command =
    cwd === "/" && program.startsWith("/")
      ? [`--shell=${quote(program)}`, "--", ...rest.map(quote)]
      : ["--shell=/bin/sh", "--", "-c", `'cd "$0" && exec "$@"'`, quote(cwd), ...args.map(quote)];
  const notes = command[0]?.endsWith("/bin/sh") === true && program !== "/bin/sh";
  return [
    ...(notes
      ? ["# (capsh can neither change the folder nor search PATH: the container's own shell does)"]
      : []),
    'capsh="$(command -v capsh)"',
    [
      ...["exec env -i", ...env.map(quote), ...before, '"$capsh"', `--chroot=${quotePath(root)}`],
      ...[...caps, ...command],
    ].join(" "),
  ];
}

function collect(found: Execution, op: Op): void {
  switch (op.op) {
    case "personality":
      if (personalityName(op.persona) === "LINUX32") found.before.push("/usr/bin/setarch", "linux32");
      break;
    case "memoryPolicy":
      if (op.nodes.length > 0) found.before.push("/usr/bin/numactl", `--membind=${listText(op.nodes)}`);
      break;
    case "chdir":
      found.cwd = op.target;
      break;
    case "noNewPrivs":
      found.caps.push("--no-new-privs");
      break;
    case "boundingSet": {
      const dropped = capabilityList(~op.mask);
      if (dropped !== "") found.caps.push(`--drop=${dropped}`);
      break;
    }
    case "user":
      found.caps.push("--keep=1");
      if (op.setGroups !== 0) found.caps.push(`--groups=${op.groups.join(",")}`);
      found.caps.push(`--gid=${op.gid}`, `--uid=${op.uid}`);
      break;
    case "capabilities":
      found.caps.push(`--caps=${quote(capabilityText(op))}`);
      if (op.ambient !== 0n) found.caps.push(`--addamb=${capabilityList(op.ambient)}`);
      break;
    case "program":
      found.env = op.env;
      found.args = op.args;
      break;
    default:
  }
}

/** The sets as cap_from_text(3) has them: `= cap_kill+ep cap_chown+p`. */
function capabilityText(op: Extract<Op, { op: "capabilities" }>): string {
  const words = ["="];
  for (const [mask, flag] of [
    [op.effective, "e"],
    [op.inheritable, "i"],
    [op.permitted, "p"],
  ] as const) {
    const list = capabilityList(mask);
    if (list !== "") words.push(`${list}+${flag}`);
  }
  return words.join(" ");
}
