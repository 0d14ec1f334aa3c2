/*
 * A cgroup and all below it, by descriptors: what a container makes there may lie deeper than a path can say (PATH_MAX), and no path
 * here is longer than a name. Three descriptors are open at most, whatever the depth: the way down is remembered in memory, and on
 * the way back ".." has to be the very folder that was left.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "lib.h"

/* One cgroup on the way down. */
struct level {
	dev_t device;
	ino_t inode;
	/* Places among the names: where those of the cgroups directly below begin and end, the next to be visited, and the one that is. */
	size_t first;
	size_t end;
	size_t next;
	size_t current;
};

struct walk {
	enum cgroups_task task;
	int64_t deadline; /* milliseconds of the monotonic clock */
	int fd;		  /* the cgroup that the last level is */
	struct level *levels;
	size_t depth;
	size_t levels_room;
	char *names; /* one after the other, each with its NUL: those of the lowest level last */
	size_t used;
	size_t names_room;
	int32_t *pids;
	int most;
	int count; /* pids found, kills counted, cgroups removed */
};

static int64_t now(void)
{
	struct timespec time = { 0 };
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Whether this says that the cgroup has been removed meanwhile. */
static int is_gone(int error)
{
	return error == -ENOENT || error == -ENODEV;
}

/* ---- what is done in each ---- */

static int add_pid(struct walk *walk, int32_t pid)
{
	if (walk->count == walk->most)
		return -ERANGE;
	walk->pids[walk->count++] = pid;
	return 0;
}

/* Numbers with anything between them, in pieces that may end within one. */
static int read_pids(struct walk *walk, int fd)
{
	char buffer[16384];
	ssize_t got;
	int32_t pid = -1;
	int error = 0;
	while (error == 0 && (got = read(fd, buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; error == 0 && i < got; i++) {
			if (buffer[i] >= '0' && buffer[i] <= '9') {
				pid = (pid < 0 ? 0 : pid * 10) + (buffer[i] - '0');
			} else if (pid >= 0) {
				error = add_pid(walk, pid);
				pid = -1;
			}
		}
	}
	if (error == 0 && got < 0)
		error = -errno;
	return error == 0 && pid >= 0 ? add_pid(walk, pid) : error;
}

/* The number behind "oom_kill " at the start of a line; a kernel before 4.13 has none. */
static int read_kills(struct walk *walk, int fd)
{
	static const char name[] = "\noom_kill ";
	char text[4096] = "\n";
	ssize_t got = read(fd, text + 1, sizeof text - 2);
	const char *at;
	if (got < 0)
		return -errno;
	text[1 + got] = '\0';
	at = strstr(text, name);
	walk->count += at ? (int)strtol(at + sizeof name - 1, NULL, 10) : 0;
	return 0;
}

static int write_word(int fd, const char *word)
{
	return write(fd, word, strlen(word)) < 0 ? -errno : 0;
}

static int on_file(struct walk *walk, int fd)
{
	switch (walk->task) {
	case CGROUPS_PIDS:
		return read_pids(walk, fd);
	case CGROUPS_KILLS:
		return read_kills(walk, fd);
	case CGROUPS_THAW_V1:
		return write_word(fd, "THAWED");
	case CGROUPS_THAW_V2:
		return write_word(fd, "0");
	case CGROUPS_REMOVE:
		break;
	}
	return 0;
}

static const char *file_of(enum cgroups_task task)
{
	switch (task) {
	case CGROUPS_PIDS:
		return "cgroup.procs";
	case CGROUPS_KILLS:
		return "memory.oom_control";
	case CGROUPS_THAW_V1:
		return "freezer.state";
	case CGROUPS_THAW_V2:
		return "cgroup.freeze";
	case CGROUPS_REMOVE:
		break;
	}
	return NULL;
}

static int visit(struct walk *walk)
{
	const char *file = file_of(walk->task);
	int thaws = walk->task == CGROUPS_THAW_V1 || walk->task == CGROUPS_THAW_V2;
	int error = 0;
	if (file) {
		int fd = openat(walk->fd, file, (thaws ? O_WRONLY : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		error = fd < 0 ? -errno : on_file(walk, fd);
		if (fd >= 0)
			(void)close(fd);
	}
	/* A threaded cgroup shows its processes in the domain cgroup above it. One that does not thaw must not keep the others. */
	return is_gone(error) || error == -EOPNOTSUPP || thaws ? 0 : error;
}

/* ---- the way down and back ---- */

static int add_name(struct walk *walk, const char *name)
{
	size_t size = strlen(name) + 1;
	if (size > walk->names_room - walk->used) {
		size_t room = (walk->names_room + size) * 2;
		char *names = realloc(walk->names, room);
		if (!names)
			return -ENOMEM;
		walk->names = names;
		walk->names_room = room;
	}
	memcpy(walk->names + walk->used, name, size);
	walk->used += size;
	return 0;
}

static int list(struct walk *walk)
{
	int own = openat(walk->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = own < 0 ? NULL : fdopendir(own);
	int error = 0;
	if (!folder) {
		error = -errno;
		if (own >= 0)
			(void)close(own);
		return is_gone(error) ? 0 : error;
	}
	while (error == 0) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (!entry) {
			error = -errno;
			break;
		}
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = add_name(walk, entry->d_name);
	}
	(void)closedir(folder);
	return is_gone(error) ? 0 : error;
}

static int add_level(struct walk *walk, const struct stat *found)
{
	size_t first = walk->used;
	if (walk->depth == walk->levels_room) {
		size_t room = walk->levels_room * 2 + 8;
		struct level *levels = realloc(walk->levels, room * sizeof *levels);
		if (!levels)
			return -ENOMEM;
		walk->levels = levels;
		walk->levels_room = room;
	}
	walk->levels[walk->depth++] =
		(struct level){ .device = found->st_dev, .inode = found->st_ino, .first = first, .end = first, .next = first };
	return 0;
}

/* `fd` is the next cgroup; it is the walk's from here on. */
static int enter(struct walk *walk, int fd)
{
	struct stat found;
	int error;
	if (walk->fd >= 0)
		(void)close(walk->fd);
	walk->fd = fd;
	if (fstat(fd, &found) < 0)
		return -errno;
	error = add_level(walk, &found);
	if (error == 0)
		error = visit(walk);
	/* Two links are its own and the one above: nothing is below. Filesystems that do not count folders say 1. */
	if (error == 0 && found.st_nlink != 2) {
		error = list(walk);
		walk->levels[walk->depth - 1].end = walk->used;
	}
	return error;
}

static int open_below(int at, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, at, name, &how, sizeof how);
	return fd < 0 ? -errno : (int)fd;
}

/* Removes a cgroup of the current one; 1 where there is something in it. */
static int remove_cgroup(struct walk *walk, const char *name)
{
	if (unlinkat(walk->fd, name, AT_REMOVEDIR) == 0) {
		walk->count++;
		return 0;
	}
	return errno == EBUSY || errno == ENOTEMPTY ? 1 : is_gone(-errno) ? 0 : -errno;
}

/* Back to the cgroup above. */
static int leave(struct walk *walk)
{
	struct stat found;
	const struct level *above;
	int up;
	walk->used = walk->levels[--walk->depth].first;
	if (walk->depth == 0)
		return 0;
	above = &walk->levels[walk->depth - 1];
	up = openat(walk->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (up < 0)
		return -errno;
	(void)close(walk->fd);
	walk->fd = up;
	if (fstat(up, &found) < 0)
		return -errno;
	if (found.st_dev != above->device || found.st_ino != above->inode)
		return -ESTALE;
	if (walk->task == CGROUPS_REMOVE) {
		int error = remove_cgroup(walk, walk->names + above->current);
		/* What holds a process stays, and so do those above it; the others go all the same. */
		return error < 0 ? error : 0;
	}
	return 0;
}

/* On to the next cgroup: down, or back where nothing is left below. */
static int advance(struct walk *walk)
{
	struct level *level = &walk->levels[walk->depth - 1];
	const char *name;
	int fd;
	if (level->next == level->end)
		return leave(walk);
	name = walk->names + level->next;
	level->current = level->next;
	level->next += strlen(name) + 1;
	/* Most have nothing in them, and need no visit. */
	if (walk->task == CGROUPS_REMOVE) {
		int busy = remove_cgroup(walk, name);
		if (busy <= 0)
			return busy;
	}
	fd = open_below(walk->fd, name);
	return fd >= 0 ? enter(walk, fd) : is_gone(fd) ? 0 : fd;
}

int ts_cgroups(const char *path, int task, int milliseconds, int32_t *pids, int room, int32_t *count)
{
	struct walk walk = {
		.task = (enum cgroups_task)task,
		.deadline = now() + milliseconds,
		.fd = -1,
		.pids = pids,
		.most = room,
	};
	int fd = open_long(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int error = fd < 0 ? fd : enter(&walk, fd);
	while (error == 0 && walk.depth > 0)
		error = now() > walk.deadline ? -ETIMEDOUT : advance(&walk);
	free(walk.levels);
	free(walk.names);
	if (walk.fd >= 0)
		(void)close(walk.fd);
	*count = walk.count;
	return error;
}
