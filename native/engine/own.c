/* In the executable tsrun's other programs are data: none of them is opened, looked at or copied from a folder. */
#define _GNU_SOURCE
#include "own.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"
#include "sealed.h"

/* The build names the files. */
#define PROGRAM(name, file)                                                   \
	__asm__(".pushsection .rodata,\"a\",%progbits\n"                      \
		".balign 16\n" #name ": .incbin \"" file "\"\n" #name "_end:\n" \
		".popsection\n");                                             \
	extern const uint8_t name[];                                          \
	extern const uint8_t name##_end[];

PROGRAM(program_init, OWN_INIT)
PROGRAM(program_supervise, OWN_SUPERVISE)
PROGRAM(program_filter, OWN_FILTER)

static const struct {
	const char *name;
	const uint8_t *bytes;
	const uint8_t *end;
} programs[] = {
	{ "tsrun-init", program_init, program_init_end },
	{ "tsrun-supervise", program_supervise, program_supervise_end },
	{ "tsrun-filter", program_filter, program_filter_end },
};

int open_program(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	for (size_t each = 0; each < sizeof(programs) / sizeof(programs[0]); each++)
		if (strcmp(name, programs[each].name) == 0)
			return sealed_program(name, programs[each].bytes, (size_t)(programs[each].end - programs[each].bytes));
	return -ENOENT;
}

int ts_program(const char *path)
{
	return open_program(path);
}

/* ---- this executable ---- */

static _Noreturn void refuse(const char *path, const struct stat *found)
{
	(void)fprintf(stderr,
		      "tsrun: %s can be changed by others than root, though root runs what is in it: its owner is %u, its mode %04o; "
		      "hint: %s %s\n",
		      path, found->st_uid, found->st_mode & 07777, found->st_uid ? "chown root" : "chmod go-w", path);
	exit(1);
}

static void check(const char *path)
{
	struct stat found;

	if (stat(path, &found) == 0 && !may_run(&found))
		refuse(path, &found);
}

/* The folder counts as much as the file: who may rename in it may put another in its place. */
const char *own_path(void)
{
	static char path[PATH_MAX];
	static char folder[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash = length > 0 ? strrchr(path, '/') : NULL;

	if (!slash) {
		(void)fputs("tsrun: cannot find its own program by /proc/self/exe: /proc must be mounted\n", stderr);
		exit(1);
	}
	if (geteuid() == 0) {
		memcpy(folder, path, (size_t)(slash + 1 - path));
		check(folder);
		check(path);
	}
	return path;
}
