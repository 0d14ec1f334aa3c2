/*
 * A filter of system calls on its way from its description to a program for the kernel.
 *
 * The description, numbers in the machine's own order, nothing padded:
 *
 *   u32 FILTER_VERSION, u32 the default action (SECCOMP_RET_*), u32 whether unknown newer calls answer ENOSYS
 *   u32 count of architectures, and each one's name as libseccomp has it, with its NUL
 *   u32 count of groups, each: u32 action; u32 count of conditions, each: u32 argument, u32 comparison, u64 value, u64 second
 *   value; u32 count of names, and each name with its NUL
 */
#ifndef TSRUN_SECCOMP_H
#define TSRUN_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changes with what is compiled from a description: a kept filter of another version is none. */
#define FILTER_VERSION 1u
/* The spec has 23. */
#define FILTER_ARCHS 32

/* What of a description could not be compiled. */
enum filter_part {
	PART_NONE = 0,
	PART_ARCH = 1,
	PART_RULE = 2,
};

struct filter_program {
	struct sock_filter at[BPF_MAXINSNS];
	size_t count;
};

/* The largest call that a filter mentions on one architecture. */
struct last_call {
	uint32_t audit; /* AUDIT_ARCH_* */
	bool x32;	/* of AUDIT_ARCH_X86_64, the calls with bit 30 */
	uint32_t number;
	bool known; /* it mentions any */
};

/* seccomp.c: by libseccomp, which is opened now. 0 or -errno. */
int seccomp_compile(const uint8_t *description, size_t length, struct filter_program *program, int32_t failed[3]);
/* Where libseccomp is, once it has been opened; NULL before. */
const char *seccomp_path(void);

/*
 * enosys.c: puts before the program what answers ENOSYS to every call beyond the last one. -E2BIG where that is too much.
 */
int enosys_before(struct filter_program *program, const struct last_call *last, size_t count);

#endif
