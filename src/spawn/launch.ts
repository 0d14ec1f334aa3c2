/** Starts tsrun-init with a plan and leads the conversation of create or exec to its end. */

import { type Entrance, entranceError } from "../cgroup/join.ts";
import { LaunchError, SystemError } from "../error.ts";
import { cstring, cstrings } from "../sys/bytes.ts";
import { Handle } from "../sys/files.ts";
import { checked, errnoName, lib } from "../sys/lib.ts";
import { nativeDir } from "../sys/place.ts";
import { Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import {
  confused,
  decode,
  encode,
  type Failure,
  failureErrno,
  Order,
  type Said,
  type StepName,
} from "./conversation.ts";
import { hasExecuted, nameOf } from "./executed.ts";
import { failed } from "./failure.ts";
import type { HostSide, Start } from "./host-side.ts";
import { interrupted } from "./interrupted.ts";
import { step } from "./steps.ts";

export type { Death, HostSide, Start } from "./host-side.ts";

/** tsrun-init as a sealed copy, so that no container can write to the program it was started from (CVE-2019-5736). */
function initProgram(): Handle {
  const path = `${nativeDir()}/tsrun-init`;
  const answer = lib().ts_program(cstring(path));
  if (answer < 0 && errnoName(-answer) === "EKEYREJECTED") {
    throw new SystemError("open", "EKEYREJECTED", path, {
      doing: `${path} can be changed by others than root, though root runs it`,
      hint: `chown root ${path} and chmod go-w ${path}`,
    });
  }
  return new Handle(checked(answer, "open", path));
}

/**
 * Brings a container's process to the point where it waits for `start`, or, by a plan without awaitStart, to the execution
 * of its program. On failure nothing of it is left running.
 *
 * @throws LaunchError, SystemError, and what the host side throws
 */
export function launch(start: Start, host: HostSide): Pidfd {
  const [ours, theirs] = Socket.pair();
  let process: Pidfd | undefined;
  try {
    process = step(start.tracer, "start tsrun-init", () => spawn(start, theirs));
    theirs.close();
    host.prepare();
    return converse(start, ours, process, host, (first) => {
      process = first;
    });
  } catch (error) {
    if (process !== undefined) end(process);
    throw error;
  } finally {
    theirs.close();
    ours.close();
  }
}

function spawn(start: Start, theirs: Socket): Pidfd {
  const memory = checked(
    lib().ts_memfd(cstring("tsrun-plan"), start.bytes, start.bytes.length),
    "memfd_create",
    "the plan",
  );
  const plan = new Handle(memory);
  let program: Handle | undefined;
  try {
    program = initProgram();
    const pidfd = new Int32Array(1);
    const env = cstrings(start.env);
    const pid = lib().ts_spawn_init(
      program.fd,
      plan.fd,
      theirs.fd,
      start.other.fd,
      start.preserveFds,
      cstring(start.cwd),
      env,
      start.env.length,
      pidfd,
    );
    return new Pidfd(checked(pid, "execveat", "tsrun-init"), pidfd[0] ?? -1);
  } finally {
    program?.close();
    plan.close();
  }
}

/** Ends a process that is to be no more, and reaps it. */
function end(process: Pidfd): void {
  process.signal(9);
  process.awaitExit(10_000);
  process.reap();
  process.close();
}

function converse(
  start: Start,
  socket: Socket,
  stageOne: Pidfd,
  host: HostSide,
  adopt: (first: Pidfd) => void,
): Pidfd {
  const { tracer } = start;
  const order = new Order();
  const waits = start.plan.steps.findLast(({ op }) => op.op === "awaitStart") !== undefined;
  const who = waits ? "the container's first process" : "the process";
  const died = (): LaunchError => endedEarly(who, order, host);
  let executing = false;
  let name: string | undefined;
  let current = stageOne;
  let entrance: Entrance | undefined;
  for (;;) {
    const message = step(tracer, "wait for tsrun-init", () => socket.receive(current.fd, -1));
    if (message === "interrupted") throw interrupted(`${who} was ${order.reached}`);
    if (message === "eof" && executing && hasExecuted(current, name)) return current;
    if (!(message instanceof Uint8Array)) throw died();
    const said = decode(message);
    if (said.kind === "error") throw refusal(start, said, entrance);
    if (said.kind === "exec") {
      executing = true;
      continue;
    }
    if (said.kind === "show") throw confused("an answer to what was not asked");
    order.accept(said.kind);
    if (said.kind === "trace") {
      const memory = tracer?.memory(start.plan.steps) ?? -1;
      if (!socket.send(encode("trace"), [memory])) throw died();
      continue;
    }
    if (said.kind === "record") {
      const first = Pidfd.of(said.pid);
      if (first === undefined) throw died();
      adopt(first);
      tracer?.performedBy(stageOne.pid, first.pid);
      current = first;
    }
    const answer = (): boolean => {
      const passed = step(tracer, DOINGS[said.kind], () => {
        if (said.kind !== "cgroup") return perform(said, current, socket, host);
        entrance = host.entrance(current.pid);
        return entrance.handles;
      });
      // Now, while it waits for the answer: what follows is execve.
      if (said.kind === "ready" && !waits) name = nameOf(current);
      const value = said.kind === "cgroup" && entrance?.unified ? 1 : 0;
      const fds = passed.map(({ fd }) => fd);
      const sent = socket.send(encode(said.kind, value), fds);
      for (const handle of passed) handle.close();
      return sent;
    };
    const heard = said.kind === "record" ? thenReap(stageOne, answer) : answer();
    if (!heard) throw died();
    if (said.kind === "ready" && waits) return current;
  }
}

/** How long stage one may take to end, in milliseconds. */
const STAGE_ONE_MS = 2000;

/** Answers the first process, and only then waits for the end of stage one: meanwhile the other goes on. */
function thenReap(stageOne: Pidfd, answer: () => boolean): boolean {
  try {
    return answer();
  } finally {
    // It has nothing left to do but to end; where others see it, they may have stopped it.
    if (!stageOne.awaitExit(STAGE_ONE_MS)) end(stageOne);
    else stageOne.reap();
    stageOne.close();
  }
}

/** What each step asks for, in words. */
const DOINGS: Readonly<Record<Exclude<StepName, "trace">, string>> = {
  maps: "write the id maps",
  cgroup: "open the cgroups",
  record: "save the first process",
  source: "open a mount source",
  hooks: "run the prestart and createRuntime hooks",
  console: "hand on the terminal",
  listener: "hand on the filter's listener",
  ready: "save that it is created",
};

/** Does what one step asks for; answers the descriptors that go with the answer. */
function perform(
  said: Exclude<Said, { kind: "error" | "show" | "exec" | "trace" | "cgroup" }>,
  current: Pidfd,
  socket: Socket,
  host: HostSide,
): readonly Handle[] {
  switch (said.kind) {
    case "maps":
      host.maps(current.pid);
      return [];
    case "record":
      host.record(current);
      return [];
    case "source":
      return [host.source(said.index)];
    case "hooks":
      host.hooks(current);
      return [];
    case "console": {
      const master = socket.takePassed();
      if (master === undefined) throw confused("a terminal without its descriptor");
      host.console(master);
      return [];
    }
    case "listener":
      host.listener(current.copy(said.fd), current);
      return [];
    case "ready":
      host.ready(current);
      return [];
    default:
      return said satisfies never;
  }
}

/** What tsrun-init could not do; fork enters the cgroups, which tsrun-init knows by their number only. */
function refusal({ plan, bundle }: Start, said: Failure, entrance: Entrance | undefined): Error {
  const dir = said.call === "write" ? entrance?.dirs[Number(said.subject)] : entrance?.dirs.at(-1);
  const forks = plan.steps[said.op]?.op.op === "fork" && said.reason === "SYSCALL";
  return forks && dir !== undefined
    ? entranceError(dir, said.call, failureErrno(said))
    : failed(plan.steps, 0, said, bundle);
}

function endedEarly(who: string, order: Order, host: HostSide): LaunchError {
  const why = host.whyDied();
  return new LaunchError(
    "died",
    `${who} ended while ${order.reached}${why === undefined ? "" : `: ${why.text}`}`,
    {
      pointer: why?.pointer,
      hint: why?.hint ?? "see the kernel's log (dmesg) for who ended it",
    },
  );
}
