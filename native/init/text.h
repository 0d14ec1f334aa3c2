/* Strings without a C library: bounded, never allocating. */
#ifndef TSRUN_TEXT_H
#define TSRUN_TEXT_H

#include "sys.h"

#ifdef TSRUN_HOSTED
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
#endif

/* Text being put together in a fixed buffer. What does not fit is left out and remembered in `cut`. */
struct text {
	char *at;
	size_t size; /* of the buffer; the last byte is kept for the NUL */
	size_t used;
	bool cut;
};

/* An empty text in `buffer`, which must hold at least one byte. */
struct text text_in(char *buffer, size_t size);
void text_add(struct text *text, const char *add);
void text_add_bytes(struct text *text, const char *add, size_t size);
/* Decimal. */
void text_add_number(struct text *text, u64 value);
void text_add_signed(struct text *text, s64 value);

bool text_equal(const char *a, const char *b);
/* What follows `prefix` in `text`, or NULL where it starts otherwise. */
const char *text_after(const char *text, const char *prefix);
/* The first `c` in `text`, or NULL. */
const char *text_find(const char *text, char c);
/* The decimal number that `text` is, all of it, at most `most`; -1 where it is not one. */
s64 text_number(const char *text, size_t size, s64 most);

#endif
