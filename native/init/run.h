/* What every part of tsrun-init shares: the state of one execution of one plan. */
#ifndef TSRUN_RUN_H
#define TSRUN_RUN_H

#include "reader.h"
#include "sys.h"
#include "text.h"

#define PATH_BYTES 4096 /* PATH_MAX, the NUL included */
#define SUBJECT_BYTES 3072

/* Why an operation failed, until it is told to the host or to `start`. */
struct failure {
	enum failure_kind detail;
	u32 value;
	const char *call;
	const char *subject;
};

/*
 * A mount used to cover several paths. The first cover is this mount itself; from then on it is part of the namespace
 * and each further one is a clone of it (kernels before 6.15 clone no detached mount).
 */
struct cover {
	int fd; /* -1: not there */
	bool attached;
	int error; /* -errno, why it is not there */
};

/* Descriptors that came with a message. */
struct passed {
	u32 count;
	int fds[PLAN_MESSAGE_FDS];
};

/* capabilities(7), bit n for capability n. */
struct caps {
	u64 effective;
	u64 permitted;
	u64 inheritable;
	u64 reserve; /* permitted beside, until the filter is installed */
};

struct run {
	struct plan plan;
	u32 op; /* index of the current operation, for messages */
	char *const *env; /* tsrun-init's own */

	int host;   /* the conversation; -1 once it is over */
	int listen; /* the start socket; -1 is none */
	int process; /* the pidfd of the process whose namespaces are entered; -1 is none */
	int caller; /* the connection of `start`; -1 before */
	u32 own_uid; /* at start */

	int root;   /* the container's root, O_PATH; -1 before rootfs */
	bool pivoted;
	int proc;   /* the private procfs, -1 where no operation needs it */
	char self[12]; /* this process's pid in that procfs */
	int timens; /* /proc/self/timens_offsets; -1 where no operation needs it */
	struct passed entrances; /* `tasks` files of the container's v1 cgroups */
	int cgroup; /* the folder of the unified hierarchy that fork clones into; -1 where there is none */

	bool in_userns;	 /* joined or made one */
	bool joined;	 /* a pid or user namespace of others: their processes may look at this one */
	bool forked;
	bool programmed_user; /* ids are those of the program */

	u32 umask;	 /* the program's, and the hooks' */
	const char *cwd; /* chdir to be tried again with the program's ids, or NULL */

	struct cover null;  /* the host's /dev/null */
	struct cover empty; /* an empty read-only tmpfs */

	struct caps caps;	  /* the program's, once they are set */
	bool pending;		  /* a filter that exec installs */
	struct op_seccomp filter; /* that one */

	char **args; /* NULL-ended; strings lie in the plan */
	char **envp;
	const char *path; /* the program */

	struct plan_trace *trace; /* NULL: nobody wants to know */
	u64 traced_at;		  /* the last time that was taken */
	bool muted;		  /* none is taken any more */

	struct failure failure;
	char subject[SUBJECT_BYTES];
};

/* ---- talk.c: each of these records why and answers -1 ---- */

/* A system call answered `result`, -errno. */
int fail(struct run *run, long result, const char *call, const char *subject);
/* The same, the subject being `subject`: `more`, copied. */
int fail_more(struct run *run, long result, const char *call, const char *subject, const char *more);
/* One of tsrun-init's own checks: `detail` says what kind. */
int refuse(struct run *run, enum failure_kind detail, u32 value, const char *call, const char *subject);
/* `subject` copied, so that it may be short-lived. */
const char *keep(struct run *run, const char *subject);

/* Send one message to the host. */
int say(struct run *run, enum message_kind kind, u32 value);
/* Say it, and wait for the answer; `fd` (may be NULL) receives the descriptor that must come with it. */
int ask(struct run *run, enum message_kind kind, u32 value, int *fd);
/* Say it with a descriptor that the host takes, and wait for the answer. */
int offer(struct run *run, enum message_kind kind, int fd);
/*
 * Let the host take the listener of a filter that is in force already: with write and read alone, which such a filter must
 * leave be (and runc's too), since every other call may wait for whoever gets the listener.
 */
int offer_listener(struct run *run, int listener);
/* Wait for one message of this kind from the host. */
int hear(struct run *run, enum message_kind kind, int *fd);

/* The same, with as many descriptors as come and the answer's value. */
int hear_all(struct run *run, enum message_kind kind, struct passed *passed, u32 *value);
/* Tell whoever listens why this ends. */
void tell_failure(struct run *run);
/* Wait for `start`. */
int await_start(struct run *run);
/* The next thing is execve: say so to whoever waits for it. */
int say_exec(struct run *run);

/* ---- trace.c ---- */

int op_trace(struct run *run, const struct op_trace *op);
/* Notes the beginning and the end of the current operation, whose result is negative where it failed. */
void trace_begin(struct run *run);
void trace_end(struct run *run, int result);

/* ---- dispatch.c ---- */

/* Execute the whole plan. Returns only on failure, which is recorded. */
int run_plan(struct run *run);
/* From the arguments on. Never returns. */
__attribute__((noreturn)) void init_main(int argc, char *const *argv, char *const *env);

/* ---- enter.c: stage one ---- */

int enter_prepare(struct run *run);
void enter_abandon(struct run *run);
int op_join(struct run *run, const struct op_join *op);
int op_enter(struct run *run, const struct op_enter *op);
int op_userns(struct run *run, const struct op_userns *op);
int op_unshare(struct run *run, const struct op_unshare *op);
int op_timeOffset(struct run *run, const struct op_timeOffset *op);
int op_attach(struct run *run, const struct op_attach *op);
int op_fork(struct run *run, const struct op_fork *op);

/* ---- proc.c: what is written and read through the private procfs handle ---- */

int proc_open(struct run *run);
/* 1 where `fd` is of some procfs, 0 where it is not, or -errno. */
int proc_is_procfs(int fd);
/* Whether `fd` is a procfs's root: not one of its folders, whatever is bound there. */
bool proc_is_root(int fd);
/* Open a file of this process's own folder in it. -errno. */
int proc_open_own(struct run *run, const char *name, int flags);
/* The folder's path relative to the handle, with `tail` after it, such as "42/fd/7". */
struct text proc_own_path(const struct run *run, char *buffer, size_t size, const char *tail);
int op_oomScoreAdj(struct run *run, const struct op_oomScoreAdj *op);
int op_sysctl(struct run *run, const struct op_sysctl *op);

/* ---- mount.c, bind.c, root.c, cover.c, device.c, copy.c ---- */

/* mount_setattr as plan.h's attribute fields have it; zero fields cost nothing. */
int set_attributes(struct run *run, int fd, u64 set, u64 clear, bool recursive, const char *subject);
int set_propagation(struct run *run, int fd, const struct u64s *list, const char *subject);
int op_mount(struct run *run, const struct op_mount *op);
int op_bind(struct run *run, const struct op_bind *op);
int op_remount(struct run *run, const struct op_remount *op);
int op_propagation(struct run *run, const struct op_propagation *op);
int op_overlay(struct run *run, const struct op_overlay *op);
int op_rootfs(struct run *run, const struct op_rootfs *op);
int op_pivotRoot(struct run *run, const struct op_pivotRoot *op);
int op_moveRoot(struct run *run, const struct op_moveRoot *op);
int op_rootReadonly(struct run *run, const struct op_rootReadonly *op);
int op_readonlyPath(struct run *run, const struct op_readonlyPath *op);
int op_maskPath(struct run *run, const struct op_maskPath *op);
/* Open what the covers need, while the host's files are still there. */
void cover_prepare(struct run *run);
int op_mkdir(struct run *run, const struct op_mkdir *op);
int op_mkfile(struct run *run, const struct op_mkfile *op);
int op_mknod(struct run *run, const struct op_mknod *op);
int op_symlink(struct run *run, const struct op_symlink *op);
/* Copy what the folder `from` holds, and its own mode and owner, into the folder `to`; both are closed by the caller. */
int copy_tree(struct run *run, int from, int to, const char *subject);

/* ---- ids.c, limits.c, system.c ---- */

int op_user(struct run *run, const struct op_user *op);
int op_boundingSet(struct run *run, const struct op_boundingSet *op);
int op_capabilities(struct run *run, const struct op_capabilities *op);
int op_noNewPrivs(struct run *run, const struct op_noNewPrivs *op);
/* capset(2), whose permitted set the reserve is added to. -errno. */
long set_capabilities(const struct caps *caps);
int op_stdioOwner(struct run *run, const struct op_stdioOwner *op);
int op_rlimit(struct run *run, const struct op_rlimit *op);
int op_umask(struct run *run, const struct op_umask *op);
int op_scheduler(struct run *run, const struct op_scheduler *op);
int op_ioPriority(struct run *run, const struct op_ioPriority *op);
int op_personality(struct run *run, const struct op_personality *op);
int op_memoryPolicy(struct run *run, const struct op_memoryPolicy *op);
int op_affinity(struct run *run, const struct op_affinity *op);
int op_keyring(struct run *run, const struct op_keyring *op);
int op_session(struct run *run, const struct op_session *op);
int op_loopback(struct run *run, const struct op_loopback *op);
int op_hostname(struct run *run, const struct op_hostname *op);
int op_domainname(struct run *run, const struct op_domainname *op);

/* ---- seccomp.c ---- */

int op_seccomp(struct run *run, const struct op_seccomp *op);
/* Install the filter that exec installs, with all the privileges that takes; execve takes them away. -errno. */
long install_pending(const struct run *run);

/* ---- label.c ---- */

int op_label(struct run *run, const struct op_label *op);
int op_fileLabel(struct run *run, const struct op_fileLabel *op);
/* An option as mount(2) takes it, beside others in one string: a context with commas stands in quotes there. */
void label_add_option(struct text *to, const char *option);

/* ---- console.c, hook.c, exec.c ---- */

int op_console(struct run *run, const struct op_console *op);
int op_hostHooks(struct run *run, const struct op_hostHooks *op);
int op_hook(struct run *run, const struct op_hook *op);
int op_chdir(struct run *run, const struct op_chdir *op);
int op_program(struct run *run, const struct op_program *op);
int op_closeFrom(struct run *run, const struct op_closeFrom *op);
int op_ready(struct run *run, const struct op_ready *op);
int op_awaitStart(struct run *run, const struct op_awaitStart *op);
int op_exec(struct run *run, const struct op_exec *op);

/* Put every signal's default action and an empty mask in place: callers leave SIGPIPE ignored and others blocked. */
void reset_signals(void);
/* What `signal` does from now on: ignored, or the default. */
void ignore_signal(int number, bool ignored);
/* Zeroed memory that lives until exec, for a NULL-ended list of `count` strings; NULL where there is none. */
char **pointer_list(size_t count);

#endif
