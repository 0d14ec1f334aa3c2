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
import { capabilityWords, quote, quotePath } from "./shell-words.ts";

/** chrt(1)'s option for each policy that it knows. */
const CHRT: Readonly<Record<string, string>> = {
  SCHED_OTHER: "--other",
  SCHED_FIFO: "--fifo",
  SCHED_RR: "--rr",
  SCHED_BATCH: "--batch",
  SCHED_IDLE: "--idle",
  SCHED_DEADLINE: "--deadline",
};

/** The commands for an operation on the process; a comment where no tool does it to a shell that goes on. */
export function explainProcess(op: Op, plan: Plan): readonly string[] {
  switch (op.op) {
    case "hook":
      return [hookLine(op)];
    case "chdir":
      return [`cd ${quotePath(op.target)}`];
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
      return [`chown ${op.uid} /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2`];
    case "personality":
    case "memoryPolicy":
    case "boundingSet":
    case "user":
    case "capabilities":
    case "noNewPrivs":
      return ["# (done by the exec at the end)"];
    case "exec":
      return [execLine(plan)];
    default:
      return ["# (no command does this here)"];
  }
}

function hookLine(op: Extract<Op, { op: "hook" }>): string {
  const limit = op.timeout === 0 ? "" : `timeout -s KILL ${op.timeout / 1000} `;
  const env = op.hasEnv === 1 ? `env -i ${op.env.map((entry) => `${quote(entry)} `).join("")}` : "";
  const args = op.args.slice(1).map((arg) => ` ${quote(arg)}`);
  const state = `printf '%s%s%s' ${quote(op.stateHead)} $$ ${quote(op.stateTail)}`;
  return `${state} | ${limit}${env}${quotePath(op.path)}${args.join("")}`;
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

/** `exec` of the program, with everything that can only be done at that moment. */
function execLine(plan: Plan): string {
  const words: string[] = ["exec"];
  const priv: string[] = [];
  let env: readonly string[] = [];
  let args: readonly string[] = [];
  for (const { op } of plan.steps) {
    if (op.op === "personality" && personalityName(op.persona) === "LINUX32")
      words.push("setarch", "linux32");
    else if (op.op === "memoryPolicy" && op.nodes.length > 0)
      words.push("numactl", `--membind=${listText(op.nodes)}`);
    else if (op.op === "boundingSet") priv.push(`--bounding-set=${capabilityWords(op.mask)}`);
    else if (op.op === "noNewPrivs") priv.push("--no-new-privs");
    else if (op.op === "user") {
      priv.push(`--reuid=${op.uid}`, `--regid=${op.gid}`);
      if (op.setGroups === 0) priv.push("--keep-groups");
      else priv.push(op.groups.length === 0 ? "--clear-groups" : `--groups=${op.groups.join(",")}`);
    } else if (op.op === "capabilities") {
      priv.push(
        `--inh-caps=${capabilityWords(op.inheritable)}`,
        `--ambient-caps=${capabilityWords(op.ambient)}`,
      );
    } else if (op.op === "program") {
      env = op.env;
      args = op.args;
    }
  }
  return [...words, "setpriv", ...priv, "--", "env", "-i", ...env.map(quote), ...args.map(quote)].join(" ");
}
