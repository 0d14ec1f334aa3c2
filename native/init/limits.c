/* How the program runs: limits, scheduling, memory placement. */
#include <linux/ioprio.h>
#include <linux/resource.h>

#include "run.h"

int op_rlimit(struct run *run, const struct op_rlimit *op)
{
	const struct rlimit64 limit = { .rlim_cur = op->soft, .rlim_max = op->hard };
	long rc = sys(prlimit64, 0, op->resource, &limit, NULL);
	char number[24];
	struct text text = text_in(number, sizeof(number));

	text_add_number(&text, op->resource);
	return rc < 0 ? fail_more(run, rc, "prlimit64", "resource", number) : 0;
}

/* The program's. Set-up keeps 0, so that modes are what the plan says; hooks and the program get this one. */
int op_umask(struct run *run, const struct op_umask *op)
{
	run->umask = op->mask;
	return 0;
}

/* struct sched_attr of linux/sched/types.h, whose first published size is enough; libc headers clash with that one. */
struct scheduling {
	u32 size;
	u32 policy;
	u64 flags;
	__s32 nice;
	u32 priority;
	u64 runtime;
	u64 deadline;
	u64 period;
};

int op_scheduler(struct run *run, const struct op_scheduler *op)
{
	const struct scheduling scheduling = {
		.size = sizeof(scheduling),
		.policy = op->policy,
		.flags = op->flags,
		.nice = (__s32)(s64)op->nice,
		.priority = op->priority,
		.runtime = op->runtime,
		.deadline = op->deadline,
		.period = op->period,
	};
	long rc = sys(sched_setattr, 0, &scheduling, 0);

	return rc < 0 ? fail(run, rc, "sched_setattr", "the program's scheduling") : 0;
}

int op_ioPriority(struct run *run, const struct op_ioPriority *op)
{
	long rc = sys(ioprio_set, IOPRIO_WHO_PROCESS, 0, op->value);

	return rc < 0 ? fail(run, rc, "ioprio_set", "the program's I/O priority") : 0;
}

int op_personality(struct run *run, const struct op_personality *op)
{
	long rc = sys(personality, op->persona);

	return rc < 0 ? fail(run, rc, "personality", "the program's execution domain") : 0;
}

/* The bit masks of the next two are used where they lie: a plan's u64, low half first, is what these machines have. */

int op_memoryPolicy(struct run *run, const struct op_memoryPolicy *op)
{
	const u8 *nodes = op->nodes.count ? op->nodes.at : NULL;
	/* The kernel takes one off the count of bits (mm/mempolicy.c, get_nodes). */
	long rc = sys(set_mempolicy, op->mode, nodes, nodes ? 64ul * op->nodes.count + 1 : 0);

	return rc < 0 ? fail(run, rc, "set_mempolicy", "the program's memory policy") : 0;
}

int op_affinity(struct run *run, const struct op_affinity *op)
{
	long rc = sys(sched_setaffinity, 0, 8ul * op->cpus.count, op->cpus.at);

	return rc < 0 ? fail(run, rc, "sched_setaffinity", "the program's CPUs") : 0;
}
