/*
 * Filters in the executable, which is static: libseccomp is loaded by tsrun-filter (filter/), a program of its own that is executed from
 * memory. Filters are kept (lib/filter.c), so that it rarely is.
 */
#include "seccomp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/filter.h"
#include "lib.h"

/* Of the library, once it is known. */
static char library[FILTER_PATH];

/* Where a library that is not in the usual places is said to be (ld.so(8)); nothing else of the environment is passed on. */
static int search_path(char *entry, size_t room)
{
	const char *value = getenv("LD_LIBRARY_PATH");
	int length = value ? snprintf(entry, room, "LD_LIBRARY_PATH=%s", value) : 0;

	return length > 0 && (size_t)length < room;
}

/* What tsrun-filter answers to a description, with the instructions behind it: -ENOPKG where it cannot run, or says something else. */
static int ask(const uint8_t *description, size_t size, struct filter_answer *answer, struct sock_filter at[BPF_MAXINSNS])
{
	static uint8_t output[sizeof(*answer) + BPF_MAXINSNS * sizeof(at[0])];
	char entry[4096];
	char path[32];
	int program = open_program("tsrun-filter");
	int has_path = search_path(entry, sizeof(entry));
	int32_t written = 0;
	int status;

	if (program < 0)
		return program;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
	status = ts_run(path, "tsrun-filter", 1, entry, has_path, "/", description, (int)size, 0, output, sizeof(output), &written);
	(void)close(program);
	if (status == -EINTR || status == -ENOMEM)
		return status;
	if (status != 0 || (size_t)written < sizeof(*answer))
		return -ENOPKG;
	memcpy(answer, output, sizeof(*answer));
	if (answer->magic != FILTER_ANSWER || answer->count > BPF_MAXINSNS ||
	    (size_t)written != sizeof(*answer) + answer->count * sizeof(at[0]))
		return -ENOPKG;
	answer->path[sizeof(answer->path) - 1] = '\0';
	memcpy(at, output + sizeof(*answer), answer->count * sizeof(at[0]));
	return answer->error;
}

int seccomp_compile(const uint8_t *description, size_t length, struct filter_program *program, int32_t failed[3])
{
	struct filter_answer answer = { 0 };
	int error = ask(description, length, &answer, program->at);

	memcpy(failed, answer.failed, sizeof(answer.failed));
	program->count = answer.count;
	memcpy(library, answer.path, sizeof(library));
	return error;
}

const char *seccomp_path(void)
{
	return library[0] ? library : NULL;
}

int ts_filter_library(int32_t version[3])
{
	struct filter_answer answer = { 0 };
	struct filter_program *none = malloc(sizeof(*none));
	int error = none ? ask((const uint8_t *)"", 0, &answer, none->at) : -ENOMEM;

	free(none);
	memcpy(version, answer.version, sizeof(answer.version));
	return error;
}
