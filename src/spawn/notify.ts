/** The host's end of the socket on which a container's program tells how far it is (sd_notify(3)). */
import { NOTIFY_NAME } from "../plan/notify.ts";
import { cstring } from "../sys/bytes.ts";
import { Handle, performAll, status } from "../sys/files.ts";
import { releaseInterrupts } from "../sys/interrupt.ts";
import { checked, lib } from "../sys/lib.ts";
import { Pidfd } from "../sys/process.ts";
import { supervise } from "./supervise.ts";

/**
 * Makes the folder that the container gets. Everybody may look into it, whatever his ids are mapped to, and only root of the
 * host may change it. @throws SystemError
 */
export function makeNotifyFolder(folder: string): void {
  performAll([{ do: "mkdir", path: folder, mode: 0o755 }]);
}

/** A datagram socket in that folder, to which everybody in the container may send. @throws SystemError */
export function bindNotify(folder: string): Handle {
  const path = `${folder}/${NOTIFY_NAME}`;
  // A start that died may have left one.
  performAll([{ do: "unlink", path, ifThere: true }]);
  return new Handle(checked(lib().ts_bind_datagram(cstring(path), 0o666), "bind", path));
}

/** What is needed to hear from a container that is ready. */
export interface Readiness {
  /** Its first process. */
  readonly first: Pidfd;
  /** Where it tells. */
  readonly socket: Handle;
}

/** Opens the socket of a container that has a folder for it, before its program can send anything. @throws SystemError */
export function openReadiness(folder: string, pid: number): Readiness | undefined {
  if (status(folder) === undefined) return undefined;
  const first = Pidfd.of(pid);
  return first === undefined ? undefined : { first, socket: bindNotify(folder) };
}

/**
 * This process ends with 0 as soon as the container's program has said that it is ready, or has ended; what it says until then
 * goes to `to`, with its pid as the main one. It returns only with an error, where that cannot be.
 *
 * @throws SystemError
 */
export function passOnUntilReady(id: string, { first, socket }: Readiness, to: string): never {
  releaseInterrupts();
  return supervise({
    name: `tsrun: until ${id} is ready`,
    first,
    notify: { socket, to, untilReady: true },
    subreaper: false,
  });
}
