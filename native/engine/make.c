/*
 * Making the heap: tsrun's script is evaluated once, when tsrun is built, by the very executable that later finds what came of
 * it in its memory, since the heap holds addresses of its functions. The same script gives the same bytes, whatever machine makes them:
 * nothing may be left that points out of the heap and the executable.
 */
#define _GNU_SOURCE
#include "make.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "bind.h"
#include "encode.h"
#include "heap.h"
#include "host.h"
#include "inside.h"

#define MOST_SCRIPT (8u << 20)

static const char *script_path;
static char *script;
static size_t script_length;

/* ---- what is evaluated ---- */

/*
 * The script's bytecode, which the caller frees. A compiler leaves much behind, so it works in memory of its own, with a runtime of its
 * own: what the heap gets is what is left, one after the other.
 */
static uint8_t *compile(size_t *length)
{
	JSRuntime *runtime = JS_NewRuntime();
	JSContext *js = runtime ? JS_NewContext(runtime) : NULL;
	uint8_t *written;
	uint8_t *bytecode;
	JSValue function;

	if (!js)
		return NULL;
	/* A line number says where an internal error is; the source it came from is not there. */
	JS_SetStripInfo(runtime, JS_STRIP_SOURCE);
	function = JS_Eval(js, script, script_length, "tsrun.js", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_COMPILE_ONLY);
	if (JS_IsException(function)) {
		(void)host_complain(js, script_path);
		return NULL;
	}
	written = JS_WriteObject(js, length, function, JS_WRITE_OBJ_BYTECODE);
	bytecode = written ? malloc(*length) : NULL;
	if (bytecode)
		memcpy(bytecode, written, *length);
	js_free(js, written);
	JS_FreeValue(js, function);
	JS_FreeContext(js);
	JS_FreeRuntime(runtime);
	return bytecode;
}

/* What the command's script may use of the language. No text becomes code in it: there is no compiler but of regular expressions. */
static JSContext *make_context(JSRuntime *runtime)
{
	JSContext *js = JS_NewContextRaw(runtime);

	if (!js)
		return NULL;
	JS_AddIntrinsicBaseObjects(js);
	JS_AddIntrinsicDate(js);
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

static int evaluate(JSContext *js, const uint8_t *bytecode, size_t length)
{
	JSValue global = JS_GetGlobalObject(js);
	JSValue result;

	heap.plan_names = encode_names(js);
	if (!heap.plan_names)
		return host_complain(js, script_path);
	(void)JS_SetPropertyStr(js, global, "tsrunHost", host_functions(js));
	(void)JS_SetPropertyStr(js, global, "tsrunNative", bind_functions(js));
	result = JS_ReadObject(js, bytecode, length, JS_READ_OBJ_BYTECODE);
	if (!JS_IsException(result))
		result = JS_EvalFunction(js, result);
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

static int make(void)
{
	size_t length = 0;
	uint8_t *bytecode = compile(&length);
	int status;

	if (!bytecode)
		return 1;
	heap_begin();
	heap.runtime = JS_NewRuntime2(&heap_allocator, NULL);
	if (!heap.runtime) {
		(void)fprintf(stderr, "%s: the engine cannot begin\n", script_path);
		free(bytecode);
		return 1;
	}
	host_watch_promises(heap.runtime);
	heap.context = make_context(heap.runtime);
	if (!heap.context) {
		free(bytecode);
		return 1;
	}
	JS_SetGCThreshold(heap.runtime, (size_t)-1);
	status = evaluate(heap.context, bytecode, length);
	free(bytecode);
	JS_RunGC(heap.runtime);
	inside_seal(heap.context);
	inside_seed(heap.context, 1);
	return status;
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
		char rights[5];
		int name = 0;

		/* Addresses, rights, offset, device, inode, name (proc_pid_maps(5)). */
		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &from, &to, rights, &name) != 3 || !is_foreign(from, line + name))
			continue;
		/* Of a gap nobody has an address. */
		if (strncmp(rights, "---", 3) == 0)
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
	if (read_script() || make())
		return 1;
	length = heap_finish();
	return check_words(length) || write_heap(argv[2], length);
}
