/*
 * Reads a plan from standard input as tsrun-init does and prints what it understood: `op NAME`, then for each field
 * `field NAME KIND` and a value a line (texts in hexadecimal). The contract test compares that with what was encoded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "reader.h"

static void print_text(const char *text)
{
	printf("value ");
	for (; *text; text++)
		printf("%02x", (unsigned int)(u8)*text);
	printf("\n");
}

static void print_U32(u32 value)
{
	printf("value %u\n", value);
}

static void print_U64(u64 value)
{
	printf("value %llu\n", (unsigned long long)value);
}

static void print_STR(const char *text)
{
	print_text(text);
}

static void print_STRS(struct strs list)
{
	const u8 *at = list.at;

	for (u32 i = 0; i < list.count; i++)
		print_text(strs_next(&at));
}

static void print_U64S(struct u64s list)
{
	for (u32 i = 0; i < list.count; i++)
		print_U64(u64s_get(&list, i));
}

static void print_BYTES(struct blob bytes)
{
	printf("value ");
	for (u32 i = 0; i < bytes.length; i++)
		printf("%02x", (unsigned int)bytes.at[i]);
	printf("\n");
}

static void print(const struct op *op)
{
	switch (op->number) {
#define F(kind, name)                          \
	printf("field " #name " " #kind "\n"); \
	print_##kind(fields->name);
#define X(value, name)                                      \
	case OP_##name: {                                   \
		const struct op_##name *fields = &op->name; \
		(void)fields;                               \
		printf("op " #name "\n");                   \
		PLAN_##name(F)                              \
		break;                                      \
	}
		PLAN_OPS(X)
#undef X
#undef F
	}
}

int main(void)
{
	u32 *bytes = malloc(PLAN_MAX_BYTES);
	struct plan_place place = { 0 };
	struct plan_defect defect;
	struct plan plan;
	struct op op;
	size_t size;

	if (!bytes)
		abort();
	size = fread(bytes, 1, PLAN_MAX_BYTES, stdin);
	defect = plan_check(&plan, bytes, size);
	if (defect.what) {
		fprintf(stderr, "%s, at operation %u\n", defect.what, defect.index);
		return 1;
	}
	while (plan_next(&plan, &place, &op))
		print(&op);
	free(bytes);
	return 0;
}
