/* Filters of system calls: trying a call whatever the C library thinks of it, and being the agent of a filter that asks. */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

#define X32_BIT 0x40000000L
#define AGENT_MOST 16
#define STATE_BYTES 65536

/* By the 32-bit entry of a 64-bit machine: the filter sees SCMP_ARCH_X86. -errno. */
static long call_32(long number)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0) : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
#else
	(void)number;
	return -ENOSYS;
#endif
}

/* call 64|32|x32 NUMBER [ARGUMENT]...: {"result": ...} or {"error": ...} */
int verb_call(int argc, char **argv)
{
	long arguments[6] = { 0 };
	long result;

	if (argc < 3)
		return 2;
	for (int i = 3; i < argc && i < 9; i++)
		arguments[i - 3] = (long)strtoull(argv[i], NULL, 0);
	if (strcmp(argv[1], "32") == 0) {
		result = call_32((long)number(argv[2]));
		errno = result < 0 ? (int)-result : 0;
	} else {
		long which = (long)number(argv[2]) | (strcmp(argv[1], "x32") == 0 ? X32_BIT : 0);

		result = syscall(which, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
	}
	json_open(NULL);
	if (result < 0)
		json_string("error", errno_name(errno));
	else
		json_int("result", result);
	json_close();
	json_end_line();
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(where.sun_path, sizeof(where.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, 8) < 0)
		return -1;
	return fd;
}

/* What a runtime sends: the state, which is printed as it came, and the listener, which is answered. */
static int take_listener(int from)
{
	static char state[STATE_BYTES];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { state, sizeof(state) - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int fd = accept(from, NULL, NULL);
	ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *first = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	int listener = -1;

	if (first && first->cmsg_type == SCM_RIGHTS)
		memcpy(&listener, CMSG_DATA(first), sizeof(listener));
	state[got > 0 ? got : 0] = '\0';
	printf("%s\n", state);
	close(fd);
	return listener;
}

/* mkdir gets an errno that nothing else gives; everything else goes on. False where nobody is left to ask. */
static bool answer(int listener)
{
	struct seccomp_notif asked = { 0 };
	struct seccomp_notif_resp answered = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
		return errno == EINTR || errno == ENOENT;
	printf("{\"call\": %d}\n", asked.data.nr);
	answered.id = asked.id;
	if (asked.data.nr == SYS_mkdirat
#ifdef SYS_mkdir
	    || asked.data.nr == SYS_mkdir
#endif
	)
		answered.error = -EMEDIUMTYPE;
	else
		answered.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answered);
	return true;
}

/* seccomp-agent PATH: "listening", then a line for each listener and each call that it was asked about; does not end. */
int verb_seccomp_agent(int argc, char **argv)
{
	struct pollfd fds[AGENT_MOST] = { { 0 } };
	nfds_t count = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	fds[0] = (struct pollfd){ .fd = argc > 1 ? listen_at(argv[1]) : -1, .events = POLLIN };
	if (fds[0].fd < 0)
		return refused("listen");
	printf("listening\n");
	for (;;) {
		if (poll(fds, count, -1) < 0)
			continue;
		for (nfds_t i = count; i-- > 1;) {
			if (fds[i].revents & POLLIN && answer(fds[i].fd))
				continue;
			if (fds[i].revents) {
				close(fds[i].fd);
				fds[i] = fds[--count];
			}
		}
		if (fds[0].revents & POLLIN && count < AGENT_MOST) {
			int listener = take_listener(fds[0].fd);

			if (listener >= 0)
				fds[count++] = (struct pollfd){ .fd = listener, .events = POLLIN };
		}
	}
}
