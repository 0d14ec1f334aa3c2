/*
 * What this kernel lets this process do, found out by doing it: in a child of its own, in namespaces that end with it. The child
 * makes system calls only, since its parent may have several threads, and sends no signal when it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	(void)close(fd);
	return error;
}

/* A user namespace in which the caller is root, as an ordinary user can make it. */
static int become_contained(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	(void)snprintf(map, sizeof map, "0 %u 1\n", (unsigned int)uid);
	int error = write_text("/proc/self/uid_map", map);
	if (error < 0)
		return error;
	error = write_text("/proc/self/setgroups", "deny");
	if (error < 0)
		return error;
	(void)snprintf(map, sizeof map, "0 %u 1\n", (unsigned int)gid);
	return write_text("/proc/self/gid_map", map);
}

static int own_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/* fsopen to mount_setattr, none of it attached anywhere. */
static int new_mount_calls(void)
{
	int error = own_mounts();
	if (error < 0)
		return error;
	int context = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	if (context < 0)
		return -errno;
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int tree = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
	if (tree < 0)
		return -errno;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID };
	return syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ? -errno : 0;
}

/* An overlay of folders on a tmpfs, at a place that is there everywhere and that nobody else sees. */
static int overlay(void)
{
	static const char *const folders[] = { "/dev/l", "/dev/u", "/dev/w" };
	int error = own_mounts();
	if (error < 0)
		return error;
	if (mount("tmpfs", "/dev", "tmpfs", 0, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (mkdir(folders[i], 0755) < 0)
			return -errno;
	return mount("overlay", "/dev/l", "overlay", 0, "lowerdir=/dev/l,upperdir=/dev/u,workdir=/dev/w") < 0 ? -errno : 0;
}

/* The descriptor is none, which the kernel finds out after it has looked at the flags. */
static int clone_into_cgroup(void)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .cgroup = 0x7fffffff };
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(0);
	return pid < 0 && errno != EBADF ? -errno : 0;
}

static int attempt(enum attempt_kind kind, int flags)
{
	switch (kind) {
	case ATTEMPT_UNSHARE:
		return unshare(flags) < 0 ? -errno : 0;
	case ATTEMPT_MOUNT_CALLS:
		return new_mount_calls();
	case ATTEMPT_OVERLAY:
		return overlay();
	case ATTEMPT_CLONE_INTO_CGROUP:
		return clone_into_cgroup();
	}
	return -EINVAL;
}

int ts_attempt(int kind, int flags, int contained)
{
	long pid = syscall(SYS_clone, 0UL, NULL, NULL, NULL, 0UL);
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int error = contained ? become_contained() : 0;
		if (error == 0)
			error = attempt((enum attempt_kind)kind, flags);
		_exit(-error);
	}
	int status = 0;
	while (waitpid((pid_t)pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}
