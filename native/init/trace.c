/* When each operation begins and ends, in memory that the host shares. Without the operation `trace` nothing of this runs. */
#include <linux/time.h>

#include "run.h"

#define READ_WRITE 3 /* PROT_READ | PROT_WRITE */
#define SHARED 1     /* MAP_SHARED */

static u64 now(struct run *run)
{
	struct {
		s64 seconds;
		s64 nanoseconds;
	} time;

	if (!run->muted && sys(clock_gettime, CLOCK_MONOTONIC, &time) >= 0)
		run->traced_at = (u64)time.seconds * 1000000000u + (u64)time.nanoseconds;
	return run->traced_at;
}

/* It must be large enough, and stay so: a page that is gone would end this process. */
static int map_memory(struct run *run, int fd)
{
	const size_t need = run->plan.count * sizeof(struct plan_trace);
	long seals = sys(fcntl, fd, F_GET_SEALS);
	struct statx found;
	int rc = sys_statx(fd, STATX_SIZE, &found);
	long at;

	if (rc < 0)
		return fail(run, rc, "statx", "the trace");
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || found.stx_size < need)
		return refuse(run, FAILURE_UNSAFE, 0, "the memory of the trace", "it is too small, or may shrink");
	at = sys(mmap, NULL, need, READ_WRITE, SHARED, fd);
	if (at < 0 && at > -4096)
		return fail(run, at, "mmap", "the trace");
	run->trace = (struct plan_trace *)at;
	return 0;
}

int op_trace(struct run *run, const struct op_trace *op)
{
	u64 begin = now(run);
	int fd;
	int rc;

	(void)op;
	if (ask(run, MESSAGE_ASKS_TRACE, 0, &fd) < 0)
		return -1;
	rc = map_memory(run, fd);
	sys_close(fd);
	if (rc == 0)
		run->trace[run->op].begin = begin;
	return rc;
}

void trace_begin(struct run *run)
{
	struct plan_trace *entry = &run->trace[run->op];

	entry->begin = now(run);
}

void trace_end(struct run *run, int result)
{
	struct plan_trace *entry = &run->trace[run->op];

	if (result < 0) {
		entry->failed = run->failure.detail + 1;
		entry->value = run->failure.value;
	}
	entry->end = now(run);
}
