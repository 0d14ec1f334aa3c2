/** A plan for people: what tsrun is about to do, in which order, and which part of config.json asked for it. */
import { type Pointer, visible } from "../error.ts";
import { describe } from "./describe.ts";
import { details } from "./details.ts";
import { explainShell } from "./explain-shell.ts";
import type { Plan, Step } from "./ops.ts";

/** What the host does before the plan runs: the cgroup's folders, its limits, the move into it. */
export interface HostStep {
  readonly what:
    | "mkdir"
    | "group"
    | "write"
    | "copy"
    | "map"
    | "program"
    | "attach"
    | "unit"
    | "task"
    | "device"
    | "filter";
  /** A file or folder; for `map` the name of the file below /proc/PID; for `filter` the library that compiles it; a device. */
  readonly path: string;
  /** What is written, or the file whose content is; for `filter` what it does; for `program` how long it is; for `device` its new name. */
  readonly value?: string | undefined;
  /** A file that is not there is no failure. */
  readonly ifThere?: boolean;
  /** Of a unit of systemd: its properties, each with its D-Bus type and the words that busctl(1) takes for its value. */
  readonly properties?: readonly (readonly [name: string, type: string, words: readonly string[]])[];
  readonly pointer: Pointer | undefined;
}

/** How a plan is shown. */
export type ExplainFormat = "text" | "json" | "sh";

/** A part of the plan, by where it happens. */
export type Stage = "namespaces" | "rootfs" | "inside" | "start";

const HEADINGS: Readonly<Record<Stage, string>> = {
  namespaces: "stage one: namespaces",
  rootfs: "stage two: root filesystem",
  inside: "stage three: inside",
  start: "start",
};

/** The column in which the pointers stand, where the line before is not longer. */
const POINTER_COLUMN = 72;

/** Shows a plan and the host's steps before it; the text ends with a newline. */
export function explain(plan: Plan, host: readonly HostStep[], format: ExplainFormat): string {
  switch (format) {
    case "text":
      return explainText(plan, host);
    case "json":
      return explainJson(plan, host);
    case "sh":
      return explainShell(plan, host);
    default:
      return format satisfies never;
  }
}

/** The stage that each step belongs to, in the plan's order. */
export function stagesOf(steps: readonly Step[]): readonly Stage[] {
  let stage: Stage = "namespaces";
  return steps.map(({ op }) => {
    if (op.op === "awaitStart") stage = "start";
    const own = stage;
    if (op.op === "fork") stage = "rootfs";
    if (op.op === "pivotRoot" || op.op === "moveRoot") stage = "inside";
    return own;
  });
}

function explainText(plan: Plan, host: readonly HostStep[]): string {
  const lines: string[] = [];
  if (host.length > 0) {
    lines.push("host");
    for (const step of host) if (step.what !== "attach") lines.push(line(hostText(step), step.pointer));
    const entered = host.filter(({ what }) => what === "attach").length;
    if (entered > 0)
      lines.push(line(`let the first process into these cgroups (${entered} hierarchies)`, undefined));
  }
  const stages = stagesOf(plan.steps);
  let last: Stage | undefined;
  plan.steps.forEach(({ op, pointer }, index) => {
    const stage = stages[index] ?? "start";
    if (stage !== last) lines.push(HEADINGS[stage]);
    last = stage;
    const more = details(op);
    lines.push(line(more.length === 0 ? describe(op) : `${describe(op)} (${more.join(", ")})`, pointer));
  });
  if (plan.warnings.length > 0) lines.push("warnings");
  for (const { text, pointer } of plan.warnings) lines.push(line(text, pointer));
  return `${lines.join("\n")}\n`;
}

function line(text: string, pointer: Pointer | undefined): string {
  const left = `  ${visible(text)}`;
  return pointer === undefined ? left : `${left.padEnd(POINTER_COLUMN)}  ${visible(pointer)}`;
}

function hostText(step: HostStep): string {
  switch (step.what) {
    case "mkdir":
      return `make the cgroup ${step.path}`;
    case "write":
      return `write ${step.value ?? ""} to ${step.path}${step.ifThere === true ? ", if there" : ""}`;
    case "copy":
      return `copy the parent's ${step.path.slice(step.path.lastIndexOf("/") + 1)} to ${step.path}`;
    case "map":
      return `write ${(step.value ?? "").trim().replaceAll("\n", ", ")} to the ${step.path} of the user namespace`;
    case "filter":
      return `compile the seccomp filter with ${step.path}: ${step.value ?? ""}`;
    case "program":
      return `attach an eBPF program of ${step.value ?? ""} for the device rules to ${step.path}`;
    case "group":
      return `make the resctrl group ${step.path}`;
    case "task":
      return `write the first process's pid to ${step.path}`;
    case "device":
      return `move the network device ${step.path} into the container as ${step.value ?? ""}`;
    case "unit":
      return `have ${step.value ?? ""} start ${step.path} with the first process: ${unitText(step)}`;
    case "attach":
      return `move the first process into ${step.path}`;
    default:
      return step.what satisfies never;
  }
}

function unitText({ properties = [] }: HostStep): string {
  return properties.map(([name, , words]) => `${name}=${words.join(" ")}`).join(", ");
}

function explainJson(plan: Plan, host: readonly HostStep[]): string {
  const stages = stagesOf(plan.steps);
  const steps = plan.steps.map(({ op, pointer }, index) => {
    return { stage: stages[index], ...op, pointer, text: describe(op), details: details(op) };
  });
  const shown = { host, steps, sources: plan.sources, warnings: plan.warnings };
  return `${JSON.stringify(shown, lossless, 2)}\n`;
}

/** A filter's instructions, 8 bytes each, in hexadecimal. */
function instructions(program: Uint8Array): readonly string[] {
  const shown: string[] = [];
  for (let at = 0; at < program.length; at += 8) {
    shown.push(
      Array.from(program.subarray(at, at + 8), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    );
  }
  return shown;
}

/** 64-bit numbers stay numbers while JSON's readers keep them exact; beyond, they become strings. */
function lossless(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return instructions(value);
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
