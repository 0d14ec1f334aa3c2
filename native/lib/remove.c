/*
 * Removing a tree in which somebody else may work at the same time: he may rename its folders, exchange names for links, and go
 * on making new ones. So a folder is opened below the one that is open, never by a link and never on another filesystem; the
 * identity of each level is kept on the way down, and the way up (`..`) leads to the same one or is not taken. No path is longer
 * than a name, and no more than three folders are open at a time.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"
#include "remove.h"

/* How often the tree is begun again where somebody moves its folders meanwhile. */
#define MOST_TRIES 100

/* How often something else is found in a tree than a moment before, until it is too much. */
#define MOST_SURPRISES 100000

/* How much deeper than it can be known the tree may be: nobody's is, and its levels take 16 MiB. */
#define DEEPEST (1 << 20)

/* The walk has not found the folder that it came from: -ESTALE, which no call here answers by itself on a local filesystem. */
#define MOVED (-ESTALE)

struct identity {
	dev_t device;
	ino_t inode;
};

struct walk {
	int fd; /* of the folder that is being emptied */
	struct identity *levels; /* from the top to that folder */
	size_t depth; /* how many they are */
	size_t room;
	struct identity left; /* the folder that was left last, said to be empty */
	int surprises; /* what was not as it had just been found */
};

static int is_same(const struct identity *a, const struct identity *b)
{
	return a->device == b->device && a->inode == b->inode;
}

static struct identity identity_of(const struct stat *found)
{
	return (struct identity){ .device = found->st_dev, .inode = found->st_ino };
}

static int identify(int fd, struct identity *identity)
{
	struct stat found;

	if (fstat(fd, &found) < 0)
		return -errno;
	*identity = identity_of(&found);
	return 0;
}

/* Opens a name below `at`, on its filesystem, never a link or by one: a descriptor or -errno. */
static int open_below(int at, const char *name, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	long fd;
	int tries = 0;

	/* EAGAIN: something on the machine was renamed during a "..". */
	do
		fd = syscall(SYS_openat2, at, name, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && tries++ < 1000);
	return fd < 0 ? -errno : (int)fd;
}

/* Lets the caller into a folder of his own that he has shut: 0, or -EACCES as before. */
static int open_up(int fd)
{
	struct stat found;

	if (fstat(fd, &found) < 0 || found.st_uid != geteuid() || (found.st_mode & 0700) == 0700)
		return -EACCES;
	return change_mode(fd, 0700);
}

static int open_folder(int at, const char *name)
{
	char path[32];
	int fd = open_below(at, name, O_RDONLY | O_DIRECTORY);
	int place;

	if (fd != -EACCES)
		return fd;
	place = open_below(at, name, O_PATH | O_DIRECTORY);
	if (place < 0)
		return place;
	fd = open_up(place);
	if (fd == 0) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", place);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	(void)close(place);
	return fd;
}

/* Removes one name: 0; 1 where it is a folder that holds something; -errno. */
static int remove_name(int at, const char *name)
{
	if (unlinkat(at, name, 0) == 0)
		return 0;
	/* Linux says EISDIR of a folder, POSIX EPERM; EACCES is of the folder `at`. */
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(at, name, AT_REMOVEDIR) == 0)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
}

static int remove_entry(int at, const char *name)
{
	int result = remove_name(at, name);

	if (result == -EACCES && open_up(at) == 0)
		result = remove_name(at, name);
	/* Somebody else was faster. */
	return result == -ENOENT ? 0 : result;
}

/* Removes what a folder holds up to the first folder that holds something itself, whose name is then in `deeper`: 1; 0; -errno. */
static int empty_folder(int fd, char deeper[NAME_MAX + 1])
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = own < 0 ? NULL : fdopendir(own);
	const struct dirent *entry;
	int result = 0;

	if (!folder) {
		result = -errno;
		if (own >= 0)
			(void)close(own);
		return result;
	}
	while (result == 0) {
		errno = 0;
		entry = readdir(folder);
		if (!entry) {
			result = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		result = remove_entry(fd, entry->d_name);
		if (result == 1)
			memcpy(deeper, entry->d_name, strlen(entry->d_name) + 1);
	}
	(void)closedir(folder);
	return result;
}

/* Goes into the folder `next`, whose descriptor is the walk's from now on. */
static int go_down(struct walk *walk, int next)
{
	int error;

	if (next < 0)
		return next;
	if (walk->fd >= 0)
		(void)close(walk->fd);
	walk->fd = next;
	if (walk->depth == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 64;
		struct identity *levels = room > DEEPEST ? NULL : realloc(walk->levels, room * sizeof *levels);

		if (!levels)
			return -ENOMEM;
		walk->levels = levels;
		walk->room = room;
	}
	error = identify(next, &walk->levels[walk->depth]);
	walk->depth++;
	return error;
}

/* Goes to the folder that it came from, if that is where `..` leads. */
static int go_up(struct walk *walk)
{
	struct identity found = { 0 };
	int up = open_below(walk->fd, "..", O_RDONLY | O_DIRECTORY);
	int error;

	if (up < 0)
		return up == -EXDEV ? MOVED : up;
	(void)close(walk->fd);
	walk->fd = up;
	walk->depth--;
	walk->left = walk->levels[walk->depth];
	error = identify(up, &found);
	if (error < 0)
		return error;
	return is_same(&found, &walk->levels[walk->depth - 1]) ? 0 : MOVED;
}

/* Empties the folder that the walk begins in. */
static int empty_tree(struct walk *walk)
{
	char deeper[NAME_MAX + 1];

	for (;;) {
		int result = empty_folder(walk->fd, deeper);

		if (result == 1) {
			int next = open_folder(walk->fd, deeper);

			/* Removed, or exchanged for something else, since it was looked at: what is there now is next. */
			if ((next == -ENOENT || next == -ENOTDIR || next == -ELOOP) && walk->surprises++ < MOST_SURPRISES)
				continue;
			result = go_down(walk, next);
			if (result == 0 && is_same(&walk->left, &walk->levels[walk->depth - 1]) &&
			    walk->surprises++ == MOST_SURPRISES)
				result = -ENOTEMPTY;
		} else if (result == 0) {
			if (walk->depth == 1)
				return 0;
			result = go_up(walk);
		}
		if (result < 0)
			return result;
	}
}

/* Empties the folder that is open as `top`, which is closed. */
static int empty_from(int top)
{
	struct walk walk = { .fd = -1 };
	int result = go_down(&walk, top);

	if (result == 0)
		result = empty_tree(&walk);
	if (walk.fd >= 0)
		(void)close(walk.fd);
	free(walk.levels);
	return result;
}

/* Removes the folder or file that `known` is open on, wherever it is by now, and its name if it still has this one. */
static int remove_known(int at, const char *name, int known)
{
	struct identity wanted, found;
	struct stat is, there;
	int result = MOVED;

	if (fstat(known, &is) < 0)
		return -errno;
	for (int tries = 0; S_ISDIR(is.st_mode) && result == MOVED && tries < MOST_TRIES; tries++)
		result = empty_from(open_below(known, ".", O_RDONLY | O_DIRECTORY));
	if (S_ISDIR(is.st_mode) && result < 0)
		return result;
	if (fstatat(at, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	wanted = identity_of(&is);
	found = identity_of(&there);
	/* A name that somebody has given to something else is his. */
	if (!is_same(&wanted, &found) || unlinkat(at, name, S_ISDIR(is.st_mode) ? AT_REMOVEDIR : 0) == 0)
		return 0;
	return errno == ENOENT ? 0 : -errno;
}

int remove_at(int at, const char *name)
{
	int result = remove_name(at, name);

	for (int tries = 0; result == 1 && tries < MOST_TRIES; tries++) {
		result = empty_from(open_folder(at, name));
		if (result == MOVED)
			result = 1;
		else if (result == 0)
			result = remove_name(at, name);
	}
	return result == 1 ? MOVED : result;
}

int ts_remove(const char *path, int known)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int result;
	int at;

	if (!slash || slash - path >= (long)sizeof folder)
		return -EINVAL;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	/* The way there may lead over mounts and links, the tree itself not. */
	at = open(slash == path ? "/" : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	result = known < 0 ? remove_at(at, slash + 1) : remove_known(at, slash + 1, known);
	(void)close(at);
	return result;
}
