/* Removing a tree that nobody else works in: no path is longer than a name, and no more than two folders are open at a time. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"
#include "remove.h"

/* A folder below `at` on the same filesystem, never by a link. An ordinary user's own may be closed to him. */
static int open_folder(int at, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, at, name, &how, sizeof how);

	if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
		fd = syscall(SYS_openat2, at, name, &how, sizeof how);
	return fd < 0 ? -errno : (int)fd;
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

/* Removes what a folder holds up to the first folder that holds something itself, whose name is then in `deeper`: 1; 0; -errno. */
static int empty_folder(int fd, char deeper[256])
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
	if (fchmod(fd, 0700) < 0)
		result = errno == EPERM ? 0 : -errno;
	while (result == 0) {
		errno = 0;
		entry = readdir(folder);
		if (!entry) {
			result = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		result = remove_name(fd, entry->d_name);
		if (result == 1)
			memcpy(deeper, entry->d_name, strlen(entry->d_name) + 1);
	}
	(void)closedir(folder);
	return result;
}

static int step_to(int *fd, int next)
{
	if (next < 0)
		return next;
	(void)close(*fd);
	*fd = next;
	return 0;
}

int remove_at(int at, const char *name)
{
	char deeper[256];
	long depth = 0;
	int result = remove_name(at, name);
	int fd;

	if (result != 1)
		return result;
	fd = open_folder(at, name);
	if (fd < 0)
		return fd;
	do {
		result = empty_folder(fd, deeper);
		if (result == 1) {
			result = step_to(&fd, open_folder(fd, deeper));
			depth++;
		} else if (result == 0 && depth-- > 0) {
			int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			result = step_to(&fd, up < 0 ? -errno : up);
		}
	} while (result == 0 && depth >= 0);
	(void)close(fd);
	return result < 0 ? result : remove_name(at, name);
}

int ts_remove(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int result;
	int at;

	if (!slash || slash - path >= (long)sizeof folder)
		return -EINVAL;
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	/* The way there may lead over mounts, the tree itself not. */
	at = open(slash == path ? "/" : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	result = remove_at(at, slash + 1);
	(void)close(at);
	return result;
}
