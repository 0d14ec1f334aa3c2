/*
 * The functions of lib.h once more, as the JavaScript side calls them: X(name, parameters), each parameter `p`, a pointer to bytes, or
 * `i`, a 32-bit integer. From here come the table of src/sys/lib.ts and the binding of the executable's own engine.
 */
#ifndef TSRUN_FUNCTIONS_H
#define TSRUN_FUNCTIONS_H

/* What the command uses. */
#define LIB_COMMAND_FUNCTIONS(X)                      \
	X(ts_batch, p, i, p, i, p)                    \
	X(ts_read, p, p, i)                           \
	X(ts_read_fd, i, p, i)                        \
	X(ts_list, p, p, i)                           \
	X(ts_stat, p, i, p)                           \
	X(ts_open, p, i, i)                           \
	X(ts_close, i)                                \
	X(ts_write, i, p, i)                          \
	X(ts_lock, i, i, i)                           \
	X(ts_printable, p, i, i)                      \
	X(ts_plain_json, p, i, i)                     \
	X(ts_rename_new, p, p)                        \
	X(ts_access, p, i)                            \
	X(ts_open_inside, p, p, i)                    \
	X(ts_resolve, p, p, i, p, i)                  \
	X(ts_namespace, p)                            \
	X(ts_trusted, p, i, i, p, i, p)               \
	X(ts_memfd, p, p, i)                          \
	X(ts_shared, p, i)                            \
	X(ts_program, p)                              \
	X(ts_spawn_init, i, i, i, i, i, p, p, i, p)   \
	X(ts_run, p, p, i, p, i, p, p, i, i, p, i, p) \
	X(ts_execute, p, p, i, p, i)                  \
	X(ts_socketpair, p)                           \
	X(ts_listen, p)                               \
	X(ts_connect, p)                              \
	X(ts_listen_stream, p)                        \
	X(ts_connect_console, p)                      \
	X(ts_connect_stream, p, i)                    \
	X(ts_bind_datagram, p, i)                     \
	X(ts_send, i, p, i, p, i)                     \
	X(ts_receive, i, i, p, i, i, p)               \
	X(ts_pidfd_open, i)                           \
	X(ts_pidfd_getfd, i, i)                       \
	X(ts_pidfd_signal, i, i)                      \
	X(ts_kill, i, i)                              \
	X(ts_await_exit, i, i)                        \
	X(ts_pidfd_exit, i)                           \
	X(ts_reap, i)                                 \
	X(ts_rlimit, i, i, p)                         \
	X(ts_clock, i, p)                             \
	X(ts_sleep, i)                                \
	X(ts_ids, p)                                  \
	X(ts_cloexec, i)                              \
	X(ts_exit, i)                                 \
	X(ts_catch_interrupts)                        \
	X(ts_release_interrupts)                      \
	X(ts_interrupted)                             \
	X(ts_hold_signals)                            \
	X(ts_subreaper)                               \
	X(ts_become, p, p, p, i, p, i)                \
	X(ts_tree, p, i, i, i)                        \
	X(ts_plain_tree, i)                           \
	X(ts_userns, p, p)                            \
	X(ts_netdev_find, p)                          \
	X(ts_netdev_move, i, i, p, p, p, p)           \
	X(ts_device_program, p, i, p, i)              \
	X(ts_device_attach, i, p, p)                  \
	X(ts_filter, p, p, i, p, i, p)                \
	X(ts_filter_library, p)                       \
	X(ts_filter_flags, i)                         \
	X(ts_poll, p, i, i, p)                        \
	X(ts_drain, i, p, i)                          \
	X(ts_eventfd)                                 \
	X(ts_inotify, p)                              \
	X(ts_catch, p, i)                             \
	X(ts_window, i, p)                            \
	X(ts_match_size, i)                           \
	X(ts_attempt, i, i, i)                        \
	X(ts_spawn_mapped, p, p, i, p, i, i, i)       \
	X(ts_spawn_criu, p, p, i, p, i, p, p, p)      \
	X(ts_loopback, i)                             \
	X(ts_make_place, p, p, i)                     \
	X(ts_give_group, i, i, i)                     \
	X(ts_remove, p, i)                            \
	X(ts_cgroups, p, i, i, p, i, p)               \
	X(ts_stream, i, p)                            \
	X(ts_give_user, i, i)

/* What only the library uses, `bundle` and `image`, which run in Node: they have threads. */
#define LIB_THREAD_FUNCTIONS(X)     \
	X(ts_loop_open, i)          \
	X(ts_loop_add, i, i, i)     \
	X(ts_loop_remove, i, i)     \
	X(ts_unpack_open, p, i, i)  \
	X(ts_unpack, i, p, i, p, i) \
	X(ts_unpack_wait, i, p)     \
	X(ts_unpack_close, i)       \
	X(ts_hash_open)             \
	X(ts_hash_add, i, p, i)     \
	X(ts_hash_end, i, p)        \
	X(ts_hash_close, i)

#endif
