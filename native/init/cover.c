/* Masked and read-only paths. */
#include "path.h"
#include "run.h"

#define NULL_MAJOR 1
#define NULL_MINOR 3

/*
 * The null device is the host's, looked at through the descriptor that is then mounted, before anything of the image is
 * in sight: an image's /dev/null may be a link to a file that must stay masked (CVE-2025-31133). Where it is not to be had,
 * that is an error of the first path that needs it, never a path left unmasked.
 */
void cover_prepare(struct run *run)
{
	const struct mount_attr private = { .propagation = MS_PRIVATE };
	AUTO_FD device = sys_openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
	struct statx found;
	int rc = device < 0 ? device : sys_statx(device, STATX_TYPE, &found);

	if (rc == 0 && ((found.stx_mode & S_IFMT) != S_IFCHR || found.stx_rdev_major != NULL_MAJOR ||
			found.stx_rdev_minor != NULL_MINOR))
		rc = -ENODEV;
	if (rc == 0)
		rc = sys_open_tree(device, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	run->null.fd = rc < 0 ? -1 : rc;
	/* On a host with shared mounts it would be one of their group: what is mounted over it would come up on the host. */
	if (rc >= 0)
		rc = sys_mount_setattr(run->null.fd, 0, &private);
	run->null.error = rc < 0 ? rc : 0;
}

/* An empty folder that nothing can be put into, detached. */
static int make_empty(struct run *run, const char *label)
{
	AUTO_FD fs = (int)sys(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int rc = fs;

	if (rc >= 0)
		rc = sys_fsconfig(fs, FSCONFIG_SET_STRING, "size", "4k");
	if (rc >= 0)
		rc = sys_fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "2");
	if (rc >= 0)
		rc = sys_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "755");
	if (rc >= 0)
		rc = sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL);
	if (rc >= 0 && label[0])
		rc = sys_fsconfig(fs, FSCONFIG_SET_STRING, "context", label);
	if (rc >= 0)
		rc = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (rc >= 0)
		rc = (int)sys(fsmount, fs, FSMOUNT_CLOEXEC,
			      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (rc < 0)
		return fail(run, rc, "fsmount", "an empty tmpfs");
	run->empty.fd = rc;
	return 0;
}

static int put_cover(struct run *run, struct cover *cover, int place, const char *target)
{
	AUTO_FD clone = -1;
	int rc;

	if (cover->attached) {
		clone = sys_open_tree(cover->fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
		if (clone < 0)
			return fail(run, clone, "open_tree", target);
	}
	rc = sys_attach(cover->attached ? clone : cover->fd, place);
	if (rc < 0)
		return fail(run, rc, "move_mount", target);
	cover->attached = true;
	return 0;
}

static bool is_missing(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR;
}

int op_maskPath(struct run *run, const struct op_maskPath *op)
{
	AUTO_FD place = path_open(run->root, op->target, O_PATH, 0);
	struct statx found;
	int rc;

	if (is_missing(place))
		return 0;
	rc = place < 0 ? place : sys_statx(place, STATX_TYPE, &found);
	if (rc < 0)
		return fail(run, rc, "openat2", op->target);
	if ((found.stx_mode & S_IFMT) == S_IFDIR)
		return run->empty.fd < 0 && make_empty(run, op->label) < 0 ?
			       -1 :
			       put_cover(run, &run->empty, place, op->target);
	if (run->null.error < 0)
		return fail_more(run, run->null.error, "open_tree", "/dev/null of the host", op->target);
	/* Read-only, lest a chmod of the masked path be one of the host's /dev/null. */
	if (!run->null.attached &&
	    set_attributes(run, run->null.fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, false, op->target) < 0)
		return -1;
	return put_cover(run, &run->null, place, op->target);
}

int op_readonlyPath(struct run *run, const struct op_readonlyPath *op)
{
	AUTO_FD place = path_open(run->root, op->target, O_PATH, 0);
	int rc;

	if (is_missing(place))
		return 0;
	if (place < 0)
		return fail(run, place, "openat2", op->target);
	AUTO_FD tree = sys_open_tree(place, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);

	if (tree < 0)
		return fail(run, tree, "open_tree", op->target);
	if (set_attributes(run, tree, MOUNT_ATTR_RDONLY, 0, false, op->target) < 0)
		return -1;
	rc = sys_attach(tree, place);
	return rc < 0 ? fail(run, rc, "move_mount", op->target) : 0;
}
