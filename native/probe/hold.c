/* A verb that holds something and counts: what a checkpoint has to keep. */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAUSE_US 100000

/* What is held; the second end of a connection. */
struct held {
	int fd;
	int peer;
};

static int hold_lock(const char *path, struct held *held)
{
	held->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	return held->fd < 0 ? -1 : flock(held->fd, LOCK_EX | LOCK_NB);
}

static int hold_unix(const char *path, struct held *held)
{
	struct sockaddr_un where = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(where.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(where.sun_path, path, strlen(path));
	held->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return held->fd < 0 ? -1 : connect(held->fd, (struct sockaddr *)&where, sizeof(where));
}

/* Both ends of a connection of the loopback device. */
static int hold_tcp(struct held *held)
{
	struct sockaddr_in where = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(where);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&where, sizeof(where)) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&where, &size) < 0)
		return -1;
	held->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (held->fd < 0 || connect(held->fd, (struct sockaddr *)&where, sizeof(where)) < 0)
		return -1;
	held->peer = accept(listener, NULL, NULL);
	return held->peer;
}

/* A byte through the connection; anything else is just there. */
static int still_holds(const struct held *held)
{
	char byte = 'x';

	if (held->peer < 0)
		return 0;
	return write(held->fd, &byte, 1) == 1 && read(held->peer, &byte, 1) == 1 ? 0 : -1;
}

static int note(const char *path, int count)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", count);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t written = fd < 0 ? -1 : write(fd, text, (size_t)length);

	if (fd >= 0)
		(void)close(fd);
	return written == length ? 0 : -1;
}

/*
 * hold none|lock|unix|tcp PATH FILE: holds nothing, a lock of PATH, a connection to the socket PATH, or both ends of one over
 * TCP, without standard streams; writes to FILE how often it has looked after it.
 */
int verb_hold(int argc, char **argv)
{
	struct held held = { .fd = -1, .peer = -1 };
	int rc = 0;

	if (argc != 4)
		return refused("arguments");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return refused("dup2");
	if (strcmp(argv[1], "lock") == 0)
		rc = hold_lock(argv[2], &held);
	else if (strcmp(argv[1], "unix") == 0)
		rc = hold_unix(argv[2], &held);
	else if (strcmp(argv[1], "tcp") == 0)
		rc = hold_tcp(&held);
	for (int count = 0; rc >= 0; count++) {
		rc = still_holds(&held) < 0 ? -1 : note(argv[3], count);
		(void)usleep(PAUSE_US);
	}
	return refused("hold");
}
