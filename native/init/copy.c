/*
 * tmpcopyup: what a folder of the image holds, copied into the filesystem that is about to cover it. Links are copied as
 * links, nothing is followed, and the depth has a limit: the image is hostile.
 */
#include <linux/limits.h>
#include <linux/time_types.h>

#include "run.h"

#define MAX_DEPTH 64
#define ENTRIES_BYTES 1024

struct entry { /* struct linux_dirent64 */
	u64 inode;
	s64 next;
	unsigned short size;
	unsigned char type;
	char name[];
};

struct copy {
	struct run *run;
	const char *subject;
};

static int copy_folder(const struct copy *copy, int from, int to, int depth);

static int copy_fail(const struct copy *copy, long result, const char *call, const char *name)
{
	return fail_more(copy->run, result, call, copy->subject, name);
}

/* Owner first: changing it clears the set-user-id bits. Times last: changing anything else would change them. */
static int copy_metadata(const struct copy *copy, int to, const struct statx *old, const char *name)
{
	const struct __kernel_timespec times[2] = {
		{ old->stx_atime.tv_sec, old->stx_atime.tv_nsec },
		{ old->stx_mtime.tv_sec, old->stx_mtime.tv_nsec },
	};
	long rc = sys(fchown, to, old->stx_uid, old->stx_gid);

	if (rc == 0)
		rc = sys(fchmod, to, old->stx_mode & 07777);
	if (rc == 0)
		rc = sys(utimensat, to, NULL, times, 0);
	return rc < 0 ? copy_fail(copy, rc, "fchown, fchmod or utimensat", name) : 0;
}

static int copy_file(const struct copy *copy, int from, int to, const char *name, const struct statx *old)
{
	AUTO_FD in = sys_openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	AUTO_FD out = -1;
	long rc = in;

	if (in < 0)
		return copy_fail(copy, in, "openat", name);
	out = sys_openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (out < 0)
		return copy_fail(copy, out, "openat", name);
	do
		rc = sys(sendfile, out, in, NULL, 1u << 20);
	while (rc > 0 || rc == -EINTR);
	return rc < 0 ? copy_fail(copy, rc, "sendfile", name) : copy_metadata(copy, out, old, name);
}

static int copy_link(const struct copy *copy, int from, int to, const char *name, const struct statx *old)
{
	char text[PATH_MAX];
	long rc = sys_readlinkat(from, name, text, sizeof(text) - 1);

	if (rc >= 0) {
		text[rc] = '\0';
		rc = sys(symlinkat, text, to, name);
	}
	if (rc >= 0)
		rc = sys(fchownat, to, name, old->stx_uid, old->stx_gid, AT_SYMLINK_NOFOLLOW);
	return rc < 0 ? copy_fail(copy, rc, "symlinkat", name) : 0;
}

static int copy_special(const struct copy *copy, int to, const char *name, const struct statx *old)
{
	u64 device = (u64)(old->stx_rdev_minor & 0xff) | (u64)(old->stx_rdev_major & 0xfff) << 8 |
		     (u64)(old->stx_rdev_minor & ~0xffu) << 12;
	long rc = sys_mknodat(to, name, old->stx_mode, device);

	if (rc >= 0)
		rc = sys(fchownat, to, name, old->stx_uid, old->stx_gid, AT_SYMLINK_NOFOLLOW);
	return rc < 0 ? copy_fail(copy, rc, "mknodat", name) : 0;
}

static int copy_subfolder(const struct copy *copy, int from, int to, const char *name, int depth)
{
	AUTO_FD in = sys_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	AUTO_FD out = -1;
	int rc;

	if (in < 0)
		return copy_fail(copy, in, "openat", name);
	rc = sys_mkdirat(to, name, 0700);
	if (rc < 0)
		return copy_fail(copy, rc, "mkdirat", name);
	out = sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (out < 0)
		return copy_fail(copy, out, "openat", name);
	return copy_folder(copy, in, out, depth + 1);
}

static int copy_entry(const struct copy *copy, int from, int to, const char *name, int depth)
{
	struct statx old;
	long rc = sys(statx, from, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &old);

	if (rc < 0)
		return copy_fail(copy, rc, "statx", name);
	switch (old.stx_mode & S_IFMT) {
	case S_IFDIR:
		return copy_subfolder(copy, from, to, name, depth);
	case S_IFREG:
		return copy_file(copy, from, to, name, &old);
	case S_IFLNK:
		return copy_link(copy, from, to, name, &old);
	case S_IFSOCK: /* of a server that does not run here */
		return 0;
	default:
		return copy_special(copy, to, name, &old);
	}
}

static int copy_folder(const struct copy *copy, int from, int to, int depth)
{
	u64 buffer[ENTRIES_BYTES / sizeof(u64)];
	struct statx old;
	long got = sys_statx(from, STATX_BASIC_STATS, &old);

	if (got < 0)
		return copy_fail(copy, got, "statx", "");
	if (depth > MAX_DEPTH)
		return copy_fail(copy, -ELOOP, "getdents64", "folders within folders, too many");
	while ((got = sys(getdents64, from, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			const struct entry *entry = (const void *)((const char *)buffer + at);

			at += entry->size;
			if (text_equal(entry->name, ".") || text_equal(entry->name, ".."))
				continue;
			if (copy_entry(copy, from, to, entry->name, depth) < 0)
				return -1;
		}
	}
	return got < 0 ? copy_fail(copy, got, "getdents64", "") : copy_metadata(copy, to, &old, "");
}

int copy_tree(struct run *run, int from, int to, const char *subject)
{
	const struct copy copy = { run, subject };

	return copy_folder(&copy, from, to, 0);
}
