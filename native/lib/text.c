/* Looks at a whole text, which JavaScript would take a hundred times as long for. */
#include <string.h>

#include "lib.h"

int ts_printable(const uint8_t *bytes, int length, int breaks)
{
	for (int at = 0; at < length; at++)
		if ((bytes[at] < ' ' || bytes[at] > '~') && !(breaks && memchr("\t\n\r", bytes[at], 3)))
			return 0;
	return 1;
}

enum { DIGITS_MOST = 15 }; /* what a double tells apart */

/* Where the string that starts at `at` ends; -1 where it does not, or holds an escape by number. */
static int end_of_string(const uint8_t *bytes, int length, int at)
{
	for (at++; at < length && bytes[at] != '"'; at++) {
		if (bytes[at] != '\\')
			continue;
		at++;
		if (at < length && bytes[at] == 'u')
			return -1;
	}
	return at < length ? at : -1;
}

int ts_plain_json(const uint8_t *bytes, int length, int depth)
{
	int nested = 0;
	int digits = 0;
	for (int at = 0; at < length; at++) {
		digits = bytes[at] >= '0' && bytes[at] <= '9' ? digits + 1 : 0;
		if (digits > DIGITS_MOST)
			return 0;
		switch (bytes[at]) {
		case '"':
			at = end_of_string(bytes, length, at);
			if (at < 0)
				return 0;
			break;
		case '[':
		case '{':
			if (++nested > depth)
				return 0;
			break;
		case ']':
		case '}':
			nested--;
			break;
		case '.':
		case 'E':
			return 0;
		case 'e':
			/* of a number; else of true and false */
			if (at > 0 && bytes[at - 1] >= '0' && bytes[at - 1] <= '9')
				return 0;
			break;
		default:
			break;
		}
	}
	return 1;
}
