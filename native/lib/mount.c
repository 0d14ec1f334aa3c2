/* Mount sources that the host opens for a container whose root could not, and their id mappings. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

int ts_tree(const char *path, int recursive, int userns, int userns_recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
	long fd = syscall(SYS_open_tree, AT_FDCWD, path, flags);
	if (fd < 0)
		return -errno;
	if (userns >= 0) {
		struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned int)userns };
		flags = AT_EMPTY_PATH | (userns_recursive ? AT_RECURSIVE : 0);
		if (syscall(SYS_mount_setattr, (int)fd, "", flags, &attr, sizeof attr) < 0) {
			int error = -errno;
			(void)close((int)fd);
			return error;
		}
	}
	return (int)fd;
}

int ts_plain_tree(int folder)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSYMFOLLOW };
	long fd = syscall(SYS_open_tree, folder, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, (int)fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) {
		int error = -errno;

		(void)close((int)fd);
		return error;
	}
	return (int)fd;
}

static int write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	(void)close(fd);
	return error;
}

/* Does nothing until it is killed: only its user namespace is wanted. */
static int exist(void *unused)
{
	(void)unused;
	for (;;)
		(void)syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
	return 0;
}

int ts_userns(const char *uid_map, const char *gid_map)
{
	/* Sharing the memory costs nothing, where a fork of a JavaScript heap would copy its page tables. */
	static char stack[4096] __attribute__((aligned(16)));
	pid_t pid = clone(exist, stack + sizeof stack, CLONE_NEWUSER | CLONE_VM | SIGCHLD, NULL);
	if (pid < 0)
		return -errno;
	int error = write_map(pid, "uid_map", uid_map);
	if (error == 0)
		error = write_map(pid, "gid_map", gid_map);
	int fd = -1;
	if (error == 0) {
		char path[64];
		(void)snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		error = fd < 0 ? -errno : 0;
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return error < 0 ? error : fd;
}
