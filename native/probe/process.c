/* What the process was given: arguments, environment, ids, its place among the processes. */
#include "probe.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

/* Its own arguments as the kernel has them: of the whole program, not of the verb. */
int verb_args(int argc, char **argv)
{
	size_t length = 0;
	char *bytes = read_whole("/proc/self/cmdline", &length);

	(void)argc;
	(void)argv;
	if (bytes == NULL)
		return refused("open");
	json_open_array(NULL);
	for (size_t at = 0; at < length; at += strlen(bytes + at) + 1)
		json_string(NULL, bytes + at);
	json_close_array();
	free(bytes);
	return 0;
}

/* The environment in its order, duplicates kept. */
int verb_env(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	json_open_array(NULL);
	for (char **entry = environ; *entry != NULL; entry++)
		json_string(NULL, *entry);
	json_close_array();
	return 0;
}

/* getcwd by the bare system call: the C library hides "(unreachable)". */
int verb_cwd(int argc, char **argv)
{
	char path[4096];

	(void)argc;
	(void)argv;
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
		return refused("getcwd");
	json_open(NULL);
	json_string("cwd", path);
	json_close();
	return 0;
}

static bool all_digits(const char *name)
{
	for (; *name != '\0'; name++) {
		if (*name < '0' || *name > '9')
			return false;
	}
	return true;
}

/* Its place among the processes, and how many of them /proc shows. */
int verb_proc(int argc, char **argv)
{
	char **names = names_in("/proc");
	char *comm = read_whole("/proc/self/comm", NULL);
	char *exe = realpath("/proc/self/exe", NULL);
	long long visible = 0;

	(void)argc;
	(void)argv;
	for (char **name = names; name != NULL && *name != NULL; name++)
		visible += all_digits(*name) ? 1 : 0;
	json_open(NULL);
	json_int("pid", getpid());
	json_int("ppid", getppid());
	json_int("pgid", getpgid(0));
	json_int("sid", getsid(0));
	json_int("visible", visible);
	if (comm != NULL) {
		comm[strcspn(comm, "\n")] = '\0';
		json_string("comm", comm);
	}
	if (exe != NULL)
		json_string("exe", exe);
	json_close();
	if (names != NULL)
		free_names(names);
	free(comm);
	free(exe);
	return 0;
}

static void ids_of(const char *key, unsigned int real, unsigned int effective, unsigned int saved, unsigned int fs)
{
	json_open_array(key);
	json_uint(NULL, real);
	json_uint(NULL, effective);
	json_uint(NULL, saved);
	json_uint(NULL, fs);
	json_close_array();
}

/* uid and gid as [real, effective, saved, filesystem], the groups in the kernel's order, the umask. */
int verb_ids(int argc, char **argv)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	gid_t *groups;
	mode_t mask = umask(0);
	int count = getgroups(0, NULL);

	(void)argc;
	(void)argv;
	(void)umask(mask);
	if (count < 0 || getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return refused("getgroups");
	groups = calloc((size_t)count + 1, sizeof(*groups));
	if (groups == NULL || getgroups(count, groups) != count) {
		free(groups);
		return refused("getgroups");
	}
	json_open(NULL);
	ids_of("uid", ruid, euid, suid, (unsigned int)setfsuid((uid_t)-1));
	ids_of("gid", rgid, egid, sgid, (unsigned int)setfsgid((gid_t)-1));
	json_open_array("groups");
	for (int i = 0; i < count; i++)
		json_uint(NULL, groups[i]);
	json_close_array();
	json_octal("umask", mask);
	json_close();
	free(groups);
	return 0;
}
