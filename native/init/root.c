/* The container's root: where it is attached, and how it becomes "/". */
#include "path.h"
#include "run.h"

int op_propagation(struct run *run, const struct op_propagation *op)
{
	int rc = sys_mount(NULL, "/", NULL, op->flags, NULL);

	return rc < 0 ? fail(run, rc, "mount", "/ (propagation)") : 0;
}

static bool same_place(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_mnt_id == b->stx_mnt_id && a->stx_dev_major == b->stx_dev_major &&
	       a->stx_dev_minor == b->stx_dev_minor;
}

#define PLACE_MASK (STATX_INO | STATX_MNT_ID)

/*
 * Make the mount that holds the folder `fd` private: pivot_root refuses a root whose parent mount is shared, and
 * what is mounted inside must not spread to the host.
 */
static int isolate_mount(struct run *run, int fd, const char *path)
{
	const struct mount_attr private = { .propagation = MS_PRIVATE };
	struct statx here;
	struct statx above;
	AUTO_FD at = sys_dup_above(fd, 3);
	int rc = at < 0 ? at : sys_statx(at, PLACE_MASK, &here);

	while (rc == 0 && !(here.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
		int up = sys_openat(at, "..", O_PATH | O_DIRECTORY, 0);

		rc = up < 0 ? up : sys_statx(up, PLACE_MASK, &above);
		if (up >= 0) {
			sys_close(at);
			at = up;
		}
		/* The top of a chroot that is no mount. */
		if (rc == 0 && same_place(&here, &above))
			rc = -EINVAL;
		here = above;
	}
	if (rc < 0)
		return fail_more(run, rc, "statx", path, "looking for its mount");
	rc = sys_mount_setattr(at, 0, &private);
	return rc < 0 ? fail_more(run, rc, "mount_setattr", path, "MS_PRIVATE on the mount that holds it") : 0;
}

int op_overlay(struct run *run, const struct op_overlay *op)
{
	AUTO_FD back = sys_openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);
	AUTO_FD folder = sys_openat(AT_FDCWD, op->folder, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	struct statx here;
	long rc = back < 0 ? back : folder < 0 ? folder : sys_statx(folder, STATX_INO, &here);

	/* The host has seen whose the layers are; what they are taken from must be just that. */
	if (rc == 0 && here.stx_ino != op->inode)
		return refuse(run, FAILURE_UNSAFE, ESTALE, "the store of layers was exchanged", op->folder);
	if (rc == 0)
		rc = sys(fchdir, folder);
	if (rc < 0)
		return fail(run, rc, "fchdir", op->folder);
	rc = sys_mount("overlay", op->path, "overlay", 0, op->options);
	if (sys(fchdir, back) < 0)
		return fail(run, -EIO, "fchdir", "back to the bundle");
	return rc < 0 ? fail_more(run, rc, "mount", op->path, "overlay") : 0;
}

int op_rootfs(struct run *run, const struct op_rootfs *op)
{
	AUTO_FD folder = sys_openat(AT_FDCWD, op->path, O_PATH | O_DIRECTORY, 0);
	AUTO_FD top = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	struct statx here;
	struct statx host;
	int tree;
	int rc;

	if (folder < 0)
		return fail(run, folder, "openat", op->path);
	rc = top < 0 ? top : sys_statx(top, PLACE_MASK, &host);
	if (rc == 0)
		rc = sys_statx(folder, PLACE_MASK, &here);
	if (rc < 0)
		return fail(run, rc, "statx", op->path);
	if (same_place(&here, &host))
		return refuse(run, FAILURE_UNSAFE, EINVAL, "the container's root must not be the host's", op->path);
	if (isolate_mount(run, folder, op->path) < 0)
		return -1;
	tree = sys_open_tree(folder, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
	if (tree < 0)
		return fail(run, tree, "open_tree", op->path);
	rc = sys_attach(tree, folder);
	if (rc < 0) {
		sys_close(tree);
		return fail(run, rc, "move_mount", op->path);
	}
	run->root = tree;
	return 0;
}

/* From here on "/" is the container's; the descriptor is of that. */
static int reopen_root(struct run *run)
{
	int root;
	int rc = (int)sys(chdir, "/");

	if (rc < 0)
		return fail(run, rc, "chdir", "/");
	root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	if (root < 0)
		return fail(run, root, "openat", "/");
	sys_close(run->root);
	run->root = root;
	run->pivoted = true;
	return 0;
}

int op_pivotRoot(struct run *run, const struct op_pivotRoot *op)
{
	AUTO_FD old = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	long rc = old < 0 ? old : sys(fchdir, run->root);

	(void)op;
	if (rc < 0)
		return fail(run, rc, "fchdir", "the root");
	/* The old root ends up mounted over the new one: both are ".", and no folder of the image is needed. */
	rc = sys(pivot_root, ".", ".");
	if (rc < 0)
		return fail(run, rc, "pivot_root", "the root");
	/* "." would be the new root here; the old one's mounts must not be unmounted on the host too. */
	rc = sys(fchdir, old);
	if (rc < 0)
		return fail(run, rc, "fchdir", "the old root");
	rc = sys_mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL);
	if (rc < 0)
		return fail(run, rc, "mount", "the old root (MS_SLAVE)");
	rc = sys(umount2, ".", 2 /* MNT_DETACH */);
	if (rc < 0)
		return fail(run, rc, "umount2", "the old root");
	return reopen_root(run);
}

/* ---- without pivot_root ---- */

#define MOUNTINFO_BYTES (4u << 20)

/* The whole of this process's mountinfo, NUL-ended, in memory that the caller unmaps; NULL with the failure recorded. */
static char *read_mountinfo(struct run *run)
{
	AUTO_FD fd = proc_open_own(run, "mountinfo", O_RDONLY);
	char *buffer = (char *)sys(mmap, NULL, MOUNTINFO_BYTES, 3 /* read, write */, 0x22 /* private, anonymous */, -1);
	size_t used = 0;
	long got = fd;

	if ((unsigned long)buffer > -4096UL) {
		(void)fail(run, (long)buffer, "mmap", "mountinfo");
		return NULL;
	}
	while (fd >= 0 && used < MOUNTINFO_BYTES - 1) {
		got = sys_read(fd, buffer + used, MOUNTINFO_BYTES - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	buffer[used] = '\0';
	if (got == 0)
		return buffer;
	(void)sys(munmap, buffer, MOUNTINFO_BYTES);
	(void)fail(run, got < 0 ? got : -E2BIG, "read", "/proc/self/mountinfo");
	return NULL;
}

/* The field at `*at` of a line, ended in place; `*at` moves behind it. */
static char *next_field(char **at)
{
	char *field = *at;

	while (**at && **at != ' ')
		(*at)++;
	if (**at)
		*(*at)++ = '\0';
	return field;
}

/* Undo mountinfo's \040 and the like, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		}
	}
	*to = '\0';
}

/*
 * The mount point of a line, where it is that of a whole procfs or sysfs outside `root`; else NULL.
 * "36 35 98:0 /root /mount/point options tags - fstype source options"
 */
static char *full_view(char *line, const char *root)
{
	const char *inside;
	const char *type;
	char *at = line;
	char *shown;
	char *point;

	for (int skip = 0; skip < 3; skip++)
		(void)next_field(&at);
	shown = next_field(&at);
	point = next_field(&at);
	while (*at && !text_equal(next_field(&at), "-"))
		;
	type = next_field(&at);
	unescape(point);
	inside = text_after(point, root);
	if (!text_equal(shown, "/") || (!text_equal(type, "proc") && !text_equal(type, "sysfs")) ||
	    (inside && (!*inside || *inside == '/')))
		return NULL;
	return point;
}

/*
 * Without pivot_root the host's mounts stay within reach of a process that leaves its chroot, and a procfs or sysfs that
 * shows everything lets a user namespace mount new ones; so these go first. As runc's msMoveRoot.
 */
static int drop_view(struct run *run, const char *point)
{
	long rc = sys_mount(NULL, point, NULL, MS_SLAVE | MS_REC, NULL);

	if (rc < 0)
		return fail(run, rc, "mount", keep(run, point));
	rc = sys(umount2, point, 2 /* MNT_DETACH */);
	if (rc == -EINVAL || rc == -EPERM)
		rc = sys_mount("tmpfs", point, "tmpfs", 0, NULL);
	return rc < 0 ? fail(run, rc, "umount2", keep(run, point)) : 0;
}

static int drop_views(struct run *run, const char *root)
{
	char *lines = read_mountinfo(run);
	char *line = lines;
	int rc = 0;

	while (line && *line && rc == 0) {
		char *next = line;
		const char *point;

		while (*next && *next != '\n')
			next++;
		if (*next)
			*next++ = '\0';
		point = full_view(line, root);
		if (point)
			rc = drop_view(run, point);
		line = next;
	}
	if (lines)
		(void)sys(munmap, lines, MOUNTINFO_BYTES);
	return lines ? rc : -1;
}

int op_moveRoot(struct run *run, const struct op_moveRoot *op)
{
	char name[48];
	char number[24];
	char root[PATH_BYTES];
	struct text tail = text_in(number, sizeof(number));
	long rc;
	int size;

	(void)op;
	if (proc_open(run) < 0)
		return -1;
	text_add(&tail, "fd/");
	text_add_number(&tail, (u64)run->root);
	(void)proc_own_path(run, name, sizeof(name), number);
	size = sys_readlinkat(run->proc, name, root, sizeof(root) - 1);
	if (size < 0)
		return fail(run, size, "readlinkat", "the root");
	root[size] = '\0';
	if (drop_views(run, root) < 0)
		return -1;
	rc = sys(fchdir, run->root);
	if (rc < 0)
		return fail(run, rc, "fchdir", "the root");
	rc = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (rc < 0)
		return fail(run, rc, "mount", "the root (MS_MOVE)");
	rc = sys(chroot, ".");
	if (rc < 0)
		return fail(run, rc, "chroot", "the root");
	return reopen_root(run);
}

int op_rootReadonly(struct run *run, const struct op_rootReadonly *op)
{
	(void)op;
	return set_attributes(run, run->root, MOUNT_ATTR_RDONLY, 0, false, "/");
}
