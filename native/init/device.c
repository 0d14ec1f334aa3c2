/* What is made inside the root: folders, files, device nodes, links. */
#include "path.h"
#include "run.h"

int op_mkdir(struct run *run, const struct op_mkdir *op)
{
	AUTO_FD fd = path_make(run->root, op->target, LAST_DIR, op->mode, NULL);

	return fd < 0 ? fail(run, fd, "mkdirat", op->target) : 0;
}

int op_mkfile(struct run *run, const struct op_mkfile *op)
{
	AUTO_FD fd = path_make(run->root, op->target, LAST_FILE, op->mode, NULL);

	return fd < 0 ? fail(run, fd, "openat", op->target) : 0;
}

/* As the kernel's new_encode_dev has it for user space. */
static u64 device_number(u32 major, u32 minor)
{
	return (u64)(minor & 0xff) | (u64)(major & 0xfff) << 8 | (u64)(minor & ~0xffu) << 12 |
	       (u64)(major & ~0xfffu) << 32;
}

/* Through the descriptor: a name could be exchanged for a link. Kernels before 6.6 do it by way of procfs. */
static int chmod_node(struct run *run, int fd, u32 mode, const char *target)
{
	char name[48];
	char number[24];
	struct text tail = text_in(number, sizeof(number));
	long rc = sys(fchmodat2, fd, "", mode, AT_EMPTY_PATH);

	if (rc == -ENOSYS) {
		if (run->proc < 0 && proc_open(run) < 0)
			return -1;
		text_add(&tail, "fd/");
		text_add_number(&tail, (u64)fd);
		(void)proc_own_path(run, name, sizeof(name), number);
		rc = sys(fchmodat, run->proc, name, mode);
	}
	return rc < 0 ? fail(run, rc, "fchmodat2", target) : 0;
}

int op_mknod(struct run *run, const struct op_mknod *op)
{
	char name[PATH_NAME_BYTES];
	struct statx found;
	AUTO_FD parent = path_make(run->root, op->target, LAST_PARENT, 0, name);
	int rc;

	if (parent < 0)
		return fail(run, parent, "openat2", op->target);
	rc = sys_mknodat(parent, name, op->mode, device_number(op->major, op->minor));
	if (rc < 0 && rc != -EEXIST)
		return fail(run, rc, "mknodat", op->target);
	AUTO_FD node = sys_openat(parent, name, O_PATH | O_NOFOLLOW, 0);

	rc = node < 0 ? node : sys_statx(node, STATX_TYPE, &found);
	if (rc < 0)
		return fail(run, rc, "openat", op->target);
	if ((found.stx_mode & S_IFMT) != (op->mode & S_IFMT) ||
	    (!S_ISFIFO(op->mode) && (found.stx_rdev_major != op->major || found.stx_rdev_minor != op->minor)))
		return fail_more(run, -EEXIST, "mknodat", op->target, "something else is there");
	rc = sys_chown_fd(node, op->uid, op->gid);
	if (rc < 0)
		return fail(run, rc, "fchownat", op->target);
	return chmod_node(run, node, op->mode & 07777, op->target);
}

int op_symlink(struct run *run, const struct op_symlink *op)
{
	char name[PATH_NAME_BYTES];
	AUTO_FD parent = path_make(run->root, op->target, LAST_PARENT, 0, name);
	long rc;

	if (parent < 0)
		return fail(run, parent, "openat2", op->target);
	rc = sys(symlinkat, op->text, parent, name);
	if (rc == -EEXIST && !op->replace)
		return 0;
	if (rc == -EEXIST) {
		rc = sys(unlinkat, parent, name, 0);
		if (rc == -EISDIR)
			rc = sys(unlinkat, parent, name, AT_REMOVEDIR);
		if (rc < 0)
			return fail(run, rc, "unlinkat", op->target);
		rc = sys(symlinkat, op->text, parent, name);
	}
	return rc < 0 ? fail(run, rc, "symlinkat", op->target) : 0;
}
