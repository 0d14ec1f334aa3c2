/** The listener of a filter with SCMP_ACT_NOTIFY, on its way to the seccomp agent (config-linux.md, listenerPath). */
import type { Seccomp } from "../bundle/types.ts";
import { SystemError } from "../error.ts";
import { cstring, utf8 } from "../sys/bytes.ts";
import { type Handle, kindOf } from "../sys/files.ts";
import { errnoName, lib } from "../sys/lib.ts";
import { Socket } from "../sys/socket.ts";
import { SPEC_VERSION } from "../version.ts";
import type { HookState } from "./hooks.ts";

/** The name of the only descriptor (runtime-spec, SeccompFdName). */
const FD_NAME = "seccompFd";

/** What the agent reads (config-linux.md, The Container Process State). Pure. */
export function processState(
  metadata: string | undefined,
  state: HookState,
  pid: number,
): Readonly<Record<string, unknown>> {
  return {
    ociVersion: SPEC_VERSION,
    fds: [FD_NAME],
    pid,
    ...(metadata === undefined ? {} : { metadata }),
    state,
  };
}

function refused(path: string, call: string, errno: string): SystemError {
  return new SystemError(call, errno, path, {
    doing: `send the seccomp listener to ${path}`,
    pointer: "/linux/seccomp/listenerPath",
    hint: "the seccomp agent must listen there, on a stream socket",
  });
}

/** Why the listener could not be sent, where that is known before: nothing is there. */
export function missingAgent(seccomp: Seccomp | undefined): SystemError | undefined {
  const path = seccomp?.listenerPath;
  if (path === undefined || seccomp?.rules.some(({ action }) => action === "SCMP_ACT_NOTIFY") !== true)
    return undefined;
  return kindOf(path) === "missing" ? refused(path, "connect", "ENOENT") : undefined;
}

/** Sends it, once, in one message, and closes it. `pid` is the process's that the filter is on. @throws SystemError */
export function sendListener(
  seccomp: Seccomp | undefined,
  state: HookState,
  pid: number,
  listener: Handle,
): void {
  const { listenerPath = "", listenerMetadata } = seccomp ?? {};
  const fd = lib().ts_connect_console(cstring(listenerPath));
  const socket = new Socket(fd);
  const message = utf8(JSON.stringify(processState(listenerMetadata, state, pid)));
  const sent = fd < 0 ? fd : lib().ts_send(fd, message, message.length, new Int32Array([listener.fd]), 1);
  listener.close();
  if (fd < 0) throw refused(listenerPath, "connect", errnoName(-fd));
  socket.close();
  if (sent < 0) throw refused(listenerPath, "sendmsg", errnoName(-sent));
  if (sent < message.length) throw refused(listenerPath, "sendmsg", "EMSGSIZE");
}
