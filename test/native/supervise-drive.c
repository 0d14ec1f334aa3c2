/*
 * Starts tsrun-supervise as libtsrun does, over an ordinary child process instead of a container:
 *
 *     supervise-drive SUPERVISOR [terminal] [notify=PATH] [early=SIGNAL] [stranger] [folder=DIR] [NAME=VALUE]... -- PROGRAM [ARGUMENT]...
 *
 * terminal gives the child one of its own, notify binds the socket that it notifies, early is a signal that came before,
 * stranger makes the child a grandchild, folder is the container's; any other setting is an order as it stands.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char orders[8192];
static size_t used;

static void order(const char *name, const char *value)
{
	int size = snprintf(orders + used, sizeof(orders) - used, "%s=%s", name, value);
	if (size < 0 || (size_t)size >= sizeof(orders) - used)
		errx(2, "too many orders");
	used += (size_t)size + 1;
}

static void order_number(const char *name, int value)
{
	char digits[16];
	(void)snprintf(digits, sizeof(digits), "%d", value);
	order(name, digits);
}

static int bind_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	(void)strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		err(2, "bind %s", path);
	return fd;
}

static int early_pipe(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int ends[2];
	if (pipe2(ends, O_NONBLOCK) < 0 || write(ends[1], &byte, 1) != 1)
		err(2, "pipe");
	return ends[0];
}

static int open_terminal(char *slave, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, slave, size) != 0)
		err(2, "pty");
	return master;
}

static void run_child(const char *slave, char **argv)
{
	if (slave[0]) {
		int fd = setsid() < 0 ? -1 : open(slave, O_RDWR);
		for (int i = 0; i < 3; i++)
			if (fd < 0 || dup2(fd, i) < 0)
				err(2, "%s", slave);
		if (fd > 2)
			(void)close(fd);
	}
	(void)syscall(SYS_close_range, 3U, ~0U, 0);
	(void)execvp(argv[0], argv);
	err(127, "%s", argv[0]);
}

/* The child's pid; of a stranger it comes through a pipe, since whoever is between ends at once. */
static pid_t start_child(const char *slave, int stranger, char **argv)
{
	int ends[2];
	pid_t child = -1;
	if (pipe(ends) < 0)
		err(2, "pipe");
	pid_t pid = fork();
	if (pid == 0 && stranger) {
		pid_t grandchild = fork();
		if (grandchild != 0) {
			(void)!write(ends[1], &grandchild, sizeof(grandchild));
			_exit(0);
		}
	}
	if (pid == 0)
		run_child(slave, argv);
	if (!stranger)
		child = pid;
	else if (read(ends[0], &child, sizeof(child)) != (ssize_t)sizeof(child) || waitpid(pid, NULL, 0) != pid)
		err(2, "fork");
	(void)close(ends[0]);
	(void)close(ends[1]);
	return child;
}

int main(int argc, char **argv)
{
	char slave[64] = "";
	char env[32];
	int stranger = 0;
	int i;
	for (i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
		char *value = strchr(argv[i], '=');
		if (strcmp(argv[i], "terminal") == 0)
			order_number("terminal", open_terminal(slave, sizeof(slave)));
		else if (strcmp(argv[i], "stranger") == 0)
			stranger = 1;
		else if (strncmp(argv[i], "notify=", 7) == 0)
			order_number("notify", bind_at(argv[i] + 7));
		else if (strncmp(argv[i], "early=", 6) == 0)
			order_number("signals", early_pipe(atoi(argv[i] + 6)));
		else if (strncmp(argv[i], "folder=", 7) == 0) {
			order_number("state", open(argv[i] + 7, O_RDONLY | O_DIRECTORY));
			order("dir", argv[i] + 7);
		} else if (value) {
			*value = '\0';
			order(argv[i], value + 1);
		} else
			errx(2, "no such setting: %s", argv[i]);
	}
	if (i + 1 >= argc)
		errx(2, "usage: supervise-drive SUPERVISOR [SETTING]... -- PROGRAM [ARGUMENT]...");
	pid_t child = start_child(slave, stranger, argv + i + 1);
	order_number("pid", child);
	int first = (int)syscall(SYS_pidfd_open, child, 0);
	if (fcntl(first, F_SETFD, 0) < 0)
		err(2, "pidfd_open");
	order_number("first", first);
	int memory = memfd_create("orders", 0);
	if (memory < 0 || write(memory, orders, used) != (ssize_t)used)
		err(2, "memfd");
	(void)snprintf(env, sizeof(env), "TSRUN_ORDERS=%d", memory);
	sigset_t all;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	char *name[] = { (char[]){ "tsrun: test" }, NULL };
	char *envp[] = { env, (char[]){ "TSRUN_TEST=supervise" }, NULL };
	(void)execve(argv[1], name, envp);
	err(2, "%s", argv[1]);
}
