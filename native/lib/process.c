/* Processes by pidfd: signals, waiting with an end; limits, clocks. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib.h"

static int result(long answer)
{
	return answer < 0 ? -errno : (int)answer;
}

int ts_pidfd_open(int pid)
{
	return pid <= 0 ? -EINVAL : result(syscall(SYS_pidfd_open, pid, 0)); /* close-on-exec by itself */
}

int ts_pidfd_getfd(int pidfd, int fd)
{
	return result(syscall(SYS_pidfd_getfd, pidfd, fd, 0)); /* close-on-exec by itself */
}

int ts_pidfd_signal(int pidfd, int sig)
{
	return result(syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0));
}

int ts_kill(int pid, int sig)
{
	return pid <= 0 ? -EINVAL : result(kill(pid, sig));
}

int ts_await_exit(int pidfd, int timeout)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	int ready;
	do
		ready = poll(&wait, 1, timeout);
	while (ready < 0 && errno == EINTR);
	return ready < 0 ? -errno : ready == 0 ? -ETIMEDOUT : 0;
}

static int reap(int pid, int options)
{
	int status;
	pid_t ended;
	do
		ended = waitpid(pid, &status, options);
	while (ended < 0 && errno == EINTR);
	return ended < 0 ? -errno : ended == 0 ? -EAGAIN : status;
}

int ts_reap(int pid)
{
	return pid <= 0 ? -EINVAL : reap(pid, WNOHANG);
}

/* struct pidfd_info of linux/pidfd.h, which the headers of Debian 12 do not have; the kernel takes any size from 64 on. */
struct process_info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11];
	int32_t exit_status;
	uint32_t core_mask;
	uint32_t core_signal;
	uint64_t supported;
};
#define GET_PROCESS_INFO _IOWR(0xff, 11, struct process_info) /* PIDFD_GET_INFO, Linux 6.13 */
#define INFO_EXIT (UINT64_C(1) << 3)			      /* PIDFD_INFO_EXIT, Linux 6.15 */

int ts_pidfd_exit(int pidfd)
{
	struct process_info info = { .mask = INFO_EXIT };
	if (ioctl(pidfd, GET_PROCESS_INFO, &info) < 0)
		return -errno; /* ENOTTY: older than 6.13; ESRCH: reaped, and older than 6.15 */
	return info.mask & INFO_EXIT ? info.exit_status & 0xffff : -ENODATA;
}

int ts_rlimit(int pid, int resource, uint64_t out[2])
{
	struct rlimit limit;
	if (pid < 0)
		return -EINVAL;
	if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &limit) < 0)
		return -errno;
	out[0] = limit.rlim_cur;
	out[1] = limit.rlim_max;
	return 0;
}

int ts_clock(int which, int64_t *out)
{
	struct timespec now;
	if (clock_gettime(which == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now) < 0)
		return -errno;
	*out = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	return 0;
}

int ts_sleep(int milliseconds)
{
	struct timespec time = { .tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000 };
	return result(nanosleep(&time, NULL));
}

/* Root of another user namespace than the first is no more than the user who made it, and sees the host's root as nobody. */
int is_contained(void)
{
	char map[64];
	int got = ts_read("/proc/self/uid_map", (uint8_t *)map, sizeof map - 1);
	map[got < 0 ? 0 : got] = '\0';
	return got != -ENOENT && !strstr(map, " 4294967295\n");
}

int may_run(const struct stat *found)
{
	if (geteuid() != 0 || (found->st_uid == 0 && !(found->st_mode & (S_IWGRP | S_IWOTH))))
		return 1;
	return is_contained();
}

int ts_ids(int32_t out[3])
{
	out[0] = (int32_t)geteuid();
	out[1] = (int32_t)getpid();
	out[2] = (int32_t)getppid();
	return 0;
}

int ts_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);
	return flags < 0 ? -errno : (flags & FD_CLOEXEC) != 0;
}

int ts_exit(int status)
{
	_exit(status); /* no destructor of the JavaScript engine has anything left to do */
}
