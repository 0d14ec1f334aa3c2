/* A writer of JSON: keeps track of commas, escapes what must be escaped, holds no values. */
#include "probe.h"

#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 16

static bool has_members[MAX_DEPTH];
static int depth;

static void text(const char *bytes, size_t length)
{
	putchar('"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void before(const char *key)
{
	if (has_members[depth])
		putchar(',');
	has_members[depth] = true;
	if (key != NULL) {
		text(key, strlen(key));
		putchar(':');
	}
}

static void push(const char *key, char bracket)
{
	before(key);
	putchar(bracket);
	if (depth + 1 < MAX_DEPTH)
		depth++;
	has_members[depth] = false;
}

static void pop(char bracket)
{
	if (depth > 0)
		depth--;
	putchar(bracket);
}

void json_open(const char *key)
{
	push(key, '{');
}

void json_close(void)
{
	pop('}');
}

void json_open_array(const char *key)
{
	push(key, '[');
}

void json_close_array(void)
{
	pop(']');
}

void json_string(const char *key, const char *value)
{
	before(key);
	text(value, strlen(value));
}

void json_bytes(const char *key, const char *value, size_t length)
{
	before(key);
	text(value, length);
}

void json_int(const char *key, long long value)
{
	before(key);
	printf("%lld", value);
}

void json_uint(const char *key, unsigned long long value)
{
	before(key);
	printf("%llu", value);
}

void json_hex(const char *key, unsigned long long value)
{
	before(key);
	printf("\"%016llx\"", value);
}

void json_octal(const char *key, unsigned int value)
{
	before(key);
	printf("\"%04o\"", value);
}

void json_bool(const char *key, bool value)
{
	before(key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
	before(key);
	fputs("null", stdout);
}

void json_end_line(void)
{
	if (depth == 0 && has_members[0]) {
		putchar('\n');
		has_members[0] = false;
	}
	fflush(stdout);
}
