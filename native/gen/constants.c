/*
 * Prints src/sys/constants.gen.ts: the kernel's numbers as this machine's headers have them, and the plan's tables from
 * ../plan.h. Built and run by the build, on the architecture the build is for, so that no number is typed in by hand.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../lib/functions.h"
#include "../plan.h"

/* Newer than some headers; the kernel's include/uapi/linux/mempolicy.h has them in an enum or as macros. */
#ifndef MPOL_F_NUMA_BALANCING
#define MPOL_F_NUMA_BALANCING (1 << 13)
#endif
/* Kernel 5.19. */
#define TSRUN_WAIT_KILLABLE_RECV (1 << 5)
/* Kernel 6.9; an enum constant, so headers can't be asked whether they have it. */
#define TSRUN_MPOL_WEIGHTED_INTERLEAVE 6

/* sys/mount.h and linux/mount.h cannot be included together everywhere; these are macros of the latter. */
#define GROUP(name) printf("\nexport const " name " = {\n")
#define END printf("} as const;\n")
#define V(key, value) printf("  %s: %llu,\n", key, (unsigned long long)(value))
#define N(constant) V(#constant, constant)

static void mounts(void)
{
	GROUP("MS");
	V("RDONLY", MS_RDONLY); V("NOSUID", MS_NOSUID); V("NODEV", MS_NODEV); V("NOEXEC", MS_NOEXEC);
	V("SYNCHRONOUS", MS_SYNCHRONOUS); V("REMOUNT", MS_REMOUNT); V("MANDLOCK", MS_MANDLOCK);
	V("DIRSYNC", MS_DIRSYNC); V("NOSYMFOLLOW", MS_NOSYMFOLLOW); V("NOATIME", MS_NOATIME);
	V("NODIRATIME", MS_NODIRATIME); V("BIND", MS_BIND); V("MOVE", MS_MOVE); V("REC", MS_REC);
	V("SILENT", MS_SILENT); V("POSIXACL", MS_POSIXACL); V("UNBINDABLE", MS_UNBINDABLE);
	V("PRIVATE", MS_PRIVATE); V("SLAVE", MS_SLAVE); V("SHARED", MS_SHARED); V("RELATIME", MS_RELATIME);
	V("I_VERSION", MS_I_VERSION); V("STRICTATIME", MS_STRICTATIME); V("LAZYTIME", MS_LAZYTIME);
	END;
	GROUP("MOUNT_ATTR");
	V("RDONLY", MOUNT_ATTR_RDONLY); V("NOSUID", MOUNT_ATTR_NOSUID); V("NODEV", MOUNT_ATTR_NODEV);
	V("NOEXEC", MOUNT_ATTR_NOEXEC); V("_ATIME", MOUNT_ATTR__ATIME); V("RELATIME", MOUNT_ATTR_RELATIME);
	V("NOATIME", MOUNT_ATTR_NOATIME); V("STRICTATIME", MOUNT_ATTR_STRICTATIME);
	V("NODIRATIME", MOUNT_ATTR_NODIRATIME); V("IDMAP", MOUNT_ATTR_IDMAP);
	V("NOSYMFOLLOW", MOUNT_ATTR_NOSYMFOLLOW);
	END;
}

static void processes(void)
{
	GROUP("CLONE");
	V("NEWNS", CLONE_NEWNS); V("NEWCGROUP", CLONE_NEWCGROUP); V("NEWUTS", CLONE_NEWUTS);
	V("NEWIPC", CLONE_NEWIPC); V("NEWUSER", CLONE_NEWUSER); V("NEWPID", CLONE_NEWPID);
	V("NEWNET", CLONE_NEWNET); V("NEWTIME", CLONE_NEWTIME);
	END;
	GROUP("RLIMIT");
	N(RLIMIT_AS); N(RLIMIT_CORE); N(RLIMIT_CPU); N(RLIMIT_DATA); N(RLIMIT_FSIZE); N(RLIMIT_LOCKS);
	N(RLIMIT_MEMLOCK); N(RLIMIT_MSGQUEUE); N(RLIMIT_NICE); N(RLIMIT_NOFILE); N(RLIMIT_NPROC); N(RLIMIT_RSS);
	N(RLIMIT_RTPRIO); N(RLIMIT_RTTIME); N(RLIMIT_SIGPENDING); N(RLIMIT_STACK);
	END;
	GROUP("SCHED");
	V("SCHED_OTHER", SCHED_NORMAL); N(SCHED_FIFO); N(SCHED_RR); N(SCHED_BATCH);
	V("SCHED_ISO", 4); /* reserved by the kernel (include/uapi/linux/sched.h), never implemented */
	N(SCHED_IDLE); N(SCHED_DEADLINE);
	END;
	GROUP("SCHED_FLAG");
	N(SCHED_FLAG_RESET_ON_FORK); N(SCHED_FLAG_RECLAIM); N(SCHED_FLAG_DL_OVERRUN); N(SCHED_FLAG_KEEP_POLICY);
	N(SCHED_FLAG_KEEP_PARAMS); N(SCHED_FLAG_UTIL_CLAMP_MIN); N(SCHED_FLAG_UTIL_CLAMP_MAX);
	END;
	GROUP("IOPRIO_CLASS");
	N(IOPRIO_CLASS_RT); N(IOPRIO_CLASS_BE); N(IOPRIO_CLASS_IDLE); V("SHIFT", IOPRIO_CLASS_SHIFT);
	END;
	GROUP("SECCOMP_RET");
	V("KILL_PROCESS", SECCOMP_RET_KILL_PROCESS); V("KILL_THREAD", SECCOMP_RET_KILL_THREAD);
	V("TRAP", SECCOMP_RET_TRAP); V("ERRNO", SECCOMP_RET_ERRNO); V("USER_NOTIF", SECCOMP_RET_USER_NOTIF);
	V("TRACE", SECCOMP_RET_TRACE); V("LOG", SECCOMP_RET_LOG); V("ALLOW", SECCOMP_RET_ALLOW);
	END;
	GROUP("SECCOMP_FILTER_FLAG");
	V("TSYNC", SECCOMP_FILTER_FLAG_TSYNC); V("LOG", SECCOMP_FILTER_FLAG_LOG);
	V("SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW); V("NEW_LISTENER", SECCOMP_FILTER_FLAG_NEW_LISTENER);
	V("WAIT_KILLABLE_RECV", TSRUN_WAIT_KILLABLE_RECV);
	END;
	GROUP("PERSONALITY");
	N(PER_LINUX); N(PER_LINUX32);
	END;
	GROUP("MPOL");
	N(MPOL_DEFAULT); N(MPOL_PREFERRED); N(MPOL_BIND); N(MPOL_INTERLEAVE); N(MPOL_LOCAL); N(MPOL_PREFERRED_MANY);
	V("MPOL_WEIGHTED_INTERLEAVE", TSRUN_MPOL_WEIGHTED_INTERLEAVE);
	N(MPOL_F_STATIC_NODES); N(MPOL_F_RELATIVE_NODES); N(MPOL_F_NUMA_BALANCING);
	END;
}

static void files(void)
{
	GROUP("S_IF");
	V("MT", S_IFMT); V("CHR", S_IFCHR); V("BLK", S_IFBLK); V("FIFO", S_IFIFO); V("DIR", S_IFDIR);
	V("REG", S_IFREG); V("LNK", S_IFLNK);
	END;
	GROUP("O");
	V("RDONLY", O_RDONLY); V("WRONLY", O_WRONLY); V("RDWR", O_RDWR); V("CREAT", O_CREAT); V("EXCL", O_EXCL);
	V("NOFOLLOW", O_NOFOLLOW); V("DIRECTORY", O_DIRECTORY); V("PATH", O_PATH); V("CLOEXEC", O_CLOEXEC);
	V("NONBLOCK", O_NONBLOCK); V("APPEND", O_APPEND); V("TRUNC", O_TRUNC);
	END;
}

static void names(void)
{
	printf("\n/** errno numbers to names, by this machine's C library. */\nexport const ERRNO: readonly (string | undefined)[] = [\n");
	for (int i = 0; i < 134; i++) {
		const char *name = strerrorname_np(i);
		printf("  %s%s%s,\n", name && i ? "\"" : "", name && i ? name : "undefined", name && i ? "\"" : "");
	}
	printf("];\n\n/** Signal names without SIG, to numbers. */\nexport const SIGNALS: Readonly<Record<string, number>> = {\n");
	for (int i = 1; i < 32; i++) {
		const char *name = sigabbrev_np(i);
		if (name)
			printf("  %s: %d,\n", name, i);
	}
	printf("  IOT: %d,\n  CLD: %d,\n  IO: %d,\n", SIGABRT, SIGCHLD, SIGIO);
	/* The first two real-time signals belong to the C library, but not in the kernel's numbering: RTMIN is 34 for users. */
	printf("  RTMIN: %d,\n  RTMAX: %d,\n};\n", SIGRTMIN, SIGRTMAX);
}

#define FIELD(kind, name) printf("%s[\"%s\", \"%s\"]", first++ ? ", " : "", #name, #kind);
#define OP(number, name)                                             \
	{                                                            \
		int first = 0;                                       \
		(void)first;                                         \
		printf("    %s: { code: %d, fields: [", #name, number); \
		PLAN_##name(FIELD) printf("] },\n");                 \
	}
#define PAIR(number, name) printf("    %s: %d,\n", #name, number);

static void plan(void)
{
	printf("\n/** The plan's format, from native/plan.h. */\nexport const PLAN = {\n");
	printf("  magic: %u,\n  version: %u,\n  maxBytes: %u,\n  maxOps: %u,\n  maxString: %u,\n  messageMax: %u,\n", PLAN_MAGIC,
	       PLAN_VERSION, PLAN_MAX_BYTES, PLAN_MAX_OPS, PLAN_MAX_STRING, PLAN_MESSAGE_MAX);
	printf("  trace: { size: %zu, begin: %zu, end: %zu, failed: %zu, value: %zu },\n", sizeof(struct plan_trace),
	       offsetof(struct plan_trace, begin), offsetof(struct plan_trace, end), offsetof(struct plan_trace, failed),
	       offsetof(struct plan_trace, value));
	printf("  seccompNow: %u,\n  seccompExec: %u,\n", PLAN_SECCOMP_NOW, PLAN_SECCOMP_EXEC);
	printf("  labels: { apparmorExec: %u, selinuxExec: %u, selinuxKey: %u },\n", PLAN_LABEL_APPARMOR_EXEC,
	       PLAN_LABEL_SELINUX_EXEC, PLAN_LABEL_SELINUX_KEY);
	printf("  ops: {\n");
	PLAN_OPS(OP)
	printf("  },\n  messages: {\n");
	PLAN_MESSAGES(PAIR)
	printf("  },\n  failures: {\n");
	PLAN_FAILURES(PAIR)
	printf("  },\n} as const;\n");
}

#define FUNCTION(name, ...) printf("  %s: \"", #name); letters("" #__VA_ARGS__); printf("\",\n");

/* The parameters without the commas between them. */
static void letters(const char *list)
{
	for (; *list; list++)
		if (*list == 'p' || *list == 'i')
			putchar(*list);
}

static void functions(void)
{
	printf("\n/** The native functions' parameters, as `Signature` of ffi.ts has them, from native/lib/functions.h. */\n"
	       "export const SIGNATURES = {\n");
	LIB_COMMAND_FUNCTIONS(FUNCTION)
	LIB_THREAD_FUNCTIONS(FUNCTION)
	printf("} as const;\n");
}

int main(void)
{
	printf("// Made by native/gen/constants.c from this machine's headers, native/plan.h and native/lib/functions.h. Do not edit.\n");
	mounts();
	processes();
	files();
	names();
	plan();
	functions();
	return ferror(stdout) != 0;
}
