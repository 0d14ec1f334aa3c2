#include <linux/limits.h>

#include "path.h"
#include "text.h"

#define MAX_LINKS 255
/* openat2 gives up with EAGAIN when any rename happens on the machine during a ".."; under load 32 tries are too few. */
#define MAX_TRIES 20000

int path_open(int root, const char *path, int flags, u64 resolve)
{
	const struct open_how how = {
		.flags = (u64)(flags | O_CLOEXEC),
		.resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = -EAGAIN;

	for (int tries = 0; fd == -EAGAIN && tries < MAX_TRIES; tries++)
		fd = sys_openat2(root, path, &how);
	return fd;
}

/* A walk from the root, one component at a time. */
struct walk {
	int root;
	int at;			/* the folder reached so far, O_PATH; own descriptor */
	char done[PATH_MAX];	/* its path from the root, free of links, such as "/a/b"; "" is the root */
	char rest[PATH_MAX];	/* what remains to be walked */
	size_t done_size;
	int links;
};

static int step_to(struct walk *walk, int fd)
{
	if (fd < 0)
		return fd;
	sys_close(walk->at);
	walk->at = fd;
	return 0;
}

static int step_root(struct walk *walk)
{
	walk->done_size = 0;
	walk->done[0] = '\0';
	return step_to(walk, sys_dup_above(walk->root, 0));
}

/* Back to the parent: from the root again, because the folder may have been moved elsewhere since it was opened. */
static int step_up(struct walk *walk)
{
	while (walk->done_size && walk->done[--walk->done_size] != '/')
		;
	walk->done[walk->done_size] = '\0';
	if (!walk->done_size)
		return step_root(walk);
	return step_to(walk, path_open(walk->root, walk->done, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS));
}

static int step_down(struct walk *walk, int fd, const char *name)
{
	size_t size = strlen(name);

	if (walk->done_size + 1 + size >= sizeof(walk->done)) {
		sys_close(fd);
		return -ENAMETOOLONG;
	}
	walk->done[walk->done_size] = '/';
	memcpy(walk->done + walk->done_size + 1, name, size + 1);
	walk->done_size += 1 + size;
	return step_to(walk, fd);
}

/* Take the next component off `rest`. "" where none is left. */
static int next_name(struct walk *walk, char *name)
{
	size_t start = 0;
	size_t size = 0;

	while (walk->rest[start] == '/')
		start++;
	while (walk->rest[start + size] && walk->rest[start + size] != '/')
		size++;
	if (size >= PATH_NAME_BYTES)
		return -ENAMETOOLONG;
	memcpy(name, walk->rest + start, size);
	name[size] = '\0';
	start += size;
	while (walk->rest[start] == '/')
		start++;
	memmove(walk->rest, walk->rest + start, strlen(walk->rest + start) + 1);
	return 0;
}

/* Put the text of the link `fd` in front of what remains. */
static int splice_link(struct walk *walk, int fd)
{
	char link[PATH_MAX];
	size_t rest = strlen(walk->rest);
	int size = sys_readlinkat(fd, "", link, sizeof(link));

	if (size < 0)
		return size;
	if (++walk->links > MAX_LINKS)
		return -ELOOP;
	if ((size_t)size + 1 + rest >= sizeof(walk->rest))
		return -ENAMETOOLONG;
	memmove(walk->rest + size + 1, walk->rest, rest + 1);
	memcpy(walk->rest, link, (size_t)size);
	walk->rest[size] = '/';
	return link[0] == '/' ? step_root(walk) : 0;
}

/* Make the missing `name` here. 0 also where somebody else was faster: the caller looks again. */
static int make_name(struct walk *walk, const char *name, enum path_last last, u32 mode)
{
	bool is_last = !walk->rest[0];
	int fd;

	if (is_last && last == LAST_FILE) {
		fd = sys_openat(walk->at, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, mode);
		if (fd >= 0)
			sys_close(fd);
	} else {
		fd = sys_mkdirat(walk->at, name, is_last ? mode : 0755);
	}
	return fd < 0 && fd != -EEXIST ? fd : 0;
}

/* One component that is neither "." nor "..". 1: it is the last, and the walk is at it. */
static int step(struct walk *walk, const char *name, enum path_last last, u32 mode)
{
	struct statx found;
	int fd = sys_openat(walk->at, name, O_PATH | O_NOFOLLOW, 0);
	int rc;

	for (int tries = 0; fd == -ENOENT && tries < MAX_TRIES; tries++) {
		rc = make_name(walk, name, last, mode);
		if (rc < 0)
			return rc;
		fd = sys_openat(walk->at, name, O_PATH | O_NOFOLLOW, 0);
	}
	if (fd < 0)
		return fd;
	rc = sys_statx(fd, STATX_TYPE, &found);
	if (rc < 0) {
		sys_close(fd);
		return rc;
	}
	switch (found.stx_mode & S_IFMT) {
	case S_IFLNK:
		rc = splice_link(walk, fd);
		sys_close(fd);
		return rc;
	case S_IFDIR:
		return step_down(walk, fd, name);
	default:
		if (walk->rest[0] || last != LAST_FILE) {
			sys_close(fd);
			return -ENOTDIR;
		}
		rc = step_to(walk, fd);
		return rc < 0 ? rc : 1;
	}
}

static int walk_path(struct walk *walk, enum path_last last, u32 mode, char *name)
{
	int rc = 0;

	while (rc == 0) {
		rc = next_name(walk, name);
		if (rc < 0)
			return rc;
		if (!name[0])
			return last == LAST_PARENT ? -EEXIST : 0;
		if (text_equal(name, "."))
			continue;
		if (text_equal(name, ".."))
			rc = step_up(walk);
		else if (last == LAST_PARENT && !walk->rest[0])
			return 0;
		else
			rc = step(walk, name, last, mode);
	}
	return rc < 0 ? rc : 0;
}

int path_make(int root, const char *path, enum path_last last, u32 mode, char *name)
{
	char own[PATH_NAME_BYTES];
	struct walk walk;
	size_t size = strlen(path);
	int rc;

	if (last != LAST_PARENT) {
		/* Nearly always it is there: one call. */
		rc = path_open(root, path, O_PATH | (last == LAST_DIR ? O_DIRECTORY : 0), 0);
		if (rc != -ENOENT)
			return rc;
	}
	if (size >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	walk.root = root;
	walk.done[0] = '\0';
	walk.done_size = 0;
	walk.links = 0;
	memcpy(walk.rest, path, size + 1);
	walk.at = sys_dup_above(root, 0);
	if (walk.at < 0)
		return walk.at;
	rc = walk_path(&walk, last, mode, name ? name : own);
	if (rc < 0) {
		sys_close(walk.at);
		return rc;
	}
	return walk.at;
}
