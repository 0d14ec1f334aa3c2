/** libtsrun's functions (native/lib/lib.h), and how their answers become errors. */
import { SystemError } from "../error.ts";
import { ERRNO } from "./constants.gen.ts";
import { type Binder, type Native, open } from "./ffi.ts";
import { nativeDir } from "./place.ts";

/** Each function's parameters, as `Signature` of ffi.ts has it; a contract test holds them against lib.h. */
export const SIGNATURES = {
  ts_batch: "pip",
  ts_read: "ppi",
  ts_read_fd: "ipi",
  ts_list: "ppi",
  ts_stat: "pip",
  ts_open: "pii",
  ts_close: "i",
  ts_write: "ipi",
  ts_lock: "iii",
  ts_rename_new: "pp",
  ts_access: "pi",
  ts_open_inside: "ppi",
  ts_resolve: "ppipi",
  ts_namespace: "p",
  ts_trusted: "piipip",
  ts_memfd: "ppi",
  ts_shared: "pi",
  ts_program: "p",
  ts_spawn_init: "iiiiippip",
  ts_run: "ppipippiipip",
  ts_socketpair: "p",
  ts_listen: "p",
  ts_connect: "p",
  ts_listen_stream: "p",
  ts_connect_console: "p",
  ts_connect_stream: "pi",
  ts_bind_datagram: "pi",
  ts_send: "ipipi",
  ts_receive: "iipiip",
  ts_pidfd_open: "i",
  ts_pidfd_getfd: "ii",
  ts_pidfd_signal: "ii",
  ts_kill: "ii",
  ts_await_exit: "ii",
  ts_pidfd_exit: "i",
  ts_reap: "i",
  ts_rlimit: "iip",
  ts_clock: "ip",
  ts_sleep: "i",
  ts_ids: "p",
  ts_cloexec: "i",
  ts_exit: "i",
  ts_catch_interrupts: "",
  ts_release_interrupts: "",
  ts_interrupted: "",
  ts_hold_signals: "",
  ts_subreaper: "",
  ts_become: "pppipi",
  ts_tree: "piii",
  ts_plain_tree: "i",
  ts_userns: "pp",
  ts_netdev_find: "p",
  ts_netdev_move: "iipppp",
  ts_device_program: "pipi",
  ts_device_attach: "ipp",
  ts_filter: "ppipip",
  ts_filter_library: "p",
  ts_filter_flags: "i",
  ts_poll: "piip",
  ts_drain: "ipi",
  ts_eventfd: "",
  ts_inotify: "p",
  ts_catch: "pi",
  ts_window: "ip",
  ts_match_size: "i",
  ts_loop_open: "i",
  ts_loop_add: "iii",
  ts_loop_remove: "ii",
  ts_attempt: "iii",
  ts_spawn_mapped: "ppipiii",
  ts_spawn_criu: "ppipippp",
  ts_loopback: "i",
  ts_make_place: "ppi",
  ts_give_group: "iii",
  ts_remove: "pi",
  ts_cgroups: "piipip",
  ts_stream: "ip",
  ts_give_user: "ii",
  ts_unpack_open: "pii",
  ts_unpack: "ipipi",
  ts_unpack_wait: "ip",
  ts_unpack_close: "i",
  ts_hash_open: "",
  ts_hash_add: "ipi",
  ts_hash_end: "ip",
  ts_hash_close: "i",
} as const;

type Name = keyof typeof SIGNATURES;
let bind: Binder | undefined;

// A command calls a dozen of these functions, and binding all of them would take it a tenth of its start.
const functions: Readonly<Record<Name, Native>> = new Proxy({} as Record<Name, Native>, {
  get(bound, name: Name) {
    bind ??= open(`${nativeDir()}/libtsrun.so`);
    bound[name] ??= bind(name, SIGNATURES[name]);
    return bound[name];
  },
});

/** The library; opened at the first call of a function, and each function bound at its first call. */
export function lib(): Readonly<Record<Name, Native>> {
  return functions;
}

/** The name of an errno number: `EPERM` for 1. */
export function errnoName(number: number): string {
  return ERRNO[number] ?? `errno ${number}`;
}

/** Gives a native answer back, or throws what a negative one says. @throws SystemError */
export function checked(answer: number, syscall: string, subject: string): number {
  if (answer < 0) throw new SystemError(syscall, errnoName(-answer), subject);
  return answer;
}
