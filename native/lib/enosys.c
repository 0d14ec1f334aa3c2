/*
 * A filter that refuses what it does not name refuses also the calls that are newer than itself, and with an errno that a C
 * library takes for an answer: only ENOSYS makes it try the older call. So calls with a number beyond all that the filter
 * mentions are answered with ENOSYS, as by a kernel that does not have them; runc does the same (libcontainer/seccomp/patchbpf).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "seccomp.h"

#define X32_BIT 0x40000000u
/* Of an architecture: load, three for each of two ways to call, and what tells these apart. */
#define SECTION_MOST 9
#define PROLOGUE_MOST (2 + FILTER_ARCHS * (1 + SECTION_MOST))

struct prologue {
	struct sock_filter at[PROLOGUE_MOST];
	size_t count;
};

static void add(struct prologue *before, uint16_t code, uint32_t value, size_t yes, size_t no)
{
	before->at[before->count++] = (struct sock_filter){ code, (uint8_t)yes, (uint8_t)no, value };
}

/* To the filter itself; the distance is put in when it is known. */
static void add_leave(struct prologue *before)
{
	add(before, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void add_limit(struct prologue *before, const struct last_call *last)
{
	if (last) {
		add(before, BPF_JMP | BPF_JGT | BPF_K, last->number, 0, 1);
		add(before, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	}
	add_leave(before);
}

static const struct last_call *find(const struct last_call *last, size_t count, uint32_t audit, bool x32)
{
	for (size_t i = 0; i < count; i++)
		if (last[i].audit == audit && last[i].x32 == x32)
			return &last[i];
	return NULL;
}

static bool is_s390(uint32_t audit)
{
	return audit == AUDIT_ARCH_S390 || audit == AUDIT_ARCH_S390X;
}

static void add_section(struct prologue *before, const struct last_call *last, size_t count, uint32_t audit)
{
	const struct last_call *plain = find(last, count, audit, false);

	add(before, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (audit == AUDIT_ARCH_X86_64) {
		add(before, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, plain ? 3 : 1, 0);
		add_limit(before, plain);
		add_limit(before, find(last, count, audit, true));
		return;
	}
	/* A large number that the kernel does not know arrives there as 0, once the number of setup(2). */
	if (is_s390(audit)) {
		add(before, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
		add(before, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	}
	add_limit(before, plain);
}

/* Whether an earlier entry has the same architecture. */
static bool is_repeated(const struct last_call *last, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (last[i].audit == last[at].audit)
			return true;
	return false;
}

/*
 * Load the architecture; one jump for each to its section; leave; the sections. The jumps are short: FILTER_ARCHS sections
 * of which only x86's has more than six instructions stay within 255.
 */
int enosys_before(struct filter_program *program, const struct last_call *last, size_t count)
{
	struct prologue before = { .count = 0 };
	size_t jumps[FILTER_ARCHS];

	if (count == 0)
		return 0;
	add(&before, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	for (size_t i = 0; i < count; i++) {
		jumps[i] = before.count;
		if (!is_repeated(last, i))
			add(&before, BPF_JMP | BPF_JEQ | BPF_K, last[i].audit, 0, 0);
	}
	add_leave(&before);
	for (size_t i = 0; i < count; i++) {
		size_t distance = before.count - jumps[i] - 1;

		if (is_repeated(last, i))
			continue;
		if (distance > 255)
			return -E2BIG;
		before.at[jumps[i]].jt = (uint8_t)distance;
		add_section(&before, last, count, last[i].audit);
	}
	for (size_t i = 0; i < before.count; i++)
		if (before.at[i].code == (BPF_JMP | BPF_JA))
			before.at[i].k = (uint32_t)(before.count - i - 1);
	if (program->count + before.count > BPF_MAXINSNS)
		return -E2BIG;
	memmove(program->at + before.count, program->at, program->count * sizeof(program->at[0]));
	memcpy(program->at, before.at, before.count * sizeof(before.at[0]));
	program->count += before.count;
	return 0;
}
