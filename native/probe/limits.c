/* Limits and scheduling: rlimits, signals, scheduler, I/O priority, memory policy, personality, OOM score. */
#include "probe.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *const limit_names[] = {
	[RLIMIT_CPU] = "RLIMIT_CPU",	   [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[RLIMIT_DATA] = "RLIMIT_DATA",	   [RLIMIT_STACK] = "RLIMIT_STACK",
	[RLIMIT_CORE] = "RLIMIT_CORE",	   [RLIMIT_RSS] = "RLIMIT_RSS",
	[RLIMIT_NPROC] = "RLIMIT_NPROC",   [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK", [RLIMIT_AS] = "RLIMIT_AS",
	[RLIMIT_LOCKS] = "RLIMIT_LOCKS",   [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE",
	[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO", [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
};

static void limit_value(rlim_t value)
{
	if (value == RLIM_INFINITY)
		json_string(NULL, "unlimited");
	else
		json_uint(NULL, value);
}

/* Each limit as [soft, hard]. */
int verb_limits(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	json_open(NULL);
	for (size_t i = 0; i < sizeof(limit_names) / sizeof(limit_names[0]); i++) {
		struct rlimit limit;

		if (getrlimit((__rlimit_resource_t)i, &limit) < 0)
			continue;
		json_open_array(limit_names[i]);
		limit_value(limit.rlim_cur);
		limit_value(limit.rlim_max);
		json_close_array();
	}
	json_close();
	return 0;
}

/* The kernel's own struct: the C library hides signals 32 and 33. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

/* The numbers of the signals that are blocked, ignored and caught. */
int verb_signals(int argc, char **argv)
{
	unsigned long blocked = 0;
	static const char *const keys[] = { "blocked", "ignored", "caught" };

	(void)argc;
	(void)argv;
	if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked)) < 0)
		return refused("rt_sigprocmask");
	json_open(NULL);
	for (size_t kind = 0; kind < 3; kind++) {
		json_open_array(keys[kind]);
		for (int sig = 1; sig <= 64; sig++) {
			struct kernel_sigaction action;
			bool is;

			memset(&action, 0, sizeof(action));
			if (syscall(SYS_rt_sigaction, sig, NULL, &action, sizeof(action.mask)) < 0)
				continue;
			if (kind == 0)
				is = (blocked >> (sig - 1) & 1) != 0;
			else if (kind == 1)
				is = action.handler == SIG_IGN;
			else
				is = action.handler != SIG_IGN && action.handler != SIG_DFL;
			if (is)
				json_int(NULL, sig);
		}
		json_close_array();
	}
	json_close();
	return 0;
}

/* As sched_getattr(2) has it; older C libraries do not declare it. */
struct attributes {
	unsigned int size, policy;
	unsigned long long flags;
	int nice;
	unsigned int priority;
	unsigned long long runtime, deadline, period;
};

/* The scheduling policy and its numbers, and the cpus the process may run on. */
int verb_sched(int argc, char **argv)
{
	struct attributes attributes;
	cpu_set_t set;

	(void)argc;
	(void)argv;
	memset(&attributes, 0, sizeof(attributes));
	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) < 0)
		return refused("sched_getattr");
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return refused("sched_getaffinity");
	json_open(NULL);
	json_uint("policy", attributes.policy);
	json_uint("flags", attributes.flags);
	json_int("nice", attributes.nice);
	json_uint("priority", attributes.priority);
	json_uint("runtime", attributes.runtime);
	json_uint("deadline", attributes.deadline);
	json_uint("period", attributes.period);
	json_open_array("cpus");
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET((size_t)cpu, &set))
			json_int(NULL, cpu);
	}
	json_close_array();
	json_close();
	return 0;
}

int verb_ioprio(int argc, char **argv)
{
	long value = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0);

	(void)argc;
	(void)argv;
	if (value < 0)
		return refused("ioprio_get");
	json_open(NULL);
	json_int("class", value >> 13);
	json_int("priority", value & 0x1fff);
	json_close();
	return 0;
}

/* The mode with its flags, and the first 64 nodes as a mask. */
int verb_mempolicy(int argc, char **argv)
{
	int mode = 0;
	unsigned long nodes[16] = { 0 };

	(void)argc;
	(void)argv;
	if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0) < 0)
		return refused("get_mempolicy");
	json_open(NULL);
	json_int("mode", mode);
	json_hex("nodes", nodes[0]);
	json_close();
	return 0;
}

int verb_oom(int argc, char **argv)
{
	char *text = read_whole("/proc/self/oom_score_adj", NULL);

	(void)argc;
	(void)argv;
	if (text == NULL)
		return refused("open");
	json_open(NULL);
	json_int("oomScoreAdj", atoi(text));
	json_close();
	free(text);
	return 0;
}

/* The execution domain, and what uname says the machine is under it. */
int verb_personality(int argc, char **argv)
{
	struct utsname names;
	int persona = personality(0xffffffffUL);

	(void)argc;
	(void)argv;
	if (persona < 0 || uname(&names) < 0)
		return refused("personality");
	json_open(NULL);
	json_hex("persona", (unsigned int)persona);
	json_string("machine", names.machine);
	json_string("release", names.release);
	json_close();
	return 0;
}
