/*
 * The binding: what JavaScript passes is looked at against the function's parameters before C sees it. A parameter of another
 * type, or one too few, is a TypeError.
 */
#include "bind.h"

#include <limits.h>
#include <string.h>

#include "heap.h"

/* The fuzzer brings functions of its own. */
#ifndef BIND_FUNCTIONS
#include "functions.h"
#include "lib.h"
#define BIND_FUNCTIONS LIB_COMMAND_FUNCTIONS
#endif

#define MOST_PARAMETERS 12

union given {
	void *bytes;
	int number;
};

/* How many parameters there are, and each with its place. */
#define COUNT(...) COUNT_(0 __VA_OPT__(, ) __VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define COUNT_(zero, a, b, c, d, e, f, g, h, j, k, l, m, count, ...) count
#define JOIN(a, b) JOIN_(a, b)
#define JOIN_(a, b) a##b
#define PLACED(...) JOIN(PLACED_, COUNT(__VA_ARGS__))(__VA_ARGS__)
#define PLACED_0()
#define PLACED_1(a) a(0)
#define PLACED_2(a, b) a(0), b(1)
#define PLACED_3(a, b, c) PLACED_2(a, b), c(2)
#define PLACED_4(a, b, c, d) PLACED_3(a, b, c), d(3)
#define PLACED_5(a, b, c, d, e) PLACED_4(a, b, c, d), e(4)
#define PLACED_6(a, b, c, d, e, f) PLACED_5(a, b, c, d, e), f(5)
#define PLACED_7(a, b, c, d, e, f, g) PLACED_6(a, b, c, d, e, f), g(6)
#define PLACED_8(a, b, c, d, e, f, g, h) PLACED_7(a, b, c, d, e, f, g), h(7)
#define PLACED_9(a, b, c, d, e, f, g, h, j) PLACED_8(a, b, c, d, e, f, g, h), j(8)
#define PLACED_10(a, b, c, d, e, f, g, h, j, k) PLACED_9(a, b, c, d, e, f, g, h, j), k(9)
#define PLACED_11(a, b, c, d, e, f, g, h, j, k, l) PLACED_10(a, b, c, d, e, f, g, h, j, k), l(10)
#define PLACED_12(a, b, c, d, e, f, g, h, j, k, l, m) PLACED_11(a, b, c, d, e, f, g, h, j, k, l), m(11)

enum function {
#define NUMBER(name, ...) FUNCTION_##name,
	BIND_FUNCTIONS(NUMBER)
};

static const struct {
	const char *name;
	const char *parameters; /* a letter each, with commas between them */
	int count;
} functions[] = {

#define ENTRY(function, ...) { #function, LETTERS(__VA_ARGS__), COUNT(__VA_ARGS__) },
#define LETTERS(...) LETTERS_(__VA_ARGS__)
#define LETTERS_(...) #__VA_ARGS__
	BIND_FUNCTIONS(ENTRY)
};

/* The compiler holds each call against lib.h. */
static int perform(enum function which, const union given given[MOST_PARAMETERS])
{
#define p(place) given[place].bytes
#define i(place) given[place].number
#define CASE(function, ...)          \
	case FUNCTION_##function:    \
		return function(PLACED(__VA_ARGS__));
	switch (which) {
		BIND_FUNCTIONS(CASE)
	}
#undef p
#undef i
	return 0;
}

uint8_t *bind_array(JSContext *js, JSValueConst array, size_t *length)
{
	size_t offset;
	size_t each;
	size_t size;
	JSValue buffer = JS_GetTypedArrayBuffer(js, array, &offset, length, &each);
	uint8_t *start;

	if (JS_IsException(buffer))
		return NULL;
	start = JS_GetArrayBuffer(js, &size, buffer);
	JS_FreeValue(js, buffer);
	/* One that was detached has none. */
	if (!start)
		return NULL;
	if (offset > size || *length > size - offset) {
		(void)JS_ThrowTypeError(js, "an array that is larger than its buffer");
		return NULL;
	}
	return start + offset;
}

/* What a native function is given: there is something at its address. */
static uint8_t *take_bytes(JSContext *js, JSValueConst array)
{
	size_t length;
	uint8_t *bytes = bind_array(js, array, &length);

	if (bytes && length == 0) {
		(void)JS_ThrowTypeError(js, "a native function takes bytes here, and there are none");
		return NULL;
	}
	return bytes;
}

/* An integer of 32 bits, with a sign or without. */
static int take_number(JSContext *js, JSValueConst value, int *number)
{
	double given;

	if (JS_VALUE_GET_TAG(value) == JS_TAG_INT) {
		*number = JS_VALUE_GET_INT(value);
		return 0;
	}
	if (!JS_IsNumber(value) || JS_ToFloat64(js, &given, value) < 0 || !(given > (double)INT_MIN - 1 && given < (double)UINT_MAX + 1)) {
		(void)JS_ThrowTypeError(js, "a native function takes a 32-bit integer here");
		return -1;
	}
	return JS_ToInt32(js, number, value);
}

static JSValue call(JSContext *js, JSValueConst self, int argc, JSValueConst *argv, int which)
{
	union given given[MOST_PARAMETERS] = { 0 };
	const char *parameters = functions[which].parameters;

	(void)self;
	/* The heap holds what has been evaluated, not what a native call has said of the machine where it was made. */
	if (heap.making)
		return JS_ThrowTypeError(js, "%s is called while the heap is made", functions[which].name);
	if (argc != functions[which].count)
		return JS_ThrowTypeError(js, "%s takes %d arguments, not %d", functions[which].name, functions[which].count, argc);
	for (int at = 0; at < argc; at++) {
		while (*parameters == ',' || *parameters == ' ')
			parameters++;
		if (*parameters++ == 'i') {
			if (take_number(js, argv[at], &given[at].number) < 0)
				return JS_EXCEPTION;
		} else {
			given[at].bytes = take_bytes(js, argv[at]);
			if (!given[at].bytes)
				return JS_EXCEPTION;
		}
	}
	return JS_NewInt32(js, perform((enum function)which, given));
}

JSValue bind_functions(JSContext *js)
{
	JSValue all = JS_NewObject(js);

	for (size_t each = 0; each < sizeof(functions) / sizeof(functions[0]); each++)
		(void)JS_SetPropertyStr(js, all, functions[each].name,
					JS_NewCFunctionMagic(js, call, functions[each].name, functions[each].count, JS_CFUNC_generic_magic,
							     (int)each));
	return all;
}
