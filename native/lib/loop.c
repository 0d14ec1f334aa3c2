/*
 * Waiting for descriptors without keeping a JavaScript thread: one helper thread for all of them, which sleeps in epoll_wait and
 * writes the tokens of those that are ready to a socket that the engine reads in its event loop. Engines wait for sockets
 * that they have connected themselves, but not for foreign descriptors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib.h"

#define BATCH 64
#define STACK_BYTES (64 * 1024)
/* How long the engine may take to connect, in milliseconds. */
#define CONNECT_MS 10000
/* The token of the connection itself: its end ends the thread. */
#define HUNG_UP 0

struct loop {
	int listener;
	int epoll; /* the thread's own copy */
};

/* The connection of this very process; of nobody else's. */
static int accept_own(int listener)
{
	struct pollfd wait = { .fd = listener, .events = POLLIN };
	while (poll(&wait, 1, CONNECT_MS) > 0) {
		struct ucred peer = { 0 };
		socklen_t size = sizeof peer;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return -1;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid())
			return fd;
		(void)close(fd);
	}
	return -1;
}

static int write_all(int fd, const uint32_t *tokens, size_t count)
{
	const char *at = (const char *)tokens;
	size_t left = count * sizeof *tokens;
	while (left > 0) {
		ssize_t put = send(fd, at, left, MSG_NOSIGNAL);
		if (put < 0 && errno != EINTR)
			return -1;
		at += put > 0 ? put : 0;
		left -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}

static void tell(const struct loop *loop, int connection)
{
	struct epoll_event end = { .events = EPOLLRDHUP, .data.u32 = HUNG_UP };
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, connection, &end) < 0)
		return;
	for (;;) {
		struct epoll_event events[BATCH];
		uint32_t tokens[BATCH];
		int found = epoll_wait(loop->epoll, events, BATCH, -1);
		if (found < 0 && errno != EINTR)
			return;
		for (int i = 0; i < found; i++) {
			if (events[i].data.u32 == HUNG_UP)
				return;
			tokens[i] = events[i].data.u32;
		}
		if (found > 0 && write_all(connection, tokens, (size_t)found) < 0)
			return;
	}
}

static void *serve(void *given)
{
	struct loop *loop = given;
	int connection = accept_own(loop->listener);
	(void)close(loop->listener);
	if (connection >= 0)
		tell(loop, connection);
	if (connection >= 0)
		(void)close(connection);
	(void)close(loop->epoll);
	free(loop);
	return NULL;
}

/* The engine's signals are not this thread's. Answers an errno. */
static int start_thread(struct loop *loop)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int error = pthread_attr_init(&attributes);
	if (error != 0)
		return error;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&thread, &attributes, serve, loop);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return error;
}

/* The thread with what is its own, which it closes and frees. */
static int start(int listener, int epoll)
{
	int copy = fcntl(epoll, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return -errno;
	struct loop *loop = malloc(sizeof *loop);
	int error = ENOMEM;
	if (loop) {
		*loop = (struct loop){ .listener = listener, .epoll = copy };
		error = start_thread(loop);
	}
	if (error != 0) {
		free(loop);
		(void)close(copy);
	}
	return -error;
}

int ts_loop_open(int listener)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = epoll < 0 ? -errno : start(listener, epoll);
	if (error == 0)
		return epoll;
	if (epoll >= 0)
		(void)close(epoll);
	(void)close(listener);
	return error;
}

int ts_loop_add(int epoll, int fd, int token)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u32 = (uint32_t)token };
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int ts_loop_remove(int epoll, int fd)
{
	return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 && errno != ENOENT ? -errno : 0;
}
