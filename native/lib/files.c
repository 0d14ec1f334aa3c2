/* The host's files: many small changes in one call, bounded reads. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files.h"
#include "lib.h"

/* As src/sys/files.ts encodes them; a contract test performs each kind. */
enum action { MKDIR = 1, WRITE = 2, CREATE = 3, RENAME = 4, UNLINK = 5, RMDIR = 6, CHOWN = 7, SYMLINK = 8 };
enum { TOLERATE = 1 };

struct action_words {
	int32_t kind;
	int32_t flags;
	int32_t mode; /* of CHOWN the uid */
};

/* The call that failed, for failed[1]. */
enum call {
	CALL_MKDIR = 1,
	CALL_OPEN,
	CALL_WRITE,
	CALL_RENAME,
	CALL_UNLINK,
	CALL_RMDIR,
	CALL_CHMOD,
	CALL_CHOWN,
	CALL_SYMLINK,
};

static int result(int answer)
{
	return answer < 0 ? -errno : answer;
}

int change_mode(int fd, mode_t mode)
{
	char path[32];

	/* fchmod takes no descriptor that is only a place (O_PATH); its name in /proc leads to that very file. */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return chmod(path, mode) < 0 ? -errno : 0;
}

/* The kernel takes PATH_MAX bytes at once: a longer path is opened in pieces that end at slashes. */
int open_long(const char *path, int flags, mode_t mode)
{
	int at = AT_FDCWD;
	int fd;
	while (strlen(path) >= PATH_MAX) {
		char piece[PATH_MAX];
		size_t size = PATH_MAX - 1;
		while (size > 0 && path[size] != '/')
			size--;
		if (size == 0)
			break; /* a name that is too long, and will be refused */
		memcpy(piece, path, size);
		piece[size] = '\0';
		fd = openat(at, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (at >= 0)
			(void)close(at);
		if (fd < 0)
			return -errno;
		at = fd;
		path += size + 1;
	}
	fd = openat(at, path, flags | O_CLOEXEC, mode);
	int error = fd < 0 ? -errno : fd;
	if (at >= 0)
		(void)close(at);
	return error;
}

static int write_file(const char *path, int flags, mode_t mode, const char *text, size_t length, enum call *call)
{
	int fd = open_long(path, flags | O_WRONLY | O_NOCTTY, mode);
	*call = CALL_OPEN;
	if (fd < 0)
		return fd;
	/* One write: cgroup and proc files take each write as a command of its own. */
	ssize_t written = write(fd, text, length);
	int error = written < 0 ? -errno : (size_t)written < length ? -ENOSPC : 0;
	if (close(fd) < 0 && error == 0)
		error = -errno;
	if (error < 0)
		*call = CALL_WRITE;
	return error;
}

/* A folder of exactly this mode, whatever the caller's umask; its name is not followed where somebody has made a link of it. */
static int make_folder(const char *path, mode_t mode, enum call *call)
{
	struct stat found;
	int error;
	int fd;

	*call = CALL_MKDIR;
	if (mkdir(path, mode) < 0)
		return -errno;
	*call = CALL_CHMOD;
	if (lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && (found.st_mode & 07777) == mode)
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = result(fchmod(fd, mode));
	(void)close(fd);
	return error;
}

static int perform(const struct action_words *action, const char *path, const char *text, enum call *call)
{
	int error = 0;
	int tolerated = ENOENT;
	switch ((enum action)action->kind) {
	case MKDIR:
		error = make_folder(path, (mode_t)action->mode, call);
		tolerated = EEXIST;
		break;
	case WRITE:
		error = write_file(path, 0, 0, text, strlen(text), call);
		break;
	case CREATE:
		error = write_file(path, O_CREAT | O_EXCL | O_NOFOLLOW, (mode_t)action->mode, text, strlen(text), call);
		break;
	case RENAME:
		*call = CALL_RENAME;
		error = result(rename(path, text));
		break;
	case UNLINK:
		*call = CALL_UNLINK;
		error = result(unlink(path));
		break;
	case RMDIR:
		*call = CALL_RMDIR;
		error = result(rmdir(path));
		break;
	case CHOWN:
		*call = CALL_CHOWN;
		error = result(lchown(path, (uid_t)action->mode, (gid_t)-1));
		break;
	case SYMLINK:
		*call = CALL_SYMLINK;
		error = result(symlink(text, path));
		break;
	default:
		return -EINVAL;
	}
	return (action->flags & TOLERATE) && error == -tolerated ? 0 : error;
}

/* The next of the texts; NULL where they have no more. */
static const char *take_text(const char **texts, size_t *left)
{
	const char *text = *texts;
	const char *end = memchr(text, '\0', *left);
	if (!end)
		return NULL;
	*left -= (size_t)(end + 1 - text);
	*texts = end + 1;
	return text;
}

int ts_batch(const int32_t *words, int count, const char *texts, int length, int32_t *failed)
{
	size_t left = (size_t)length;
	for (int index = 0; index < count; index++, words += sizeof(struct action_words) / sizeof *words) {
		struct action_words action;
		enum call call = 0;
		failed[0] = index;
		memcpy(&action, words, sizeof action);
		const char *path = take_text(&texts, &left);
		const char *text = path ? take_text(&texts, &left) : NULL;
		int error = text ? perform(&action, path, text, &call) : -EINVAL;
		if (error < 0) {
			failed[1] = (int32_t)call;
			return error;
		}
	}
	return 0;
}

int ts_read(const char *path, uint8_t *buffer, int room)
{
	/* O_NONBLOCK: a fifo in the place of a file answers at once. */
	int fd = open_long(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	int got = 0;
	int error = 0;
	for (;;) {
		ssize_t count = got == room ? read(fd, &(char){ 0 }, 1) : read(fd, buffer + got, (size_t)(room - got));
		if (count < 0)
			error = -errno;
		else if (count > 0 && got == room)
			error = -EFBIG;
		if (count <= 0 || error < 0)
			break;
		got += (int)count;
	}
	if (close(fd) < 0 && error == 0)
		error = -errno;
	return error < 0 ? error : got;
}

int ts_read_fd(int fd, uint8_t *buffer, int room)
{
	char beyond;
	for (int got = 0;;) {
		ssize_t count = got == room ? read(fd, &beyond, 1) : read(fd, buffer + got, (size_t)(room - got));
		if (count == 0)
			return got;
		if (count > 0 && got == room)
			return -EFBIG;
		if (count > 0) {
			got += (int)count;
			continue;
		}
		/* Whoever shares the descriptor may have made it non-blocking. */
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		if (errno == EAGAIN && poll(&wait, 1, -1) >= 0)
			continue;
		if (errno != EINTR)
			return -errno;
	}
}

static char kind_letter(const struct dirent *entry)
{
	switch (entry->d_type) {
	case DT_DIR:
		return 'd';
	case DT_REG:
		return 'f';
	case DT_LNK:
		return 'l';
	default:
		return 'o';
	}
}

int ts_list(const char *path, uint8_t *buffer, int room)
{
	DIR *folder = opendir(path);
	int used = 0;
	int error = 0;
	if (!folder)
		return -errno;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(folder);
		if (!entry) {
			error = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		int size = (int)strlen(entry->d_name) + 2;
		if (size > room - used) {
			error = -ERANGE;
			break;
		}
		buffer[used] = (uint8_t)kind_letter(entry);
		memcpy(buffer + used + 1, entry->d_name, (size_t)size - 1);
		used += size;
	}
	if (closedir(folder) < 0 && error == 0)
		error = -errno;
	return error < 0 ? error : used;
}

int ts_stat(const char *path, int follow, int64_t out[9])
{
	struct stat found;
	if (fstatat(AT_FDCWD, path, &found, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	out[0] = (int64_t)found.st_mode;
	out[1] = (int64_t)found.st_uid;
	out[2] = (int64_t)found.st_gid;
	out[3] = (int64_t)major(found.st_rdev);
	out[4] = (int64_t)minor(found.st_rdev);
	out[5] = (int64_t)found.st_ino;
	out[6] = (int64_t)found.st_size;
	out[7] = (int64_t)found.st_dev;
	out[8] = (int64_t)found.st_nlink;
	return 0;
}

int ts_open(const char *path, int flags, int mode)
{
	return open_long(path, flags | O_NOCTTY, (mode_t)mode);
}

int ts_close(int fd)
{
	return result(close(fd));
}

int ts_write(int fd, const uint8_t *bytes, int length)
{
	int done = 0;
	while (done < length) {
		ssize_t count = write(fd, bytes + done, (size_t)(length - done));
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		done += (int)count;
	}
	return done;
}

int ts_lock(int fd, int exclusive, int wait)
{
	int answer;
	do
		answer = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB));
	while (answer < 0 && errno == EINTR);
	return result(answer);
}

int ts_rename_new(const char *from, const char *to)
{
	return result(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
}

/* openat2(RESOLVE_IN_ROOT) below the folder at root. */
static int open_inside(const char *root, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | resolve };
	int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return -errno;
	long fd;
	int tries = 0;
	/* EAGAIN: something on the machine was renamed during a "..". */
	do
		fd = syscall(SYS_openat2, top, path, &how, sizeof how);
	while (fd < 0 && errno == EAGAIN && tries++ < 1000);
	int error = fd < 0 ? -errno : (int)fd;
	(void)close(top);
	return error;
}

int ts_open_inside(const char *root, const char *path, int flags)
{
	/* A place takes no other flag. */
	return open_inside(root, path, (unsigned)flags | (flags & O_PATH ? 0 : O_NOCTTY), RESOLVE_NO_MAGICLINKS);
}

int ts_resolve(const char *root, const char *path, int follow, uint8_t *out, int room)
{
	char link[32];
	int fd = open_inside(root, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);
	if (fd < 0)
		return fd;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, (char *)out, (size_t)room);
	int error = length < 0 ? -errno : length == room ? -ENAMETOOLONG : (int)length;
	(void)close(fd);
	return error;
}

int ts_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int type = result(ioctl(fd, NS_GET_NSTYPE));
	(void)close(fd);
	return type;
}

int ts_access(const char *path, int mode)
{
	return result(access(path, mode));
}
