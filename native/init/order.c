#include <linux/sched.h>

#include "order.h"

/* What an operation demands of those before it. */
enum demand {
	BEFORE_FORK = 1,
	AFTER_FORK = 2,
	ROOTED = 4,	  /* after rootfs */
	HOST_SIDE = 8,	  /* before the root is changed: names a path of the host */
	BEFORE_READY = 16, /* needs the host, or a handle that is given up at ready */
};

/*
 * Five come on either side of the fork. It may be what enters the cgroup, and with that come its namespace and its CPUs;
 * lowering oom_score_adj may need privileges that a user namespace takes away; and what is to enter a container takes no
 * procfs of the host's along for its label.
 */
static u32 demands(enum op_number number)
{
	switch (number) {
	case OP_enter:
	case OP_userns:
	case OP_timeOffset:
	case OP_attach: case OP_trace:
	case OP_fork:
		return BEFORE_FORK;
	case OP_join:
	case OP_unshare:
	case OP_affinity:
	case OP_oomScoreAdj:
	case OP_label:
		return BEFORE_READY;
	case OP_overlay: case OP_rootfs:
	case OP_hostHooks:
		return AFTER_FORK | HOST_SIDE | BEFORE_READY;
	case OP_bind:
	case OP_pivotRoot: case OP_moveRoot:
		return AFTER_FORK | ROOTED | HOST_SIDE | BEFORE_READY;
	case OP_mkdir:
	case OP_mkfile:
	case OP_mount:
	case OP_remount:
	case OP_mknod:
	case OP_symlink:
	case OP_readonlyPath:
	case OP_maskPath:
	case OP_rootReadonly:
	case OP_fileLabel:
		return AFTER_FORK | ROOTED | BEFORE_READY;
	case OP_propagation:
	case OP_sysctl:
	case OP_console:
	case OP_ready:
		return AFTER_FORK | BEFORE_READY;
	case OP_keyring:
	case OP_session:
	case OP_loopback:
	case OP_hostname: case OP_domainname:
	case OP_hook:
	case OP_chdir:
	case OP_rlimit:
	case OP_umask:
	case OP_scheduler:
	case OP_ioPriority:
	case OP_personality:
	case OP_memoryPolicy:
	case OP_stdioOwner:
	case OP_boundingSet:
	case OP_user:
	case OP_capabilities:
	case OP_noNewPrivs:
	case OP_program:
	case OP_closeFrom: case OP_seccomp:
	case OP_awaitStart: case OP_exec:
		return AFTER_FORK;
	}
	return 0;
}

static const char *check_demands(const struct order *order, u32 demand)
{
	if (demand & BEFORE_FORK && order->forked)
		return "an operation of stage one comes after fork";
	if (demand & AFTER_FORK && !order->forked)
		return "an operation of the container's first process comes before fork";
	if (demand & ROOTED && !order->rooted)
		return "an operation inside the root comes before rootfs";
	if (demand & HOST_SIDE && order->pivoted)
		return "an operation on the host's files comes after the root was changed";
	if (demand & BEFORE_READY && order->ready)
		return "an operation that needs the host comes after ready";
	return NULL;
}

/* Steps that come once, or that need one particular step before them. */
static const char *check_once(struct order *order, const struct op *op, bool last)
{
	bool *once = op->number == OP_fork	 ? &order->forked :
		     op->number == OP_rootfs	 ? &order->rooted :
		     op->number == OP_pivotRoot	 ? &order->pivoted :
		     op->number == OP_moveRoot	 ? &order->pivoted :
		     op->number == OP_ready	 ? &order->ready :
		     op->number == OP_awaitStart ? &order->awaited :
		     op->number == OP_program	 ? &order->programmed :
		     op->number == OP_seccomp	 ? &order->filtered :
		     op->number == OP_trace	 ? &order->traced :
						   NULL;

	if (op->number == OP_awaitStart && !order->ready)
		return "awaitStart comes before ready";
	if (op->number == OP_exec && !order->programmed)
		return "exec comes without a program";
	if ((op->number == OP_exec) != last)
		return "exec is the last operation, and nothing else is";
	if (once && *once)
		return "an operation comes twice that may come once";
	if (once)
		*once = true;
	return NULL;
}

const char *order_check(struct order *order, const struct op *op, bool last)
{
	const char *what = check_demands(order, demands(op->number));

	if (!what)
		what = check_once(order, op, last);
	if (what)
		return what;
	if (op->number == OP_join) {
		const u32 kinds = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
				  CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWTIME;

		if (!op->join.ns || op->join.ns & (op->join.ns - 1) || op->join.ns & ~kinds)
			return "join names no single type of namespace";
		if (order->forked && op->join.ns != CLONE_NEWCGROUP)
			return "an operation of stage one comes after fork";
		if (order->joined & op->join.ns)
			return "two namespaces of one type are joined";
		order->joined |= op->join.ns;
	}
	if (op->number == OP_console && op->console.target[0] && !order->rooted)
		return "an operation inside the root comes before rootfs";
	if (op->number == OP_program && !op->program.args.count)
		return "the program has no arguments";
	return NULL;
}
