/* Verbs for the host's side of a test: the eBPF programs for devices that cgroups of v2 have. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAMS_MAX 64

/* Newer kernels answer in fields that older headers do not have. */
union call {
	union bpf_attr attr;
	unsigned char room[512];
};

static uint64_t address(const void *pointer)
{
	return (uint64_t)(uintptr_t)pointer;
}

static int bpf(enum bpf_cmd command, union call *call)
{
	return (int)syscall(SYS_bpf, command, &call->attr, sizeof(call->attr));
}

static int show(unsigned int id)
{
	union call call = { .room = { 0 } };
	struct bpf_prog_info info = { 0 };
	int fd;

	call.attr.prog_id = id;
	fd = bpf(BPF_PROG_GET_FD_BY_ID, &call);
	if (fd < 0)
		return -1;
	memset(&call, 0, sizeof(call));
	call.attr.info.bpf_fd = (uint32_t)fd;
	call.attr.info.info_len = sizeof(info);
	call.attr.info.info = address(&info);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &call) < 0) {
		close(fd);
		return -1;
	}
	close(fd);
	json_open(NULL);
	json_uint("id", id);
	json_string("name", info.name);
	json_close();
	return 0;
}

/* The programs attached to this very cgroup: [{"id", "name"}]. */
int verb_device_programs(int argc, char **argv)
{
	union call call = { .room = { 0 } };
	uint32_t ids[PROGRAMS_MAX];
	int cgroup = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int status = 0;

	if (cgroup < 0)
		return refused("open");
	call.attr.query.target_fd = (uint32_t)cgroup;
	call.attr.query.attach_type = BPF_CGROUP_DEVICE;
	call.attr.query.prog_ids = address(ids);
	call.attr.query.prog_cnt = PROGRAMS_MAX;
	if (bpf(BPF_PROG_QUERY, &call) < 0)
		status = refused("BPF_PROG_QUERY");
	close(cgroup);
	if (status != 0)
		return status;
	json_open_array(NULL);
	for (uint32_t i = 0; i < call.attr.query.prog_cnt; i++) {
		if (show(ids[i]) < 0)
			json_null(NULL);
	}
	json_close_array();
	return 0;
}

/* Attaches a program called "foreign" that gives every access the same answer. How: multi, override, alone. */
int verb_device_attach(int argc, char **argv)
{
	union call call = { .room = { 0 } };
	struct bpf_insn instructions[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int program, cgroup, status;

	if (argc != 4) {
		fprintf(stderr, "probe: usage: device-attach CGROUP allow|deny multi|override|alone\n");
		return 2;
	}
	instructions[0].imm = strcmp(argv[2], "allow") == 0;
	call.attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	call.attr.insns = address(instructions);
	call.attr.insn_cnt = 2;
	call.attr.license = address("GPL");
	memcpy(call.attr.prog_name, "foreign", sizeof("foreign"));
	program = bpf(BPF_PROG_LOAD, &call);
	if (program < 0)
		return refused("BPF_PROG_LOAD");
	cgroup = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(&call, 0, sizeof(call));
	call.attr.target_fd = (uint32_t)cgroup;
	call.attr.attach_bpf_fd = (uint32_t)program;
	call.attr.attach_type = BPF_CGROUP_DEVICE;
	if (strcmp(argv[3], "multi") == 0)
		call.attr.attach_flags = BPF_F_ALLOW_MULTI;
	else if (strcmp(argv[3], "override") == 0)
		call.attr.attach_flags = BPF_F_ALLOW_OVERRIDE;
	status = bpf(BPF_PROG_ATTACH, &call) < 0 ? refused("BPF_PROG_ATTACH") : done();
	close(cgroup);
	close(program);
	return status;
}

/* How many programs of any type the kernel has: {"loaded"}. */
int verb_loaded_programs(int argc, char **argv)
{
	union call call = { .room = { 0 } };
	unsigned int count = 0;

	(void)argc;
	(void)argv;
	while (bpf(BPF_PROG_GET_NEXT_ID, &call) == 0) {
		call.attr.start_id = call.attr.next_id;
		call.attr.next_id = 0;
		count++;
	}
	if (errno != ENOENT)
		return refused("BPF_PROG_GET_NEXT_ID");
	json_open(NULL);
	json_uint("loaded", count);
	json_close();
	return 0;
}
