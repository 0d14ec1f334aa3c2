/* The command's executable: everything it does is in its heap already. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "heap.h"
#include "host.h"
#include "inside.h"
#include "make.h"
#include "own.h"

/* How much JavaScript may nest, in bytes of the stack, where there is so much. */
#define STACK_MOST (4u << 20)
/* How much has to be added to the heap before garbage that is in circles is looked for: a short command never gets there. */
#define GARBAGE_AFTER (16u << 20)

/* What no code of tsrun's has caught is this. */
#define UNCAUGHT "tsrun: internal error"

static void pause_for(double milliseconds)
{
	struct timespec time = { .tv_sec = (time_t)(milliseconds / 1e3) };

	time.tv_nsec = (long)((milliseconds - (double)time.tv_sec * 1e3) * 1e6);
	(void)nanosleep(&time, NULL);
}

/* Jobs, which are what promises have to do, and timers, until there is nothing of either. */
static int run_jobs(JSContext *js)
{
	for (;;) {
		JSValue next;
		double wait;

		if (host_run_jobs(js, UNCAUGHT))
			return 1;
		next = JS_Call(js, heap.timers, JS_UNDEFINED, 0, NULL);
		if (JS_IsException(next) || JS_ToFloat64(js, &wait, next) < 0)
			return host_complain(js, UNCAUGHT);
		if (wait < 0)
			return 0;
		if (wait > 0)
			pause_for(wait);
	}
}

static size_t stack_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / 2 > STACK_MOST)
		return STACK_MOST;
	return limit.rlim_cur / 2;
}

static int run(int argc, char *const *argv)
{
	JSContext *js = heap.context;
	const char *path = own_path();
	uint64_t seed = 0;
	JSValue result;

	JS_UpdateStackTop(heap.runtime);
	JS_SetMaxStackSize(heap.runtime, stack_size());
	JS_SetGCThreshold(heap.runtime, GARBAGE_AFTER);
	host_watch_promises(heap.runtime);
	/* Early at boot there may be none: then the time does. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uint64_t)clock();
	inside_seed(js, seed);
	if (host_begin(js, path, argc, argv) < 0)
		return host_complain(js, UNCAUGHT);
	result = JS_Call(js, heap.start, JS_UNDEFINED, 0, NULL);
	if (JS_IsException(result))
		return host_complain(js, UNCAUGHT);
	JS_FreeValue(js, result);
	return run_jobs(js);
}

/* A standard stream that is closed is /dev/null, the container's as well: its number must not become another file's. */
static void hold_streams(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)open("/dev/null", O_RDWR | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	if (!heap_is_made())
		return make_heap(argc, argv);
	hold_streams();
	/* Where nobody reads any more, or a file is as large as the caller's limit, write(2) tells. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	return run(argc, argv);
}
