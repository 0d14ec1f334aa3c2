/*
 * The plan: what tsrun-init is told to do. This file is the single source of the operations, their numbers and their
 * fields: the C reader and its structs are made from it by macros, and src/sys/constants.gen.ts by native/gen.
 *
 * Wire format, all numbers in the machine's own byte order (a plan never leaves the machine it was made on):
 *
 *   header  struct plan_header
 *   then `count` operations, each: u32 number, u32 length of its fields in bytes, fields
 *   and nothing after the last.
 *
 * Fields, in the order of the op's table, each starting at a multiple of 4:
 *
 *   U32   u32
 *   U64   u64 as two u32, low first (signed values in two's complement)
 *   STR   u32 length without the NUL, the bytes, one NUL, padding to 4; no NUL inside
 *   STRS  u32 count, then that many STR
 *   U64S  u32 count, then that many U64
 *   BYTES u32 length, the bytes, padding to 4
 */
#ifndef TSRUN_PLAN_H
#define TSRUN_PLAN_H

#define PLAN_MAGIC 0x4e505354u /* "TSPN" */
#define PLAN_VERSION 1u

/* Bounds the reader holds a plan to; the encoder refuses to make a larger one. */
#define PLAN_MAX_BYTES (16u << 20)
#define PLAN_MAX_OPS 65536u
#define PLAN_MAX_STRING (1u << 20)

struct plan_header {
	unsigned int magic;
	unsigned int version;
	unsigned int length; /* of the whole plan, header included, in bytes */
	unsigned int count;  /* of operations */
};

/* A bind whose source the host opens and passes (idmap, user namespaces) has its index; this is "by path". */
#define PLAN_NO_SOURCE 0xffffffffu

/*
 * The operations. Everything named `target` is a path inside the container's root: it is resolved by
 * openat2(RESOLVE_IN_ROOT) below it, before and after pivot_root alike. Everything named `path` or `source` is a path of
 * the runtime's own mount namespace.
 *
 * X(number, name)
 */
#define PLAN_OPS(X)                                                                                                  \
	/* ---- stage one: in the host's namespaces, before the container's first process exists */                   \
	X(1, join)        /* setns to the namespace of type ns at path; all paths are opened before the first setns; \
			     of a cgroup namespace also after fork */                                                 \
	X(2, userns)      /* unshare(CLONE_NEWUSER), ask the host to write the id maps, become 0:0 there */            \
	X(3, unshare)     /* unshare(flags); also after fork */                                                        \
	X(4, timeOffset)  /* one line of /proc/self/timens_offsets */                                                  \
	X(5, attach)      /* ask the host for the entrances of the container's cgroups, which fork enters */          \
	X(6, trace)       /* ask the host for memory, and note there from now on when each operation begins and ends */  \
	X(7, enter)       /* setns to these namespaces of the process that runs already, by its pidfd */              \
	X(9, fork)        /* clone the container's first process (CLONE_PARENT); stage one ends */                    \
	/* ---- stage two: the container's first process, still seeing the host's files */                            \
	X(10, keyring)     /* join a new session keyring of this name */                                              \
	X(11, session)     /* setsid */                                                                               \
	X(12, loopback)    /* bring up lo */                                                                          \
	X(13, hostname)                                                                                               \
	X(14, domainname)                                                                                             \
	X(15, oomScoreAdj) /* written through the private procfs handle; also allowed in stage one, before userns */  \
	X(16, propagation) /* mount(NULL, "/", NULL, flags) of the namespace's root, as it is at that moment */       \
	X(17, rootfs)      /* make the mount above path private, clone the tree at path, attach it there: the root */ \
	X(18, overlay)     /* mount an overlay at path, a folder of the host, with `folder` as the current one, which \
			     is no link and has this inode: before rootfs */                                          \
	X(20, mkdir)       /* a folder with its parents, where missing; an existing folder is left as it is */        \
	X(21, mkfile)      /* an empty file with its parents, where missing */                                        \
	X(22, mount)       /* a new filesystem: fsopen, fsconfig, fsmount, one move_mount */                          \
	X(23, bind)        /* open_tree(OPEN_TREE_CLONE) of source, mount_setattr, one move_mount */                  \
	X(24, remount)     /* change the mount at target (and its superblock where superblock is 1) */                \
	X(25, mknod)       /* a device node or fifo, replacing nothing: an existing equal one is kept */              \
	X(26, symlink)     /* an existing name is kept, or removed first where replace is 1 */                        \
	X(27, hostHooks)   /* ask the host to run prestart and createRuntime hooks; wait */                           \
	X(28, hook)        /* run a hook from here (createContainer before pivot_root, startContainer after) */       \
	X(29, console)     /* a pseudo terminal of this height and width becomes the streams 0 to 2; mounted at target */ \
	X(30, pivotRoot)   /* pivot_root into the root, detach the old one */                                         \
	X(31, moveRoot)    /* without pivot_root: MS_MOVE and chroot, every other procfs and sysfs gone first */      \
	X(32, fileLabel)   /* give the folder at target this SELinux label (security.selinux) */                       \
	X(33, label)       /* what the next execve, or the next keyring, is labelled with; also before enter and fork */ \
	/* ---- stage three: inside */                                                                                \
	X(40, sysctl)      /* write value to /proc/sys/name through the private procfs handle */                      \
	X(41, readonlyPath) /* bind target onto itself read-only; a missing target is no error */                     \
	X(42, maskPath)    /* cover target with /dev/null or an empty read-only tmpfs; a missing target is no error */ \
	X(43, rootReadonly)                                                                                           \
	X(44, chdir)       /* and check that the result lies inside the root */                                       \
	X(45, rlimit)                                                                                                 \
	X(46, umask)                                                                                                  \
	X(47, scheduler)   /* sched_setattr */                                                                        \
	X(48, ioPriority)                                                                                             \
	X(49, personality)                                                                                            \
	X(50, memoryPolicy) /* set_mempolicy; nodes is a bit mask, 64 a word */                                       \
	X(51, affinity)    /* sched_setaffinity; cpus is a bit mask, 64 a word; also in stage one */                  \
	X(52, stdioOwner)  /* fchown descriptors 0 to 2 to uid; the container's null device for the host's */                 \
	X(53, boundingSet) /* drop every capability that is not in mask */                                            \
	X(54, user)        /* PR_SET_KEEPCAPS, setgroups (where setGroups is not 0), setresgid, setresuid */              \
	X(55, capabilities)                                                                                           \
	X(56, noNewPrivs)                                                                                             \
	X(57, program)     /* what exec will execute: found in PATH and checked now, HOME filled from passwd */       \
	X(58, closeFrom)   /* close every descriptor from first on, but tsrun-init's own, which are close-on-exec */       \
	X(59, seccomp)     /* install a filter of system calls, now or at exec; see below */                          \
	X(60, ready)       /* tell the host; wait until it has recorded this process */                               \
	X(61, awaitStart)  /* wait for `start` on the socket in the container's state folder */                       \
	X(62, exec)        /* execve of program */

/* F(kind, name) */
#define PLAN_join(F) F(U32, ns) F(STR, path)
/*
 * setGroups, here and of `user`: 0, setgroups stays denied in the namespace and is not called; 1, it has to work; or this,
 * where it may be denied for good: then that is no failure, unless there are groups to be set.
 */
#define PLAN_SETGROUPS_TRIED 2u
#define PLAN_userns(F) F(U32, setGroups)
#define PLAN_unshare(F) F(U32, flags)
#define PLAN_timeOffset(F) F(STR, clock) F(U64, secs) F(U32, nanosecs)
#define PLAN_attach(F)
#define PLAN_trace(F)
#define PLAN_enter(F) F(U32, flags)
#define PLAN_fork(F)
#define PLAN_keyring(F) F(STR, name)
#define PLAN_session(F)
#define PLAN_loopback(F)
#define PLAN_hostname(F) F(STR, name)
#define PLAN_domainname(F) F(STR, name)
#define PLAN_oomScoreAdj(F) F(U64, value)
#define PLAN_propagation(F) F(U64, flags)
#define PLAN_rootfs(F) F(STR, path)
/* options: as mount(2) takes them; names of layers in it are relative to folder, since they have to fit into a page */
#define PLAN_overlay(F) F(STR, path) F(STR, folder) F(U64, inode) F(STR, options)
#define PLAN_mkdir(F) F(STR, target) F(U32, mode)
#define PLAN_mkfile(F) F(STR, target) F(U32, mode)
/*
 * options go to fsconfig one by one: "key=value" with FSCONFIG_SET_STRING, "key" with FSCONFIG_SET_FLAG.
 * attrSet/attrClear are MOUNT_ATTR_* for mount_setattr before the mount is attached; the recursive pair is for
 * AT_RECURSIVE. propagation holds MS_SHARED and friends, with MS_REC where recursive, applied in order.
 * ordinary 1: the target must be a folder reached without any symbolic link (procfs and sysfs; CVE-2019-19921).
 * copyUp 1: what the target folder holds is copied into the new filesystem first (tmpcopyup); 2: only the folder's
 * permission bits are (a tmpfs without mode=); 3: what it holds, not its permission bits (tmpcopyup with mode=).
 */
#define PLAN_mount(F)                                                                                                 \
	F(STR, target) F(STR, source) F(STR, fstype) F(STRS, options) F(U64, attrSet) F(U64, attrClear)               \
	F(U64, recAttrSet) F(U64, recAttrClear) F(U64S, propagation) F(U32, ordinary) F(U32, copyUp)
/* sourceIndex: PLAN_NO_SOURCE, or which of the host's opened sources replaces `source`, which then only names it. */
#define PLAN_bind(F)                                                                                                  \
	F(STR, target) F(STR, source) F(U32, sourceIndex) F(U32, recursive) F(U64, attrSet) F(U64, attrClear)         \
	F(U64, recAttrSet) F(U64, recAttrClear) F(U64S, propagation)
/* options: only with superblock 1, for fsconfig; then FSCONFIG_CMD_RECONFIGURE. */
#define PLAN_remount(F)                                                                                               \
	F(STR, target) F(U32, superblock) F(STRS, options) F(U64, attrSet) F(U64, attrClear) F(U64, recAttrSet)       \
	F(U64, recAttrClear) F(U64S, propagation)
/* mode: type and permission bits as in st_mode, set exactly, whatever the umask */
#define PLAN_mknod(F) F(STR, target) F(U32, mode) F(U32, major) F(U32, minor) F(U32, uid) F(U32, gid)
#define PLAN_symlink(F) F(STR, target) F(STR, text) F(U32, replace)
#define PLAN_hostHooks(F)
/*
 * The hook reads stateHead, this process's pid as it sees it itself, stateTail on its standard input.
 * env is used where hasEnv is 1; else the environment tsrun-init was started with, which is tsrun's own.
 * timeout: milliseconds, 0 is none. stage and index are for the error message.
 */
#define PLAN_hook(F)                                                                                                  \
	F(STR, stage) F(U32, index) F(STR, path) F(STRS, args) F(U32, hasEnv) F(STRS, env) F(U32, timeout)            \
	F(STR, stateHead) F(STR, stateTail)
/* target: "" where it is mounted nowhere; height and width: 0 leaves them; after `session`, whose terminal it becomes */
#define PLAN_console(F) F(STR, target) F(U32, height) F(U32, width)
#define PLAN_fileLabel(F) F(STR, target) F(STR, label)
/* attribute: which of the files below /proc/self/attr it is written to, through the private procfs handle. */
#define PLAN_LABEL_APPARMOR_EXEC 0u
#define PLAN_LABEL_SELINUX_EXEC 1u
#define PLAN_LABEL_SELINUX_KEY 2u
#define PLAN_label(F) F(U32, attribute) F(STR, label)
#define PLAN_pivotRoot(F)
#define PLAN_moveRoot(F)
#define PLAN_sysctl(F) F(STR, name) F(STR, value) /* name with slashes: net/ipv4/ip_forward */
#define PLAN_readonlyPath(F) F(STR, target)
/* label: the SELinux label of the tmpfs that covers folders, the same in each; "" is none */
#define PLAN_maskPath(F) F(STR, target) F(STR, label)
#define PLAN_rootReadonly(F)
/* Before `user`: a folder that refuses root (EACCES, EPERM) is tried again by `user`, with the program's ids. */
#define PLAN_chdir(F) F(STR, target)
#define PLAN_rlimit(F) F(U32, resource) F(U64, soft) F(U64, hard)
#define PLAN_umask(F) F(U32, mask)
#define PLAN_scheduler(F)                                                                                             \
	F(U32, policy) F(U64, flags) F(U64, nice) F(U32, priority) F(U64, runtime) F(U64, deadline) F(U64, period)
#define PLAN_ioPriority(F) F(U32, value)
#define PLAN_personality(F) F(U64, persona)
#define PLAN_memoryPolicy(F) F(U32, mode) F(U64S, nodes)
#define PLAN_affinity(F) F(U64S, cpus)
#define PLAN_stdioOwner(F) F(U32, uid)
#define PLAN_boundingSet(F) F(U64, mask)
#define PLAN_user(F) F(U32, uid) F(U32, gid) F(U32, setGroups) F(U64S, groups)
/* reserve: what stays permitted, though it is not in `permitted`, until the filter of `seccomp` is installed; 0 is nothing. */
#define PLAN_capabilities(F)                                                                                          \
	F(U64, effective) F(U64, permitted) F(U64, inheritable) F(U64, ambient) F(U64, reserve)
#define PLAN_noNewPrivs(F)
#define PLAN_program(F) F(STRS, args) F(STRS, env) F(U32, fillHome)
#define PLAN_closeFrom(F) F(U32, first)
/*
 * when: PLAN_SECCOMP_NOW installs the filter at this place; PLAN_SECCOMP_EXEC keeps it, and exec installs it with nothing but
 * execve (and the giving up of the reserve) after it; startContainer hooks get it in their own processes. flags are those of
 * seccomp(2), SECCOMP_FILTER_FLAG_NEW_LISTENER only with PLAN_SECCOMP_NOW: the host takes the listener. program: the
 * instructions, struct sock_filter.
 */
#define PLAN_SECCOMP_NOW 0u
#define PLAN_SECCOMP_EXEC 1u
#define PLAN_seccomp(F) F(U32, when) F(U32, flags) F(BYTES, program)
/* The conversation ends with it where awaitStart follows; else it lasts until exec, and carries exec's messages. */
#define PLAN_ready(F)
#define PLAN_awaitStart(F)
#define PLAN_exec(F)

/*
 * The conversation, over one SOCK_SEQPACKET pair (descriptor PLAN_FD_HOST of tsrun-init). Each message is a
 * struct plan_message, followed for PLAN_SAYS_ERROR by two NUL-ended strings: the call and what it was about.
 * tsrun-init says; the host answers each of the asking kinds with the same kind and nothing else, PLAN_ASKS_SOURCE with
 * the descriptor attached (SCM_RIGHTS). End of file is always an error: whoever sees it gives up.
 */
#define PLAN_MESSAGES(X)                                                                                              \
	X(1, ASKS_MAPS)   /* stage one is in its new user namespace and waits for uid_map, setgroups, gid_map */       \
	X(2, ASKS_CGROUP) /* stage one's namespaces exist; the answer has the entrances of the cgroups attached: the   \
			     `tasks` files of v1, into which the first process writes "0", and last, where `value` is 1, the \
			     folder of the unified hierarchy, into which fork clones */                                 \
	X(3, ASKS_RECORD) /* value: the first process's pid as stage one sees it; said by stage one, which then ends, \
			     and waited for by the first process */                                                   \
	X(4, ASKS_SOURCE) /* value: the index of the mount source wanted */                                           \
	X(5, ASKS_HOOKS)  /* the host is to run prestart and createRuntime hooks */                                   \
	X(6, ASKS_READY)  /* everything but the program's execution is done */                                       \
	X(7, SAYS_EXEC)   /* on the start socket: the next thing is execve; end of file after it is success */        \
	X(8, SAYS_ERROR)  /* op: index in the plan; value: errno; detail: enum plan_failure */                        \
	X(9, START)       /* on the start socket, from `start` */                                                       \
	X(10, ASKS_CONSOLE) /* the terminal's master comes with it (SCM_RIGHTS); the host takes it */                 \
	X(11, ASKS_LISTENER) /* value: the descriptor of the filter's listener in this process, which the host copies \
			     (pidfd_getfd); said with write and heard with read, since the filter rules already */    \
	X(13, ASKS_TRACE) /* the memory comes with the answer: see struct plan_trace */                               \
	X(12, SHOW)       /* on the start socket, from exec: the answer, the same, says that this process is dumpable until  \
			     the connection ends, so that its namespaces can be entered without being root */

/* Why an op failed, in struct plan_message.detail */
#define PLAN_FAILURES(X)                                                                                              \
	X(0, SYSCALL)      /* the call answered errno `value` */                                                       \
	X(1, PLAN)         /* the plan itself is wrong */                                                              \
	X(2, HOOK_EXIT)    /* value: the hook's exit status; call: its path; subject: the start of what it wrote */    \
	X(3, HOOK_SIGNAL)  /* value: the signal that ended the hook */                                                 \
	X(4, HOOK_TIMEOUT) /* value: milliseconds */                                                                   \
	X(5, NOT_FOUND)    /* program: not in PATH (value ENOENT), or there but not executable (value EACCES) */       \
	X(6, UNSAFE)       /* refused by a check of tsrun-init's own: the call says which */                           \
	X(7, HOST_GONE)    /* the host closed the conversation */

/*
 * The memory of a trace, a descriptor that cannot shrink: one of these for each operation of the plan, by its index, zeroed. Times are
 * those of CLOCK_MONOTONIC in the time namespace of the moment, in nanoseconds. begin 0: it has not begun; end 0: it has not
 * ended, or the program has been executed. After a filter of system calls that rules at
 * once, no more times are taken.
 */
struct plan_trace {
	unsigned long long begin;
	unsigned long long end;
	unsigned int failed; /* 0, or 1 and more: it failed, PLAN_FAILURES and 1 */
	unsigned int value;  /* as in struct plan_message */
};

struct plan_message {
	unsigned int kind;   /* PLAN_MESSAGES */
	unsigned int op;     /* index of the operation it is about */
	unsigned int value;
	unsigned int detail; /* PLAN_FAILURES, for SAYS_ERROR */
};
#define PLAN_MESSAGE_MAX 4096u
/* More v1 hierarchies than the kernel has controllers, and the unified one. */
#define PLAN_MESSAGE_FDS 24u

/* Descriptors tsrun-init is started with, beside 0 to 2 and the preserved ones. They are moved there by the spawner. */
#define PLAN_ARGS "tsrun-init PLAN_FD HOST_FD OTHER_FD"
/*
 * argv: descriptor numbers in decimal. OTHER_FD is the start socket of a container that is made, or the pidfd of the
 * process whose namespaces `enter` enters; -1 is neither.
 */

#endif
