/* Looking at others: at processes that enter the container, and at the mounts of one's own namespace. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a look at a process that is not a program of the container's has shown. */
struct seen {
	long long looks;
	long long shut;	   /* its files belong to others, or may not be read */
	long long exe;	   /* the link to its program could be read */
	long long fds;	   /* its descriptors could be listed */
	long long attached; /* it could be traced */
};

static long long milliseconds(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) < 0 ? 0 : (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether the program is one that lies in no image: a sealed copy in memory. */
static bool foreign(int pid)
{
	char path[64];
	char exe[256];
	ssize_t size;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	size = readlink(path, exe, sizeof(exe) - 1);
	if (size < 0)
		return false;
	exe[size] = '\0';
	/* "/" is what a mount that is nowhere shows. */
	return strcmp(exe, "/") == 0 || strstr(exe, "memfd:") != NULL || strstr(exe, "tsrun") != NULL || strstr(exe, "runc") != NULL;
}

static void look_at(int pid, struct seen *seen)
{
	char path[64];
	char exe[256];
	DIR *fds;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	seen->looks++;
	if (readlink(path, exe, sizeof(exe)) < 0) {
		bool shut = errno == EACCES || errno == EPERM;

		seen->shut += shut;
		/* It may have begun its program in between: that one may be traced. */
		if (shut && ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
			seen->attached += foreign(pid);
			(void)ptrace(PTRACE_DETACH, pid, NULL, NULL);
		}
	} else if (foreign(pid)) {
		seen->exe++;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = opendir(path);
	if (fds != NULL) {
		/* "." at least, where it may be read at all. */
		seen->fds += readdir(fds) != NULL && foreign(pid);
		(void)closedir(fds);
	}
}

/* Looks at every other process, over and over, for some time: what of processes that are being set up can be seen? */
int verb_spy(int argc, char **argv)
{
	long long end = milliseconds() + (argc > 1 ? number(argv[1]) : 1000);
	struct seen seen = { 0, 0, 0, 0, 0 };
	int self = (int)getpid();

	while (milliseconds() < end) {
		DIR *proc = opendir("/proc");

		if (proc == NULL)
			return refused("opendir");
		for (struct dirent *entry; (entry = readdir(proc)) != NULL;) {
			int pid = atoi(entry->d_name);

			if (pid > 0 && pid != self)
				look_at(pid, &seen);
		}
		(void)closedir(proc);
	}
	json_open(NULL);
	json_int("looks", seen.looks);
	json_int("shut", seen.shut);
	json_int("exe", seen.exe);
	json_int("fds", seen.fds);
	json_int("attached", seen.attached);
	json_close();
	return 0;
}

static int child_of(char **argv)
{
	pid_t child = fork();

	if (child == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return (int)child;
}

/*
 * Runs a program and counts how often the mounts of this namespace change meanwhile: the kernel says so on mountinfo by
 * POLLPRI (proc(5)). {"events", "same", "status"}
 */
int verb_mountwatch(int argc, char **argv)
{
	struct pollfd watched = { open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), POLLPRI, 0 };
	char *before = read_whole("/proc/self/mountinfo", NULL);
	char *after;
	long long events = 0;
	int status = 0;
	int child;

	if (argc < 2 || watched.fd < 0 || before == NULL)
		return refused("mountinfo");
	/* The first poll may still tell of what was before. */
	(void)poll(&watched, 1, 0);
	child = child_of(argv + 1);
	while (child > 0 && waitpid(child, &status, WNOHANG) == 0)
		events += poll(&watched, 1, 5) > 0;
	events += poll(&watched, 1, 0) > 0;
	after = read_whole("/proc/self/mountinfo", NULL);
	json_open(NULL);
	json_int("events", events);
	json_bool("same", after != NULL && strcmp(before, after) == 0);
	json_int("status", child < 0 ? -1 : status);
	json_close();
	free(before);
	free(after);
	(void)close(watched.fd);
	return 0;
}
