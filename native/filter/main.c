/* tsrun-filter: see filter.h. */
#include "filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib.h"
#include "seccomp.h"

/* Of a description; config.json has at most 16 MiB. */
#define MOST (32 << 20)

static int write_whole(const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t sent = write(1, at, length);

		if (sent < 0 && errno != EINTR)
			return -errno;
		at += sent > 0 ? sent : 0;
		length -= sent > 0 ? (size_t)sent : 0;
	}
	return 0;
}

static int compile(struct filter_program *program, int32_t failed[3])
{
	uint8_t *description = malloc(MOST);
	int length = description ? ts_read_fd(0, description, MOST) : -ENOMEM;
	int error = length > 0 ? seccomp_compile(description, (size_t)length, program, failed) : length;

	free(description);
	return error;
}

int main(void)
{
	static struct filter_program program;
	struct filter_answer answer = { .magic = FILTER_ANSWER };
	const char *path;

	answer.error = ts_filter_library(answer.version);
	if (answer.error == 0)
		answer.error = compile(&program, answer.failed);
	path = answer.error == 0 ? seccomp_path() : NULL;
	if (path && strlen(path) < sizeof(answer.path))
		memcpy(answer.path, path, strlen(path));
	answer.count = answer.error == 0 ? (uint32_t)program.count : 0;
	return write_whole(&answer, sizeof(answer)) < 0 || write_whole(program.at, answer.count * sizeof(program.at[0])) < 0;
}
