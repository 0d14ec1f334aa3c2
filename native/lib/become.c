/*
 * Signals on the way from a JavaScript engine with its threads to the small program that takes its place, and taking it: none
 * is lost. First a handler collects them in a pipe; before execve every thread blocks them, so that what comes from then on
 * waits in the kernel, and no handler is half-way when its thread ends.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "interrupt.h"
#include "lib.h"

/* The signal handler's way into the pipe; one foreground container a process. */
static atomic_int forward_to = -1;

static void forward(int sig)
{
	int saved = errno;
	unsigned char byte = (unsigned char)sig;
	int fd = atomic_load(&forward_to);
	if (fd >= 0 && write(fd, &byte, 1) < 0) {
		/* The pipe is full: 65,536 signals wait already. */
	}
	interrupt_note(sig);
	errno = saved;
}

/* What is not this process's own business. The terminal's size is passed on by other means. */
static int forwardable(int sig)
{
	switch (sig) {
	case SIGKILL:
	case SIGSTOP:
	case SIGCHLD:
	case SIGPIPE:
	case SIGURG:
	case SIGWINCH:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
		return 0;
	default:
		return 1;
	}
}

int ts_hold_signals(void)
{
	struct sigaction action = { .sa_handler = forward, .sa_flags = SA_RESTART };
	struct sigaction before;
	int held[2];
	int error;
	if (atomic_load(&forward_to) >= 0)
		return -EBUSY;
	/* The first request to end is passed on like any other signal. */
	error = interrupts_open(1);
	if (error < 0)
		return error;
	if (pipe2(held, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	atomic_store(&forward_to, held[1]);
	(void)sigfillset(&action.sa_mask);
	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		if (!forwardable(sig) || sigaction(sig, NULL, &before) < 0)
			continue;
		if (!(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_IGN)
			continue;
		/* A signal with a handler is the engine's own (its collector stops threads with one), but these come from others. */
		int handled = (before.sa_flags & SA_SIGINFO) || before.sa_handler != SIG_DFL;
		if (!handled || sig == SIGHUP || sig == SIGINT || sig == SIGQUIT || sig == SIGTERM)
			(void)sigaction(sig, &action, NULL);
	}
	/* A caller that ignores it would make the kernel throw the container's exit status away. */
	if (sigaction(SIGCHLD, NULL, &before) == 0 && before.sa_handler == SIG_IGN) {
		before.sa_handler = SIG_DFL;
		(void)sigaction(SIGCHLD, &before, NULL);
	}
	return held[0];
}

int ts_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

#define QUIET_NS 20000000 /* for a thread that ends instead of answering */

/* Posted by each thread that has blocked everything. */
static sem_t quiet;

static void be_quiet(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	/* What the thread's mask becomes when this returns: 64 bits, of which glibc's type is sixteen times the size. */
	memset(&((ucontext_t *)context)->uc_sigmask, 0xff, sizeof(uint64_t));
	(void)sem_post(&quiet);
}

/* Whether a thread will answer the signal. Some of the engines' block nearly all: no handler runs in these. */
static int takes(const char *tid, int sig)
{
	char path[64];
	char status[4096];
	(void)snprintf(path, sizeof path, "/proc/self/task/%s/status", tid);
	int got = ts_read(path, (uint8_t *)status, sizeof status - 1);
	status[got < 0 ? 0 : got] = '\0';
	const char *mask = strstr(status, "\nSigBlk:\t");
	return mask && (strtoull(mask + strlen("\nSigBlk:\t"), NULL, 16) >> (sig - 1) & 1) == 0;
}

/* Blocks all signals in every other thread. One that is in the handler above comes to its end first: it blocks this one. */
static void quieten_others(void)
{
	struct sigaction action = { .sa_sigaction = be_quiet, .sa_flags = SA_SIGINFO | SA_RESTART };
	const int sig = SIGRTMAX - 1;
	struct timespec end;
	int count = 0;
	DIR *threads = opendir("/proc/self/task");
	(void)sigfillset(&action.sa_mask);
	if (!threads)
		return;
	if (sem_init(&quiet, 0, 0) == 0 && sigaction(sig, &action, NULL) == 0) {
		for (struct dirent *entry = readdir(threads); entry; entry = readdir(threads)) {
			int tid = atoi(entry->d_name);
			if (tid > 0 && tid != getpid() && takes(entry->d_name, sig) &&
			    syscall(SYS_tgkill, getpid(), tid, sig) == 0)
				count++;
		}
	}
	(void)closedir(threads);
	/* One that ends meanwhile does not answer. */
	if (count > 0 && clock_gettime(CLOCK_REALTIME, &end) == 0) {
		end.tv_nsec += QUIET_NS;
		end.tv_sec += end.tv_nsec / 1000000000;
		end.tv_nsec %= 1000000000;
		while (count > 0 && sem_timedwait(&quiet, &end) == 0)
			count--;
	}
}

/* Which descriptors stay: 0 to 2, which Node has marked close-on-exec, and those named. */
static int keep_only(const int32_t *fds, int count)
{
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0 && errno != EBADF)
			return -errno;
	for (int i = 0; i < count; i++)
		if (fcntl(fds[i], F_SETFD, 0) < 0)
			return -errno;
	return 0;
}

int ts_become(const char *path, const char *name, const int32_t *fds, int count, const char *env, int envc)
{
	char *argv[] = { (char *)(uintptr_t)name, NULL };
	char **envp = calloc((size_t)envc + 1, sizeof *envp);
	int program = open_program(path);
	int error = program < 0 ? program : !envp ? -ENOMEM : 0;
	sigset_t all;
	sigset_t before;
	if (envp)
		split(env, envc, envp);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (error == 0)
		error = keep_only(fds, count);
	if (error == 0) {
		quieten_others();
		(void)syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
		error = -errno;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (program >= 0)
		(void)close(program);
	free(envp);
	return error;
}
