/*
 * Writing an archive's entries below a folder. Every name is resolved by openat2(RESOLVE_IN_ROOT): links on the way stay inside,
 * the last part of a name is never followed, and what is there already is replaced, a folder by a folder excepted. The folders
 * that entries lie in stay open, so that most entries cost no resolution at all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib.h"
#include "unpack.h"

/* As src/image/records.ts writes them; the tests of images perform each kind. */
enum kind { DIR_ = 1, FILE_, DATA, END, SYMLINK, LINK, NODE, REMOVE, FOLDER_TIMES, XATTRS };
enum { UNFINISHED = 1, MAY_FAIL = 2 };

struct record {
	uint32_t kind;
	uint32_t length; /* of the whole record, a multiple of 8 */
	uint32_t flags;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t seconds; /* mtime */
	uint32_t nanoseconds;
	uint32_t path_length; /* both without their NUL */
	uint32_t text_length;
	uint32_t xattrs_length;
	uint32_t data_length;
	uint32_t major;
	uint32_t minor;
	uint32_t reserved;
	int64_t offset; /* of DATA; of END the file's size */
};

/* A record's variable parts. */
struct parts {
	const char *path;
	const char *text;
	const uint8_t *xattrs;
	const uint8_t *data;
};

enum { SLOTS = 8 };

static struct unpack *slots[SLOTS];

/* ---- what an entry is like ---- */

/* Sets the attributes, of an open file or by a name whose last part is no link's. */
static int set_xattrs(struct unpack *un, int fd, const char *path, const uint8_t *at, size_t left)
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
			un->report[2]++;
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

/* Owner before attributes and mode: a change of it takes capabilities and the set-id bits away. */
static int dress_file(struct unpack *un, int fd, const struct record *rec, const struct parts *parts, mode_t mode)
{
	struct timespec times[2];
	int rc;

	if (fchown(fd, rec->uid, rec->gid) < 0)
		return failed(un, CALL_FCHOWN);
	rc = set_xattrs(un, fd, NULL, parts->xattrs, rec->xattrs_length);
	if (rc < 0)
		return rc;
	if (fchmod(fd, mode) < 0)
		return failed(un, CALL_FCHMOD);
	return futimens(fd, times_of(rec, times)) < 0 ? failed(un, CALL_UTIMENSAT) : 0;
}

/* The same for what is not opened: links, nodes, fifos. */
static int dress_name(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	char path[NAME_MAX + 64];
	struct timespec times[2];
	int rc = 0;

	if (fchownat(at, name, rec->uid, rec->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(un, CALL_FCHOWN);
	if (rec->xattrs_length > 0) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", at, name);
		rc = set_xattrs(un, -1, path, parts->xattrs, rec->xattrs_length);
	}
	if (rc == 0 && rec->kind == NODE && fchmodat(at, name, rec->mode & 07777, 0) < 0)
		return failed(un, CALL_FCHMOD);
	if (rc == 0 && utimensat(at, name, times_of(rec, times), AT_SYMLINK_NOFOLLOW) < 0)
		return failed(un, CALL_UTIMENSAT);
	return rc;
}

/* ---- the kinds ---- */

static int write_all(struct unpack *un, int fd, const uint8_t *data, size_t left, off_t offset)
{
	while (left > 0) {
		ssize_t count = pwrite(fd, data, left, offset);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return failed(un, CALL_WRITE);
		data += count;
		offset += count;
		left -= (size_t)count;
	}
	return 0;
}

static int close_file(struct unpack *un, int fd, int rc)
{
	if (close(fd) < 0 && rc == 0)
		return failed(un, CALL_CLOSE);
	return rc;
}

static int make_file(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags, 0600);
	int rc;

	if (fd < 0)
		return failed(un, CALL_OPENAT);
	rc = write_all(un, fd, parts->data, rec->data_length, 0);
	if (rc == 0 && (rec->flags & UNFINISHED)) {
		un->file = fd;
		return 0;
	}
	if (rc == 0)
		rc = dress_file(un, fd, rec, parts, rec->mode & 07777);
	return close_file(un, fd, rc);
}

/* A folder stays open to its owner until the end, when it gets its mode and time. */
static int make_folder(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int fd;
	int rc;

	if (mkdirat(at, name, 0700) < 0)
		return failed(un, CALL_MKDIRAT);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(un, CALL_OPENAT);
	rc = dress_file(un, fd, rec, parts, 0700);
	return close_file(un, fd, rc);
}

/* A folder that is there gets the new one's owner and attributes; anything else makes room for it. -EEXIST: it has to be made. */
static int keep_folder(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -EEXIST;
	return close_file(un, fd, dress_file(un, fd, rec, parts, 0700));
}

static int make_link(struct unpack *un, int at, const char *name, const struct parts *parts)
{
	const char *old;
	int from = parent_of(un, parts->text, &old);

	if (from < 0)
		return from;
	/* The other folder may have been forgotten to open this one: both are looked up again, and are there now. */
	at = parent_of(un, parts->path, &name);
	if (at < 0)
		return at;
	return linkat(from, old, at, name, 0) < 0 ? failed(un, CALL_LINKAT) : 0;
}

static int make_node(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	if (mknodat(at, name, rec->mode & (S_IFMT | 0600), makedev(rec->major, rec->minor)) == 0)
		return dress_name(un, at, name, rec, parts);
	if (errno != EPERM || !(rec->flags & MAY_FAIL))
		return failed(un, CALL_MKNODAT);
	un->report[3]++;
	return 0;
}

static int make(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	switch ((enum kind)rec->kind) {
	case DIR_:
		return make_folder(un, at, name, rec, parts);
	case FILE_:
		return make_file(un, at, name, rec, parts);
	case SYMLINK:
		if (symlinkat(parts->text, at, name) < 0)
			return failed(un, CALL_SYMLINKAT);
		return dress_name(un, at, name, rec, parts);
	case LINK:
		return make_link(un, at, name, parts);
	case NODE:
		return make_node(un, at, name, rec, parts);
	default:
		return -EINVAL;
	}
}

/* ---- records ---- */

static int perform_entry(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	const char *name;
	int at = parent_of(un, parts->path, &name);
	int rc;

	if (at < 0)
		return at;
	if (rec->kind == REMOVE)
		return clear_name(un, at, name);
	rc = make(un, at, name, rec, parts);
	if (rc == -EEXIST && rec->kind == DIR_)
		rc = keep_folder(un, at, name, rec, parts);
	if (rc != -EEXIST)
		return rc;
	rc = clear_name(un, at, name);
	/* All folders have been forgotten. */
	at = rc < 0 ? rc : parent_of(un, parts->path, &name);
	return at < 0 ? at : make(un, at, name, rec, parts);
}

/* What a folder gets last: entries in it would have changed its time, and its mode may keep its owner out. */
static int finish_folder(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	struct timespec times[2];
	const char *name;
	int at = parts->path[0] ? parent_of(un, parts->path, &name) : un->root;
	int fd = at < 0 ? at : openat(at, parts->path[0] ? name : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (at < 0)
		return at;
	/* A later entry has replaced it. */
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : failed(un, CALL_OPENAT);
	if (fchmod(fd, rec->mode & 07777) < 0)
		return close_file(un, fd, failed(un, CALL_FCHMOD));
	return close_file(un, fd, futimens(fd, times_of(rec, times)) < 0 ? failed(un, CALL_UTIMENSAT) : 0);
}

/* Attributes of a folder; of the root also its owner. */
static int dress_folder(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	int fd = open_in_root(un, parts->path[0] ? parts->path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return failed(un, CALL_OPENAT2);
	if (!parts->path[0])
		return close_file(un, fd, dress_file(un, fd, rec, parts, 0700));
	return close_file(un, fd, set_xattrs(un, fd, NULL, parts->xattrs, rec->xattrs_length));
}

static int end_file(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	int fd = un->file;
	int rc;

	if (fd < 0)
		return -EBADF;
	un->file = -1;
	if (ftruncate(fd, (off_t)rec->offset) < 0)
		return close_file(un, fd, failed(un, CALL_FTRUNCATE));
	rc = dress_file(un, fd, rec, parts, rec->mode & 07777);
	return close_file(un, fd, rc);
}

static int perform(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	switch ((enum kind)rec->kind) {
	case DATA:
		return un->file < 0 ? -EBADF : write_all(un, un->file, parts->data, rec->data_length, (off_t)rec->offset);
	case END:
		return end_file(un, rec, parts);
	case FOLDER_TIMES:
		return finish_folder(un, rec, parts);
	case XATTRS:
		return dress_folder(un, rec, parts);
	default:
		return perform_entry(un, rec, parts);
	}
}

/* A record's parts, or -EINVAL where they do not fill it as they should. */
static int parts_of(const struct record *rec, const uint8_t *at, struct parts *parts)
{
	size_t size = sizeof *rec + (size_t)rec->path_length + 1 + (size_t)rec->text_length + 1 +
		      (size_t)rec->xattrs_length + (size_t)rec->data_length;

	if (((size + 7) & ~(size_t)7) != rec->length)
		return -EINVAL;
	parts->path = (const char *)at + sizeof *rec;
	parts->text = parts->path + rec->path_length + 1;
	parts->xattrs = (const uint8_t *)parts->text + rec->text_length + 1;
	parts->data = parts->xattrs + rec->xattrs_length;
	return parts->path[rec->path_length] || parts->text[rec->text_length] ? -EINVAL : 0;
}

int ts_unpack_open(const char *path, int uid, int gid)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		struct unpack *un;

		if (slots[slot])
			continue;
		un = calloc(1, sizeof *un);
		if (!un)
			return -ENOMEM;
		*un = (struct unpack){ .uid = (uid_t)uid, .gid = (gid_t)gid, .file = -1 };
		un->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (un->root < 0) {
			free(un);
			return -errno;
		}
		slots[slot] = un;
		return slot;
	}
	return -EMFILE;
}

int ts_unpack(int slot, const uint8_t *records, int length, int32_t report[4])
{
	struct unpack *un = slot >= 0 && slot < SLOTS ? slots[slot] : NULL;
	size_t left = (size_t)length;

	memset(report, 0, 4 * sizeof *report);
	if (!un)
		return -EBADF;
	un->report = report;
	for (; left > 0; report[0]++) {
		struct record rec;
		struct parts parts;
		int rc;

		if (left < sizeof rec)
			return -EINVAL;
		memcpy(&rec, records, sizeof rec);
		if (rec.length > left || parts_of(&rec, records, &parts) < 0)
			return -EINVAL;
		rc = perform(un, &rec, &parts);
		if (rc < 0)
			return rc;
		records += rec.length;
		left -= rec.length;
	}
	return 0;
}

int ts_unpack_close(int slot)
{
	struct unpack *un = slot >= 0 && slot < SLOTS ? slots[slot] : NULL;

	if (!un)
		return -EBADF;
	forget_folders(un);
	if (un->file >= 0)
		(void)close(un->file);
	(void)close(un->root);
	free(un);
	slots[slot] = NULL;
	return 0;
}
