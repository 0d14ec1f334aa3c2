/**
 * The script's first part, on the host: the cgroups, and one command that joins and makes the namespaces and starts the
 * script again inside. With a new user namespace the host stays to write the id maps, and waits.
 */
import { append } from "../lists.ts";
import { describe } from "./describe.ts";
import type { HostStep } from "./explain.ts";
import { namespaceName, namespacesIn } from "./names.ts";
import type { Op, Plan } from "./ops.ts";
import { comment, quote, quotePath } from "./shell-words.ts";

/** The lines up to the container's first process; `fork` is the index of that operation. */
export function enterLines(plan: Plan, fork: number, host: readonly HostStep[]): readonly string[] {
  const maps = host.filter(({ what }) => what === "map");
  const enter = [...enterWords(plan), "sh", '"$0"', "inside"].join(" ");
  return [
    'if [ "$#" -eq 0 ]; then',
    ...host.filter(({ what }) => what !== "map").map(hostLine),
    ...plan.steps.slice(0, fork).flatMap(({ op, pointer }) => stageOneNote(op, pointer)),
    ...(maps.length === 0 ? [`exec ${enter}`] : mapLines(enter, maps)),
    "fi",
    ...(maps.length === 0 ? [] : insideLines),
  ];
}

/** A shell's background process reads /dev/null unless told otherwise. */
function mapLines(enter: string, maps: readonly HostStep[]): readonly string[] {
  return [
    "exec 3<&0",
    `${enter} <&3 3<&- &`,
    "child=$!",
    'until [ "$(readlink "/proc/$child/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.01; done',
    ...maps.map(({ path, value }) => `printf %s ${quote(value ?? "")} > "/proc/$child/${path}"`),
    'wait "$child"',
    "exit",
  ];
}

/** Before the maps are written a process is nobody there, and keeps its capabilities only as ambient ones. */
const insideLines: readonly string[] = [
  'if [ "$1" = inside ]; then',
  'until [ -n "$(cat /proc/self/gid_map)" ]; do sleep 0.01; done',
  'exec setpriv --reuid=0 --regid=0 --clear-groups --ambient-caps=-all --inh-caps=-all sh "$0" mapped',
  "fi",
];

function hostLine(step: HostStep): string {
  switch (step.what) {
    case "mkdir":
      return `mkdir -p ${quotePath(step.path)}`;
    case "write":
      return step.ifThere === true
        ? `[ ! -e ${quotePath(step.path)} ] || printf %s ${quote(step.value ?? "")} > ${quotePath(step.path)}`
        : `printf %s ${quote(step.value ?? "")} > ${quotePath(step.path)}`;
    case "copy":
      return `cat ${quotePath(step.value ?? "")} > ${quotePath(step.path)}`;
    case "unit":
      return unitLine(step);
    case "attach":
      return `echo $$ > ${quotePath(`${step.path}/cgroup.procs`)}`;
    case "group":
      return `mkdir ${quotePath(step.path)}`;
    case "task":
      return `echo $$ > ${quotePath(step.path)}`;
    case "device":
      return `# (from outside: ip link set ${quote(step.path)} netns PID name ${quote(step.value ?? "")})`;
    case "map":
      return "";
    case "program":
      return `# (an eBPF program of ${step.value ?? ""} would enforce the device rules: no command makes one)`;
    case "filter":
      return `# (${step.path} would compile the seccomp filter: no command does)`;
    default:
      return step.what satisfies never;
  }
}

function unitLine({ path, value = "", properties = [] }: HostStep): string {
  const words = properties.flatMap(([name, type, rest]) => [name, type, ...rest]);
  const to = `${value.includes("user") ? "--user " : ""}call org.freedesktop.systemd1 /org/freedesktop/systemd1`;
  const method = "org.freedesktop.systemd1.Manager StartTransientUnit 'ssa(sv)a(sa(sv))'";
  const pids = `PIDs au 1 "$$"`;
  return `busctl --quiet ${to} ${method} ${quote(path)} fail ${properties.length + 1} ${words.map(quote).join(" ")} ${pids} 0`;
}

/** What each part of the command is for. */
function stageOneNote(op: Op, pointer: string | undefined): readonly string[] {
  const lines = [comment(pointer === undefined ? describe(op) : `${describe(op)} (${pointer})`)];
  if (op.op === "oomScoreAdj") lines.push(`printf %s ${op.value} > /proc/self/oom_score_adj`);
  return lines;
}

function enterWords(plan: Plan): readonly string[] {
  const joins: string[] = [];
  const makes: string[] = [];
  for (const { op } of plan.steps) {
    if (op.op === "join") joins.push(`--${namespaceName(op.ns)}=${quote(op.path)}`);
    else if (op.op === "userns") makes.push("--user", "--keep-caps");
    else if (op.op === "unshare")
      append(
        makes,
        namespacesIn(op.flags).map((name) => `--${name}`),
      );
    else if (op.op === "timeOffset") makes.push(`--${op.clock}`, String(op.secs));
  }
  return [...(joins.length > 0 ? ["nsenter", ...joins] : []), "unshare", ...makes, "--fork"];
}
