/*
 * Stage one: from the host's namespaces to the container's. It ends with the clone of the container's first process, which
 * CLONE_PARENT makes a child of the host's process, as stage one itself is.
 */
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/nsfs.h>
#include <linux/signal.h>

#include "run.h"

#define JOINS_MAX 8 /* one a type; order.c sees to it */

static struct join {
	u32 ns;
	int fd;
} joins[JOINS_MAX];

static int open_namespace(struct run *run, const struct op_join *op)
{
	int fd = sys_openat(AT_FDCWD, op->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	long type;

	if (fd < 0)
		return fail(run, fd, "openat", op->path);
	type = sys(ioctl, fd, NS_GET_NSTYPE);
	if (type != (long)op->ns) {
		sys_close(fd);
		return type < 0 ? fail(run, type, "ioctl NS_GET_NSTYPE", op->path) :
				  refuse(run, FAILURE_UNSAFE, EINVAL, "the type of the namespace", op->path);
	}
	for (size_t i = 0; i < JOINS_MAX; i++) {
		if (!joins[i].ns) {
			joins[i] = (struct join){ op->ns, fd };
			return 0;
		}
	}
	sys_close(fd);
	return refuse(run, FAILURE_PLAN, 0, "join", "too many namespaces");
}

/* What is named by path on the host is opened before the first namespace changes what paths mean and who may open them. */
int enter_prepare(struct run *run)
{
	struct plan_place place = { 0 };
	struct op op;
	long rc;

	while (plan_next(&run->plan, &place, &op)) {
		run->op = op.index;
		if (op.number == OP_join && open_namespace(run, &op.join) < 0)
			return -1;
		if (op.number != OP_timeOffset || run->timens >= 0)
			continue;
		if (proc_open(run) < 0)
			return -1;
		run->timens = proc_open_own(run, "timens_offsets", O_WRONLY);
		if (run->timens < 0)
			return fail(run, run->timens, "openat2", "/proc/self/timens_offsets");
	}
	/* It lives: so a path by its number has led to it, and to nobody who got the number later. */
	rc = run->process < 0 ? 0 : sys(pidfd_send_signal, run->process, 0, NULL, 0);
	return rc < 0 ? fail(run, rc, "pidfd_send_signal", "the container's first process") : 0;
}

/* setresuid and setresgid may bring dumpable back (/proc/sys/fs/suid_dumpable): off again at once. CVE-2016-9962. */
static int become_root(struct run *run)
{
	const char *call = "setresgid";
	long rc = sys(setresgid, 0, 0, 0);

	if (rc == 0) {
		call = "setresuid";
		rc = sys(setresuid, 0, 0, 0);
	}
	(void)sys_prctl(PR_SET_DUMPABLE, 0, 0);
	return rc < 0 ? fail(run, rc, call, "0:0 of the user namespace") : 0;
}

/* Its root, where 0 is mapped. Where it is not, the program's own ids have to do. */
static int enter_userns(struct run *run)
{
	run->in_userns = true;
	return become_root(run) < 0 && run->failure.value != EINVAL ? -1 : 0;
}

int op_join(struct run *run, const struct op_join *op)
{
	for (size_t i = 0; i < JOINS_MAX; i++) {
		long rc;

		if (joins[i].ns != op->ns)
			continue;
		/* A process of another container sees this one only from its pid namespace, and has power over it from its user's. */
		if (op->ns & (CLONE_NEWPID | CLONE_NEWUSER))
			run->joined = true;
		rc = sys(setns, joins[i].fd, op->ns);
		sys_close(joins[i].fd);
		if (rc < 0)
			return fail(run, rc, "setns", op->path);
		if (op->ns != CLONE_NEWUSER)
			return 0;
		return enter_userns(run);
	}
	return refuse(run, FAILURE_PLAN, 0, "join", op->path);
}

/* All at once: the kernel checks them against the process before it changes any (kernel/nsproxy.c, validate_nsset). */
int op_enter(struct run *run, const struct op_enter *op)
{
	long rc;

	if (op->flags & (CLONE_NEWPID | CLONE_NEWUSER))
		run->joined = true;
	/* Nothing of the host's is held in there. */
	if (run->proc >= 0)
		sys_close(run->proc);
	run->proc = -1;
	rc = op->flags ? sys(setns, run->process, op->flags) : 0;
	sys_close(run->process);
	run->process = -1;
	if (rc < 0)
		return fail(run, rc, "setns", "the container's first process");
	return op->flags & CLONE_NEWUSER ? enter_userns(run) : 0;
}

/*
 * The host writes /proc/PID/uid_map, setgroups and gid_map. Of a process that is not dumpable they belong to the host's
 * root: right for a host that is root, out of reach for any other. So it is dumpable while it asks, and only then:
 * it still is outside any pid namespace but the host's.
 */
int op_userns(struct run *run, const struct op_userns *op)
{
	long rc = sys(unshare, CLONE_NEWUSER);

	if (rc < 0)
		return fail(run, rc, "unshare", "CLONE_NEWUSER");
	run->in_userns = true;
	if (!run->joined)
		(void)sys_prctl(PR_SET_DUMPABLE, 1, 0);
	rc = ask(run, MESSAGE_ASKS_MAPS, 0, NULL);
	(void)sys_prctl(PR_SET_DUMPABLE, 0, 0);
	if (rc < 0)
		return -1;
	if (op->setGroups) {
		rc = sys(setgroups, 0, NULL);
		if (rc < 0 && !(rc == -EPERM && op->setGroups == PLAN_SETGROUPS_TRIED))
			return fail(run, rc, "setgroups", "no groups");
	}
	return become_root(run);
}

int op_unshare(struct run *run, const struct op_unshare *op)
{
	long rc = sys(unshare, op->flags);

	return rc < 0 ? fail(run, rc, "unshare", "the new namespaces") : 0;
}

int op_timeOffset(struct run *run, const struct op_timeOffset *op)
{
	char line[96];
	struct text text = text_in(line, sizeof(line));
	long rc;

	text_add(&text, op->clock);
	text_add(&text, " ");
	text_add_signed(&text, (s64)op->secs);
	text_add(&text, " ");
	text_add_number(&text, op->nanosecs);
	text_add(&text, "\n");
	if (text.cut)
		return refuse(run, FAILURE_PLAN, 0, "timeOffset", op->clock);
	/* The file takes writes at its beginning only, and no pwrite. */
	rc = sys(lseek, run->timens, 0, 0 /* SEEK_SET */);
	if (rc == 0)
		rc = sys_write(run->timens, text.at, text.used);
	return rc < 0 ? fail_more(run, rc, "write", "/proc/self/timens_offsets", line) : 0;
}

int op_attach(struct run *run, const struct op_attach *op)
{
	u32 unified;

	(void)op;
	if (say(run, MESSAGE_ASKS_CGROUP, 0) < 0 || hear_all(run, MESSAGE_ASKS_CGROUP, &run->entrances, &unified) < 0)
		return -1;
	if (unified > 1 || unified > run->entrances.count)
		return refuse(run, FAILURE_UNSAFE, 0, "the conversation", "the host answered something else");
	if (unified)
		run->cgroup = run->entrances.fds[--run->entrances.count];
	return 0;
}

/*
 * A thread that writes 0 into a v1 `tasks` file moves itself, which the kernel does without its lock of all thread groups;
 * this process has one thread. A process that moves is not held to pids.max, one that is cloned there would be. The
 * subject of a failure is the entrance's number: the host knows which one that is.
 */
static int enter_cgroups(struct run *run)
{
	for (u32 i = 0; i < run->entrances.count; i++) {
		int fd = run->entrances.fds[i];
		long rc = sys_write(fd, "0", 1);
		char number[12];
		struct text text = text_in(number, sizeof(number));

		sys_close(fd);
		if (rc >= 0)
			continue;
		text_add_number(&text, i);
		return fail(run, rc, "write", keep(run, number));
	}
	return 0;
}

/* What a process needs once it is the container's first one. */
static int begin_stage_two(struct run *run)
{
	run->forked = true;
	if (run->timens >= 0)
		sys_close(run->timens);
	run->timens = -1;
	if (enter_cgroups(run) < 0 || hear(run, MESSAGE_ASKS_RECORD, NULL) < 0)
		return -1;
	run->umask = (u32)sys(umask, 0);
	if (plan_has(&run->plan, OP_maskPath))
		cover_prepare(run);
	/* Also where stage one opened it: this is another process. */
	return run->proc >= 0 || plan_has(&run->plan, OP_sysctl) ||
			       (plan_has(&run->plan, OP_label) && !plan_has(&run->plan, OP_enter)) ?
		       proc_open(run) :
		       0;
}

/*
 * The exit signal is stage one's own with CLONE_PARENT, and clone3 wants it left out (kernel/fork.c). Where no cgroup needs
 * clone3 it is not used: filters of outer containers answer ENOSYS to it.
 */
static long clone_first(const struct run *run)
{
	const struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_INTO_CGROUP,
		.cgroup = (u64)run->cgroup,
	};

	if (run->cgroup < 0)
		return sys(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	return sys(clone3, &args, sizeof(args));
}

int op_fork(struct run *run, const struct op_fork *op)
{
	long pid = clone_first(run);

	(void)op;
	if (run->cgroup >= 0)
		sys_close(run->cgroup);
	run->cgroup = -1;
	if (pid < 0)
		return fail(run, pid, "clone3", "the container's first process");
	if (pid == 0)
		return begin_stage_two(run);
	/* Where this fails the host has gone, and the new process sees it by itself. */
	sys_exit(say(run, MESSAGE_ASKS_RECORD, (u32)pid) < 0 ? 1 : 0);
}
