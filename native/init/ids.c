/* Who the program is: ids, capabilities, and who owns its standard descriptors. */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "path.h"
#include "run.h"

#define NULL_MAJOR 1
#define NULL_MINOR 3

int op_user(struct run *run, const struct op_user *op)
{
	long rc = sys_prctl(PR_SET_KEEPCAPS, 1, 0);

	if (rc < 0)
		return fail(run, rc, "prctl", "PR_SET_KEEPCAPS");
	if (op->setGroups) {
		/* The kernel wants an array of u32; the plan's numbers are u64. */
		u32 *groups = (u32 *)(void *)pointer_list((op->groups.count + 1) / 2);

		if (!groups)
			return fail(run, -ENOMEM, "mmap", "additional groups");
		for (u32 i = 0; i < op->groups.count; i++) {
			u64 group = u64s_get(&op->groups, i);

			if (group >= 0xffffffffu)
				return refuse(run, FAILURE_PLAN, EINVAL, "setgroups", "a group beyond 32 bits");
			groups[i] = (u32)group;
		}
		rc = sys(setgroups, op->groups.count, groups);
		if (rc < 0 && !(rc == -EPERM && op->setGroups == PLAN_SETGROUPS_TRIED && !op->groups.count))
			return fail(run, rc, "setgroups", "additional groups");
	}
	rc = sys(setresgid, op->gid, op->gid, op->gid);
	if (rc < 0)
		return fail(run, rc, "setresgid", "the program's group");
	rc = sys(setresuid, op->uid, op->uid, op->uid);
	if (rc < 0)
		return fail(run, rc, "setresuid", "the program's user");
	rc = sys_prctl(PR_SET_KEEPCAPS, 0, 0);
	if (rc < 0)
		return fail(run, rc, "prctl", "PR_SET_KEEPCAPS");
	/* A change of ids may have made it dumpable again (/proc/sys/fs/suid_dumpable). */
	rc = sys_prctl(PR_SET_DUMPABLE, 0, 0);
	if (rc < 0)
		return fail(run, rc, "prctl", "PR_SET_DUMPABLE");
	run->programmed_user = true;
	if (run->cwd) {
		const struct op_chdir again = { .target = run->cwd };

		return op_chdir(run, &again);
	}
	return 0;
}

int op_boundingSet(struct run *run, const struct op_boundingSet *op)
{
	for (long cap = 0; cap < 64; cap++) {
		long rc = sys_prctl(PR_CAPBSET_READ, cap, 0);

		if (rc == -EINVAL)
			break; /* the kernel's last was the one before */
		if (rc == 1 && !(op->mask >> cap & 1))
			rc = sys_prctl(PR_CAPBSET_DROP, cap, 0);
		if (rc < 0)
			return fail(run, rc, "prctl", "PR_CAPBSET_DROP");
	}
	return 0;
}

long set_capabilities(const struct caps *caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const u64 permitted = caps->permitted | caps->reserve;
	const struct __user_cap_data_struct data[2] = {
		{ (u32)caps->effective, (u32)permitted, (u32)caps->inheritable },
		{ (u32)(caps->effective >> 32), (u32)(permitted >> 32), (u32)(caps->inheritable >> 32) },
	};

	return sys(capset, &header, data);
}

int op_capabilities(struct run *run, const struct op_capabilities *op)
{
	long rc;

	run->caps = (struct caps){ op->effective, op->permitted, op->inheritable, op->reserve };
	rc = set_capabilities(&run->caps);
	if (rc < 0)
		return fail(run, rc, "capset", "the program's capabilities");
	rc = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);
	for (long cap = 0; rc >= 0 && cap < 64; cap++)
		if (op->ambient >> cap & 1)
			rc = sys_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap);
	return rc < 0 ? fail(run, rc, "prctl", "PR_CAP_AMBIENT") : 0;
}

int op_noNewPrivs(struct run *run, const struct op_noNewPrivs *op)
{
	int rc = sys_prctl(PR_SET_NO_NEW_PRIVS, 1, 0);

	(void)op;
	return rc < 0 ? fail(run, rc, "prctl", "PR_SET_NO_NEW_PRIVS") : 0;
}

/* A null device is known by its inode's type and number, both. */
static bool is_null(const struct statx *found)
{
	return (found->stx_mode & S_IFMT) == S_IFCHR && found->stx_rdev_major == NULL_MAJOR && found->stx_rdev_minor == NULL_MINOR;
}

/*
 * The host's null device as a standard stream lends the container an inode whose mode a container's root could change for
 * everybody: the container's own takes its place. Where it has none, or none that may be opened, the host's stays.
 */
static int exchange_null(struct run *run, int fd)
{
	AUTO_FD root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	AUTO_FD own = path_open(root, "/dev/null", O_RDWR | O_NOCTTY | O_NONBLOCK, RESOLVE_NO_SYMLINKS);
	struct statx found;
	int rc = own < 0 ? own : sys_statx(own, STATX_TYPE, &found);

	if (rc < 0 || !is_null(&found))
		return 0;
	rc = (int)sys(fcntl, own, F_SETFL, O_RDWR);
	if (rc == 0)
		rc = (int)sys(dup3, own, fd, 0);
	return rc < 0 ? fail(run, rc, "dup3", "the null device") : 0;
}

/*
 * So that the program may reopen /dev/stdin and the like. A null device of the host would change for everybody
 * (CVE-2026-88265). What has no owner to change is left.
 */
int op_stdioOwner(struct run *run, const struct op_stdioOwner *op)
{
	for (int fd = 0; fd < 3; fd++) {
		struct statx found;
		int rc = sys_statx(fd, STATX_TYPE | STATX_UID, &found);

		if (rc == -EBADF)
			continue;
		if (rc < 0)
			return fail(run, rc, "statx", "a standard descriptor");
		if (is_null(&found)) {
			if (exchange_null(run, fd) < 0)
				return -1;
			continue;
		}
		if (found.stx_uid == op->uid)
			continue;
		rc = (int)sys(fchown, fd, op->uid, -1);
		/* EINVAL: not mapped; EPERM: a mapped root and a file of somebody else; EROFS: nothing to be done. */
		if (rc < 0 && rc != -EINVAL && rc != -EPERM && rc != -EROFS)
			return fail(run, rc, "fchown", "a standard descriptor");
	}
	return 0;
}
