/*
 * The host's part of JavaScript: text to bytes and back, the clock, the current folder, and what process knows of this call. Node
 * and Bun have all of it themselves; what of it is offered here behaves as there.
 */
#define _GNU_SOURCE
#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bind.h"
#include "encode.h"
#include "heap.h"

/* ---- text (Encoding Standard, UTF-8) ---- */

/*
 * A JavaScript string may hold half of a surrogate pair, which UTF-8 has no bytes for: the engine gives ED A0..BF xx, which is nothing
 * else's, and the standard wants U+FFFD, which has three bytes, too.
 */
static void replace_surrogates(uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at + 2 < length; at++) {
		if (bytes[at] == 0xed && bytes[at + 1] >= 0xa0) {
			memcpy(bytes + at, "\xef\xbf\xbd", 3);
			at += 2;
		}
	}
}

static size_t valid_prefix(const uint8_t *bytes, size_t length);

char *host_utf8(JSContext *js, JSValueConst value, size_t *length)
{
	const char *text = JS_ToCStringLen(js, length, value);

	/* It is the caller's own copy where it may have such a half: ASCII may be the string itself. */
	if (text && valid_prefix((const uint8_t *)text, *length) != *length)
		replace_surrogates((uint8_t *)(uintptr_t)text, *length);
	return (char *)(uintptr_t)text;
}

JSValue host_bytes(JSContext *js, const void *bytes, size_t length)
{
	/* An offset and a length that nobody gives. */
	JSValue words[3] = { JS_NewArrayBufferCopy(js, bytes, length), JS_UNDEFINED, JS_UNDEFINED };
	JSValue array = JS_IsException(words[0]) ? words[0] : JS_NewTypedArray(js, 3, words, JS_TYPED_ARRAY_UINT8);

	if (!JS_IsException(words[0]))
		JS_FreeValue(js, words[0]);
	return array;
}

/* TextEncoder.prototype.encode(text): a Uint8Array */
static JSValue encode(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	size_t length = 0;
	char *text = JS_IsUndefined(argv[0]) ? NULL : host_utf8(js, argv[0], &length);
	JSValue array;

	(void)self;
	(void)argc;
	if (!text && !JS_IsUndefined(argv[0]))
		return JS_EXCEPTION;
	array = host_bytes(js, text ? text : "", length);
	if (text)
		JS_FreeCString(js, text);
	return array;
}

/* The bytes that a valid sequence at `at` has; else 0, and in `bad` how many of them U+FFFD stands for. */
static size_t sequence(const uint8_t *at, size_t left, size_t *bad)
{
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t length;

	*bad = 1;
	if (at[0] < 0x80)
		return 1;
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		length = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		length = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	if (at[0] == 0xed)
		high = 0x9f;
	if (at[0] == 0xf0)
		low = 0x90;
	if (at[0] == 0xf4)
		high = 0x8f;
	for (size_t next = 1; next < length; next++, low = 0x80, high = 0xbf) {
		if (next == left || at[next] < low || at[next] > high) {
			*bad = next;
			return 0;
		}
	}
	return length;
}

static size_t valid_prefix(const uint8_t *bytes, size_t length)
{
	size_t at = 0;
	size_t bad;

	/* Most text is ASCII. */
	for (uint64_t word; at + sizeof(word) <= length; at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (at < length) {
		size_t size = sequence(bytes + at, length - at, &bad);

		if (size == 0)
			break;
		at += size;
	}
	return at;
}

/* Each maximal part of an ill-formed sequence becomes U+FFFD. */
static JSValue decode_replacing(JSContext *js, const uint8_t *bytes, size_t length)
{
	uint8_t *fixed = length > SIZE_MAX / 3 ? NULL : js_malloc(js, 3 * length);
	size_t used = 0;
	size_t at = 0;
	JSValue text;

	if (!fixed)
		return JS_ThrowOutOfMemory(js);
	while (at < length) {
		size_t bad;
		size_t size = sequence(bytes + at, length - at, &bad);

		memcpy(fixed + used, size ? (const char *)bytes + at : "\xef\xbf\xbd", size ? size : 3);
		used += size ? size : 3;
		at += size ? size : bad;
	}
	text = JS_NewStringLen(js, (const char *)fixed, used);
	js_free(js, fixed);
	return text;
}

/* Bytes of any kind, as text. */
static JSValue text_of(JSContext *js, const char *bytes, size_t length)
{
	if (valid_prefix((const uint8_t *)bytes, length) == length)
		return JS_NewStringLen(js, bytes, length);
	return decode_replacing(js, (const uint8_t *)bytes, length);
}

/* TextDecoder.prototype.decode(bytes): without a byte order mark */
static JSValue decode(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	size_t length;
	uint8_t *bytes;

	(void)self;
	(void)argc;
	if (JS_IsUndefined(argv[0]))
		return JS_NewStringLen(js, "", 0);
	bytes = bind_array(js, argv[0], &length);
	if (!bytes)
		return JS_EXCEPTION;
	if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		length -= 3;
	}
	return text_of(js, (const char *)bytes, length);
}

/* What follows a backslash in JSON (RFC 8259): how many bytes; 0 where it is none of its escapes. */
static size_t escape(const char *at)
{
	if (*at != 'u')
		return *at && strchr("\"\\/bfnrt", *at) ? 1 : 0;
	for (int digit = 1; digit <= 4; digit++)
		if (!isxdigit((unsigned char)at[digit]))
			return 0;
	return 5;
}

/*
 * nesting(json): how deep brackets are nested in it, as far as it is JSON; -1 where it has what the engine takes for JSON and nobody else:
 * another escape of JavaScript's, \u{0} for one, or a number that ends with its point or begins with -0.
 */
static JSValue nesting(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	size_t length;
	const char *text = JS_ToCStringLen(js, &length, argv[0]);
	int32_t depth = 0;
	int32_t deepest = 0;

	(void)self;
	(void)argc;
	if (!text)
		return JS_EXCEPTION;
	for (size_t at = 0; at < length && deepest >= 0; at++) {
		if (text[at] == '"') {
			for (at++; at < length && text[at] != '"' && deepest >= 0; at++) {
				size_t escaped = text[at] == '\\' ? escape(text + at + 1) : 0;

				deepest = text[at] == '\\' && !escaped ? -1 : deepest;
				at += escaped;
			}
		} else if (text[at] == '[' || text[at] == '{') {
			deepest = ++depth > deepest ? depth : deepest;
		} else if ((text[at] == ']' || text[at] == '}') && depth > 0) {
			depth--;
		} else if (text[at] == '.' ? !isdigit((unsigned char)text[at + 1]) :
					     text[at] == '-' && text[at + 1] == '0' && isdigit((unsigned char)text[at + 2])) {
			deepest = -1;
		}
	}
	JS_FreeCString(js, text);
	return JS_NewInt32(js, deepest);
}

/* ---- time, and the current folder ---- */

/* What the heap must not hold: it is of the machine, and the moment, where it was made. */
static JSValue refuse_making(JSContext *js)
{
	return JS_ThrowTypeError(js, "the time or the current folder is asked for while the heap is made");
}

/* now(): milliseconds since boot */
static JSValue now(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	struct timespec time = { 0 };

	(void)self;
	(void)argc;
	(void)argv;
	if (heap.making)
		return refuse_making(js);
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return JS_NewFloat64(js, (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6);
}

/* cwd(): "" where there is none any more */
static JSValue cwd(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	char path[PATH_MAX];

	(void)self;
	(void)argc;
	(void)argv;
	if (heap.making)
		return refuse_making(js);
	/* A folder out of reach has a name that is no path. */
	if (!getcwd(path, sizeof(path)) || path[0] != '/')
		return JS_NewString(js, "");
	return text_of(js, path, strlen(path));
}

/* ---- process ---- */

static int add_word(JSContext *js, JSValueConst words, uint32_t at, const char *word)
{
	return JS_SetPropertyUint32(js, words, at, text_of(js, word, strlen(word)));
}

/* environment(): process.env, which most calls do not ask for */
static JSValue environment(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	JSValue all = JS_NewObject(js);

	(void)self;
	(void)argc;
	(void)argv;
	for (char **each = environ; *each; each++) {
		const char *equals = strchr(*each, '=');
		JSValue name;
		JSAtom atom;

		if (!equals)
			continue;
		name = text_of(js, *each, (size_t)(equals - *each));
		atom = JS_ValueToAtom(js, name);
		JS_FreeValue(js, name);
		/* Of a name that is there twice, getenv(3) finds the first. */
		if (JS_GetOwnProperty(js, NULL, all, atom) == 0)
			(void)JS_DefinePropertyValue(js, all, atom, text_of(js, equals + 1, strlen(equals + 1)), JS_PROP_C_W_E);
		JS_FreeAtom(js, atom);
	}
	return all;
}

static const JSCFunctionListEntry functions[] = {
	JS_CFUNC_DEF("encode", 1, encode),
	JS_CFUNC_DEF("decode", 1, decode),
	JS_CFUNC_DEF("nesting", 1, nesting),
	JS_CFUNC_DEF("now", 0, now),
	JS_CFUNC_DEF("cwd", 0, cwd),
	JS_CFUNC_DEF("environment", 0, environment),
	JS_CFUNC_DEF("encodePlan", 1, encode_plan),
};

JSValue host_functions(JSContext *js)
{
	JSValue all = JS_NewObject(js);

	JS_SetPropertyFunctionList(js, all, functions, sizeof(functions) / sizeof(functions[0]));
	return all;
}

int host_begin(JSContext *js, const char *path, int argc, char *const *argv)
{
	JSValue global = JS_GetGlobalObject(js);
	JSValue process = JS_GetPropertyStr(js, global, "process");
	JSValue words = JS_NewArray(js);
	int error = 0;

	/* As in Node: the program, the script, and its arguments. Both are this executable. */
	error |= add_word(js, words, 0, path) < 0;
	error |= add_word(js, words, 1, path) < 0;
	for (int at = 1; at < argc; at++)
		error |= add_word(js, words, (uint32_t)at + 1, argv[at]) < 0;
	error |= JS_SetPropertyStr(js, process, "argv", words) < 0;
	error |= JS_SetPropertyStr(js, process, "execPath", text_of(js, path, strlen(path))) < 0;
	error |= JS_SetPropertyStr(js, process, "pid", JS_NewInt32(js, getpid())) < 0;
	JS_FreeValue(js, process);
	JS_FreeValue(js, global);
	return error ? -1 : 0;
}

int host_complain(JSContext *js, const char *of)
{
	JSValue error = JS_GetException(js);
	JSValue stack = JS_GetPropertyStr(js, error, "stack");
	const char *text = JS_ToCString(js, error);
	/* Anything can be thrown, and an error be without memory for more. */
	const char *where = JS_IsString(stack) ? JS_ToCString(js, stack) : NULL;

	(void)fprintf(stderr, "%s: %s\n%s", of, text ? text : "?", where ? where : "");
	return 1;
}

/* ---- promises ---- */

/* Those that were rejected with nobody to hear of it yet. One more than these is one fault more. */
static struct {
	JSValue promise;
	JSValue reason;
} unheard[32];
static size_t unheard_count;

static void note_rejection(JSContext *js, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled, void *opaque)
{
	(void)opaque;
	if (!is_handled) {
		if (unheard_count == sizeof(unheard) / sizeof(unheard[0]))
			return;
		unheard[unheard_count].promise = JS_DupValue(js, promise);
		unheard[unheard_count++].reason = JS_DupValue(js, reason);
		return;
	}
	for (size_t each = 0; each < unheard_count; each++) {
		if (JS_VALUE_GET_PTR(unheard[each].promise) != JS_VALUE_GET_PTR(promise))
			continue;
		JS_FreeValue(js, unheard[each].promise);
		JS_FreeValue(js, unheard[each].reason);
		memmove(unheard + each, unheard + each + 1, (--unheard_count - each) * sizeof(unheard[0]));
		return;
	}
}

void host_watch_promises(JSRuntime *runtime)
{
	JS_SetHostPromiseRejectionTracker(runtime, note_rejection, NULL);
}

int host_run_jobs(JSContext *js, const char *of)
{
	JSContext *of_job;

	while (JS_IsJobPending(JS_GetRuntime(js)))
		if (JS_ExecutePendingJob(JS_GetRuntime(js), &of_job) < 0)
			return host_complain(of_job, of);
	if (unheard_count == 0)
		return 0;
	(void)JS_Throw(js, JS_DupValue(js, unheard[0].reason));
	return host_complain(js, of);
}
