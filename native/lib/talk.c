/* Sockets between the host and tsrun-init: whole messages, descriptors attached, no wait without an end. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../plan.h"
#include "interrupt.h"
#include "lib.h"

#define MOST_FDS ((int)PLAN_MESSAGE_FDS)

int ts_socketpair(int32_t fds[2])
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	fds[0] = pair[0];
	fds[1] = pair[1];
	return 0;
}

/*
 * sun_path holds 108 bytes; state folders may lie deeper. So the folder is opened, and the socket's address goes
 * through it: /proc/self/fd/N/name.
 */
static int address(const char *path, struct sockaddr_un *out, int *folder)
{
	const char *slash = strrchr(path, '/');
	char parent[4096];
	size_t length = slash ? (size_t)(slash - path) : 0;
	if (!slash || length == 0 || length >= sizeof parent)
		return -EINVAL;
	memcpy(parent, path, length);
	parent[length] = '\0';
	*folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder < 0)
		return -errno;
	memset(out, 0, sizeof *out);
	out->sun_family = AF_UNIX;
	int size = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d%s", *folder, slash);
	if (size < 0 || (size_t)size >= sizeof out->sun_path) {
		(void)close(*folder);
		return -ENAMETOOLONG;
	}
	return 0;
}

static int at_address(const char *path, int type, int listening)
{
	struct sockaddr_un where;
	int folder;
	int error = address(path, &where, &folder);
	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		error = -errno;
	} else if (listening) {
		if (bind(fd, (struct sockaddr *)&where, sizeof where) < 0 || listen(fd, 8) < 0)
			error = -errno;
	} else if (connect(fd, (struct sockaddr *)&where, sizeof where) < 0) {
		error = -errno;
	}
	(void)close(folder);
	if (error < 0 && fd >= 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}

int ts_listen(const char *path)
{
	return at_address(path, SOCK_SEQPACKET, 1);
}

int ts_connect(const char *path)
{
	return at_address(path, SOCK_SEQPACKET, 0);
}

int ts_listen_stream(const char *path)
{
	return at_address(path, SOCK_STREAM, 1);
}

int ts_connect_console(const char *path)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	if (length >= sizeof where.sun_path)
		return -ENAMETOOLONG;
	memcpy(where.sun_path, path, length);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&where, sizeof where) < 0) {
		int error = -errno;
		(void)close(fd);
		return error;
	}
	return fd;
}

/* Connecting waits while the listener's queue is full, and sending while its buffer is: neither for ever. */
int ts_connect_stream(const char *path, int timeout)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000L };
	socklen_t size = sizeof where;
	size_t length = strlen(path);
	int folder = -1;
	int error = 0;
	if (path[0] == '@') {
		if (length >= sizeof where.sun_path)
			return -ENAMETOOLONG;
		memcpy(where.sun_path + 1, path + 1, length - 1);
		size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	} else {
		error = address(path, &where, &folder);
	}
	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ||
	    connect(fd, (struct sockaddr *)&where, size) < 0)
		error = -errno;
	if (folder >= 0)
		(void)close(folder);
	if (error < 0 && fd >= 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}

/* The mode of a socket that has just been made, not of what somebody may have put into its place. */
static int change_socket(const char *path, mode_t mode)
{
	struct stat found;
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = fstat(fd, &found) < 0 ? -errno : 0;
	if (error == 0 && (!S_ISSOCK(found.st_mode) || found.st_uid != geteuid()))
		error = -ESTALE;
	if (error == 0)
		error = change_mode(fd, mode);
	(void)close(fd);
	return error;
}

int ts_bind_datagram(const char *path, int mode)
{
	struct sockaddr_un where;
	int folder;
	int error = address(path, &where, &folder);
	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof where) < 0)
		error = -errno;
	else
		error = change_socket(where.sun_path, (mode_t)mode);
	(void)close(folder);
	if (error < 0 && fd >= 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}

int ts_send(int socket_fd, const uint8_t *bytes, int length, const int32_t *fds, int count)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = (size_t)length };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(MOST_FDS * sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (count < 0 || count > MOST_FDS)
		return -EINVAL;
	if (count > 0) {
		size_t size = (size_t)count * sizeof(int);
		memset(&control, 0, sizeof control);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(size);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.header), fds, size);
	}
	ssize_t sent;
	do
		sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : (int)sent;
}

/* One descriptor at most is taken; it comes with the terminal's message. */
static ssize_t receive(int socket_fd, uint8_t *buffer, size_t room, int32_t *fd)
{
	struct iovec part = { .iov_base = buffer, .iov_len = room };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t got = recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *first = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*fd = -1;
	if (first && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(first), sizeof *fd);
	return got;
}

int ts_receive(int socket_fd, int pidfd, uint8_t *buffer, int room, int timeout, int32_t *fd)
{
	struct pollfd wait[3] = { { .fd = socket_fd, .events = POLLIN },
				  { .fd = pidfd, .events = POLLIN },
				  { .fd = interrupt_fd(), .events = POLLIN } };
	int ready;
	do
		ready = poll(wait, 3, timeout);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return -errno;
	if (ready == 0)
		return -ETIMEDOUT;
	if (wait[2].revents) {
		*fd = -1;
		if (interrupt_take())
			return -EINTR;
	}
	/* What the process said before it ended comes first. */
	ssize_t got = receive(socket_fd, buffer, (size_t)room, fd);
	if (got < 0)
		return errno == EAGAIN ? -ESRCH : -errno;
	return (int)got;
}
