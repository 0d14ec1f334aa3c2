/* The kinds of entries, and how each is written. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "unpack.h"

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

/* A file whose content follows is nobody else's until its end. */
static int begin_file(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0)
		return failed(un, CALL_OPENAT);
	rc = write_all(un, fd, parts->data, rec->data_length, 0);
	if (rc < 0)
		return close_file(un, fd, rc);
	un->file = fd;
	un->written = (off_t)rec->data_length;
	return 0;
}

static int make_file(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int left = 0;
	int fd;
	int rc;

	if (rec->flags & UNFINISHED)
		return begin_file(un, at, name, rec, parts);
	fd = open_new(un, at, name, rec, &left);
	if (fd < 0)
		return fd;
	rc = write_all(un, fd, parts->data, rec->data_length, 0);
	if (rc == 0 && rec->xattrs_length > 0)
		return close_file(un, fd, dress_file(un, fd, rec, parts, rec->mode & 07777));
	if (rc == 0 && (left & LEFT_OWNER) && fchown(fd, rec->uid, rec->gid) < 0)
		rc = failed(un, CALL_FCHOWN);
	if (rc == 0 && (left & LEFT_MODE) && fchmod(fd, rec->mode & 07777) < 0)
		rc = failed(un, CALL_FCHMOD);
	return close_file(un, fd, rc < 0 ? rc : set_times(un, fd, rec));
}

/* A folder stays open to its owner until the end, when it gets its mode and time. */
static int make_folder(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int fd;

	if (mkdirat(at, name, 0700) < 0)
		return failed(un, CALL_MKDIRAT);
	if (rec->xattrs_length == 0 && is_born_owned(un, rec))
		return 0;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return failed(un, CALL_OPENAT);
	return close_file(un, fd, dress_file(un, fd, rec, parts, 0700));
}

/* A folder that is there gets the new one's owner and attributes; anything else makes room for it. -EEXIST: it has to be made. */
static int keep_folder(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -EEXIST;
	forget_births(un);
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
		return dress_node(un, at, name, rec, parts);
	if (errno != EPERM || !(rec->flags & MAY_FAIL))
		return failed(un, CALL_MKNODAT);
	un->lost_nodes++;
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
		return dress_link(un, at, name, rec, parts);
	case LINK:
		return make_link(un, at, name, parts);
	case NODE:
		return make_node(un, at, name, rec, parts);
	default:
		return -EINVAL;
	}
}

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

/* What a folder gets last: entries in it would have changed its time, and its mode may keep its owner out. It may be gone by now. */
static int finish_folder(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	int fd = open_in_root(un, parts->path[0] ? parts->path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : failed(un, CALL_OPENAT2);
	if (fchmod(fd, rec->mode & 07777) < 0)
		return close_file(un, fd, failed(un, CALL_FCHMOD));
	return close_file(un, fd, set_times(un, fd, rec));
}

/* Attributes of a folder; of the root also its owner. */
static int dress_folder(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	int fd = open_in_root(un, parts->path[0] ? parts->path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd < 0)
		return failed(un, CALL_OPENAT2);
	forget_births(un);
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
	if (un->written != (off_t)rec->offset && ftruncate(fd, (off_t)rec->offset) < 0)
		return close_file(un, fd, failed(un, CALL_FTRUNCATE));
	rc = dress_file(un, fd, rec, parts, rec->mode & 07777);
	return close_file(un, fd, rc);
}

static int add_data(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	off_t end = (off_t)rec->offset + (off_t)rec->data_length;

	if (un->file < 0)
		return -EBADF;
	if (end > un->written)
		un->written = end;
	return write_all(un, un->file, parts->data, rec->data_length, (off_t)rec->offset);
}

int perform(struct unpack *un, const struct record *rec, const struct parts *parts)
{
	switch ((enum kind)rec->kind) {
	case DATA:
		return add_data(un, rec, parts);
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
