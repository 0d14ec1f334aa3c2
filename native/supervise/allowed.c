/*
 * Which lines of a notification (sd_notify(3)) the host's service manager gets. It believes this process, which may be root's, so
 * only lines that speak of the container itself are passed on: how far it is, and how long it still takes. Everything else is
 * left out, also what managers may learn to understand later: MAINPID and NOTIFYACCESS name processes of the host, FDSTORE
 * and BARRIER need descriptors, which are not passed on, WATCHDOG_USEC changes what the administrator has set.
 */
#include "supervise.h"

#define BAD_BYTE ((u32)-1)
#define IN(point, first, last) ((point) >= (first) && (point) <= (last))

/* The character at `at`, or BAD_BYTE where that is no UTF-8; `size` is what it takes up. */
static u32 character(const u8 *at, size_t left, size_t *size)
{
	/* The least code point of each length: a longer form of a smaller one is none. */
	static const u32 least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t more = at[0] < 0x80 ? 0 : IN(at[0], 0xc2, 0xdf) ? 1 : IN(at[0], 0xe0, 0xef) ? 2 : IN(at[0], 0xf0, 0xf4) ? 3 : left;
	u32 point;

	*size = 1;
	if (more >= left)
		return BAD_BYTE;
	point = more ? at[0] & (0x3fU >> more) : at[0];
	for (size_t i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return BAD_BYTE;
		point = point << 6 | (at[i] & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff || IN(point, 0xd800, 0xdfff))
		return BAD_BYTE;
	*size = more + 1;
	return point;
}

/* What would steer a terminal that it is shown on, or turn the direction of what stands beside it. */
static bool is_plain(u32 point)
{
	bool controls = point < 0x20 || IN(point, 0x7f, 0x9f) || IN(point, 0x2028, 0x2029);
	bool turns = point == 0x61c || IN(point, 0x200e, 0x200f) || IN(point, 0x202a, 0x202e) || IN(point, 0x2066, 0x2069);

	return point != BAD_BYTE && !controls && !turns;
}

static void add_plain(struct text *text, const char *at, size_t left)
{
	while (left) {
		size_t size;
		bool plain = is_plain(character((const u8 *)at, left, &size));

		text_add_bytes(text, plain ? at : "?", plain ? size : 1);
		at += size;
		left -= size;
	}
}

/* Whether the line is `name` and a number. */
static bool is_number(const char *at, size_t size, const char *name)
{
	size_t start = strlen(name);

	return size > start && memcmp(at, name, start) == 0 && text_number(at + start, size - start, 0x7fffffffffffffff) >= 0;
}

bool line_is(const char *at, size_t size, const char *line)
{
	return size == strlen(line) && memcmp(at, line, size) == 0;
}

void add_allowed(struct text *text, const char *at, size_t size)
{
	static const char *const words[] = { "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1" };
	static const char *const numbers[] = { "EXTEND_TIMEOUT_USEC=", "MONOTONIC_USEC=" };
	static const char status[] = "STATUS=";
	const size_t start = sizeof(status) - 1;
	bool allowed = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		allowed |= line_is(at, size, words[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		allowed |= is_number(at, size, numbers[i]);
	if (allowed) {
		text_add_bytes(text, at, size);
	} else if (size >= start && memcmp(at, status, start) == 0) {
		text_add(text, status);
		add_plain(text, at + start, size - start);
	} else {
		return;
	}
	text_add(text, "\n");
}
