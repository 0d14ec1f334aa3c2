/*
 * The private procfs handle: a descriptor of a procfs root, checked to be one, opened before anything of the container
 * is mounted. Files beneath are opened without following links or crossing mounts, so that no mount or link of an image
 * can lead a write elsewhere (CVE-2019-16884, CVE-2025-52881).
 */
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/prctl.h>

#include "run.h"

#define PROC_ROOT_INODE 1 /* PROC_ROOT_INO, fs/proc/root.c */

int proc_is_procfs(int fd)
{
	struct statfs fs;
	int rc = (int)sys(fstatfs, fd, &fs);

	return rc < 0 ? rc : fs.f_type == PROC_SUPER_MAGIC;
}

bool proc_is_root(int fd)
{
	struct statx root;

	return proc_is_procfs(fd) == 1 && sys_statx(fd, STATX_INO, &root) == 0 && root.stx_ino == PROC_ROOT_INODE;
}

/* A procfs of our own, of this process's pid namespace, where /proc is no procfs or not the host's any more. */
static int make_procfs(struct run *run)
{
	AUTO_FD fs = (int)sys(fsopen, "proc", FSOPEN_CLOEXEC);
	int rc;

	if (fs < 0)
		return fail(run, fs, "fsopen", "proc");
	rc = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (rc < 0)
		return fail(run, rc, "fsconfig", "a private proc");
	rc = (int)sys(fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (rc < 0)
		return fail(run, rc, "fsmount", "a private proc");
	run->proc = rc;
	return 0;
}

/* The pid may be another one than getpid's: the handle can be of an outer pid namespace. Changes with fork. */
static int learn_self(struct run *run)
{
	int size = sys_readlinkat(run->proc, "self", run->self, sizeof(run->self) - 1);

	if (size < 0)
		return fail(run, size, "readlinkat", "/proc/self");
	run->self[size] = '\0';
	return 0;
}

int proc_open(struct run *run)
{
	if (run->proc < 0 && !run->pivoted) {
		run->proc = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0);
		if (run->proc >= 0 && !proc_is_root(run->proc)) {
			sys_close(run->proc);
			run->proc = -1;
		}
	}
	if (run->proc < 0 && make_procfs(run) < 0) {
		run->proc = -1;
		return -1;
	}
	return learn_self(run);
}

static int open_beneath(const struct run *run, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (u64)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
	};

	return sys_openat2(run->proc, path, &how);
}

struct text proc_own_path(const struct run *run, char *buffer, size_t size, const char *tail)
{
	struct text text = text_in(buffer, size);

	text_add(&text, run->self);
	text_add(&text, "/");
	text_add(&text, tail);
	return text;
}

/*
 * A process that is not dumpable has its files in procfs owned by the host's root, which an unprivileged caller is not.
 * So where no namespace of others has been joined, and nobody else can look in, it is made dumpable for the moment of the
 * open. (CVE-2016-9962 is why never after a join.)
 */
int proc_open_own(struct run *run, const char *name, int flags)
{
	char path[64];
	int fd;

	(void)proc_own_path(run, path, sizeof(path), name);
	fd = open_beneath(run, path, flags);
	if (fd == -EACCES && !run->joined) {
		(void)sys_prctl(PR_SET_DUMPABLE, 1, 0);
		fd = open_beneath(run, path, flags);
		(void)sys_prctl(PR_SET_DUMPABLE, 0, 0);
	}
	return fd;
}

int op_oomScoreAdj(struct run *run, const struct op_oomScoreAdj *op)
{
	char number[24];
	struct text text = text_in(number, sizeof(number));
	long rc;

	text_add_signed(&text, (s64)op->value);
	if (proc_open(run) < 0)
		return -1;
	AUTO_FD fd = proc_open_own(run, "oom_score_adj", O_WRONLY);

	if (fd < 0)
		return fail(run, fd, "openat2", "/proc/self/oom_score_adj");
	rc = sys_write(fd, text.at, text.used);
	return rc < 0 ? fail_more(run, rc, "write", "/proc/self/oom_score_adj", number) : 0;
}

int op_sysctl(struct run *run, const struct op_sysctl *op)
{
	char path[256];
	struct text text = text_in(path, sizeof(path));
	size_t size = strlen(op->value);
	long rc;

	text_add(&text, "sys/");
	text_add(&text, op->name);
	/* RESOLVE_BENEATH would still let ".." lead from sys/ to the rest of procfs. */
	if (text.cut || op->name[0] == '/')
		return refuse(run, FAILURE_UNSAFE, EINVAL, "the name of a sysctl", op->name);
	for (const char *at = op->name; at; at = text_find(at, '/')) {
		at += *at == '/';
		if (text_after(at, ".."))
			return refuse(run, FAILURE_UNSAFE, EINVAL, "the name of a sysctl", op->name);
	}
	if (run->proc < 0 && proc_open(run) < 0)
		return -1;
	AUTO_FD fd = open_beneath(run, path, O_WRONLY);

	if (fd < 0)
		return fail_more(run, fd, "openat2", "/proc/sys", op->name);
	rc = sys_write(fd, op->value, size);
	if (rc < 0)
		return fail_more(run, rc, "write", op->name, op->value);
	return (size_t)rc == size ? 0 : fail_more(run, -EIO, "write", op->name, "written in part");
}
