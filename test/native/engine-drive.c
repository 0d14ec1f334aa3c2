/*
 * The engine's C parts that take what JavaScript gives them, under sanitizers: `engine-drive malloc|heap SCRIPT [ARGUMENT...]`. The
 * script, which brings src/engine/globals.ts, is evaluated, its `start` called and its jobs done, with memory that the sanitizer
 * watches or from the heap's own allocator; at the end nothing may be left of it. The native functions are those below, which
 * note what they were given: received(length...) tells it, and each pointer is read for as many bytes as it is said to have.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <quickjs.h>

/* As many parameters of each kind as the real ones have, and all together. */
#define BIND_FUNCTIONS(X)                       \
	X(ts_write, i, p, i)                    \
	X(none)                                 \
	X(number, i)                            \
	X(bytes, p)                             \
	X(both, p, i)                           \
	X(three, i, i, i)                       \
	X(four, p, p, p, p)                     \
	X(five, i, p, i, p, i)                  \
	X(six, p, i, p, i, p, i)                \
	X(seven, i, i, p, p, i, i, p)           \
	X(eight, p, p, p, i, i, i, p, i)        \
	X(nine, i, i, i, i, i, p, p, i, p)      \
	X(ten, p, p, p, p, p, i, i, i, i, i)    \
	X(eleven, i, p, p, i, p, p, i, p, p, i, p) \
	X(twelve, p, p, i, p, i, p, p, i, i, p, i, p)

static struct {
	int count;
	void *bytes[12]; /* NULL where it is a number */
	int numbers[12];
} received = { .count = -1 };

static void begin(void)
{
	received.count = 0;
}

static void p(void *bytes)
{
	received.bytes[received.count++] = bytes;
}

static void i(int number)
{
	received.bytes[received.count] = NULL;
	received.numbers[received.count++] = number;
}

static int ts_write(int fd, const void *bytes, int length)
{
	return (int)write(fd, bytes, (size_t)length);
}

static int none(void)
{
	begin();
	return 0;
}

static int number(int a)
{
	begin(), i(a);
	return 1;
}

static int bytes(void *a)
{
	begin(), p(a);
	return -1;
}

static int both(void *a, int b)
{
	begin(), p(a), i(b);
	return 0x7fffffff;
}

static int three(int a, int b, int c)
{
	begin(), i(a), i(b), i(c);
	return -0x7fffffff - 1;
}

static int four(void *a, void *b, void *c, void *d)
{
	begin(), p(a), p(b), p(c), p(d);
	return 4;
}

static int five(int a, void *b, int c, void *d, int e)
{
	begin(), i(a), p(b), i(c), p(d), i(e);
	return 5;
}

static int six(void *a, int b, void *c, int d, void *e, int f)
{
	begin(), p(a), i(b), p(c), i(d), p(e), i(f);
	return 6;
}

static int seven(int a, int b, void *c, void *d, int e, int f, void *g)
{
	begin(), i(a), i(b), p(c), p(d), i(e), i(f), p(g);
	return 7;
}

static int eight(void *a, void *b, void *c, int d, int e, int f, void *g, int h)
{
	begin(), p(a), p(b), p(c), i(d), i(e), i(f), p(g), i(h);
	return 8;
}

static int nine(int a, int b, int c, int d, int e, void *f, void *g, int h, void *j)
{
	begin(), i(a), i(b), i(c), i(d), i(e), p(f), p(g), i(h), p(j);
	return 9;
}

static int ten(void *a, void *b, void *c, void *d, void *e, int f, int g, int h, int j, int k)
{
	begin(), p(a), p(b), p(c), p(d), p(e), i(f), i(g), i(h), i(j), i(k);
	return 10;
}

static int eleven(int a, void *b, void *c, int d, void *e, void *f, int g, void *h, void *j, int k, void *l)
{
	begin(), i(a), p(b), p(c), i(d), p(e), p(f), i(g), p(h), p(j), i(k), p(l);
	return 11;
}

static int twelve(void *a, void *b, int c, void *d, int e, void *f, void *g, int h, int j, void *k, int l, void *m)
{
	begin(), p(a), p(b), i(c), p(d), i(e), p(f), p(g), i(h), i(j), p(k), i(l), p(m);
	return 12;
}

#include "bind.c"
#include "host.h"

/* received(length...): what the last call gave to C since this was last asked, a number or a copy of the bytes each; null if nothing. */
static JSValue tell(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	JSValue all;

	(void)self;
	if (received.count < 0)
		return JS_NULL;
	all = JS_NewArray(js);
	for (int at = 0; at < received.count; at++) {
		int32_t length = 0;

		if (received.bytes[at] && (at >= argc || JS_ToInt32(js, &length, argv[at]) < 0))
			abort();
		(void)JS_SetPropertyUint32(js, all, (uint32_t)at,
					   received.bytes[at] ?
						   JS_NewArrayBufferCopy(js, received.bytes[at], (size_t)length) :
						   JS_NewInt32(js, received.numbers[at]));
	}
	received.count = -1;
	return all;
}

static JSValue detach(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	(void)self;
	(void)argc;
	JS_DetachArrayBuffer(js, argv[0]);
	return JS_UNDEFINED;
}

static JSValue set_making(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	(void)self;
	(void)argc;
	heap.making = JS_ToBool(js, argv[0]);
	return JS_UNDEFINED;
}

static const JSCFunctionListEntry tools[] = {
	JS_CFUNC_DEF("received", 12, tell),
	JS_CFUNC_DEF("detach", 1, detach),
	JS_CFUNC_DEF("making", 1, set_making),
};

static void refuse(JSContext *js)
{
	exit(host_complain(js, "the script"));
}

static JSValue evaluate(JSContext *js, const char *path)
{
	static char text[8 << 20];
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (!length || fclose(file) != 0)
		abort();
	text[length] = '\0';
	return JS_Eval(js, text, length, path, JS_EVAL_TYPE_GLOBAL);
}

static void perform_script(JSContext *js, int argc, char *const *argv)
{
	JSValue global = JS_GetGlobalObject(js);
	JSValue start;
	JSValue result;

	(void)JS_SetPropertyStr(js, global, "tsrunHost", host_functions(js));
	(void)JS_SetPropertyStr(js, global, "tsrunNative", bind_functions(js));
	JS_SetPropertyFunctionList(js, global, tools, sizeof(tools) / sizeof(tools[0]));
	host_watch_promises(JS_GetRuntime(js));
	result = evaluate(js, argv[0]);
	if (JS_IsException(result) || host_begin(js, argv[0], argc, argv) < 0)
		refuse(js);
	start = JS_GetPropertyStr(js, global, "start");
	result = JS_Call(js, start, JS_UNDEFINED, 0, NULL);
	if (JS_IsException(result))
		refuse(js);
	JS_FreeValue(js, result);
	JS_FreeValue(js, start);
	JS_FreeValue(js, global);
	if (host_run_jobs(js, "the script"))
		exit(1);
}

int main(int argc, char **argv)
{
	JSRuntime *runtime;
	JSContext *js;

	if (argc < 3)
		return 2;
	heap_begin();
	(void)heap_finish();
	runtime = strcmp(argv[1], "heap") == 0 ? JS_NewRuntime2(&heap_allocator, NULL) : JS_NewRuntime();
	js = runtime ? JS_NewContext(runtime) : NULL;
	if (!js)
		return 2;
	perform_script(js, argc - 2, argv + 2);
	JS_FreeContext(js);
	/* It aborts where an object is still held by somebody. */
	JS_FreeRuntime(runtime);
	return 0;
}
