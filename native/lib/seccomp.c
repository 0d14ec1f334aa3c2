/*
 * Filters by libseccomp (seccomp_init(3) and the others), the field's own compiler. It is opened when the first filter is to
 * be compiled, so that a host without filters needs none; hence the declarations here, which are those of <seccomp.h>.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib.h"
#include "seccomp.h"

#define LIBRARY "libseccomp.so.2"
/* SCMP_FLTATR_*, SCMP_ARCH_X32, __NR_SCMP_ERROR and the largest comparison, SCMP_CMP_MASKED_EQ. */
#define ATTRIBUTE_NNP 3
#define ATTRIBUTE_OPTIMIZE 8
#define BINARY_TREE 2
#define ARCH_X32 0x4000003eu
#define NO_CALL (-1)
#define COMPARISON_LAST 7
#define ARGUMENTS 6
/*
 * From how many rules on a binary tree is worth it, and safe: without any, libseccomp to 2.5.4 makes a wrong one. As runc.
 */
#define TREE_FROM 33

struct condition {
	unsigned int argument;
	int comparison;
	uint64_t value;
	uint64_t second;
};

struct version {
	unsigned int major;
	unsigned int minor;
	unsigned int micro;
};

static struct {
	void *handle;
	void *(*init)(uint32_t action);
	void (*release)(void *filter);
	uint32_t (*arch_native)(void);
	uint32_t (*arch_resolve_name)(const char *name);
	int (*arch_add)(void *filter, uint32_t arch);
	int (*attr_set)(void *filter, int attribute, uint32_t value);
	int (*syscall_resolve_name)(const char *name);
	int (*syscall_resolve_name_arch)(uint32_t arch, const char *name);
	int (*rule_add_array)(void *filter, uint32_t action, int call, unsigned int count, const struct condition *conditions);
	int (*export_bpf)(const void *filter, int fd);
	const struct version *(*version)(void);
} api;

static const struct {
	const char *name;
	void *function;
} symbols[] = {
	{ "seccomp_init", &api.init },
	{ "seccomp_release", &api.release },
	{ "seccomp_arch_native", &api.arch_native },
	{ "seccomp_arch_resolve_name", &api.arch_resolve_name },
	{ "seccomp_arch_add", &api.arch_add },
	{ "seccomp_attr_set", &api.attr_set },
	{ "seccomp_syscall_resolve_name", &api.syscall_resolve_name },
	{ "seccomp_syscall_resolve_name_arch", &api.syscall_resolve_name_arch },
	{ "seccomp_rule_add_array", &api.rule_add_array },
	{ "seccomp_export_bpf", &api.export_bpf },
	{ "seccomp_version", &api.version },
};

static int open_library(void)
{
	void *handle = api.handle ? api.handle : dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -ENOPKG;
	for (size_t i = 0; !api.handle && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (!found) {
			(void)dlclose(handle);
			return -ENOPKG;
		}
		memcpy(symbols[i].function, &found, sizeof(found));
	}
	api.handle = handle;
	return 0;
}

const char *seccomp_path(void)
{
	Dl_info info;
	void *symbol = NULL;

	if (!api.handle)
		return NULL;
	memcpy(&symbol, &api.init, sizeof(symbol));
	return dladdr(symbol, &info) ? info.dli_fname : NULL;
}

int ts_filter_library(int32_t version[3])
{
	int error = open_library();
	const struct version *found = error < 0 ? NULL : api.version();

	if (!found)
		return -ENOPKG;
	version[0] = (int32_t)found->major;
	version[1] = (int32_t)found->minor;
	version[2] = (int32_t)found->micro;
	return 0;
}

/* ---- the description ---- */

struct cursor {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static void take(struct cursor *cursor, void *to, size_t size)
{
	memset(to, 0, size);
	cursor->bad = cursor->bad || size > cursor->left;
	if (cursor->bad)
		return;
	memcpy(to, cursor->at, size);
	cursor->at += size;
	cursor->left -= size;
}

static uint32_t take_u32(struct cursor *cursor)
{
	uint32_t value;

	take(cursor, &value, sizeof(value));
	return value;
}

static uint64_t take_u64(struct cursor *cursor)
{
	uint64_t value;

	take(cursor, &value, sizeof(value));
	return value;
}

static const char *take_name(struct cursor *cursor)
{
	const char *name = (const char *)cursor->at;
	const uint8_t *end = cursor->bad ? NULL : memchr(cursor->at, '\0', cursor->left);

	if (!end) {
		cursor->bad = true;
		return "";
	}
	cursor->left -= (size_t)(end + 1 - cursor->at);
	cursor->at = end + 1;
	return name;
}

/* ---- what is compiled ---- */

struct build {
	void *filter;
	uint32_t default_action;
	bool enosys;
	uint32_t archs[FILTER_ARCHS];
	struct last_call last[FILTER_ARCHS];
	size_t arch_count;
	uint32_t rules;
	int32_t *failed;
};

static int blame(struct build *build, enum filter_part part, uint32_t index, uint32_t name, int error)
{
	build->failed[0] = part;
	build->failed[1] = (int32_t)index;
	build->failed[2] = (int32_t)name;
	return error;
}

/* An architecture once, the machine's own too, which every filter has. */
static int add_arch(struct build *build, uint32_t arch)
{
	int error;

	for (size_t i = 0; i < build->arch_count; i++)
		if (build->archs[i] == arch)
			return 0;
	if (build->arch_count == FILTER_ARCHS)
		return -E2BIG;
	error = api.arch_add(build->filter, arch);
	if (error < 0 && error != -EEXIST)
		return error;
	build->last[build->arch_count] = (struct last_call){
		.audit = arch == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch,
		.x32 = arch == ARCH_X32,
	};
	build->archs[build->arch_count++] = arch;
	return 0;
}

static int add_archs(struct build *build, struct cursor *from)
{
	uint32_t count = take_u32(from);
	int error = add_arch(build, api.arch_native());

	for (uint32_t i = 0; i < count && error == 0; i++) {
		const char *name = take_name(from);
		uint32_t arch = from->bad ? 0 : api.arch_resolve_name(name);

		error = arch ? add_arch(build, arch) : -EINVAL;
		if (error < 0)
			return blame(build, PART_ARCH, i, 0, error);
	}
	return error;
}

/* The filter mentions this call: on each architecture, what is newer than the newest such is unknown to its author. */
static void mention(struct build *build, const char *name)
{
	for (size_t i = 0; i < build->arch_count; i++) {
		int call = api.syscall_resolve_name_arch(build->archs[i], name);

		/* Negative numbers are libseccomp's own, for calls that this architecture does not have. */
		if (call < 0)
			continue;
		build->last[i].known = true;
		if ((uint32_t)call > build->last[i].number)
			build->last[i].number = (uint32_t)call;
	}
}

/* libseccomp wants conditions on several arguments in one rule, and several on one argument in a rule each. As runc. */
static int add_rule(struct build *build, uint32_t action, int call, const struct condition *conditions, uint32_t count)
{
	uint32_t seen = 0;
	bool apart = false;
	int error = 0;

	for (uint32_t i = 0; i < count; i++) {
		apart = apart || seen >> conditions[i].argument & 1;
		seen |= 1u << conditions[i].argument;
	}
	if (!apart)
		error = api.rule_add_array(build->filter, action, call, count, conditions);
	for (uint32_t i = 0; apart && i < count && (error == 0 || error == -EEXIST); i++)
		error = api.rule_add_array(build->filter, action, call, 1, conditions + i);
	return error == -EEXIST ? 0 : error;
}

static int add_group(struct build *build, struct cursor *from, uint32_t index)
{
	struct condition conditions[64];
	uint32_t action = take_u32(from);
	uint32_t count = take_u32(from);
	uint32_t names;

	if (count > sizeof(conditions) / sizeof(conditions[0]))
		return blame(build, PART_RULE, index, 0, -E2BIG);
	for (uint32_t i = 0; i < count; i++) {
		conditions[i].argument = take_u32(from);
		conditions[i].comparison = (int)take_u32(from);
		conditions[i].value = take_u64(from);
		conditions[i].second = take_u64(from);
		if (conditions[i].argument >= ARGUMENTS || conditions[i].comparison < 1 ||
		    conditions[i].comparison > COMPARISON_LAST)
			return blame(build, PART_RULE, index, 0, -EINVAL);
	}
	names = take_u32(from);
	for (uint32_t i = 0; i < names && !from->bad; i++) {
		const char *name = take_name(from);
		int call = api.syscall_resolve_name(name);
		int error = 0;

		if (build->enosys)
			mention(build, name);
		/* A call that this libseccomp does not know, and a rule that repeats the default: left out, as runc does. */
		if (call != NO_CALL && action != build->default_action)
			error = add_rule(build, action, call, conditions, count);
		if (error < 0)
			return blame(build, PART_RULE, index, i, error);
	}
	return 0;
}

/* How many names there are altogether, which decides about the tree before the first rule is added. */
static uint32_t count_names(struct cursor from)
{
	uint32_t groups = take_u32(&from);
	uint32_t sum = 0;

	for (uint32_t i = 0; i < groups && !from.bad; i++) {
		uint32_t conditions;
		uint32_t names;

		(void)take_u32(&from);
		conditions = take_u32(&from);
		for (uint32_t k = 0; k < conditions * 3 && !from.bad; k++)
			(void)take_u64(&from);
		names = take_u32(&from);
		for (uint32_t k = 0; k < names && !from.bad; k++)
			(void)take_name(&from);
		sum += names;
	}
	return sum;
}

static int add_all(struct build *build, struct cursor *from)
{
	int error = add_archs(build, from);
	uint32_t groups;

	if (error < 0)
		return error;
	/* no_new_privs is config.json's to say. Libraries before 2.5 have no tree, and go without. */
	error = api.attr_set(build->filter, ATTRIBUTE_NNP, 0);
	if (error < 0)
		return error;
	if (count_names(*from) >= TREE_FROM)
		(void)api.attr_set(build->filter, ATTRIBUTE_OPTIMIZE, BINARY_TREE);
	groups = take_u32(from);
	for (uint32_t i = 0; i < groups && error == 0 && !from->bad; i++)
		error = add_group(build, from, i);
	if (error == 0 && (from->bad || from->left))
		error = -EINVAL;
	return error;
}

/* ---- the program ---- */

static int export(void *filter, struct filter_program *program)
{
	int fd = memfd_create("tsrun-filter", MFD_CLOEXEC);
	int error = fd < 0 ? -errno : api.export_bpf(filter, fd);
	off_t size = error < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (error == 0 && (size <= 0 || (size_t)size % sizeof(program->at[0])))
		error = -EIO;
	if (error == 0 && (size_t)size > sizeof(program->at))
		error = -E2BIG;
	if (error == 0 && pread(fd, program->at, (size_t)size, 0) != size)
		error = -EIO;
	if (error == 0)
		program->count = (size_t)size / sizeof(program->at[0]);
	if (fd >= 0)
		(void)close(fd);
	return error;
}

int seccomp_compile(const uint8_t *description, size_t length, struct filter_program *program, int32_t failed[3])
{
	struct cursor from = { description, length, false };
	struct build build = { .failed = failed };
	size_t known = 0;
	int error = open_library();

	if (error < 0)
		return error;
	if (take_u32(&from) != FILTER_VERSION)
		return -EINVAL;
	build.default_action = take_u32(&from);
	build.enosys = take_u32(&from) != 0;
	build.filter = from.bad ? NULL : api.init(build.default_action);
	if (!build.filter)
		return -EINVAL;
	error = add_all(&build, &from);
	if (error == 0)
		error = export(build.filter, program);
	api.release(build.filter);
	/* An architecture of which nothing is mentioned is left to the filter. */
	for (size_t i = 0; i < build.arch_count; i++)
		if (build.last[i].known)
			build.last[known++] = build.last[i];
	return error == 0 && build.enosys ? enosys_before(program, build.last, known) : error;
}
