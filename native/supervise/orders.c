/* The orders, as supervise.h has them. */
#include <linux/mman.h>

#include "supervise.h"

bool orders_load(struct orders *orders, char *const *env)
{
	const char *number = env[0] ? text_after(env[0], ORDERS_NAME) : NULL;
	struct statx found;
	s64 fd;
	long at;

	if (!number)
		return false;
	fd = text_number(number, strlen(number), 0x7fffffff);
	if (fd < 0 || sys_statx((int)fd, STATX_SIZE, &found) < 0 || !found.stx_size)
		return false;
	at = sys(mmap, NULL, found.stx_size, PROT_READ, MAP_PRIVATE, fd);
	sys_close((int)fd);
	if (at < 0 && at > -4096)
		return false;
	*orders = (struct orders){ .at = (const char *)at, .size = (size_t)found.stx_size };
	return orders->at[orders->size - 1] == '\0';
}

const char *orders_next(const struct orders *orders, const char *name, const char *after)
{
	const char *end = orders->at + orders->size;
	const char *at = after ? after + strlen(after) + 1 : orders->at;

	for (; at < end; at += strlen(at) + 1) {
		const char *value = text_after(at, name);

		if (value && *value == '=')
			return value + 1;
	}
	return NULL;
}

int orders_number(const struct orders *orders, const char *name)
{
	const char *value = orders_next(orders, name, NULL);

	return value ? (int)text_number(value, strlen(value), 0x7fffffff) : -1;
}
