/** Hands a running process of a container over to tsrun-supervise, which this process becomes: no JavaScript stays in memory. */

import { SystemError } from "../error.ts";
import { append } from "../lists.ts";
import type { Record } from "../state/record.ts";
import { containerDir, hiddenDir } from "../state/store.ts";
import { become, becomeSubreaper, heldSignals } from "../sys/become.ts";
import { cstring, cstrings } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle } from "../sys/files.ts";
import { checked, lib } from "../sys/lib.ts";
import { nativeDir, ownCommand } from "../sys/place.ts";
import { environment, type Pidfd } from "../sys/process.ts";

/** What is to be supervised, and how. */
export interface Supervision {
  /** What lists of processes show, such as `tsrun: run ID`. */
  readonly name: string;
  /** The process whose end is waited for: a child of this one, but with `untilReady`. */
  readonly first: Pidfd;
  /** The master of its terminal, to be copied from and to the standard streams. */
  readonly terminal?: Handle | undefined;
  /** Where it tells how far it is (sd_notify(3)). */
  readonly notify?: Notify | undefined;
  /** The container that is to be taken away at the end, where it is. */
  readonly afterwards?: Afterwards | undefined;
  /** Whether this process becomes the parent of descendants that lose theirs; all that end are reaped. */
  readonly subreaper: boolean;
}

/** Notifications to be passed on. */
export interface Notify {
  /** A bound datagram socket. */
  readonly socket: Handle;
  /** Where they go: the path of a socket, or `@NAME` in the abstract namespace. */
  readonly to: string;
  /** End with 0 when READY=1 has been passed on, or the process has ended. Then signals are not passed on to it. */
  readonly untilReady: boolean;
}

/** What is to be done when the container has ended. This process holds its lock until the supervisor runs. */
export interface Afterwards {
  readonly root: string;
  readonly record: Record;
  /** Take nothing away, but write down how it ended. */
  readonly keep: boolean;
  /** The global options for messages (`--log FILE`, ...), should `tsrun finish` have something to say. */
  readonly messages: readonly string[];
}

/** As long as the name of a unix socket may be. */
const SOCKET_NAME_MAX = 107;

/**
 * Becomes the supervisor, which ends with the exit code of the process, or 128 and the number of the signal that ended it.
 * native/supervise/supervise.h says what its orders mean.
 *
 * @throws SystemError where that cannot be; then everything is as before
 */
export function supervise(request: Supervision): never {
  const { first, terminal, notify } = request;
  if (request.subreaper) becomeSubreaper();
  const orders = [`first=${first.fd}`, `pid=${first.pid}`];
  const fds = [first.fd];
  const pass = (name: string, fd: number): void => {
    orders.push(`${name}=${fd}`);
    fds.push(fd);
  };
  const signals = heldSignals();
  if (signals !== undefined) pass("signals", signals);
  if (terminal !== undefined) pass("terminal", terminal.fd);
  if (notify !== undefined) {
    checkAddress(notify.to);
    pass("notify", notify.socket.fd);
    orders.push(`notify-to=${notify.to}`);
    if (notify.untilReady) orders.push("until-ready=1");
  }
  let folder: Handle | undefined;
  if (request.afterwards !== undefined) {
    const dir = containerDir(request.afterwards.root, request.afterwards.record.id);
    folder = Handle.open(dir, O.RDONLY | O.DIRECTORY);
    pass("state", folder.fd);
    append(orders, ordersAfter(request.afterwards, dir));
  }
  const bytes = cstrings(orders);
  const memory = new Handle(
    checked(lib().ts_memfd(cstring("tsrun-orders"), bytes, bytes.length), "memfd_create", "the orders"),
  );
  fds.push(memory.fd);
  try {
    const env = [`TSRUN_ORDERS=${memory.fd}`, ...environment()];
    return become(`${nativeDir()}/tsrun-supervise`, request.name, fds, env);
  } finally {
    memory.close();
    folder?.close();
  }
}

function checkAddress(to: string): void {
  if (new TextEncoder().encode(to).length <= SOCKET_NAME_MAX) return;
  throw new SystemError("sendto", "ENAMETOOLONG", to, {
    doing: `pass notifications on to ${to}`,
    hint: `the name of a socket has ${SOCKET_NAME_MAX} bytes at most: see NOTIFY_SOCKET`,
  });
}

function ordersAfter({ root, record, keep, messages }: Afterwards, dir: string): readonly string[] {
  const orders = [`dir=${dir}`, `hidden=${hiddenDir(root, record.id)}`];
  const own = [...new Set(Object.values(record.cgroups))];
  const above = record.newCgroups.filter((path) => !own.includes(path)).sort((a, b) => b.length - a.length);
  for (const path of own) orders.push(`cgroup=${path}`);
  for (const path of above) orders.push(`above=${path}`);
  if (keep) orders.push("keep=1");
  else if (record.poststop.length > 0 || record.unit !== undefined) orders.push("careful=1");
  const words = ["--root", root, ...messages, "finish", "--created", record.created];
  if (keep) words.push("--keep");
  // The supervisor adds the status.
  for (const word of [...ownCommand(), ...words, record.id, "--status"]) orders.push(`finish=${word}`);
  return orders;
}
