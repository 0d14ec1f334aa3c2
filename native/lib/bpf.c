/*
 * Device rules on cgroup v2: loading an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE and attaching it to a cgroup
 * (kernel kernel/bpf/cgroup.c). Nothing is pinned: a program lives as long as the cgroup that it is attached to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"

/* What the kernel allows in one cgroup (kernel/bpf/cgroup.c, BPF_CGROUP_MAX_PROGS). */
#define PROGRAMS_MAX 64

/*
 * With room behind it: kernels from 6.17 on answer BPF_PROG_QUERY in fields that older headers do not have, and do not ask
 * how much room there is.
 */
union call {
	union bpf_attr attr;
	uint8_t room[512];
};

/* What failed, for the caller's message. */
enum step { STEP_OPEN, STEP_QUERY, STEP_GET, STEP_ATTACH, STEP_DETACH };

/* The programs of a cgroup's own, by descriptor. */
struct attached {
	int count;
	uint32_t flags;
	int fds[PROGRAMS_MAX];
};

static uint64_t address(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static int bpf(enum bpf_cmd command, union call *call)
{
	long answer = syscall(SYS_bpf, command, &call->attr, sizeof call->attr);
	return answer < 0 ? -errno : (int)answer;
}

static int load(const uint8_t *instructions, int count, char *log, int room)
{
	union call call;
	memset(&call, 0, sizeof call);
	call.attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	call.attr.expected_attach_type = BPF_CGROUP_DEVICE;
	call.attr.insns = address(instructions);
	call.attr.insn_cnt = (uint32_t)count;
	/* The kernel wants to know; no function that only GPL programs may call is called. */
	call.attr.license = address("GPL");
	memcpy(call.attr.prog_name, "tsrun_devices", sizeof "tsrun_devices");
	if (room > 0) {
		/* BPF_LOG_STATS: what is wrong, without the instructions that are right. */
		call.attr.log_level = 4;
		call.attr.log_buf = address(log);
		call.attr.log_size = (uint32_t)room;
	}
	int fd;
	/* EAGAIN: a signal came while the program was being checked. */
	for (int tries = 0; (fd = bpf(BPF_PROG_LOAD, &call)) == -EAGAIN && tries < 10;)
		tries++;
	return fd;
}

int ts_device_program(const uint8_t *instructions, int count, uint8_t *log, int room)
{
	int fd = load(instructions, count, NULL, 0);
	if (fd == -EPERM) {
		/* Before 5.11 programs count as locked memory, and this is what its limit answers. */
		struct rlimit limit, none = { RLIM_INFINITY, RLIM_INFINITY };
		if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) < 0)
			return fd;
		fd = load(instructions, count, NULL, 0);
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	log[0] = 0;
	/* EFAULT is also said of more jumps than the verifier can keep in mind. */
	if (fd == -EINVAL || fd == -EACCES || fd == -E2BIG || fd == -EFAULT)
		(void)load(instructions, count, (char *)log, room);
	return fd;
}

static int query(int cgroup, uint32_t ids[PROGRAMS_MAX], uint32_t *flags)
{
	union call call;
	memset(&call, 0, sizeof call);
	call.attr.query.target_fd = (uint32_t)cgroup;
	call.attr.query.attach_type = BPF_CGROUP_DEVICE;
	call.attr.query.prog_ids = address(ids);
	call.attr.query.prog_cnt = PROGRAMS_MAX;
	int error = bpf(BPF_PROG_QUERY, &call);
	if (error < 0)
		return error;
	*flags = call.attr.query.attach_flags;
	return (int)call.attr.query.prog_cnt;
}

static int attach(int cgroup, int program, uint32_t flags, int replaced)
{
	union call call;
	memset(&call, 0, sizeof call);
	call.attr.target_fd = (uint32_t)cgroup;
	call.attr.attach_bpf_fd = (uint32_t)program;
	call.attr.attach_type = BPF_CGROUP_DEVICE;
	call.attr.attach_flags = flags;
	if (replaced >= 0)
		call.attr.replace_bpf_fd = (uint32_t)replaced;
	return bpf(BPF_PROG_ATTACH, &call);
}

static int detach(int cgroup, int program)
{
	union call call;
	memset(&call, 0, sizeof call);
	call.attr.target_fd = (uint32_t)cgroup;
	call.attr.attach_bpf_fd = (uint32_t)program;
	call.attr.attach_type = BPF_CGROUP_DEVICE;
	int error = bpf(BPF_PROG_DETACH, &call);
	/* Somebody else was faster. */
	return error == -ENOENT ? 0 : error;
}

/* The cgroup's own programs; those that it inherits are its parents' business. */
static int find_attached(int cgroup, struct attached *found, int32_t *step)
{
	uint32_t ids[PROGRAMS_MAX];
	found->count = 0;
	*step = STEP_QUERY;
	int count = query(cgroup, ids, &found->flags);
	if (count < 0)
		return count;
	*step = STEP_GET;
	for (int i = 0; i < count; i++) {
		union call call;
		memset(&call, 0, sizeof call);
		call.attr.prog_id = ids[i];
		int fd = bpf(BPF_PROG_GET_FD_BY_ID, &call);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		found->fds[found->count++] = fd;
	}
	return 0;
}

/* Takes all of them away, or none: where one cannot be, those before it come back and `program` goes. */
static int detach_all(int cgroup, const struct attached *old, int program)
{
	for (int i = 0; i < old->count; i++) {
		int error = detach(cgroup, old->fds[i]);
		if (error == 0)
			continue;
		while (i-- > 0)
			(void)attach(cgroup, old->fds[i], old->flags, -1);
		if (program >= 0)
			(void)detach(cgroup, program);
		return error;
	}
	return 0;
}

static int put(int cgroup, const struct attached *old, int program, int32_t *step)
{
	if (program < 0) {
		*step = STEP_DETACH;
		return detach_all(cgroup, old, -1);
	}
	*step = STEP_ATTACH;
	/* One that was attached to be alone: the kernel replaces it in one step, and takes no other way of attaching. */
	if (old->count > 0 && (old->flags & BPF_F_ALLOW_MULTI) == 0)
		return attach(cgroup, program, old->flags, -1);
	if (old->count == 1) {
		int error = attach(cgroup, program, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, old->fds[0]);
		/* EINVAL: a kernel before 5.6. ENOENT: somebody has detached it meanwhile. */
		if (error != -EINVAL && error != -ENOENT)
			return error;
	}
	int error = attach(cgroup, program, BPF_F_ALLOW_MULTI, -1);
	if (error < 0)
		return error;
	*step = STEP_DETACH;
	return detach_all(cgroup, old, program);
}

int ts_device_attach(int program, const char *cgroup, int32_t *step)
{
	struct attached old = { .count = 0 };
	*step = STEP_OPEN;
	int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	int error = find_attached(dir, &old, step);
	if (error == 0)
		error = put(dir, &old, program, step);
	for (int i = 0; i < old.count; i++)
		(void)close(old.fds[i]);
	(void)close(dir);
	return error;
}
