/* Deeds: ending in a given way, waiting, catching signals, having children, eating memory and time. */
#include "probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int verb_true(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int verb_false(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}

int verb_echo(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s%s", i > 1 ? " " : "", argv[i]);
	putchar('\n');
	fflush(stdout);
	return 0;
}

int verb_exit(int argc, char **argv)
{
	return argc > 1 ? (int)number(argv[1]) : 0;
}

/* Ends by a signal; the first process of a pid namespace cannot, which is said. */
int verb_signal(int argc, char **argv)
{
	int sig = argc > 1 ? (int)number(argv[1]) : SIGTERM;

	(void)signal(sig, SIG_DFL);
	if (raise(sig) != 0)
		return refused("raise");
	puts("still here");
	return 3;
}

int verb_sleep(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	struct timespec left = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return 0;
}

static void say(const char *key, long long value)
{
	json_open(NULL);
	json_int(key, value);
	json_close();
	json_end_line();
}

/* Prints {"ready": pid}, then {"signal": n} for each signal it catches; ends at TERM, or never with `stay`. */
int verb_trap(int argc, char **argv)
{
	bool stay = argc > 1 && strcmp(argv[1], "stay") == 0;
	sigset_t every;

	(void)sigfillset(&every);
	if (sigprocmask(SIG_BLOCK, &every, NULL) < 0)
		return refused("sigprocmask");
	say("ready", getpid());
	for (;;) {
		int sig = sigwaitinfo(&every, NULL);

		if (sig < 0)
			continue;
		say("signal", sig);
		if (sig == SIGTERM && !stay)
			return 0;
	}
}

static void report(long long member)
{
	sigset_t every;

	(void)sigfillset(&every);
	for (;;) {
		int sig = sigwaitinfo(&every, NULL);

		if (sig < 0)
			continue;
		json_open(NULL);
		json_int("member", member);
		json_int("signal", sig);
		json_close();
		json_end_line();
	}
}

/*
 * Itself, member 0, and COUNT children print {"member": n, "signal": n} for each signal they get, and never end. First
 * comes {"ready": COUNT}.
 */
int verb_crew(int argc, char **argv)
{
	long long count = argc > 1 ? number(argv[1]) : 1;
	sigset_t every;

	(void)sigfillset(&every);
	if (sigprocmask(SIG_BLOCK, &every, NULL) < 0)
		return refused("sigprocmask");
	for (long long member = 1; member <= count; member++) {
		pid_t child = fork();

		if (child < 0)
			return refused("fork");
		if (child == 0)
			report(member);
	}
	say("ready", count);
	report(0);
	return 0;
}

static pid_t sleeper(void)
{
	pid_t child = fork();

	if (child == 0) {
		for (;;)
			pause();
	}
	return child;
}

/* Has COUNT children that sleep, prints {"ready": how many}, and waits for ever. */
int verb_tree(int argc, char **argv)
{
	long long count = argc > 1 ? number(argv[1]) : 1;
	long long made = 0;

	while (made < count && sleeper() > 0)
		made++;
	say("ready", made);
	for (;;)
		pause();
}

/* Leaves a child behind that sleeps, and ends. */
int verb_orphan(int argc, char **argv)
{
	pid_t child = fork();

	if (child < 0)
		return refused("fork");
	if (child == 0) {
		(void)close(0);
		(void)close(1);
		(void)close(2);
		_exit(verb_sleep(argc, argv));
	}
	return 0;
}

/* Runs a verb in a child and reaps everything until that child has ended; answers its status. */
int pid1_run(int (*body)(int, char **), int argc, char **argv)
{
	pid_t child = fork();

	if (child < 0)
		return refused("fork");
	if (child == 0)
		exit(body(argc, argv));
	for (;;) {
		int status;
		pid_t ended = waitpid(-1, &status, 0);

		if (ended == child)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (ended < 0 && errno != EINTR)
			return refused("waitpid");
	}
}

/* How many of COUNT processes can be made beside this one; they are gone again afterwards. */
int verb_fork(int argc, char **argv)
{
	long long count = argc > 1 ? number(argv[1]) : 1;
	long long made = 0;
	int number_of_refusal = 0;
	pid_t *children = calloc((size_t)count + 1, sizeof(*children));

	if (children == NULL)
		return refused("calloc");
	while (made < count) {
		pid_t child = sleeper();

		if (child < 0) {
			number_of_refusal = errno;
			break;
		}
		children[made++] = child;
	}
	for (long long i = 0; i < made; i++) {
		(void)kill(children[i], SIGKILL);
		(void)waitpid(children[i], NULL, 0);
	}
	free(children);
	json_open(NULL);
	json_int("made", made);
	if (number_of_refusal != 0)
		json_string("error", errno_name(number_of_refusal));
	json_close();
	return 0;
}

/* Touches BYTES of memory page by page, with a line at each further MiB, and {"eaten": bytes} at the end. */
int verb_eat(int argc, char **argv)
{
	long long bytes = argc > 1 ? number(argv[1]) : 0;
	char *memory = mmap(NULL, (size_t)bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return refused("mmap");
	for (long long at = 0; at < bytes; at += 4096) {
		memory[at] = 1;
		if (at % (1 << 20) == 0)
			say("touched", at);
	}
	say("eaten", bytes);
	return 0;
}

static long long milliseconds(clockid_t clock)
{
	struct timespec now;

	return clock_gettime(clock, &now) < 0 ? 0 : (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Burns MS of processor time; says how much of it and of the wall clock's time that took. */
int verb_spin(int argc, char **argv)
{
	long long wanted = argc > 1 ? number(argv[1]) : 10;
	long long wall = milliseconds(CLOCK_MONOTONIC);
	long long start = milliseconds(CLOCK_PROCESS_CPUTIME_ID);
	long long used;

	do {
		used = milliseconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	} while (used < wanted);
	json_open(NULL);
	json_int("cpu", used);
	json_int("wall", milliseconds(CLOCK_MONOTONIC) - wall);
	json_close();
	return 0;
}
