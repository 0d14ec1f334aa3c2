/*
 * criu as a child, and what it finds where it restores: the container's root at a place of its own, and the files and folders
 * that are mounted upon.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

#define MOST_FDS 16
#define PATH_BYTES 4096

/* In the child of vfork: the descriptors become 3 and up. They are first copied above every number that has to be free. */
static int arrange(const int32_t *fds, int count)
{
	int high[MOST_FDS];
	for (int i = 0; i < count; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3 + MOST_FDS);
		if (high[i] < 0)
			return -1;
	}
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -1;
	for (int i = 0; i < count; i++)
		if (dup2(high[i], 3 + i) < 0)
			return -1;
	return 0;
}

static int silence(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return -1;
	return 0;
}

/*
 * criu wants a root that is a mount of its own. It gets one in a mount namespace that ends with it, so that the host sees
 * nothing of it and nothing is left, however this ends. Masked files get the null device of there, which nobody may change.
 */
static int mount_root(const char *root, const char *null)
{
	const unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -1;
	if (mount(root, root, NULL, MS_BIND | MS_REC, NULL) < 0 || mount("/dev/null", null, NULL, MS_BIND, NULL) < 0)
		return -1;
	return mount(NULL, null, NULL, flags, NULL);
}

/* Node makes its own standard streams close-on-exec as it starts, and criu is to hand them on. One that is closed stays so. */
static int keep_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0 && errno != EBADF)
			return -1;
	return 0;
}

int ts_spawn_criu(const char *path, const char *env, int envc, const int32_t *fds, int count, const char *root,
		  const char *null, int32_t *pidfd)
{
	char *argv[] = { (char[]){ "criu" }, (char[]){ "swrk" }, (char[]){ "3" }, NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t all;
	sigset_t before;
	if (count > MOST_FDS)
		return -EMFILE;
	char **envp = calloc((size_t)envc + 1, sizeof *envp);
	if (!envp)
		return -ENOMEM;
	split(env, envc, envp);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	volatile int failed = 0;
	pid_t pid = vfork();
	if (pid == 0) {
		sigset_t none;
		(void)sigemptyset(&none);
		(void)sigaction(SIGPIPE, &dfl, NULL);
		(void)sigaction(SIGXFSZ, &dfl, NULL);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		/* Without a root there is nothing to restore, and nothing that would need tsrun's own streams. */
		if ((root[0] ? mount_root(root, null) : silence()) < 0 || keep_streams() < 0 || arrange(fds, count) < 0 ||
		    execve(path, argv, envp) < 0)
			failed = errno;
		_exit(127);
	}
	int error = pid < 0 ? errno : failed;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(envp);
	if (error != 0) {
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		return -error;
	}
	*pidfd = ts_pidfd_open(pid);
	return *pidfd < 0 ? *pidfd : pid;
}

int ts_loopback(int ns)
{
	struct ifreq lo = { .ifr_name = "lo" };
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	volatile int failed = 0;
	/* A child, since a thread of the engine's must not change its namespaces. */
	pid_t pid = vfork();
	if (pid == 0) {
		int fd = setns(ns, CLONE_NEWNET) < 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
			failed = errno;
		lo.ifr_flags |= IFF_UP;
		if (failed == 0 && ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
			failed = errno;
		_exit(0);
	}
	int error = pid < 0 ? errno : failed;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return -error;
}

static int in_root(int top, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd;
	int tries = 0;
	/* EAGAIN: something on the machine was renamed during a "..". */
	do
		fd = syscall(SYS_openat2, top, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && tries++ < 1000);
	return fd < 0 ? -errno : (int)fd;
}

/* Makes one name in a folder; a link that leads nowhere is something else that is there, which mkdirat and O_EXCL refuse. */
static int make_name(int folder, const char *name, int is_folder)
{
	if (is_folder)
		return mkdirat(folder, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	int fd = openat(folder, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	return close(fd) < 0 ? -errno : 0;
}

int ts_make_place(const char *root, const char *path, int is_folder)
{
	char part[PATH_BYTES];
	size_t length = strlen(path);
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return -errno;
	int above = dup(top);
	int error = above < 0 ? -errno : length >= sizeof part ? -ENAMETOOLONG : 0;
	for (size_t end = 0; error == 0 && end < length;) {
		size_t from = end + strspn(path + end, "/");
		end = from + strcspn(path + from, "/");
		if (end == from)
			break;
		memcpy(part, path, end);
		part[end] = '\0';
		int last = path[end + strspn(path + end, "/")] == '\0';
		int found = in_root(top, part);
		if (found == -ENOENT) {
			error = make_name(above, part + from, !last || is_folder);
			found = error < 0 ? error : in_root(top, part);
		}
		(void)close(above);
		above = found;
		error = found < 0 ? found : 0;
	}
	if (above >= 0)
		(void)close(above);
	(void)close(top);
	return error;
}

int ts_give_group(int fd, int gid, int mode)
{
	/* In this order: chown(2) may clear bits of the mode. */
	if (fchown(fd, (uid_t)-1, (gid_t)gid) < 0 || fchmod(fd, (mode_t)mode) < 0)
		return -errno;
	return 0;
}
