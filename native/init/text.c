#include "text.h"

struct text text_in(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){ .at = buffer, .size = size };
}

void text_add_bytes(struct text *text, const char *add, size_t size)
{
	size_t room = text->size - 1 - text->used;

	if (size > room) {
		text->cut = true;
		size = room;
	}
	memcpy(text->at + text->used, add, size);
	text->used += size;
	text->at[text->used] = '\0';
}

void text_add(struct text *text, const char *add)
{
	text_add_bytes(text, add, strlen(add));
}

void text_add_number(struct text *text, u64 value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text_add_bytes(text, digits + at, sizeof(digits) - at);
}

void text_add_signed(struct text *text, s64 value)
{
	if (value < 0)
		text_add(text, "-");
	text_add_number(text, value < 0 ? 0 - (u64)value : (u64)value);
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

const char *text_after(const char *text, const char *prefix)
{
	for (; *prefix; prefix++, text++)
		if (*text != *prefix)
			return NULL;
	return text;
}

const char *text_find(const char *text, char c)
{
	for (; *text; text++)
		if (*text == c)
			return text;
	return NULL;
}

s64 text_number(const char *text, size_t size, s64 most)
{
	s64 value = 0;

	if (!size)
		return -1;
	for (; size; size--, text++) {
		if (*text < '0' || *text > '9')
			return -1;
		if (value > (most - (*text - '0')) / 10)
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value;
}
