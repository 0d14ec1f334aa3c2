/* What an unpacked entry is like: owner, attributes, mode and time, by as few calls as will do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib.h"
#include "unpack.h"

int close_file(struct unpack *un, int fd, int rc)
{
	if (close(fd) < 0 && rc == 0)
		return failed(un, CALL_CLOSE);
	return rc;
}

/* Sets the attributes of an open file or, where there is none, of what a name is itself. */
int set_xattrs(struct unpack *un, int fd, const char *path, const uint8_t *at, size_t left)
{
	while (left > 0) {
		const char *name = (const char *)at;
		size_t named = strnlen(name, left) + 1;
		uint32_t size;
		int rc;

		if (named + sizeof size > left)
			return -EINVAL;
		memcpy(&size, at + named, sizeof size);
		if (size > left - named - sizeof size)
			return -EINVAL;
		at += named + sizeof size;
		rc = fd >= 0 ? fsetxattr(fd, name, at, size, 0) : lsetxattr(path, name, at, size, 0);
		if (rc < 0 && (errno == EOPNOTSUPP || errno == EPERM))
			un->lost_xattrs++;
		else if (rc < 0)
			return failed(un, CALL_SETXATTR);
		at += size;
		left -= named + sizeof size + size;
	}
	return 0;
}

static struct timespec const *times_of(const struct record *rec, struct timespec times[2])
{
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] = (struct timespec){ .tv_sec = (time_t)rec->seconds, .tv_nsec = (long)rec->nanoseconds };
	return times;
}

int set_times(struct unpack *un, int fd, const struct record *rec)
{
	struct timespec times[2];

	return futimens(fd, times_of(rec, times)) < 0 ? failed(un, CALL_UTIMENSAT) : 0;
}

/* Owner before attributes and mode: a change of it takes capabilities and the set-id bits away. */
int dress_file(struct unpack *un, int fd, const struct record *rec, const struct parts *parts, mode_t mode)
{
	int rc;

	if (fchown(fd, rec->uid, rec->gid) < 0)
		return failed(un, CALL_FCHOWN);
	rc = set_xattrs(un, fd, NULL, parts->xattrs, rec->xattrs_length);
	if (rc < 0)
		return rc;
	return fchmod(fd, mode) < 0 ? failed(un, CALL_FCHMOD) : set_times(un, fd, rec);
}

int dress_link(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	char path[NAME_MAX + 64];
	struct timespec times[2];
	int rc = 0;

	if (!is_born_owned(un, rec) && fchownat(at, name, rec->uid, rec->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(un, CALL_FCHOWN);
	if (rec->xattrs_length > 0) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
		rc = set_xattrs(un, -1, path, parts->xattrs, rec->xattrs_length);
	}
	if (rc == 0 && utimensat(at, name, times_of(rec, times), AT_SYMLINK_NOFOLLOW) < 0)
		return failed(un, CALL_UTIMENSAT);
	return rc;
}

/* A device or pipe is not opened: its place is. */
int dress_node(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	char path[32];
	struct timespec times[2];
	int rc;
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return failed(un, CALL_OPENAT);
	if (!is_born_owned(un, rec) && fchownat(fd, "", rec->uid, rec->gid, AT_EMPTY_PATH) < 0)
		return close_file(un, fd, failed(un, CALL_FCHOWN));
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	rc = set_xattrs(un, -1, path, parts->xattrs, rec->xattrs_length);
	if (rc == 0 && change_mode(fd, rec->mode & 07777) < 0)
		rc = failed(un, CALL_FCHMOD);
	if (rc == 0 && utimensat(fd, "", times_of(rec, times), AT_EMPTY_PATH) < 0)
		rc = failed(un, CALL_UTIMENSAT);
	return close_file(un, fd, rc);
}

int is_born_owned(const struct unpack *un, const struct record *rec)
{
	const struct folder *in = un->in;

	return in->born == AS_ASKED && in->uid == rec->uid && in->gid == rec->gid;
}

/*
 * The first file of a folder shows what the others will be: it asks for every permission. Nobody else sees it then, since the
 * root of the tree is its owner's alone until the end.
 */
int open_new(struct unpack *un, int at, const char *name, const struct record *rec, int *left)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct folder *in = un->in;
	int probe = in->born == UNKNOWN && un->no_umask;
	mode_t asked = probe ? 0777 : in->born == AS_ASKED ? rec->mode & 0777 : 0600;
	int fd = openat(at, name, flags, asked);
	struct stat is;

	if (fd < 0)
		return failed(un, CALL_OPENAT);
	if (probe) {
		if (fstat(fd, &is) < 0)
			return close_file(un, fd, failed(un, CALL_FSTAT));
		in->born = (is.st_mode & 07777) == 0777 ? AS_ASKED : OTHERWISE;
		in->uid = is.st_uid;
		in->gid = is.st_gid;
	}
	*left = is_born_owned(un, rec) ? 0 : LEFT_OWNER;
	if (asked != (rec->mode & 07777) || in->born != AS_ASKED)
		*left |= LEFT_MODE;
	return fd;
}
