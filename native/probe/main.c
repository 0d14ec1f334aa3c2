/* The table of verbs, and the ways to call them: by name, by the program's own name, several in turn, all. */
#include "probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int verb_do(int argc, char **argv);
static int verb_all(int argc, char **argv);
static int verb_pid1(int argc, char **argv);

static const struct verb verbs[] = {
	/* what the process was given */
	{ "args", verb_args, "", true },
	{ "env", verb_env, "", true },
	{ "cwd", verb_cwd, "", true },
	{ "proc", verb_proc, "", true },
	{ "ids", verb_ids, "", true },
	{ "caps", verb_caps, "", true },
	{ "nnp", verb_nnp, "", true },
	{ "keyring", verb_keyring, "", true },
	{ "limits", verb_limits, "", true },
	{ "signals", verb_signals, "", true },
	{ "sched", verb_sched, "", true },
	{ "ioprio", verb_ioprio, "", true },
	{ "mempolicy", verb_mempolicy, "", true },
	{ "oom", verb_oom, "", true },
	{ "personality", verb_personality, "", true },
	{ "fds", verb_fds, "", true },
	{ "tty", verb_tty, "", true },
	/* where it lives */
	{ "ns", verb_ns, "", true },
	{ "maps", verb_maps, "", true },
	{ "clocks", verb_clocks, "", true },
	{ "hostname", verb_hostname, "", true },
	{ "net", verb_net, "", true },
	{ "cgroup", verb_cgroup, "[FILE below /sys/fs/cgroup]...", true },
	{ "mounts", verb_mounts, "", true },
	{ "devices", verb_devices, "", true },
	{ "sysctl", verb_sysctl, "NAME...", false },
	/* files */
	{ "ls", verb_ls, "DIR", false },
	{ "stat", verb_stat, "PATH...", false },
	{ "read", verb_read, "FILE", false },
	{ "cat", verb_cat, "FILE", false },
	{ "write", verb_write, "FILE TEXT", false },
	{ "mkdir", verb_mkdir, "PATH", false },
	{ "open", verb_open, "DEVICE [r][w][b][m]", false },
	{ "mknod", verb_mknod, "c|b|p MAJOR MINOR PATH", false },
	/* deeds */
	{ "true", verb_true, "", false },
	{ "false", verb_false, "", false },
	{ "echo", verb_echo, "TEXT...", false },
	{ "exit", verb_exit, "STATUS", false },
	{ "signal", verb_signal, "NUMBER", false },
	{ "sleep", verb_sleep, "SECONDS", false },
	{ "trap", verb_trap, "[stay]", false },
	{ "crew", verb_crew, "COUNT", false },
	{ "tree", verb_tree, "COUNT", false },
	{ "orphan", verb_orphan, "SECONDS", false },
	{ "notify-send", verb_notify_send, "LINE...", false },
	{ "answer-one", verb_answer_one, "TEXT", false },
	{ "pid1", verb_pid1, "VERB...", false },
	{ "fork", verb_fork, "COUNT", false },
	{ "eat", verb_eat, "BYTES", false },
	{ "spin", verb_spin, "MILLISECONDS", false },
	{ "gulp", verb_gulp, "BYTES", false },
	{ "gush", verb_gush, "BYTES", false },
	{ "call", verb_call, "64|32|x32 NUMBER [ARGUMENT]...", false },
	{ "hold", verb_hold, "none|lock|unix|tcp PATH FILE", false },
	{ "spy", verb_spy, "MILLISECONDS", false },
	/* for the side of the host */
	{ "launch", verb_launch, "[SETTING]... -- PROGRAM [ARGUMENT]...", false },
	{ "console", verb_console, "PATH", false },
	{ "pty", verb_pty, "[SETTING]... -- PROGRAM [ARGUMENT]...", false },
	{ "seccomp-agent", verb_seccomp_agent, "PATH", false },
	{ "notify-listen", verb_notify_listen, "PATH", false },
	{ "mountwatch", verb_mountwatch, "PROGRAM [ARGUMENT]...", false },
	{ "device-programs", verb_device_programs, "CGROUP", false },
	{ "device-attach", verb_device_attach, "CGROUP allow|deny multi|override|alone", false },
	{ "loaded-programs", verb_loaded_programs, "", false },
	/* of several */
	{ "do", verb_do, "VERB... [, VERB...]...", false },
	{ "all", verb_all, "", false },
};

#define COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int call(int argc, char **argv)
{
	const struct verb *verb = argc > 0 ? find(argv[0]) : NULL;
	int status;

	if (verb == NULL) {
		fprintf(stderr, "probe: no such verb: %s\n", argc > 0 ? argv[0] : "");
		return 2;
	}
	status = verb->run(argc, argv);
	json_end_line();
	return status;
}

/* Several verbs in turn, parted by commas of their own; a line of output each. The first failure's status. */
static int verb_do(int argc, char **argv)
{
	int status = 0;
	int start = 1;

	for (int i = 1; i <= argc; i++) {
		int one;

		if (i < argc && strcmp(argv[i], ",") != 0)
			continue;
		one = call(i - start, argv + start);
		if (status == 0)
			status = one;
		start = i + 1;
	}
	return status;
}

/* {"args": ..., "env": ..., ...}: each verb that can be compared between two runs. */
static int verb_all(int argc, char **argv)
{
	bool first = true;

	(void)argc;
	putchar('{');
	for (size_t i = 0; i < COUNT; i++) {
		char *only[] = { argv[0], NULL };

		if (!verbs[i].in_all)
			continue;
		printf("%s\n\"%s\":", first ? "" : ",", verbs[i].name);
		first = false;
		/* A verb that is refused answers {"call", "error"}, which belongs into the comparison. */
		(void)verbs[i].run(1, only);
		json_end_line();
	}
	puts("}");
	fflush(stdout);
	return 0;
}

static int verb_pid1(int argc, char **argv)
{
	return pid1_run(call, argc - 1, argv + 1);
}

static void usage(void)
{
	puts("probe VERB [ARGUMENT]...: answers one question about where it runs. Verbs:");
	for (size_t i = 0; i < COUNT; i++)
		printf("  %s %s\n", verbs[i].name, verbs[i].usage);
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	name = name == NULL ? (argc > 0 ? argv[0] : "") : name + 1;
	/* /bin/true, /bin/sleep and the like are links to this program. */
	if (strcmp(name, "probe") != 0 && find(name) != NULL) {
		int status = find(name)->run(argc, argv);

		json_end_line();
		return status;
	}
	if (argc < 2) {
		usage();
		return 2;
	}
	return call(argc - 1, argv + 1);
}
