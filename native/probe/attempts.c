/* Attempts: things that a container may or may not be allowed to do. Each says how it went. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int misused(const char *usage)
{
	fprintf(stderr, "probe: usage: %s\n", usage);
	return 2;
}

/* Writes the text over a file, which is made where it is missing. */
int verb_write(int argc, char **argv)
{
	int fd;
	size_t length;

	if (argc != 3)
		return misused("write FILE TEXT");
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return refused("open");
	length = strlen(argv[2]);
	if (length > 0 && write(fd, argv[2], length) != (ssize_t)length) {
		int status = refused("write");

		close(fd);
		return status;
	}
	close(fd);
	return done();
}

int verb_mkdir(int argc, char **argv)
{
	if (argc != 2)
		return misused("mkdir PATH");
	return mkdir(argv[1], 0755) < 0 ? refused("mkdir") : done();
}

static void attempt(const char *key, int result)
{
	json_string(key, result < 0 ? errno_name(errno) : "ok");
	if (result > 2)
		close(result);
}

/* Opens a device for reading (r), writing (w) and both at once (b), and makes another node of the same numbers (m). */
int verb_open(int argc, char **argv)
{
	const char *access;
	struct stat about;

	if (argc != 3)
		return misused("open DEVICE rwbm");
	access = argv[2];
	json_open(NULL);
	if (strchr(access, 'r') != NULL)
		attempt("r", open(argv[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
	if (strchr(access, 'w') != NULL)
		attempt("w", open(argv[1], O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
	if (strchr(access, 'b') != NULL)
		attempt("b", open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
	if (strchr(access, 'm') != NULL) {
		char path[64];
		int result = lstat(argv[1], &about);

		(void)snprintf(path, sizeof(path), "/dev/probe-node-%d", (int)getpid());
		if (result == 0)
			result = mknod(path, about.st_mode, about.st_rdev);
		attempt("m", result);
		if (result == 0)
			(void)unlink(path);
	}
	json_close();
	return 0;
}

int verb_mknod(int argc, char **argv)
{
	mode_t type;
	dev_t device;

	if (argc != 5)
		return misused("mknod c|b|p MAJOR MINOR PATH");
	type = argv[1][0] == 'b' ? S_IFBLK : argv[1][0] == 'p' ? S_IFIFO : S_IFCHR;
	device = makedev((unsigned int)number(argv[2]), (unsigned int)number(argv[3]));
	return mknod(argv[4], type | 0600, device) < 0 ? refused("mknod") : done();
}
