/* From the arguments to the last operation. */
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/signal.h>

#include "run.h"

#define SIGNALS 64

/* struct sigaction as the kernel has it on both machines, but for a restorer that only handlers need. */
struct action {
	void *handler; /* 0 is the default, 1 ignores */
	unsigned long flags;
	void *restorer;
	u64 mask;
};

void ignore_signal(int number, bool ignored)
{
	const struct action action = { .handler = (void *)(size_t)(ignored ? 1 : 0) };

	(void)sys(rt_sigaction, number, &action, NULL, sizeof(u64));
}

void reset_signals(void)
{
	const u64 none = 0;

	/* SIGKILL and SIGSTOP refuse, and need nothing. */
	for (int number = 1; number <= SIGNALS; number++)
		ignore_signal(number, false);
	(void)sys(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, sizeof(none));
}

/* No operation but has its case: the tables of plan.h make them. */
static int run_op(struct run *run, const struct op *op)
{
	switch (op->number) {
#define X(value, name)        \
	case OP_##name:       \
		return op_##name(run, &op->name);
		PLAN_OPS(X)
#undef X
	}
	return refuse(run, FAILURE_PLAN, 0, "plan", "no such operation");
}

int run_plan(struct run *run)
{
	struct plan_place place = { 0 };
	struct op op;

	if (enter_prepare(run) < 0)
		return -1;
	while (plan_next(&run->plan, &place, &op)) {
		int rc;

		run->op = op.index;
		if (run->trace)
			trace_begin(run);
		rc = run_op(run, &op);
		if (run->trace)
			trace_end(run, rc);
		if (rc < 0)
			return -1;
	}
	return refuse(run, FAILURE_PLAN, 0, "plan", "it ended without exec");
}

/*
 * Map the plan and check it. It must be sealed: what has been checked stays what it is, and stays mapped.
 */
static int load_plan(struct run *run, int fd)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK;
	long have = sys(fcntl, fd, F_GET_SEALS);
	struct plan_defect defect;
	struct statx found;
	long at;
	int rc;

	if (have < 0 || (have & seals) != seals)
		return refuse(run, FAILURE_PLAN, 0, "fcntl", "the plan's memory is not sealed");
	rc = sys_statx(fd, STATX_SIZE, &found);
	if (rc < 0)
		return fail(run, rc, "statx", "the plan");
	if (!found.stx_size || found.stx_size > PLAN_MAX_BYTES)
		return refuse(run, FAILURE_PLAN, 0, "plan", "the plan's size is out of bounds");
	at = sys(mmap, NULL, found.stx_size, PROT_READ, MAP_PRIVATE, fd);
	if (at < 0 && at > -4096)
		return fail(run, at, "mmap", "the plan");
	sys_close(fd);
	defect = plan_check(&run->plan, (const void *)at, (size_t)found.stx_size);
	run->op = defect.index;
	return defect.what ? refuse(run, FAILURE_PLAN, 0, "plan", defect.what) : 0;
}

/*
 * Descriptors 0 to 2 that the caller left closed are taken, until exec, lest one of this program's own become standard
 * input.
 */
static void fill_standard(void)
{
	for (;;) {
		int fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);

		if (fd < 0)
			return;
		if (fd > 2) {
			sys_close(fd);
			return;
		}
	}
}

static int descriptor(const char *text)
{
	return (int)text_number(text, strlen(text), 0x7fffffff);
}

void init_main(int argc, char *const *argv, char *const *env)
{
	static struct run run;
	int plan;

	/* Before anything else: what this process holds is nobody's to look at. CVE-2016-9962. */
	if (argc != 4 || sys_prctl(PR_SET_DUMPABLE, 0, 0) < 0)
		sys_exit(1);
	fill_standard();
	reset_signals();
	plan = descriptor(argv[1]);
	run = (struct run){
		.env = env,
		.host = descriptor(argv[2]),
		.listen = descriptor(argv[3]),
		.process = -1,
		.caller = -1,
		.own_uid = (u32)sys(geteuid),
		.root = -1,
		.proc = -1,
		.timens = -1,
		.cgroup = -1,
		.umask = 022,
		.null = { .fd = -1 },
		.empty = { .fd = -1 },
	};
	if (plan < 0 || run.host < 0)
		sys_exit(1);
	(void)sys(fcntl, run.host, F_SETFD, 1 /* FD_CLOEXEC */);
	if (run.listen >= 0)
		(void)sys(fcntl, run.listen, F_SETFD, 1 /* FD_CLOEXEC */);
	if (load_plan(&run, plan) == 0) {
		if (plan_has(&run.plan, OP_enter)) {
			run.process = run.listen;
			run.listen = -1;
		}
		(void)run_plan(&run);
	}
	tell_failure(&run);
	sys_exit(1);
}
