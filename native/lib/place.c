/* Where an archive's entries go: the folder of each, safely resolved, and kept open for the entries that follow. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "remove.h"
#include "unpack.h"

int failed(struct unpack *un, enum call call)
{
	int error = -errno;

	un->call = call;
	return error;
}

void forget_folders(struct unpack *un)
{
	for (int i = 0; i < FOLDERS; i++) {
		if (!un->folders[i].path)
			continue;
		(void)close(un->folders[i].fd);
		free(un->folders[i].path);
		un->folders[i].path = NULL;
	}
}

void forget_births(struct unpack *un)
{
	un->root.born = UNKNOWN;
	for (int i = 0; i < FOLDERS; i++)
		un->folders[i].born = UNKNOWN;
}

int open_in_root(struct unpack *un, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd;
	int tries = 0;

	/* EAGAIN: something on the machine was renamed during a "..". */
	do
		fd = syscall(SYS_openat2, un->root.fd, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && tries++ < 1000);
	return (int)fd;
}

int clear_name(struct unpack *un, int at, const char *name)
{
	int error = remove_at(at, name);

	forget_folders(un);
	if (error == -ENOENT)
		return 0;
	if (error < 0)
		un->call = CALL_UNLINKAT;
	return error;
}

/* Makes a folder that no entry tells of, if nothing has its name. */
static int make_implied(struct unpack *un, int above, const char *name)
{
	int fd;

	if (mkdirat(above, name, 0700) < 0)
		/* EEXIST: a link to nowhere. It is what it is, and an error when it is to be a folder. */
		return errno == EEXIST ? 0 : failed(un, CALL_MKDIRAT);
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(un, CALL_OPENAT);
	if (fchown(fd, un->uid, un->gid) < 0)
		return close_file(un, fd, failed(un, CALL_FCHOWN));
	return close_file(un, fd, fchmod(fd, 0755) < 0 ? failed(un, CALL_FCHMOD) : 0);
}

/* Opens the folder of `length` bytes of path, making what is missing of it. */
static int make_folders(struct unpack *un, char *path, size_t length)
{
	size_t made = 0;

	for (;;) {
		int fd = open_in_root(un, path, O_PATH | O_DIRECTORY);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT || made > length)
			return failed(un, CALL_OPENAT2);
		/* The first part that is missing: each is looked at once. */
		for (made++; made < length && path[made] != '/'; made++)
			;
		path[made] = '\0';
		fd = open_in_root(un, path, O_PATH | O_DIRECTORY);
		if (fd >= 0) {
			(void)close(fd);
		} else if (errno == ENOENT) {
			char *slash = strrchr(path, '/');
			const char *name = slash ? slash + 1 : path;
			int above;
			int rc;

			if (slash)
				*slash = '\0';
			above = slash ? open_in_root(un, path, O_PATH | O_DIRECTORY) : fcntl(un->root.fd, F_DUPFD_CLOEXEC, 3);
			if (above < 0)
				return failed(un, CALL_OPENAT2);
			rc = make_implied(un, above, name);
			(void)close(above);
			if (rc < 0)
				return rc;
			if (slash)
				*slash = '/';
		} else {
			return failed(un, CALL_OPENAT2);
		}
		if (made < length)
			path[made] = '/';
	}
}

int parent_of(struct unpack *un, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	struct folder *folder;
	char *copy;
	int fd;

	*name = slash ? slash + 1 : path;
	un->in = &un->root;
	if (!slash)
		return un->root.fd;
	for (int i = 0; i < FOLDERS; i++) {
		folder = &un->folders[i];
		if (folder->path && folder->length == length && memcmp(folder->path, path, length) == 0) {
			un->in = folder;
			return folder->fd;
		}
	}
	copy = strndup(path, length);
	if (!copy)
		return -ENOMEM;
	fd = make_folders(un, copy, length);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	folder = &un->folders[un->next++ % FOLDERS];
	if (folder->path) {
		(void)close(folder->fd);
		free(folder->path);
	}
	memcpy(copy, path, length);
	*folder = (struct folder){ .path = copy, .length = length, .fd = fd };
	un->in = folder;
	return fd;
}
