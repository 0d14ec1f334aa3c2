/* Starting a program as root of a new user namespace, whose maps somebody else writes meanwhile (newuidmap, newgidmap). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

/* What the child does: nothing before the maps are there, since an id without a map is nobody's, who keeps no capability at execve. */
static _Noreturn void become_root(const char *path, char **argv, char **envp, int gate, int other, const sigset_t *mask)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct sigaction was;
	char byte;

	(void)close(other);
	if (read(gate, &byte, 1) != 1)
		_exit(127);
	/* Node makes its own standard streams close-on-exec as it starts. One that is closed stays so. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_SETFD, 0) < 0 && errno != EBADF)
			_exit(127);
	/* The engine's handlers are not to run here; what its caller ignores stays ignored, but for what engines ignore themselves. */
	for (int number = 1; number < NSIG; number++)
		if (sigaction(number, NULL, &was) == 0 && (was.sa_handler != SIG_IGN || number == SIGPIPE || number == SIGXFSZ))
			(void)sigaction(number, &dfl, NULL);
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		_exit(127);
	/* After the change of ids, which forgets it. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	(void)execve(path, argv, envp);
	_exit(127);
}

int ts_spawn_mapped(const char *path, const char *args, int argc, const char *env, int envc, int gate, int other)
{
	char **strings = calloc((size_t)argc + (size_t)envc + 2, sizeof *strings);
	sigset_t all;
	sigset_t before;
	long pid;
	int error;

	if (!strings)
		return -ENOMEM;
	split(args, argc, strings);
	split(env, envc, strings + argc + 1);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	/* A copy of the memory: this process has to go on while the child waits. */
	pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		become_root(path, strings, strings + argc + 1, gate, other, &before);
	error = pid < 0 ? errno : 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	free(strings);
	return error != 0 ? -error : (int)pid;
}
