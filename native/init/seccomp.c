/*
 * The filter of system calls (seccomp(2)). It is ready-made: libtsrun compiles it. Installing it takes no_new_privs or
 * CAP_SYS_ADMIN, which the program mostly has not: so that can be held in reserve until then. Everything that comes after the
 * filter must be allowed by it, so nothing does that need not.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "run.h"

#define KNOWN_FLAGS                                                                                       \
	(SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_NEW_LISTENER | \
	 WAIT_KILLABLE_RECV)
/* Kernel 5.19; newer than some headers. */
#define WAIT_KILLABLE_RECV (1u << 5)

/* The listener's descriptor, or 0 without one, or -errno. */
static long install(const struct run *run, const struct op_seccomp *op)
{
	const struct sock_fprog program = {
		.len = (unsigned short)(op->program.length / sizeof(struct sock_filter)),
		.filter = (void *)(size_t)op->program.at,
	};
	struct caps raised = run->caps;
	long rc;

	raised.effective |= raised.reserve;
	rc = raised.reserve ? set_capabilities(&raised) : 0;
	return rc < 0 ? rc : sys(seccomp, SECCOMP_SET_MODE_FILTER, op->flags, &program);
}

long install_pending(const struct run *run)
{
	return run->pending ? install(run, &run->filter) : 0;
}

int op_seccomp(struct run *run, const struct op_seccomp *op)
{
	const u32 size = op->program.length / sizeof(struct sock_filter);
	const bool listens = op->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	long rc;

	if (op->program.length % sizeof(struct sock_filter) || !size || size > BPF_MAXINSNS)
		return refuse(run, FAILURE_PLAN, EINVAL, "seccomp", "the filter is no program");
	if (op->flags & ~KNOWN_FLAGS || op->when > PLAN_SECCOMP_EXEC ||
	    (listens && (op->when != PLAN_SECCOMP_NOW || run->host < 0)))
		return refuse(run, FAILURE_PLAN, EINVAL, "seccomp", "the flags, or when");
	if (op->when == PLAN_SECCOMP_EXEC) {
		run->filter = *op;
		run->pending = true;
		return 0;
	}
	rc = install(run, op);
	/* It may end this process at any call that it does not know. */
	run->muted = true;
	if (rc < 0)
		return fail(run, rc, "seccomp", "the filter");
	if (listens) {
		int listener = (int)rc;

		if (offer_listener(run, listener) < 0)
			return -1;
		sys_close(listener);
	}
	if (run->caps.reserve) {
		run->caps.reserve = 0;
		rc = set_capabilities(&run->caps);
	}
	return rc < 0 ? fail(run, rc, "capset", "the program's capabilities") : 0;
}
