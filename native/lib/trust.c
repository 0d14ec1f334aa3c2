/* Who can change what a path names: each folder and each link on the way is looked at, by descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib.h"

enum { MOST_LINKS = 40 }; /* MAXSYMLINKS of the kernel */
enum { CALL_OPEN = 1, CALL_MKDIR, CALL_CHMOD };

struct walk {
	int at;			 /* the folder reached, O_PATH */
	int links;
	int call;		 /* what failed */
	char name[NAME_MAX + 1]; /* of the part that is looked at */
	char rest[2 * PATH_MAX]; /* what is left of the path */
};

/* What the ids of others than those of a user namespace look like in it (proc(5), overflowuid). */
static uid_t overflow_uid(void)
{
	char text[16];
	int got = ts_read("/proc/sys/kernel/overflowuid", (uint8_t *)text, sizeof text - 1);

	text[got < 0 ? 0 : got] = '\0';
	return got <= 0 ? 65534 : (uid_t)strtoul(text, NULL, 10);
}

/* In another user namespace than the first the host's root, whose the folders above are, is nobody. */
static bool is_ours(uid_t owner, bool last)
{
	if (owner == 0 || owner == geteuid())
		return true;
	return !last && is_contained() && owner == overflow_uid();
}

/* An access control list can let anybody write, and shows as the group's permission (acl(5)). */
static bool has_list(int fd)
{
	char link[32];

	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	return getxattr(link, "system.posix_acl_access", NULL, 0) > 0;
}

/* Folders that everybody may write to are good on the way, where the sticky bit keeps what is there for its owner. */
static bool is_trusted(int fd, const struct stat *found, bool last)
{
	bool sticky = !last && (found->st_mode & S_ISVTX);

	if (!is_ours(found->st_uid, last))
		return false;
	if (S_ISLNK(found->st_mode) || sticky)
		return true;
	if (found->st_mode & S_IWOTH)
		return false;
	/* Where each user has a group of his own, that one's umask lets it write. */
	return !(found->st_mode & S_IWGRP) || ((found->st_gid == 0 || found->st_gid == getegid()) && !has_list(fd));
}

/* The place of what is not trusted. */
static int refuse(const struct walk *walk, const struct stat *found, uint8_t *what, int room, int32_t facts[4])
{
	char link[32];
	ssize_t length;

	facts[0] = (int32_t)found->st_uid;
	facts[1] = (int32_t)found->st_gid;
	facts[2] = (int32_t)found->st_mode;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", walk->at);
	length = readlink(link, (char *)what, (size_t)room - 1);
	if (length < 0)
		return -errno;
	what[length] = '\0';
	return -EKEYREJECTED;
}

static int look(const struct walk *walk, bool last, uint8_t *what, int room, int32_t facts[4])
{
	struct stat found;

	if (fstat(walk->at, &found) < 0)
		return -errno;
	return is_trusted(walk->at, &found, last) ? 0 : refuse(walk, &found, what, room, facts);
}

/* Takes the next part of the path: 1, or 0 at its end. */
static int next_part(struct walk *walk)
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(from, "/");

	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(walk->name, from, length);
	walk->name[length] = '\0';
	memmove(walk->rest, from + length, strlen(from + length) + 1);
	return length > 0;
}

static int move_to(struct walk *walk, int fd)
{
	if (fd < 0)
		return -errno;
	if (walk->at >= 0)
		(void)close(walk->at);
	walk->at = fd;
	return 0;
}

/* Goes on with what the link that has just been reached names, from the folder `above` that it is in. */
static int follow(struct walk *walk, int above)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(walk->at, "", target, sizeof target - 1);
	size_t left = strlen(walk->rest);

	if (length < 0)
		return -errno;
	if (walk->links++ == MOST_LINKS)
		return -ELOOP;
	if ((size_t)length + 1 + left >= sizeof walk->rest)
		return -ENAMETOOLONG;
	target[length] = '\0';
	memmove(walk->rest + length, walk->rest, left + 1);
	memcpy(walk->rest, target, (size_t)length);
	return move_to(walk, target[0] == '/' ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) :
						fcntl(above, F_DUPFD_CLOEXEC, 3));
}

/* Makes the folder with exactly this mode, unless somebody has just done so. */
static int make(struct walk *walk, mode_t mode)
{
	walk->call = CALL_MKDIR;
	if (mkdirat(walk->at, walk->name, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* Only root and the caller can rename what is his, here. */
	walk->call = CALL_CHMOD;
	return fchmodat(walk->at, walk->name, mode, 0) < 0 ? -errno : 0;
}

/* One part further: 1, or 0 where there is nothing and nothing is to be made. */
static int step(struct walk *walk, int mode, int above_mode, uint8_t *what, int room, int32_t facts[4])
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	int above = walk->at;
	int fd = openat(above, walk->name, flags);
	struct stat found;
	int error = 0;

	if (fd < 0 && errno == ENOENT && mode >= 0) {
		bool last = walk->rest[strspn(walk->rest, "/")] == '\0';

		error = make(walk, (mode_t)(last ? mode : above_mode));
		if (error < 0)
			return error;
		fd = openat(above, walk->name, flags);
	}
	walk->call = CALL_OPEN;
	if (fd < 0)
		return errno == ENOENT && mode < 0 ? 0 : -errno;
	walk->at = fd;
	if (fstat(fd, &found) < 0)
		error = -errno;
	else if (!S_ISDIR(found.st_mode) && !S_ISLNK(found.st_mode))
		error = -ENOTDIR;
	else if (!is_trusted(fd, &found, false))
		error = refuse(walk, &found, what, room, facts);
	else if (S_ISLNK(found.st_mode))
		error = follow(walk, above);
	(void)close(above);
	return error < 0 ? error : 1;
}

static int walk_down(struct walk *walk, int mode, int above_mode, uint8_t *what, int room, int32_t facts[4])
{
	int answer = move_to(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));

	if (answer == 0)
		answer = look(walk, false, what, room, facts);
	if (answer < 0)
		return answer;
	for (;;) {
		answer = next_part(walk);
		if (answer < 0)
			return answer;
		if (answer == 0)
			break;
		answer = step(walk, mode, above_mode, what, room, facts);
		if (answer <= 0)
			return answer;
	}
	answer = look(walk, true, what, room, facts);
	return answer < 0 ? answer : 1;
}

int ts_trusted(const char *path, int mode, int above_mode, uint8_t *what, int room, int32_t facts[4])
{
	struct walk walk = { .at = -1, .call = CALL_OPEN };
	size_t length = strlen(path);
	int answer;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(walk.rest, path, length + 1);
	answer = walk_down(&walk, mode, above_mode, what, room, facts);
	if (walk.at >= 0)
		(void)close(walk.at);
	facts[3] = walk.call;
	return answer;
}
