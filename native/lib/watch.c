/* Waiting for several things at once, what the kernel tells about changes, and the terminal that is watched on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib.h"

#define POLL_MAX 256

int ts_poll(const int32_t *fds, int count, int timeout, int32_t *ready)
{
	struct pollfd list[POLL_MAX];
	int found;
	if (count < 0 || count > POLL_MAX)
		return -EINVAL;
	for (int i = 0; i < count; i++)
		list[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	do
		found = poll(list, (nfds_t)count, timeout);
	while (found < 0 && errno == EINTR && timeout < 0);
	if (found < 0 && errno != EINTR)
		return -errno;
	/* A wait with an end that a signal cut short counts as over: whoever waits has a clock of its own. */
	for (int i = 0; i < count; i++)
		ready[i] = found > 0 ? list[i].revents : 0;
	return found < 0 ? 0 : found;
}

int ts_drain(int fd, uint8_t *buffer, int room)
{
	ssize_t got = read(fd, buffer, (size_t)room);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return (int)got;
}

int ts_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int ts_inotify(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, path, IN_MODIFY | IN_ATTRIB) < 0) {
		int failure = errno;
		(void)close(fd);
		return -failure;
	}
	return fd;
}

/* The way of a caught signal's number into the pipe. */
static atomic_int caught_to = -1;

static void note(int sig)
{
	int saved = errno;
	unsigned char byte = (unsigned char)sig;
	int fd = atomic_load(&caught_to);
	if (fd >= 0 && write(fd, &byte, 1) < 0) {
		/* The pipe is full: there is more than enough to read already. */
	}
	errno = saved;
}

int ts_catch(const int32_t *signals, int count)
{
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART };
	int ends[2];
	if (atomic_load(&caught_to) >= 0)
		return -EBUSY;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	atomic_store(&caught_to, ends[1]);
	(void)sigfillset(&action.sa_mask);
	for (int i = 0; i < count; i++) {
		struct sigaction now;
		/* What the caller chose to ignore (nohup, a shell's background job) stays ignored. */
		if (sigaction(signals[i], NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signals[i], &action, NULL) < 0)
			return -errno;
	}
	return ends[0];
}

int ts_window(int fd, int32_t out[2])
{
	struct winsize size;
	if (ioctl(fd, TIOCGWINSZ, &size) < 0)
		return -errno;
	out[0] = size.ws_col;
	out[1] = size.ws_row;
	return 0;
}

int ts_match_size(int master)
{
	struct winsize size;
	int tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	const int candidates[] = { 2, 1, 0, tty };
	int answer = -ENOTTY;
	for (size_t i = 0; answer == -ENOTTY && i < sizeof candidates / sizeof candidates[0]; i++)
		if (ioctl(candidates[i], TIOCGWINSZ, &size) == 0)
			answer = (size.ws_row || size.ws_col) && ioctl(master, TIOCSWINSZ, &size) < 0 ? -errno : 0;
	if (tty >= 0)
		(void)close(tty);
	return answer;
}
