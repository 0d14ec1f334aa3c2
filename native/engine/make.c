/*
 * Making the heap: tsrun's script is evaluated once, when tsrun is built, by the very executable that later finds what came of
 * it in its memory, since the heap holds addresses of its functions. The same script gives the same bytes, whatever machine makes them:
 * the evaluation has a stack at an address of its own, and nothing may be left that points out of the heap and the executable.
 */
#define _GNU_SOURCE
#include "make.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "bind.h"
#include "heap.h"
#include "host.h"
#include "inside.h"

/* No two small numbers beside each other look like an address in it. */
#define STACK_ADDRESS 0xdead50000
#define STACK_SIZE (16u << 20)
#define MOST_SCRIPT (8u << 20)

static const char *script_path;
static char *script;
static size_t script_length;
static int status = 1;

/* ---- what is evaluated ---- */

static JSContext *make_context(JSRuntime *runtime)
{
	JSContext *js = JS_NewContextRaw(runtime);

	if (!js)
		return NULL;
	JS_AddIntrinsicBaseObjects(js);
	JS_AddIntrinsicDate(js);
	JS_AddIntrinsicEval(js);
	JS_AddIntrinsicStringNormalize(js);
	JS_AddIntrinsicRegExpCompiler(js);
	JS_AddIntrinsicRegExp(js);
	JS_AddIntrinsicJSON(js);
	JS_AddIntrinsicProxy(js);
	JS_AddIntrinsicMapSet(js);
	JS_AddIntrinsicTypedArrays(js);
	JS_AddIntrinsicPromise(js);
	JS_AddIntrinsicWeakRef(js);
	return js;
}

/* The script's global `name`, which it is to define as a function. */
static int take_function(JSContext *js, JSValueConst global, const char *name, JSValue *function)
{
	*function = JS_GetPropertyStr(js, global, name);
	if (JS_IsFunction(js, *function))
		return 0;
	(void)fprintf(stderr, "%s: it defines no function %s\n", script_path, name);
	return 1;
}

static int evaluate(JSContext *js)
{
	JSValue global = JS_GetGlobalObject(js);
	JSValue result;

	(void)JS_SetPropertyStr(js, global, "tsrunHost", host_functions(js));
	(void)JS_SetPropertyStr(js, global, "tsrunNative", bind_functions(js));
	result = JS_Eval(js, script, script_length, "tsrun.js", JS_EVAL_TYPE_GLOBAL);
	if (JS_IsException(result))
		return host_complain(js, script_path);
	JS_FreeValue(js, result);
	if (host_run_jobs(js, script_path))
		return 1;
	if (take_function(js, global, "start", &heap.start) || take_function(js, global, "timers", &heap.timers))
		return 1;
	JS_FreeValue(js, global);
	return 0;
}

static void make(void)
{
	heap_begin();
	heap.runtime = JS_NewRuntime2(&heap_allocator, NULL);
	if (!heap.runtime) {
		(void)fprintf(stderr, "%s: the engine cannot begin\n", script_path);
		return;
	}
	host_watch_promises(heap.runtime);
	JS_SetMaxStackSize(heap.runtime, STACK_SIZE / 2);
	JS_SetGCThreshold(heap.runtime, (size_t)-1);
	/* A line number says where an internal error is; the source it came from is not there. */
	JS_SetStripInfo(heap.runtime, JS_STRIP_SOURCE);
	heap.context = make_context(heap.runtime);
	if (!heap.context || evaluate(heap.context))
		return;
	JS_RunGC(heap.runtime);
	inside_seal(heap.context);
	inside_seed(heap.context, 1);
	status = 0;
}

/* ---- the same each time ---- */

/* Random numbers begin with the time; in each call it is another one (main.c). */
int __wrap_gettimeofday(struct timeval *time, void *zone);
int __real_gettimeofday(struct timeval *time, void *zone);
int __wrap_gettimeofday(struct timeval *time, void *zone)
{
	if (!heap.making)
		return __real_gettimeofday(time, zone);
	memset(time, 0, sizeof(*time));
	return 0;
}

static int make_on_own_stack(void)
{
	static ucontext_t here;
	static ucontext_t there;
	void *stack = mmap((void *)STACK_ADDRESS, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (stack != (void *)STACK_ADDRESS || getcontext(&there) < 0) {
		perror("the stack");
		return 1;
	}
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = STACK_SIZE;
	there.uc_link = &here;
	makecontext(&there, make, 0);
	if (swapcontext(&here, &there) < 0)
		return 1;
	return status;
}

/* ---- nothing that points elsewhere ---- */

/* Mappings that are the executable's own: below brk, and the heap. All others differ from call to call. */
static int is_foreign(uintptr_t from, const char *name)
{
	const uintptr_t start = (uintptr_t)&heap_segment;

	if (from >= start && from < start + HEAP_ROOM)
		return 0;
	return from > start || name[0] == '[';
}

static int check_words(size_t length)
{
	const uintptr_t *words = (const uintptr_t *)&heap_segment;
	const size_t own = (size_t)((const uintptr_t *)heap.free - words);
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4352];
	int found = 0;

	if (!maps) {
		perror("/proc/self/maps");
		return 1;
	}
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from;
		unsigned long to;
		int name = 0;

		/* Addresses, rights, offset, device, inode, name (proc_pid_maps(5)). */
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &name) != 2 || !is_foreign(from, line + name))
			continue;
		/* Not its own end, where brk begins if the kernel leaves nothing to chance. */
		for (size_t at = own; at < length / sizeof(words[0]); at++) {
			if (words[at] < from || words[at] >= to)
				continue;
			(void)fprintf(stderr, "the heap's word at %#zx, %#lx, points out of it: %s", at * sizeof(words[0]), words[at],
				      line);
			found = 1;
		}
	}
	(void)fclose(maps);
	return found;
}

/* ---- files ---- */

static int read_script(void)
{
	FILE *file = fopen(script_path, "re");
	int is_read;

	script = file ? malloc(MOST_SCRIPT + 1) : NULL;
	script_length = script ? fread(script, 1, MOST_SCRIPT + 1, file) : 0;
	is_read = script && !ferror(file);
	if (!is_read)
		perror(script_path);
	if (file)
		(void)fclose(file);
	if (!is_read)
		return 1;
	if (script_length > MOST_SCRIPT) {
		(void)fprintf(stderr, "%s: it is longer than %u MiB\n", script_path, MOST_SCRIPT >> 20);
		return 1;
	}
	script[script_length] = '\0';
	return 0;
}

static int write_heap(const char *path, size_t length)
{
	FILE *file = fopen(path, "we");
	size_t written = file ? fwrite(&heap_segment, 1, length, file) : 0;

	if (!file || fclose(file) != 0 || written != length) {
		perror(path);
		return 1;
	}
	return 0;
}

int make_heap(int argc, char *const *argv)
{
	size_t length;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: %s SCRIPT HEAP\n", argv[0]);
		return 2;
	}
	script_path = argv[1];
	if (read_script() || make_on_own_stack())
		return 1;
	length = heap_finish();
	return check_words(length) || write_heap(argv[2], length);
}
