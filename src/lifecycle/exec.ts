/** `exec`: a further process in a container that lives. */
import { parseBundle } from "../bundle/parse.ts";
import type { Bundle, Process, Warning } from "../bundle/types.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { joinRdt } from "../cgroup/rdt.ts";
import { execCgroups } from "../cgroup/sub.ts";
import { StateError, TsrunError } from "../error.ts";
import { compileExec } from "../plan/exec.ts";
import { type Plan, traced } from "../plan/ops.ts";
import { deathIn, deathsBefore } from "../spawn/death.ts";
import { callerNofile, privileges } from "../spawn/facts.ts";
import { hookState } from "../spawn/hooks.ts";
import { unasked } from "../spawn/host-side.ts";
import { type HostSide, launch } from "../spawn/launch.ts";
import { sendListener } from "../spawn/listener.ts";
import { lsmFacts } from "../spawn/lsm.ts";
import { planBytes } from "../spawn/plan-bytes.ts";
import { filterOf } from "../spawn/seccomp.ts";
import { show } from "../spawn/show.ts";
import { step, type Tracer } from "../spawn/steps.ts";
import { giveStreams } from "../spawn/streams.ts";
import { supervise } from "../spawn/supervise.ts";
import { checkTerminal, Terminal } from "../spawn/terminal.ts";
import { filterFolder } from "../state/clear.ts";
import { type Record as ContainerRecord, damaged, type ProcessRecord } from "../state/record.ts";
import { isAlive, statusOf } from "../state/status.ts";
import { load } from "../state/store.ts";
import { type Handle, readTextIfThere, status as statusOfPath } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import { environment, holdSignals, Pidfd } from "../sys/process.ts";
import type { Socket } from "../sys/socket.ts";
import { checkPreserved, writePidFile } from "./caller.ts";
import { execProcess, type ProcessChanges, setOomScoreAdj } from "./exec-process.ts";
import { execEntrance } from "./own-cgroups.ts";
import { withOwnTime } from "./restored-time.ts";

/** runc's options of `exec`. */
export interface ExecRequest extends ProcessChanges {
  readonly id: string;
  /** Return as soon as the program runs. */
  readonly detach?: boolean;
  /** The socket to send the terminal to. */
  readonly consoleSocket?: string | undefined;
  /** Where to write the process's pid. */
  readonly pidFile?: string | undefined;
  /** How many descriptors from 3 on the process inherits. */
  readonly preserveFds?: number;
  /** Go ahead in a paused container: the process freezes at once, and runs when the container is resumed. */
  readonly ignorePaused?: boolean;
  /** Cgroups below the container's: `PATH`, or `CONTROLLER[,CONTROLLER...]:PATH`. */
  readonly cgroups?: readonly string[];
  /** Told what is odd in the process's description but no error. */
  readonly warn?: (warning: Warning) => void;
  /** Notes each step and its time. */
  readonly tracer?: Tracer | undefined;
}

/** A process that runs in a container: a child of this one. */
export interface Executed {
  readonly process: Pidfd;
  /** The master of its terminal, where no console socket has taken it. */
  readonly terminal: Handle | undefined;
}

/**
 * Runs a further program in a container, and returns once it is executed.
 *
 * @throws StateError `not-found`, `stopped`, `paused`, `damaged`; BundleError; UsageError; SystemError; LaunchError
 */
export function exec(root: string, request: ExecRequest): Executed {
  checkPreserved(request.preserveFds ?? 0);
  const entered = step(request.tracer, "read the state", () => enterable(root, request));
  const { record, process: container, dir } = entered;
  const text = readTextIfThere(`${dir}/config.json`, 16 << 20);
  if (text === undefined) throw damaged(request.id, "config.json is missing");
  const read = parseBundle(text, record.bundle).bundle;
  const bundle = record.restored ? withOwnTime(read, container.pid) : read;
  const process = execProcess(bundle, request, request.warn ?? (() => {}));
  checkTerminal({
    terminal: process.terminal,
    detach: request.detach ?? false,
    consoleSocket: request.consoleSocket,
  });
  const cgroups = execCgroups(new Map(Object.entries(record.cgroups)), request.cgroups ?? [], container.pid);
  const target = Pidfd.of(container.pid);
  // Asked after the descriptor was opened: from then on the pid cannot become another process's.
  if (target === undefined || !isAlive(container)) throw stopped(request.id);
  let shown: Socket | undefined;
  try {
    shown = show(dir, target);
    return relocated(request, () => {
      const plan = compile(bundle, process, entered, request);
      return launchProcess(bundle, plan, process, { ...entered, cgroups, target }, request);
    });
  } finally {
    shown?.close();
    target.close();
  }
}

/**
 * The same as the command does it in the foreground: this process becomes the supervisor, which passes signals on to the
 * program, copies its terminal, and ends with its exit code.
 *
 * @throws what {@link exec} throws
 */
export function execInForeground(root: string, request: ExecRequest): never {
  holdSignals();
  const { process, terminal } = exec(root, { ...request, detach: false });
  request.tracer?.finish();
  try {
    return supervise({ name: `tsrun: exec ${request.id}`, first: process, terminal, subreaper: false });
  } catch (error) {
    process.signal(9);
    throw error;
  }
}

/** The container that a process is let into. */
interface Entered {
  readonly record: ContainerRecord;
  /** Its first process. */
  readonly process: ProcessRecord;
  /** The folder of its state. */
  readonly dir: string;
}

/** The container, where its state lets a process in. runc's words, which engines read. */
function enterable(root: string, { id, ignorePaused }: ExecRequest): Entered {
  const saved = load(root, id);
  const status = statusOf(saved);
  if (status === "stopped" || status === "creating" || saved.process === undefined) throw stopped(id);
  if (status === "paused" && ignorePaused !== true) {
    throw new StateError("paused", "cannot exec in a paused container (use --ignore-paused to override)", {
      hint: `tsrun resume ${id} lets it run again`,
    });
  }
  return { record: saved.record, process: saved.process, dir: saved.dir };
}

function stopped(id: string): StateError {
  return new StateError("stopped", `cannot exec in a stopped container: ${id}`, {
    hint: `tsrun state ${id} shows its status`,
  });
}

function compile(
  bundle: Bundle,
  process: Process,
  { record, process: { pid }, dir }: Entered,
  { preserveFds = 0, tracer }: ExecRequest,
): Plan {
  const facts = {
    lastCap: Number(readTextIfThere("/proc/sys/kernel/cap_last_cap") ?? 40),
    ...privileges(),
    lsm: lsmFacts(bundle, process),
    filter: filterOf(bundle, filterFolder(dir)),
  };
  const options = {
    id: record.id,
    noNewKeyring: record.noNewKeyring,
    preserveFds,
    extraEnv: [],
    callerNofile: callerNofile(),
    pid,
    ownUserNamespace: isOwnUserNamespace(bundle, pid),
  };
  return traced(compileExec(bundle, process, facts, options), tracer !== undefined);
}

/** A new one is not; a joined one may be. */
function isOwnUserNamespace({ linux }: Bundle, pid: number): boolean {
  if (!linux.namespaces.some(({ type, path }) => type === "user" && path !== undefined)) return false;
  return statusOfPath(`/proc/${pid}/ns/user`)?.inode === statusOfPath("/proc/self/ns/user")?.inode;
}

function launchProcess(
  bundle: Bundle,
  plan: Plan,
  process: Process,
  { record, process: container, cgroups, target }: Entered & { cgroups: CgroupPaths; target: Pidfd },
  request: ExecRequest,
): Executed {
  const terminal = new Terminal(request.consoleSocket);
  const mapped = bundle.linux.namespaces.some(({ type }) => type === "user");
  const before = deathsBefore(cgroups);
  const host: HostSide = {
    prepare() {},
    maps: unasked,
    entrance: (pid) => execEntrance(record, cgroups, pid, mapped),
    record({ pid }) {
      // Of anybody else the plan does it.
      if (privilege() === "root") setOomScoreAdj(pid, process.oomScoreAdj);
      if (record.rdt !== undefined) joinRdt(record.rdt, pid);
    },
    source: unasked,
    hooks: unasked,
    console: (master) => terminal.take(master),
    listener: (listener, { pid }) =>
      sendListener(bundle.linux.seccomp, hookState(record, "running", container.pid), pid, listener),
    ready({ pid }) {
      giveStreams(bundle, process, pid);
      if (request.pidFile !== undefined) writePidFile(request.pidFile, pid);
    },
    whyDied: () => deathIn(cgroups, before),
  };
  const start = {
    bundle,
    plan,
    bytes: planBytes(plan),
    // The bundle may be gone by now.
    cwd: "/",
    env: environment(),
    preserveFds: request.preserveFds ?? 0,
    other: target,
    tracer: request.tracer,
  };
  try {
    return { process: launch(start, host), terminal: terminal.master };
  } catch (error) {
    terminal.master?.close();
    throw error;
  } finally {
    terminal.hangUp();
  }
}

/**
 * The plan's places are those of a config.json. The process's are in the text that described it; what the command line said
 * has none, and the error's sentence names it.
 */
function relocated<T>({ process }: ExecRequest, perform: () => T): T {
  try {
    return perform();
  } catch (error) {
    if (error instanceof TsrunError && error.pointer?.startsWith("/process/")) {
      error.pointer = process === undefined ? undefined : error.pointer.slice("/process".length);
      if (process !== undefined) error.document = process.name;
    }
    throw error;
  }
}
