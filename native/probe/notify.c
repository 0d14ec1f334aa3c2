/* Verbs for notifications (sd_notify(3)) and for sockets that were passed (sd_listen_fds(3)). */
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int address_of(const char *path, struct sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (path == NULL || path[0] == '\0' || strlen(path) >= sizeof(out->sun_path)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(out->sun_path, path, strlen(path));
	return 0;
}

static void print_message(const char *text, size_t length, const struct msghdr *message)
{
	struct ucred sender = { 0 };

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
	     part = CMSG_NXTHDR((struct msghdr *)(size_t)message, part)) {
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS)
			memcpy(&sender, CMSG_DATA(part), sizeof(sender));
		/* With BARRIER=1 comes a pipe, whose sender waits until this end is closed. */
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
			int fd;

			memcpy(&fd, CMSG_DATA(part), sizeof(fd));
			(void)close(fd);
		}
	}
	json_open(NULL);
	json_bytes("message", text, length);
	json_int("pid", sender.pid);
	json_int("uid", sender.uid);
	json_close();
	json_end_line();
}

/* notify-listen PATH: {"listening": PATH}, then {"message", "pid", "uid"} for each datagram, until it is killed. */
int verb_notify_listen(int argc, char **argv)
{
	struct sockaddr_un where;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || address_of(argc == 2 ? argv[1] : NULL, &where) < 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof(where)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return refused("bind");
	json_open(NULL);
	json_string("listening", argv[1]);
	json_close();
	json_end_line();
	for (;;) {
		char text[4096];
		union {
			struct cmsghdr header;
			char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec part = { text, sizeof(text) };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);

		if (got < 0)
			return refused("recvmsg");
		print_message(text, (size_t)got, &message);
	}
}

/* notify-send LINE...: the lines as one datagram to NOTIFY_SOCKET; without one nobody asks, which is no failure. */
int verb_notify_send(int argc, char **argv)
{
	struct sockaddr_un where;
	char text[4096] = "";
	size_t used = 0;
	int fd;

	if (getenv("NOTIFY_SOCKET") == NULL) {
		json_open(NULL);
		json_string("result", "nobody asked");
		json_close();
		return 0;
	}
	for (int i = 1; i < argc; i++) {
		int added = snprintf(text + used, sizeof(text) - used, "%s%s", i > 1 ? "\n" : "", argv[i]);

		if (added < 0 || (size_t)added >= sizeof(text) - used)
			return refused("snprintf");
		used += (size_t)added;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || address_of(getenv("NOTIFY_SOCKET"), &where) < 0)
		return refused("NOTIFY_SOCKET");
	if (sendto(fd, text, used, 0, (struct sockaddr *)&where, sizeof(where)) < 0)
		return refused("sendto");
	(void)close(fd);
	return done();
}

/* answer-one TEXT: says the text to one who connects to the listening socket that descriptor 3 is. */
int verb_answer_one(int argc, char **argv)
{
	int fd = accept4(3, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 || argc != 2)
		return refused("accept4");
	if (write(fd, argv[1], strlen(argv[1])) < 0)
		return refused("write");
	(void)close(fd);
	return done();
}
