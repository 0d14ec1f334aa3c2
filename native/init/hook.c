/* Hooks. Those of the host's namespaces are the host's business; the others run from here. */
#include <asm/poll.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#include "run.h"

#define KEPT_BYTES 2048 /* of what a hook writes, for the error message */

int op_hostHooks(struct run *run, const struct op_hostHooks *op)
{
	(void)op;
	return ask(run, MESSAGE_ASKS_HOOKS, 0, NULL);
}

struct pipe {
	int read;
	int write;
};

struct hook {
	struct pipe in;	    /* the state */
	struct pipe out;    /* standard output and error */
	struct pipe status; /* errno of a failed execve; end of file where it worked */
	char pid[16];	    /* this process's, for the state */
	const char *parts[3]; /* of the state that is still to be written */
	int part;
	long child;
	int pidfd;
	s64 deadline; /* milliseconds of CLOCK_MONOTONIC; 0 is none */
	char kept[KEPT_BYTES];
	size_t kept_size;
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

static void close_hook(struct hook *hook)
{
	close_end(&hook->in.read);
	close_end(&hook->in.write);
	close_end(&hook->out.read);
	close_end(&hook->out.write);
	close_end(&hook->status.read);
	close_end(&hook->status.write);
	close_end(&hook->pidfd);
}

static int open_pipe(struct run *run, struct pipe *pipe)
{
	int ends[2];
	long rc = sys(pipe2, ends, O_CLOEXEC);

	if (rc < 0)
		return fail(run, rc, "pipe2", "a hook's descriptors");
	*pipe = (struct pipe){ ends[0], ends[1] };
	return 0;
}

/* ---- in the child ---- */

__attribute__((noreturn)) static void fail_child(const struct hook *hook, long rc)
{
	const int error = (int)-rc;

	(void)sys_write(hook->status.write, &error, sizeof(error));
	sys_exit(127);
}

static char **string_list(const struct strs *list)
{
	char **pointers = pointer_list(list->count);
	const u8 *at = list->at;

	for (u32 i = 0; pointers && i < list->count; i++)
		pointers[i] = (char *)(size_t)strs_next(&at);
	return pointers;
}

__attribute__((noreturn)) static void exec_hook(const struct run *run, const struct op_hook *op,
						const struct hook *hook)
{
	char **args = op->args.count ? string_list(&op->args) : pointer_list(1);
	char **env = op->hasEnv ? string_list(&op->env) : (char **)(size_t)run->env;
	long rc;

	if (!args || !env)
		fail_child(hook, -ENOMEM);
	if (!op->args.count)
		args[0] = (char *)(size_t)op->path;
	rc = sys(setpgid, 0, 0);
	if (rc >= 0)
		rc = sys(dup3, hook->in.read, 0, 0);
	if (rc >= 0)
		rc = sys(dup3, hook->out.write, 1, 0);
	if (rc >= 0)
		rc = sys(dup3, hook->out.write, 2, 0);
	/* Descriptors preserved for the program are not the hook's. */
	if (rc >= 0)
		rc = sys(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (rc < 0)
		fail_child(hook, rc);
	(void)sys(umask, run->umask);
	ignore_signal(SIGPIPE, false);
	/* The filter is the program's; only hooks that come after it find one. */
	rc = install_pending(run);
	fail_child(hook, rc < 0 ? rc : sys(execve, op->path, args, env));
}

/* ---- in the parent ---- */

static s64 now(void)
{
	struct __kernel_timespec time = { 0 };

	(void)sys(clock_gettime, CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Write what the pipe takes. A hook that doesn't read its state is no error. */
static void feed(struct hook *hook)
{
	while (hook->part < 3) {
		const char *part = hook->parts[hook->part];
		size_t size = strlen(part);
		long put = size ? sys_write(hook->in.write, part, size) : 0;

		if (put == -EAGAIN)
			return;
		if (put < 0)
			break;
		hook->parts[hook->part] = part + put;
		if ((size_t)put == size)
			hook->part++;
	}
	close_end(&hook->in.write);
}

/* Read what is there; the start is kept, the rest only keeps the hook from waiting. */
static void drain(struct hook *hook)
{
	char buffer[512];
	long got;

	while ((got = sys_read(hook->out.read, buffer, sizeof(buffer))) > 0) {
		size_t room = sizeof(hook->kept) - 1 - hook->kept_size;
		size_t take = (size_t)got < room ? (size_t)got : room;

		memcpy(hook->kept + hook->kept_size, buffer, take);
		hook->kept_size += take;
	}
	if (got == 0)
		close_end(&hook->out.read);
}

/* Until the hook has ended: true, or its time is over: false. What it left running may keep its output open. */
static bool attend(struct hook *hook)
{
	for (;;) {
		s64 left = hook->deadline ? hook->deadline - now() : 0;
		struct pollfd fds[3] = {
			{ hook->pidfd, POLLIN, 0 },
			{ hook->out.read, POLLIN, 0 },
			{ hook->in.write, POLLOUT, 0 },
		};
		struct __kernel_timespec wait = { left / 1000, left % 1000 * 1000000 };

		if (hook->deadline && left <= 0)
			return false;
		(void)sys(ppoll, fds, 3, hook->deadline ? &wait : NULL, NULL, 8);
		if (fds[2].revents)
			feed(hook);
		if (fds[1].revents)
			drain(hook);
		if (fds[0].revents)
			return true;
	}
}

/* The state's text, of what has been kept, and without the bytes that would end it. */
static const char *kept_text(struct run *run, struct hook *hook)
{
	while (hook->kept_size && (hook->kept[hook->kept_size - 1] == '\n' || !hook->kept[hook->kept_size - 1]))
		hook->kept_size--;
	for (size_t i = 0; i < hook->kept_size; i++)
		if (!hook->kept[i])
			hook->kept[i] = ' ';
	hook->kept[hook->kept_size] = '\0';
	return keep(run, hook->kept);
}

static int start_hook(struct run *run, const struct op_hook *op, struct hook *hook)
{
	if (open_pipe(run, &hook->in) < 0 || open_pipe(run, &hook->out) < 0 || open_pipe(run, &hook->status) < 0)
		return -1;
	hook->child = sys(clone, CLONE_PIDFD | SIGCHLD, 0, &hook->pidfd, 0, 0);
	if (hook->child < 0)
		return fail(run, hook->child, "clone", op->path);
	if (hook->child == 0)
		exec_hook(run, op, hook);
	/* Said by both sides, so that it is true for whichever comes first. */
	(void)sys(setpgid, hook->child, hook->child);
	close_end(&hook->in.read);
	close_end(&hook->out.write);
	close_end(&hook->status.write);
	(void)sys(fcntl, hook->in.write, F_SETFL, O_NONBLOCK);
	(void)sys(fcntl, hook->out.read, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Collect the hook and, as a pid namespace's first process, whatever else has ended meanwhile. */
static int reap(long child)
{
	int status = 0;
	int other;

	while (sys(wait4, child, &status, 0, NULL) == -EINTR)
		;
	while (sys(wait4, -1, &other, WNOHANG, NULL) > 0)
		;
	return status;
}

static int finish_hook(struct run *run, const struct op_hook *op, struct hook *hook)
{
	bool ended = attend(hook);
	int error = 0;
	int status;

	if (!ended) {
		(void)sys(kill, -hook->child, SIGKILL);
		(void)sys(kill, hook->child, SIGKILL);
	}
	status = reap(hook->child);
	if (hook->out.read >= 0)
		drain(hook);
	if (!ended)
		return refuse(run, FAILURE_HOOK_TIMEOUT, op->timeout, op->path, kept_text(run, hook));
	if (sys_read(hook->status.read, &error, sizeof(error)) == sizeof(error))
		return fail(run, -error, "execve", op->path);
	if (status & 0x7f)
		return refuse(run, FAILURE_HOOK_SIGNAL, (u32)status & 0x7f, op->path, kept_text(run, hook));
	if (status)
		return refuse(run, FAILURE_HOOK_EXIT, (u32)status >> 8 & 0xff, op->path, kept_text(run, hook));
	return 0;
}

int op_hook(struct run *run, const struct op_hook *op)
{
	struct hook hook;
	struct text text = text_in(hook.pid, sizeof(hook.pid));
	int rc;

	text_add_number(&text, (u64)sys(getpid));
	hook.in = hook.out = hook.status = (struct pipe){ -1, -1 };
	hook.parts[0] = op->stateHead;
	hook.parts[1] = hook.pid;
	hook.parts[2] = op->stateTail;
	hook.part = 0;
	hook.pidfd = -1;
	hook.deadline = op->timeout ? now() + op->timeout : 0;
	hook.kept_size = 0;
	/* A hook may close its standard input unread. */
	ignore_signal(SIGPIPE, true);
	rc = start_hook(run, op, &hook);
	if (rc == 0)
		rc = finish_hook(run, op, &hook);
	ignore_signal(SIGPIPE, false);
	close_hook(&hook);
	return rc;
}
