/*
 * tsrun-filter: compiles filters of system calls for the executable tsrun, which is static and cannot load libseccomp itself. It reads a
 * description (lib/seccomp.h) from standard input, or nothing where only the library is asked for, and answers with this on
 * standard output, the library's path and the program behind it.
 */
#ifndef TSRUN_FILTER_H
#define TSRUN_FILTER_H

#include <stdint.h>

#define FILTER_ANSWER 0x4e415354u /* "TSAN": what a loader says instead is no answer */
#define FILTER_PATH 256

struct filter_answer {
	uint32_t magic;
	int32_t error; /* 0 or -errno */
	int32_t failed[3];
	int32_t version[3]; /* of libseccomp */
	uint32_t count;	    /* of instructions */
	char path[FILTER_PATH];
};

#endif
