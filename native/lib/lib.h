/*
 * libtsrun: the calls that the JavaScript side makes on the host, flat enough for any FFI: integers and pointers to
 * bytes in, a value >= 0 or -errno out. 64-bit results go through a pointer. Nothing here knows a JavaScript engine,
 * decides anything, or enters a namespace.
 *
 * Lists of strings come as one block: the strings one after the other, each with its NUL, and their count.
 */
#ifndef TSRUN_LIB_H
#define TSRUN_LIB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))

/* Whether only root could have changed a program that is about to be run as root; of no matter to anybody else. */
struct stat;
int may_run(const struct stat *found);
/* Whether this is another user namespace than the first. */
int is_contained(void);
/* Opens such a program, or answers -EKEYREJECTED. */
int open_trusted(const char *path);
/*
 * Opens one of tsrun's own programs to be executed: the one at this path, beside the library. The executable has them inside, and takes
 * the path's last part for a name.
 */
int open_program(const char *path);
/* chmod of what a descriptor is open on, an O_PATH one too: 0 or -errno. */
int change_mode(int fd, mode_t mode);
/* Fills an array of pointers, and a NULL, from a block of NUL-ended strings. */
void split(const char *block, int count, char **out);

/* files.c */

/*
 * Performs `count` actions (src/sys/file-actions.ts) in order: three words each, and of the texts two. On failure failed[0] is the index,
 * failed[1] the call.
 */
EXPORT int ts_batch(const int32_t *words, int count, const char *texts, int length, int32_t *failed);
/* Reads a file of at most `room` bytes; -EFBIG if it holds more. */
EXPORT int ts_read(const char *path, uint8_t *buffer, int room);
/* The same from an open descriptor, to its end; waits for a pipe or socket whose writer is slow. */
EXPORT int ts_read_fd(int fd, uint8_t *buffer, int room);
/* A folder's entries: a letter of the kind (d, f, l, o), the name, a NUL; -ERANGE if they need more room. */
EXPORT int ts_list(const char *path, uint8_t *buffer, int room);
/* Mode, uid, gid, major, minor, inode, size, device, links; follow 0 looks at a link itself. */
EXPORT int ts_stat(const char *path, int follow, int64_t out[9]);
EXPORT int ts_open(const char *path, int flags, int mode);
EXPORT int ts_close(int fd);
EXPORT int ts_write(int fd, const uint8_t *bytes, int length);
/* 0 or -errno; mode 's' shared, 'x' exclusive, with wait 0 answering -EWOULDBLOCK instead of waiting. */
EXPORT int ts_lock(int fd, int exclusive, int wait);
/* text.c: whether these are printable characters of ASCII; with `breaks` also tabs and ends of lines. */
EXPORT int ts_printable(const uint8_t *bytes, int length, int breaks);
/*
 * text.c: whether all of a JSON text is as every parser has it, if it is JSON at all: nested no deeper than `depth`, without escapes by
 * number, and with no number but whole ones of 15 digits at most.
 */
EXPORT int ts_plain_json(const uint8_t *bytes, int length, int depth);
/* renameat2(RENAME_NOREPLACE) */
EXPORT int ts_rename_new(const char *from, const char *to);
/* Opens a path inside the tree at root: links stay in it (openat2, RESOLVE_IN_ROOT); flags as for open(2). */
EXPORT int ts_open_inside(const char *root, const char *path, int flags);
/*
 * Where a path leads inside the tree at root, as a path of the host without symbolic links: its length, written to out
 * without a NUL. The container's links stay in its root (openat2, RESOLVE_IN_ROOT); follow 0 leaves a last link as it is.
 */
EXPORT int ts_resolve(const char *root, const char *path, int follow, uint8_t *out, int room);
/* The CLONE_NEW* type of the namespace at path; -ENOTTY where it is none. */
EXPORT int ts_namespace(const char *path);
/* access(2) */
EXPORT int ts_access(const char *path, int mode);

/* trust.c */

/*
 * Whether nobody but root and the caller could have filled the folder at an absolute path: each folder and link on the way
 * belongs to one of the two, and others can write to none. 1, or 0 where it is missing; -EKEYREJECTED: `what`, a string, is the
 * path of the one that others can change, facts its owner, group and mode. mode, above_mode: what is missing is made, the folder
 * and those above it with these; -1 makes nothing. facts[3]: the call that failed: 1 open, 2 mkdir, 3 chmod.
 */
EXPORT int ts_trusted(const char *path, int mode, int above_mode, uint8_t *what, int room, int32_t facts[4]);

/* spawn.c */

/* A sealed memfd that holds these bytes (sealed.c). */
EXPORT int ts_memfd(const char *name, const uint8_t *bytes, int length);
/* A memfd of this length, zeroed, that may be written but keeps its length. */
EXPORT int ts_shared(const char *name, int length);
/* A sealed, executable memfd copy of such a program (own.c): a container cannot write through it to the host's file. */
EXPORT int ts_program(const char *path);
/*
 * Starts the program of descriptor `program` as tsrun-init: the descriptors plan, host and other (-1: none) become
 * 3+keep and the next two, 0 to 2 and the `keep` inherited ones stay, all others are closed on exec. cwd is its folder.
 * The environment is given as a block. Answers the pid; pidfd[0] is its pidfd.
 */
EXPORT int ts_spawn_init(int program, int plan, int host, int other, int keep, const char *cwd, const char *env, int envc,
			 int32_t *pidfd);
/*
 * Runs a program to its end: input on its standard input, what it writes (both streams) in output. Answers its wait
 * status, -ETIMEDOUT or -EINTR (interrupt.c) after having killed its process group, or -errno where it could not be executed.
 * written[0]: how many bytes of output there are. timeout in milliseconds, 0 is none.
 */
EXPORT int ts_run(const char *path, const char *args, int argc, const char *env, int envc, const char *cwd,
		  const uint8_t *input, int input_length, int timeout, uint8_t *output, int room, int32_t *written);

/*
 * Executes a program in this process (execve(2)), with the environment given as a block: -errno where that fails. Every descriptor that
 * is not close-on-exec is the program's.
 */
EXPORT int ts_execute(const char *path, const char *args, int argc, const char *env, int envc);

/* talk.c */

EXPORT int ts_socketpair(int32_t fds[2]);
/* A listening SOCK_SEQPACKET socket at a path of any length. */
EXPORT int ts_listen(const char *path);
EXPORT int ts_connect(const char *path);
/* A listening stream socket at a path of any length. */
EXPORT int ts_listen_stream(const char *path);
/* A stream socket, as --console-socket names one: where a terminal is sent to. */
EXPORT int ts_connect_console(const char *path);
/*
 * A stream connection to a path of any length, or to an abstract name written `@name`. Connecting and each sending take at most
 * `timeout` milliseconds: -EAGAIN.
 */
EXPORT int ts_connect_stream(const char *path, int timeout);
/* A datagram socket bound to a path of any length, its file of this mode; reading from it does not block. */
EXPORT int ts_bind_datagram(const char *path, int mode);
/* One message, with `count` descriptors attached (PLAN_MESSAGE_FDS at most). */
EXPORT int ts_send(int socket, const uint8_t *bytes, int length, const int32_t *fds, int count);
/*
 * The next message; 0 is end of file. Waits for at most `timeout` milliseconds (-1: no limit) and for no longer than
 * the process of pidfd (-1: none) lives: then the answer is what it had sent before, or -ESRCH. fd[0] is the descriptor
 * that came with it, or -1. -EINTR: tsrun is asked to end (interrupt.c).
 */
EXPORT int ts_receive(int socket, int pidfd, uint8_t *buffer, int room, int timeout, int32_t *fd);

/* process.c */

/*
 * A process is named by a pid greater than 0 here. 0 is what the kernel calls one that is outside of this pid namespace; to kill(2) it
 * is the caller's own process group, and -1 everybody: -EINVAL.
 */
EXPORT int ts_pidfd_open(int pid);
/* A copy of another process's descriptor. */
EXPORT int ts_pidfd_getfd(int pidfd, int fd);
EXPORT int ts_pidfd_signal(int pidfd, int signal);
EXPORT int ts_kill(int pid, int signal);
/* Waits until the process ends: 0, or -ETIMEDOUT after `timeout` milliseconds (-1: none). Does not reap. */
EXPORT int ts_await_exit(int pidfd, int timeout);
/*
 * The wait status of an ended process that its parent has reaped, whoever that is; -ENODATA while it has not, and another
 * error where the kernel (before 6.15) does not keep it with the pidfd.
 */
EXPORT int ts_pidfd_exit(int pidfd);
/* Reaps a child of ours that has ended: its wait status; -ECHILD if it is no child, -EAGAIN if it still runs. */
EXPORT int ts_reap(int pid);
/* soft and hard limit of a process (0: ourselves) */
EXPORT int ts_rlimit(int pid, int resource, uint64_t out[2]);
/* Nanoseconds of CLOCK_REALTIME (0) or CLOCK_MONOTONIC (1). */
EXPORT int ts_clock(int clock, int64_t *out);
EXPORT int ts_sleep(int milliseconds);
EXPORT int ts_ids(int32_t out[3]); /* euid, pid, ppid */
/* FD_CLOEXEC of a descriptor: 0 or 1; -EBADF */
EXPORT int ts_cloexec(int fd);
EXPORT int ts_exit(int status);

/* interrupt.c */

/*
 * From now on a SIGTERM or SIGINT does not end this process, but the wait in ts_receive and ts_run, with -EINTR. One that finds
 * the last one not taken yet, since nothing waits there, does what it always does. Once a process.
 */
EXPORT int ts_catch_interrupts(void);
/* No longer: they do again what they always do, also one that came too late for a wait. */
EXPORT int ts_release_interrupts(void);
/* The signal that ended a wait last, or 0. */
EXPORT int ts_interrupted(void);

/* become.c */

/*
 * Holds the signals that reach this process from now on: answers the descriptor of a pipe, a byte a signal. Those that are ignored
 * stay so, and those that the engine handles are its own, but for the ones that ask a program to end. The second SIGTERM or SIGINT
 * also ends a wait, as for ts_catch_interrupts.
 */
EXPORT int ts_hold_signals(void);
/* From now on this process is the parent of its descendants that lose theirs; so it stays through execve. */
EXPORT int ts_subreaper(void);
/*
 * Executes the program at path, one of tsrun's own, in this process, with `name` as its only argument, the environment given as a block, and of all
 * descriptors only 0 to 2 and these. All signals are blocked then. Returns only where it fails: -EKEYREJECTED if others
 * than root could write the program.
 */
EXPORT int ts_become(const char *path, const char *name, const int32_t *fds, int count, const char *env, int envc);

/* mount.c */

/* A detached copy of the tree at path (open_tree(OPEN_TREE_CLONE)), id-mapped by userns unless that is -1. */
EXPORT int ts_tree(const char *path, int recursive, int userns, int userns_recursive);
/* A detached copy of the mount of an open folder, in which the kernel follows no link (Linux 5.14, else -EINVAL). */
EXPORT int ts_plain_tree(int folder);
/* A descriptor of a new user namespace with these maps (text as in /proc/PID/uid_map). */
EXPORT int ts_userns(const char *uid_map, const char *gid_map);

/* mapped.c */

/*
 * Starts a program as root of a new user namespace once a byte has come on `gate`, when its maps are written; it ends if `other`,
 * the gate's other end, is closed before. Descriptors that are not close-on-exec stay open. Answers the pid.
 */
EXPORT int ts_spawn_mapped(const char *path, const char *args, int argc, const char *env, int envc, int gate, int other);

/* criu.c */

/*
 * Starts `path` as `criu swrk 3`: the descriptors become 3 and up, 0 to 2 are tsrun's with a root, else /dev/null's. With a
 * root it runs in a mount namespace of its own, where that tree is a mount, and the file `null` the null device, read-only.
 * Answers the pid; pidfd[0] is its pidfd.
 */
EXPORT int ts_spawn_criu(const char *path, const char *env, int envc, const int32_t *fds, int count, const char *root,
			 const char *null, int32_t *pidfd);
/* Sets the loopback device of a network namespace (a descriptor) up. */
EXPORT int ts_loopback(int ns);
/* Makes what is missing of a path inside the tree at root: folders on the way, a folder or an empty file at its end. */
EXPORT int ts_make_place(const char *root, const char *path, int is_folder);
/* An open file or folder gets another group, and this mode. */
EXPORT int ts_give_group(int fd, int gid, int mode);

/* stream.c */

/* Of an open descriptor: mode, owner, whether it is open for writing, and whether it has a name in a filesystem. */
EXPORT int ts_stream(int fd, int32_t out[4]);
/* fchown(2) of the user alone */
EXPORT int ts_give_user(int fd, int uid);

/* netdev.c */

/* The index of a network device in tsrun's own network namespace; -ENODEV where there is none. */
EXPORT int ts_netdev_find(const char *name);
/*
 * Moves a network device from one network namespace (a descriptor) to another, where it gets its permanent global addresses
 * again, is called `new_name` (%d in it becomes a free number), and is set up. final: the name it got, IFNAMSIZ bytes. Answers
 * its index there; on failure it is where it was, and step[0] says what failed.
 */
EXPORT int ts_netdev_move(int from_ns, int to_ns, const char *name, const char *new_name, uint8_t *final, int32_t *step);

/* bpf.c */

/*
 * Loads an eBPF program for the device rules of a cgroup of v2: its descriptor. What the kernel's verifier says against it is
 * in log, a string.
 */
EXPORT int ts_device_program(const uint8_t *instructions, int count, uint8_t *log, int room);
/*
 * Attaches such a program (-1: none) to the cgroup at a path, in place of all that were attached to this very cgroup. There is
 * no moment in which neither holds; on failure the old ones do. step[0] says what failed.
 */
EXPORT int ts_device_attach(int program, const char *cgroup, int32_t *step);

/* filter.c */

/*
 * Compiles a filter of system calls (native/lib/seccomp.h has the description) into `program`, as struct sock_filter: its
 * length in bytes. folder: where compiled ones are kept and looked for, "" is nowhere. -ENOPKG: there is no libseccomp;
 * -E2BIG: more instructions than the kernel takes. failed: what could not be added (enum filter_part), its index, and for a
 * rule that of the name.
 */
EXPORT int ts_filter(const char *folder, const uint8_t *description, int length, uint8_t *program, int room,
		     int32_t failed[3]);
/* libseccomp's version in three numbers; -ENOPKG where there is none. */
EXPORT int ts_filter_library(int32_t version[3]);
/* Whether the kernel knows these flags of seccomp(SECCOMP_SET_MODE_FILTER): 1 or 0. */
EXPORT int ts_filter_flags(int flags);

/* watch.c */

/*
 * Waits until one of the descriptors (256 at most; a pidfd too) has something to read or has failed: how many have. ready[i]
 * is poll's revents. 0 after `timeout` milliseconds (-1: none), and where a signal cut such a wait short.
 */
EXPORT int ts_poll(const int32_t *fds, int count, int timeout, int32_t *ready);
/* What there is to read on a descriptor that does not block, up to `room` bytes; 0 where there is nothing. */
EXPORT int ts_drain(int fd, uint8_t *buffer, int room);
/* An eventfd that does not block. */
EXPORT int ts_eventfd(void);
/* An inotify descriptor, which does not block, for the changes of one file, its removal among them. */
EXPORT int ts_inotify(const char *path);
/* From now on these signals end as bytes, their numbers, on the descriptor answered; ignored ones stay ignored. Once a process. */
EXPORT int ts_catch(const int32_t *signals, int count);
/* Columns and rows of a terminal; -ENOTTY where the descriptor is none. */
EXPORT int ts_window(int fd, int32_t out[2]);
/*
 * Gives a terminal the size of tsrun's own, which is the first of standard error, output, input that is one, or /dev/tty; one
 * that does not know its size changes nothing. -ENOTTY where there is none.
 */
EXPORT int ts_match_size(int master);

/* loop.c */

/*
 * Starts the one helper thread that waits for descriptors: answers the epoll descriptor that they are added to. It takes the
 * listening stream socket, accepts one connection of this process, and writes to that a u32 for each descriptor that is
 * ready: its token. The connection's end ends it.
 */
EXPORT int ts_loop_open(int listener);
/* Waits for a descriptor, once; each descriptor one wait at a time. The token is greater than 0. */
EXPORT int ts_loop_add(int epoll, int fd, int token);
/* Waits no longer; its token may have been written already. */
EXPORT int ts_loop_remove(int epoll, int fd);

/* attempt.c */

enum attempt_kind {
	ATTEMPT_UNSHARE,	   /* unshare(2) with the flags */
	ATTEMPT_MOUNT_CALLS,	   /* fsopen, fsconfig, fsmount, mount_setattr */
	ATTEMPT_OVERLAY,	   /* an overlay of two folders */
	ATTEMPT_CLONE_INTO_CGROUP, /* whether clone3 knows the flag */
};

/*
 * Tries this in a child, which ends at once and leaves nothing; contained: as root of a new user namespace. 0, or -errno of what
 * was refused.
 */
EXPORT int ts_attempt(int kind, int flags, int contained);

/* remove.c */

/*
 * Removes a file, or a folder with all that it holds on its filesystem, whoever works in it meanwhile: -ESTALE where its folders
 * keep being moved elsewhere. With a descriptor in `known`, it is what that is open on that goes, and the name only while it has it.
 */
EXPORT int ts_remove(const char *path, int known);

/* cgroups.c */

enum cgroups_task {
	CGROUPS_PIDS = 1, /* the processes, as this process's pid namespace numbers them: 0 for one that is outside of it */
	CGROUPS_KILLS,	  /* how many were killed for memory, added up (v1's memory.oom_control) */
	CGROUPS_THAW_V1,  /* let those go on that are frozen */
	CGROUPS_THAW_V2,
	CGROUPS_REMOVE, /* remove those below; the cgroup itself stays, and so does what has processes */
};

/*
 * Does this in a cgroup, given by a path of any length, and in all below it, at whatever depth. count[0]: how many pids, kills or
 * removed cgroups, also on failure. -ERANGE: there are more pids than `room`; -ETIMEDOUT: it was not done after `milliseconds`,
 * since there are too many, or new ones are made all the time.
 */
EXPORT int ts_cgroups(const char *path, int task, int milliseconds, int32_t *pids, int room, int32_t *count);

/* unpack.c */

/* Begins to write an archive's entries below the folder at path: a number for the calls below. uid, gid: of implied folders. */
EXPORT int ts_unpack_open(const char *path, int uid, int gid);
/*
 * Has the encoded records (src/image/record.ts) performed, after those of the calls before, and does not wait for that: records
 * and piece have to stay as they are until the second call after this one has returned, or ts_unpack_wait. The piece is of the
 * archive, where records have their content in it. Answers 0, or the error of an earlier call's record: ts_unpack_wait has more.
 */
EXPORT int ts_unpack(int slot, const uint8_t *records, int length, const uint8_t *piece, int piece_length);
/*
 * Waits until all records are performed. On failure report[0] is the number of the call of ts_unpack, from 0 on, report[1] where in
 * its records, report[2] the system call; report[3] and report[4] count the attributes and the device nodes that the filesystem or
 * the kernel did not take.
 */
EXPORT int ts_unpack_wait(int slot, int32_t report[5]);
/* Ends it, also in the middle. */
EXPORT int ts_unpack_close(int slot);

/* hash.c */

/* Begins a SHA-256 in a thread of its own; -EOPNOTSUPP where the processor has no instructions for it. */
EXPORT int ts_hash_open(void);
/* Adds bytes, which have to stay as they are until the second call after this one has returned, or ts_hash_end. */
EXPORT int ts_hash_add(int slot, const uint8_t *bytes, int length);
EXPORT int ts_hash_end(int slot, uint8_t digest[32]);
EXPORT int ts_hash_close(int slot);

#endif
