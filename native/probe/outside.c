/* Verbs for the host's side of a test: start a program in a given state, receive a console. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, strlen(path));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		return -1;
	return fd;
}

/* FD:PATH: a listening socket at the path as that descriptor, which the program inherits. */
static int pass_socket(const char *value)
{
	int wanted = atoi(value);
	const char *path = strchr(value, ':');
	int fd = path == NULL ? -1 : listen_at(path + 1);

	if (fd < 0)
		return -1;
	return fd == wanted ? fcntl(fd, F_SETFD, 0) : dup2(fd, wanted) < 0 ? -1 : close(fd);
}

static int set_up(const char *word)
{
	const char *value = strchr(word, '=');
	sigset_t one;

	if (value == NULL)
		return -1;
	value++;
	if (strncmp(word, "block=", 6) == 0) {
		(void)sigemptyset(&one);
		(void)sigaddset(&one, (int)number(value));
		return sigprocmask(SIG_BLOCK, &one, NULL);
	}
	if (strncmp(word, "ignore=", 7) == 0)
		return signal((int)number(value), SIG_IGN) == SIG_ERR ? -1 : 0;
	if (strncmp(word, "umask=", 6) == 0) {
		(void)umask((mode_t)strtoul(value, NULL, 8));
		return 0;
	}
	/* Socket activation: the variable names the process it is meant for, which the program will be. */
	if (strncmp(word, "listen=", 7) == 0) {
		char pid[16];

		(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
		return setenv("LISTEN_PID", pid, 1) < 0 ? -1 : setenv("LISTEN_FDS", value, 1);
	}
	if (strncmp(word, "nofile=", 7) == 0) {
		struct rlimit limit;

		if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
			return -1;
		limit.rlim_cur = (rlim_t)number(value);
		return setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (strncmp(word, "open=", 5) == 0 && strchr(value, ':') != NULL) {
		int wanted = atoi(value);
		const char *path = strchr(value, ':') + 1;
		int fd = open(path, O_RDWR);

		if (fd < 0) /* a folder, for one */
			fd = open(path, O_RDONLY);
		if (fd < 0)
			return -1;
		return fd == wanted ? 0 : dup2(fd, wanted) < 0 ? -1 : close(fd);
	}
	if (strncmp(word, "socket=", 7) == 0)
		return pass_socket(value);
	if (strncmp(word, "close=", 6) == 0)
		return close((int)number(value));
	errno = EINVAL;
	return -1;
}

/*
 * launch [block=SIG] [ignore=SIG] [umask=OCTAL] [nofile=SOFT] [open=FD:PATH] [socket=FD:PATH] [close=FD] [listen=N]... -- PROGRAM [ARGUMENT]...
 * becomes the program, with signals, descriptors and limits as an engine might leave them to a runtime.
 */
int verb_launch(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (set_up(argv[i]) < 0)
			return refused(argv[i]);
	}
	if (i + 1 >= argc) {
		fputs("probe: usage: launch [SETTING]... -- PROGRAM [ARGUMENT]...\n", stderr);
		return 2;
	}
	execvp(argv[i + 1], argv + i + 1);
	return refused("execvp");
}

/* One message with one descriptor; the descriptor, or -1. */
static int receive(int connection, char *name, size_t size)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { name, size - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
	int fd;

	if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	name[got] = '\0';
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* Standard input goes to the terminal, what it says goes to standard output, until its other end is closed. */
static void relay(int terminal)
{
	struct pollfd watched[2] = { { terminal, POLLIN, 0 }, { 0, POLLIN, 0 } };
	char bytes[4096];

	for (;;) {
		ssize_t got;

		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			return;
		if ((watched[1].revents & (POLLIN | POLLHUP)) != 0) {
			got = read(0, bytes, sizeof(bytes));
			if (got <= 0)
				watched[1].fd = -1;
			else if (write(terminal, bytes, (size_t)got) != got)
				return;
		}
		if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
			got = read(terminal, bytes, sizeof(bytes));
			if (got <= 0)
				return;
			fwrite(bytes, 1, (size_t)got, stdout);
			fflush(stdout);
		}
	}
}

/* console PATH: {"listening": PATH}, then {"received": name} for the console sent to it, then its text. */
int verb_console(int argc, char **argv)
{
	char name[256] = "";
	int listener = argc == 2 ? listen_at(argv[1]) : -1;
	int connection, terminal;

	if (listener < 0)
		return refused("bind");
	json_open(NULL);
	json_string("listening", argv[1]);
	json_close();
	json_end_line();
	connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	terminal = connection < 0 ? -1 : receive(connection, name, sizeof(name));
	if (terminal < 0)
		return refused("recvmsg");
	close(connection);
	json_open(NULL);
	json_string("received", name);
	json_close();
	json_end_line();
	relay(terminal);
	return 0;
}
