/*
 * The container's terminal: a new pseudo terminal of the container's own devpts. Its slave end becomes the standard streams
 * and, for a container that is made, /dev/console; the host gets the master.
 */
#include <linux/magic.h>
#include <linux/termios.h>

#include "path.h"
#include "run.h"

/* Not /dev/ptmx, which is the image's or, where the host's /dev is bound, a node that lies in no devpts. */
#define PTMX "/dev/pts/ptmx"
#define PTMX_MAJOR 5
#define PTMX_MINOR 2
#define PTMX_INODE 2 /* of every devpts (fs/devpts/inode.c) */

/* struct statfs up to its first field; the rest is room. */
struct filesystem {
	long type;
	long rest[31];
};

/* Anything else that lies there could be made to look like one. CVE-2025-52565. */
static int check_ptmx(struct run *run, int master)
{
	struct filesystem fs;
	struct statx found;
	long rc = sys_statx(master, STATX_TYPE | STATX_INO, &found);

	if (rc >= 0)
		rc = sys(fstatfs, master, &fs);
	/* Whoever gets it reads and writes as it likes. */
	if (rc >= 0)
		rc = sys(fcntl, master, F_SETFL, 0);
	if (rc < 0)
		return fail(run, rc, "fstatfs", PTMX);
	if (fs.type != DEVPTS_SUPER_MAGIC || (found.stx_mode & S_IFMT) != S_IFCHR || found.stx_rdev_major != PTMX_MAJOR ||
	    found.stx_rdev_minor != PTMX_MINOR || found.stx_ino != PTMX_INODE)
		return refuse(run, FAILURE_UNSAFE, ENODEV, "it is not the ptmx of a devpts", PTMX);
	return 0;
}

/* The other end without its name, which the container could have put something else at. CVE-2025-52565. */
static int open_slave(struct run *run, int master, const struct op_console *op)
{
	const struct winsize size = {
		.ws_row = (unsigned short)op->height,
		.ws_col = (unsigned short)op->width,
	};
	const int unlocked = 0;
	long rc = sys(ioctl, master, TIOCSPTLCK, &unlocked);

	if (rc < 0)
		return fail(run, rc, "ioctl TIOCSPTLCK", PTMX);
	if (op->height || op->width) {
		rc = sys(ioctl, master, TIOCSWINSZ, &size);
		if (rc < 0)
			return fail(run, rc, "ioctl TIOCSWINSZ", PTMX);
	}
	rc = sys(ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return rc < 0 ? fail(run, rc, "ioctl TIOCGPTPEER", PTMX) : (int)rc;
}

/* The file to mount upon. What is there already is taken, but no link: that could lead out of /dev. CVE-2026-88264. */
static int open_place(struct run *run, const char *target)
{
	char name[PATH_NAME_BYTES];
	AUTO_FD folder = path_make(run->root, target, LAST_PARENT, 0755, name);
	struct statx found;
	int place;
	int rc;

	if (folder < 0)
		return fail(run, folder, "openat2", target);
	place = sys_openat(folder, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_NOCTTY, 0666);
	if (place >= 0)
		sys_close(place);
	else if (place != -EEXIST)
		return fail(run, place, "openat", target);
	place = sys_openat(folder, name, O_PATH | O_NOFOLLOW, 0);
	if (place < 0)
		return fail(run, place, "openat", target);
	rc = sys_statx(place, STATX_TYPE, &found);
	if (rc == 0 && (found.stx_mode & S_IFMT) != S_IFLNK && (found.stx_mode & S_IFMT) != S_IFDIR)
		return place;
	sys_close(place);
	return rc < 0 ? fail(run, rc, "statx", target) :
			refuse(run, FAILURE_UNSAFE, EINVAL, "it is a symbolic link or a folder", target);
}

static int mount_slave(struct run *run, int slave, const char *target)
{
	AUTO_FD place = open_place(run, target);
	AUTO_FD tree = -1;
	int rc;

	if (place < 0)
		return -1;
	tree = sys_open_tree(slave, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (tree < 0)
		return fail(run, tree, "open_tree", target);
	rc = sys_attach(tree, place);
	return rc < 0 ? fail(run, rc, "move_mount", target) : 0;
}

static int take_terminal(struct run *run, int slave)
{
	long rc = 0;

	for (int fd = 0; fd < 3 && rc >= 0; fd++)
		rc = sys(dup3, slave, fd, 0);
	if (rc < 0)
		return fail(run, rc, "dup3", "the terminal");
	rc = sys(ioctl, 0, TIOCSCTTY, 0);
	return rc < 0 ? fail(run, rc, "ioctl TIOCSCTTY", "the terminal") : 0;
}

int op_console(struct run *run, const struct op_console *op)
{
	AUTO_FD root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	/* O_NONBLOCK: the image may have a fifo there. */
	AUTO_FD master = root < 0 ? root : path_open(root, PTMX, O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	AUTO_FD slave = -1;

	if (master < 0)
		return fail(run, master, "openat2", PTMX);
	if (check_ptmx(run, master) < 0)
		return -1;
	slave = open_slave(run, master, op);
	if (slave < 0 || (op->target[0] && mount_slave(run, slave, op->target) < 0) || take_terminal(run, slave) < 0)
		return -1;
	return offer(run, MESSAGE_ASKS_CONSOLE, master);
}
