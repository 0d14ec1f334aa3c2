/*
 * Filesystems. A mount is finished while it is detached, with its options, attributes and propagation, and then attached
 * by one move_mount at the inode that its target was resolved to: no moment without its flags, no name looked up twice.
 */
#include "path.h"
#include "run.h"

#define FSMOUNT_ATTRS                                                                                 \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |              \
	 MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW)

/* Of a key and of a value given to fsconfig, the NUL included (fs/fsopen.c). */
#define FSCONFIG_BYTES 256

/* ---- attributes ---- */

int set_attributes(struct run *run, int fd, u64 set, u64 clear, bool recursive, const char *subject)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };
	int rc;

	if (!set && !clear)
		return 0;
	/* The access time settings are one field of several bits, which the kernel wants to be cleared as a whole. */
	if ((set | clear) & MOUNT_ATTR__ATIME)
		attr.attr_clr |= MOUNT_ATTR__ATIME;
	rc = sys_mount_setattr(fd, recursive ? AT_RECURSIVE : 0, &attr);
	return rc < 0 ? fail(run, rc, "mount_setattr", subject) : 0;
}

int set_propagation(struct run *run, int fd, const struct u64s *list, const char *subject)
{
	for (u32 i = 0; i < list->count; i++) {
		u64 flags = u64s_get(list, i);
		struct mount_attr attr = { .propagation = flags & ~(u64)MS_REC };
		int rc = sys_mount_setattr(fd, flags & MS_REC ? AT_RECURSIVE : 0, &attr);

		if (rc < 0)
			return fail_more(run, rc, "mount_setattr", subject, "propagation");
	}
	return 0;
}

/* ---- attaching ---- */

/* "/", "." and the like: what is mounted there is the root from then on. */
static bool names_root(const char *target)
{
	while (*target == '/' || (*target == '.' && (target[1] == '/' || !target[1])))
		target++;
	return !*target;
}

/* A failure that is no refusal of the kernel's, with what the kernel would have said. */
static int fail_unsafe(struct run *run, long result, const char *call, const char *target, const char *why)
{
	(void)fail_more(run, result, call, target, why);
	run->failure.detail = FAILURE_UNSAFE;
	return -1;
}

/*
 * A place in a procfs that a link of the image led to, closed, since a mount there would blind or mislead whoever uses /proc
 * (CVE-2019-16884). What config.json itself names, below /proc or below another procfs that it mounts, is its author's.
 */
static int leave_procfs(struct run *run, int place, const char *target)
{
	const char *below = text_after(target, "/proc");
	int plain;
	int rc = below && (!*below || *below == '/') ? 0 : proc_is_procfs(place);

	if (rc == 0)
		return place;
	sys_close(place);
	if (rc < 0)
		return fail(run, rc, "fstatfs", target);
	plain = path_open(run->root, target, O_PATH, RESOLVE_NO_SYMLINKS);
	if (plain == -ELOOP)
		return fail_unsafe(run, -ELOOP, "the destination", target,
				   "cannot be mounted because it is inside /proc, by way of a symbolic link");
	return plain < 0 ? fail(run, plain, "openat2", target) : plain;
}

/* What a target leads to, as O_PATH; -1 with the failure recorded. */
static int open_place(struct run *run, const char *target, bool ordinary)
{
	int place;

	if (!ordinary) {
		place = path_open(run->root, target, O_PATH, 0);
		return place < 0 ? fail(run, place, "openat2", target) : leave_procfs(run, place, target);
	}
	place = path_open(run->root, target, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (place == -ELOOP || place == -ENOTDIR)
		return fail_unsafe(run, place, "openat2", target, "must be mounted on ordinary directory");
	return place < 0 ? fail(run, place, "openat2", target) : place;
}

/* Attach the detached tree `tree` at `place`, which `target` in the root has led to. */
static int attach_tree(struct run *run, int tree, int place, const char *target)
{
	int rc = sys_attach(tree, place);

	if (rc < 0)
		return fail(run, rc, "move_mount", target);
	if (names_root(target)) {
		rc = sys_dup_above(tree, 3);
		if (rc < 0)
			return fail(run, rc, "fcntl", target);
		sys_close(run->root);
		run->root = rc;
	}
	return 0;
}

/* ---- a new filesystem ---- */

/* The kernel's own words about a filesystem's failure: lines such as "e overlay: No changes allowed". */
static int fail_fs(struct run *run, long result, int fs, const char *call, const char *subject)
{
	char line[256];
	char all[512];
	struct text text = text_in(all, sizeof(all));
	long got;

	while ((got = sys_read(fs, line, sizeof(line))) > 0) {
		long from = got > 2 && line[1] == ' ' ? 2 : 0;

		if (line[got - 1] == '\n')
			got--;
		if (text.used)
			text_add(&text, "; ");
		if (got > from)
			text_add_bytes(&text, line + from, (size_t)(got - from));
	}
	return fail_more(run, result, call, subject, all);
}

/* One option of mount(8) to fsconfig. */
static int set_option(int fs, const char *option)
{
	char key[FSCONFIG_BYTES];
	const char *equals = text_find(option, '=');
	size_t size = equals ? (size_t)(equals - option) : 0;

	if (!equals)
		return sys_fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL);
	if (size >= sizeof(key))
		return -EINVAL;
	memcpy(key, option, size);
	key[size] = '\0';
	return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1);
}

static int set_options(struct run *run, int fs, const struct strs *options, const char *target)
{
	const u8 *at = options->at;

	for (u32 i = 0; i < options->count; i++) {
		const char *option = strs_next(&at);
		int rc = set_option(fs, option);
		char what[FSCONFIG_BYTES + 64];
		struct text text = text_in(what, sizeof(what));

		if (rc >= 0)
			continue;
		text_add(&text, target);
		text_add(&text, ": option ");
		text_add(&text, option);
		return fail_fs(run, rc, fs, "fsconfig", what);
	}
	return 0;
}

/* A new superblock, detached: its mount's descriptor. */
static int make_filesystem(struct run *run, const struct op_mount *op)
{
	AUTO_FD fs = (int)sys(fsopen, op->fstype, FSOPEN_CLOEXEC);
	int rc;

	if (fs < 0)
		return fail(run, fs, "fsopen", op->fstype);
	if (op->source[0]) {
		rc = sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", op->source);
		if (rc < 0)
			return fail_fs(run, rc, fs, "fsconfig", op->source);
	}
	if (set_options(run, fs, &op->options, op->target) < 0)
		return -1;
	rc = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL);
	if (rc < 0)
		return fail_fs(run, rc, fs, "fsconfig", op->target);
	rc = (int)sys(fsmount, fs, FSMOUNT_CLOEXEC, op->attrSet & FSMOUNT_ATTRS);
	return rc < 0 ? fail_fs(run, rc, fs, "fsmount", op->target) : rc;
}

/* What was there before goes into the new filesystem: all of it (copyUp 1), the folder's permission bits (2), all but these (3). */
static int copy_up(struct run *run, int mount, int place, const struct op_mount *op)
{
	AUTO_FD from = sys_openat(place, ".", O_RDONLY | O_DIRECTORY, 0);
	AUTO_FD to = sys_openat(mount, ".", O_RDONLY | O_DIRECTORY, 0);
	struct statx old;
	int rc;

	if (from < 0)
		return fail(run, from, "openat", op->target);
	if (to < 0)
		return fail(run, to, "openat", op->target);
	if (op->copyUp == 1)
		return copy_tree(run, from, to, op->target);
	rc = sys_statx(op->copyUp == 2 ? from : to, STATX_MODE, &old);
	if (rc == 0 && op->copyUp == 3 && copy_tree(run, from, to, op->target) < 0)
		return -1;
	if (rc == 0)
		rc = (int)sys(fchmod, to, old.stx_mode & 07777);
	return rc < 0 ? fail(run, rc, "fchmod", op->target) : 0;
}

/* Options that fsconfig does not take for their length: overlay's lowerdir, above all. */
static bool too_long(const struct op_mount *op)
{
	const u8 *at = op->options.at;

	for (u32 i = 0; i < op->options.count; i++) {
		const char *option = strs_next(&at);
		const char *equals = text_find(option, '=');

		if (strlen(equals ? equals + 1 : option) >= FSCONFIG_BYTES)
			return true;
	}
	return strlen(op->source) >= FSCONFIG_BYTES;
}

/* MOUNT_ATTR_RDONLY to NOEXEC have the values of MS_RDONLY to MS_NOEXEC; the others differ. */
static u64 classic_flags(u64 attrs)
{
	u64 flags = attrs & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);

	if ((attrs & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME)
		flags |= MS_NOATIME;
	if ((attrs & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME)
		flags |= MS_STRICTATIME;
	if (attrs & MOUNT_ATTR_NODIRATIME)
		flags |= MS_NODIRATIME;
	if (attrs & MOUNT_ATTR_NOSYMFOLLOW)
		flags |= 256; /* MS_NOSYMFOLLOW */
	return flags;
}

/*
 * mount(2), whose options may fill a page. It takes its target by name only; the name is that of the resolved descriptor in
 * the private procfs, looked up from there: "42/fd/7" leads to that inode and nowhere else.
 */
static int mount_classic(struct run *run, const struct op_mount *op)
{
	char data[PATH_BYTES];
	char name[48];
	char number[24];
	struct text options = text_in(data, sizeof(data));
	struct text tail = text_in(number, sizeof(number));
	const u8 *at = op->options.at;
	int rc;

	for (u32 i = 0; i < op->options.count; i++) {
		if (i)
			text_add(&options, ",");
		label_add_option(&options, strs_next(&at));
	}
	if (options.cut || op->copyUp)
		return fail_more(run, -E2BIG, "mount", op->target, "options");
	if (run->proc < 0 && proc_open(run) < 0)
		return -1;
	AUTO_FD place = open_place(run, op->target, op->ordinary);
	AUTO_FD back = sys_openat(AT_FDCWD, ".", O_PATH, 0);

	if (place < 0)
		return -1;
	text_add(&tail, "fd/");
	text_add_number(&tail, (u64)place);
	(void)proc_own_path(run, name, sizeof(name), number);
	rc = back < 0 ? back : (int)sys(fchdir, run->proc);
	if (rc == 0) {
		rc = sys_mount(op->source, name, op->fstype, classic_flags(op->attrSet), data);
		if (sys(fchdir, back) < 0)
			return fail(run, -EIO, "fchdir", "back from /proc");
	}
	return rc < 0 ? fail(run, rc, "mount", op->target) : 0;
}

/*
 * The rest of a classic mount's attributes, on what is mounted at the target now. Whoever exchanges the target meanwhile
 * changes which of the container's own mounts gets them, no more.
 */
static int finish_classic(struct run *run, const struct op_mount *op)
{
	AUTO_FD place = path_open(run->root, op->target, O_PATH, 0);

	if (place < 0)
		return fail(run, place, "openat2", op->target);
	if (set_attributes(run, place, op->recAttrSet, op->recAttrClear, true, op->target) < 0)
		return -1;
	return set_propagation(run, place, &op->propagation, op->target);
}

int op_mount(struct run *run, const struct op_mount *op)
{
	if (too_long(op))
		return mount_classic(run, op) < 0 ? -1 : finish_classic(run, op);
	AUTO_FD place = open_place(run, op->target, op->ordinary);

	if (place < 0)
		return -1;
	AUTO_FD mount = make_filesystem(run, op);

	if (mount < 0)
		return -1;
	if (op->copyUp && copy_up(run, mount, place, op) < 0)
		return -1;
	if (set_attributes(run, mount, op->attrSet & ~(u64)FSMOUNT_ATTRS, 0, false, op->target) < 0)
		return -1;
	if (set_attributes(run, mount, op->recAttrSet, op->recAttrClear, true, op->target) < 0)
		return -1;
	if (set_propagation(run, mount, &op->propagation, op->target) < 0)
		return -1;
	return attach_tree(run, mount, place, op->target);
}

/* ---- an existing one ---- */

int op_bind(struct run *run, const struct op_bind *op)
{
	bool over_proc = text_equal(op->target, "/proc");
	int opened = -1;

	if (op->sourceIndex != PLAN_NO_SOURCE) {
		/* A detached tree of the host's, mapped or out of this process's reach. */
		if (ask(run, MESSAGE_ASKS_SOURCE, op->sourceIndex, &opened) < 0)
			return -1;
	} else {
		opened = sys_open_tree(AT_FDCWD, op->source,
				       OPEN_TREE_CLONE | (op->recursive ? AT_RECURSIVE : 0));
		if (opened < 0)
			return fail(run, opened, "open_tree", op->source);
	}
	AUTO_FD tree = opened;
	AUTO_FD place = open_place(run, op->target, over_proc);

	if (place < 0)
		return -1;
	/* A folder of another procfs, such as a process's own, would answer for masked paths no more than an ordinary one. */
	if (over_proc && !proc_is_root(tree))
		return fail_unsafe(run, -EINVAL, "the source", op->target, "cannot be mounted because it is not of type proc");
	if (set_attributes(run, tree, op->attrSet, op->attrClear, false, op->target) < 0)
		return -1;
	if (set_attributes(run, tree, op->recAttrSet, op->recAttrClear, true, op->target) < 0)
		return -1;
	if (set_propagation(run, tree, &op->propagation, op->target) < 0)
		return -1;
	return attach_tree(run, tree, place, op->target);
}

/* Reconfigure the superblock: every mount of it changes. */
static int reconfigure(struct run *run, int place, const struct op_remount *op)
{
	AUTO_FD fs = (int)sys(fspick, place, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
	int rc;

	if (fs < 0)
		return fail(run, fs, "fspick", op->target);
	if (set_options(run, fs, &op->options, op->target) < 0)
		return -1;
	rc = sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL);
	return rc < 0 ? fail_fs(run, rc, fs, "fsconfig", op->target) : 0;
}

int op_remount(struct run *run, const struct op_remount *op)
{
	AUTO_FD place = open_place(run, op->target, false);

	if (place < 0)
		return -1;
	if (op->superblock && reconfigure(run, place, op) < 0)
		return -1;
	if (set_attributes(run, place, op->attrSet, op->attrClear, false, op->target) < 0)
		return -1;
	if (set_attributes(run, place, op->recAttrSet, op->recAttrClear, true, op->target) < 0)
		return -1;
	return set_propagation(run, place, &op->propagation, op->target);
}
