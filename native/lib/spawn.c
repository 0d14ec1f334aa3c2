/*
 * Starting programs from a large, multi-threaded process: vfork, so that no page table is copied, and nothing between
 * vfork and execve that could touch the parent's memory beyond this frame.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "lib.h"

int open_trusted(const char *path)
{
	struct stat found;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int error = fstat(fd, &found) < 0 ? -errno : may_run(&found) ? 0 : -EKEYREJECTED;
	if (error < 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}

void split(const char *block, int count, char **out)
{
	for (int i = 0; i < count; i++) {
		out[i] = (char *)(uintptr_t)block;
		block += strlen(block) + 1;
	}
	out[count] = NULL;
}

/*
 * In the child of vfork: moves the three descriptors to 3+keep and up. They are first copied above every number in
 * use here, since one may stand where another has to go.
 */
static int arrange(const int from[3], int keep, int count)
{
	int base = 3 + keep;
	int high[3] = { -1, -1, -1 };
	/* Node makes its own standard streams close-on-exec as it starts. One that is closed stays so. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0 && errno != EBADF)
			return -1;
	for (int i = 0; i < count; i++) {
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, base + 8);
		if (high[i] < 0)
			return -1;
	}
	/* Inherited descriptors that nobody asked to keep go at the exec. */
	if (syscall(SYS_close_range, (unsigned int)base, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < count; i++)
		if (dup2(high[i], base + i) < 0)
			return -1;
	/* The engine has marked what the caller passed. */
	for (int fd = 3; fd < base; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0)
			return -1;
	return 0;
}

/*
 * For tsrun-init, which holds a descriptor for each source of a mount, however few its caller may have: what the program may have its plan
 * says.
 */
static int raise_nofile(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	if (limit.rlim_cur == limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

int ts_spawn_init(int program, int plan, int host, int other, int keep, const char *cwd, const char *env, int envc,
		  int32_t *pidfd)
{
	char numbers[3][12];
	int from[3] = { plan, host, other };
	int count = other < 0 ? 2 : 3;
	for (int i = 0; i < 3; i++)
		(void)snprintf(numbers[i], sizeof numbers[i], "%d", i < count ? 3 + keep + i : -1);
	char *argv[] = { (char[]){ "tsrun-init" }, numbers[0], numbers[1], numbers[2], NULL };
	char **envp = calloc((size_t)envc + 1, sizeof *envp);
	if (!envp)
		return -ENOMEM;
	split(env, envc, envp);
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler may run in the child, on our memory */
	volatile int error = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		int raised = raise_nofile();
		int executable = raised < 0 ? -1 : fcntl(program, F_DUPFD_CLOEXEC, 3 + keep + 8);
		if (executable < 0 || chdir(cwd) < 0 || arrange(from, keep, count) < 0 ||
		    syscall(SYS_execveat, executable, "", argv, envp, AT_EMPTY_PATH) < 0)
			error = errno;
		_exit(127);
	}
	if (pid < 0)
		error = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(envp);
	if (error != 0) {
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		return -error;
	}
	*pidfd = ts_pidfd_open(pid);
	return *pidfd < 0 ? *pidfd : pid;
}

struct pipes {
	int in[2];  /* the program reads in[0] */
	int out[2]; /* the program writes out[1] */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static pid_t start(const char *path, char **argv, char **envp, const char *cwd, const struct pipes *pipes, int *error)
{
	sigset_t all;
	sigset_t before;
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	volatile int failed = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		sigset_t none;
		(void)sigemptyset(&none);
		/* Engines ignore these two; a program starts with what the kernel would give it. */
		(void)sigaction(SIGPIPE, &dfl, NULL);
		(void)sigaction(SIGXFSZ, &dfl, NULL);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		if (setpgid(0, 0) < 0 || chdir(cwd) < 0 || dup2(pipes->in[0], 0) < 0 || dup2(pipes->out[1], 1) < 0 ||
		    dup2(pipes->out[1], 2) < 0 || syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ||
		    execve(path, argv, envp) < 0)
			failed = errno;
		_exit(127);
	}
	*error = pid < 0 ? errno : failed;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid > 0 && *error != 0)
		(void)waitpid(pid, NULL, 0);
	return *error != 0 ? -1 : pid;
}

static int64_t now_ms(void)
{
	struct timespec now = { 0 };
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Takes what is there to read; what does not fit is thrown away, so that the program never blocks on it. */
static void drain(int *from, uint8_t *output, int room, int32_t *written)
{
	uint8_t spill[512];
	for (;;) {
		int left = room - *written;
		ssize_t got = left > 0 ? read(*from, output + *written, (size_t)left) : read(*from, spill, sizeof spill);
		if (got > 0 && left > 0)
			*written += (int32_t)got;
		if (got == 0)
			shut(from);
		if (got <= 0)
			return;
	}
}

/* Feeds and drains until the program has ended (0), its time is over (-ETIMEDOUT), or tsrun is asked to end (-EINTR). */
static int attend(int pidfd, struct pipes *pipes, const uint8_t *input, int left, int timeout, uint8_t *output, int room,
		  int32_t *written)
{
	int64_t end = now_ms() + timeout;
	if (left == 0)
		shut(&pipes->in[1]);
	for (;;) {
		struct pollfd wait[4] = { { .fd = pidfd, .events = POLLIN },
					  { .fd = pipes->out[0], .events = POLLIN },
					  { .fd = pipes->in[1], .events = POLLOUT },
					  { .fd = interrupt_fd(), .events = POLLIN } };
		int64_t rest = timeout == 0 ? -1 : end - now_ms();
		if (timeout != 0 && rest <= 0)
			return -ETIMEDOUT;
		int ready = poll(wait, 4, (int)rest);
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready <= 0)
			continue;
		if (wait[3].revents && interrupt_take())
			return -EINTR;
		if (wait[1].revents)
			drain(&pipes->out[0], output, room, written);
		if (wait[2].revents) {
			ssize_t sent = write(pipes->in[1], input, (size_t)left);
			input += sent > 0 ? sent : 0;
			left -= sent > 0 ? (int)sent : 0;
			/* A program that does not read its input is no error (EPIPE; SIGPIPE is ignored by the engine). */
			if (left == 0 || (sent < 0 && errno != EAGAIN && errno != EINTR))
				shut(&pipes->in[1]);
		}
		if (wait[0].revents) {
			if (pipes->out[0] >= 0)
				drain(&pipes->out[0], output, room, written);
			return 0;
		}
	}
}

int ts_run(const char *path, const char *args, int argc, const char *env, int envc, const char *cwd, const uint8_t *input,
	   int input_length, int timeout, uint8_t *output, int room, int32_t *written)
{
	struct pipes pipes = { { -1, -1 }, { -1, -1 } };
	char **strings = calloc((size_t)argc + (size_t)envc + 2, sizeof *strings);
	int answer = strings ? 0 : -ENOMEM;
	pid_t pid = -1;
	*written = 0;
	if (answer == 0 && (pipe2(pipes.in, O_CLOEXEC) < 0 || pipe2(pipes.out, O_CLOEXEC) < 0))
		answer = -errno;
	if (answer == 0 && (fcntl(pipes.in[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(pipes.out[0], F_SETFL, O_NONBLOCK) < 0))
		answer = -errno;
	if (answer == 0) {
		int error = 0;
		split(args, argc, strings);
		split(env, envc, strings + argc + 1);
		pid = start(path, strings, strings + argc + 1, cwd, &pipes, &error);
		answer = -error;
	}
	shut(&pipes.in[0]);
	shut(&pipes.out[1]);
	if (pid > 0) {
		int pidfd = ts_pidfd_open(pid);
		answer = pidfd < 0 ? pidfd : attend(pidfd, &pipes, input, input_length, timeout, output, room, written);
		if (answer < 0)
			(void)kill(-pid, SIGKILL);
		int status = 0;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		answer = answer < 0 ? answer : status;
		shut(&pidfd);
	}
	shut(&pipes.in[1]);
	shut(&pipes.out[0]);
	free(strings);
	return answer;
}

int ts_execute(const char *path, const char *args, int argc, const char *env, int envc)
{
	char **strings = calloc((size_t)argc + (size_t)envc + 2, sizeof *strings);
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct sigaction usual = { .sa_handler = SIG_DFL };
	int error;
	if (!strings)
		return -ENOMEM;
	split(args, argc, strings);
	split(env, envc, strings + argc + 1);
	/* Engines ignore these two; a program does not expect that. */
	(void)sigaction(SIGPIPE, &usual, NULL);
	(void)sigaction(SIGXFSZ, &usual, NULL);
	(void)execve(path, strings, strings + argc + 1);
	error = -errno;
	(void)sigaction(SIGPIPE, &ignored, NULL);
	(void)sigaction(SIGXFSZ, &ignored, NULL);
	free(strings);
	return error;
}
