/*
 * Mutates valid plans and reads them, built with AddressSanitizer and UndefinedBehaviorSanitizer: the reader must never read
 * a byte outside the plan, and what it accepts must be readable to the end. `fuzz-reader COUNT [SEED]`; the same seed gives the
 * same plans. First, without chance: each plan that is cut short, or that has bytes left over anywhere, is refused.
 */
#include <stdio.h>
#include <stdlib.h>

#include "reader.h"
#include "text.h"

struct bytes {
	u8 *at;
	u32 size;
	u32 room;
	u32 count; /* of operations */
	u32 last;  /* where the last operation starts */
};

static void put(struct bytes *plan, const void *from, u32 size)
{
	if (plan->size + size > plan->room) {
		plan->room = (plan->size + size) * 2;
		plan->at = realloc(plan->at, plan->room);
		if (!plan->at)
			abort();
	}
	memcpy(plan->at + plan->size, from, size);
	plan->size += size;
}

static void put_number(struct bytes *plan, u32 value)
{
	put(plan, &value, 4);
}

/* ---- a sample of each kind of field ---- */

static u32 sample; /* varies what is put */

static void put_U32(struct bytes *plan)
{
	put_number(plan, 0x20000); /* CLONE_NEWNS, which join takes, and no other operation minds */
}

static void put_U64(struct bytes *plan)
{
	put_number(plan, sample);
	put_number(plan, ~sample);
}

static void put_STR(struct bytes *plan)
{
	static const char text[] = "/a/path/in/the/root";
	u32 size = sample++ % (sizeof(text) - 1);
	u8 padded[24] = { 0 };

	memcpy(padded, text, size);
	put_number(plan, size);
	put(plan, padded, (size + 4) & ~3u);
}

static void put_STRS(struct bytes *plan)
{
	u32 count = 1 + sample % 3;

	put_number(plan, count);
	while (count--)
		put_STR(plan);
}

static void put_U64S(struct bytes *plan)
{
	u32 count = sample % 3;

	put_number(plan, count);
	while (count--)
		put_U64(plan);
}

static void put_BYTES(struct bytes *plan)
{
	u32 size = sample++ % 13;
	u8 padded[16] = { 0 };

	memset(padded, 0xff, size);
	put_number(plan, size);
	put(plan, padded, (size + 3) & ~3u);
}

#define F(kind, name) put_##kind(plan);
#define X(number, name)                                                 \
	static void put_op_##name(struct bytes *plan)                   \
	{                                                               \
		u32 fields;                                             \
		u32 size;                                               \
		plan->last = plan->size;                                \
		put_number(plan, number);                               \
		put_number(plan, 0);                                    \
		fields = plan->size;                                    \
		PLAN_##name(F)                                          \
		size = plan->size - fields;                             \
		memcpy(plan->at + fields - 4, &size, 4);                \
		plan->count++;                                          \
	}
PLAN_OPS(X)
#undef X
#undef F

static void finish(struct bytes *plan)
{
	const struct plan_header header = { PLAN_MAGIC, PLAN_VERSION, plan->size, plan->count };

	memcpy(plan->at, &header, sizeof(header));
}

/* A plan with every operation, in the order of their numbers, except the second way to change the root. */
static struct bytes whole_plan(u32 variation)
{
	const struct plan_header header = { 0 };
	struct bytes made = { 0 };
	struct bytes *plan = &made;

	sample = variation;
	put(plan, &header, sizeof(header));
#define X(number, name)                                         \
	if ((number) != (variation % 2 ? OP_moveRoot : OP_pivotRoot)) \
		put_op_##name(plan);
	PLAN_OPS(X)
#undef X
	finish(plan);
	return made;
}

/* ---- reading ---- */

static u32 touched; /* so that no read is left out by the compiler */

static void touch_U32(u32 value)
{
	touched += value;
}

static void touch_U64(u64 value)
{
	touched += (u32)value;
}

static void touch_STR(const char *text)
{
	touched += (u32)strlen(text);
}

static void touch_STRS(struct strs list)
{
	const u8 *at = list.at;

	for (u32 i = 0; i < list.count; i++)
		touch_STR(strs_next(&at));
}

static void touch_U64S(struct u64s list)
{
	for (u32 i = 0; i < list.count; i++)
		touch_U64(u64s_get(&list, i));
}

static void touch_BYTES(struct blob bytes)
{
	for (u32 i = 0; i < bytes.length; i++)
		touched += bytes.at[i];
}

static void touch(const struct op *op)
{
	switch (op->number) {
#define F(kind, name) touch_##kind(fields->name);
#define X(value, name)                                           \
	case OP_##name: {                                        \
		const struct op_##name *fields = &op->name;      \
		(void)fields;                                    \
		PLAN_##name(F)                                   \
		break;                                           \
	}
		PLAN_OPS(X)
#undef X
#undef F
	}
}

/* True where the reader takes these bytes as a plan. They are copied to memory that ends where they end. */
static bool accepts(const u8 *at, u32 size)
{
	u8 *exact = malloc(size ? size : 1);
	struct plan_place place = { 0 };
	struct plan_defect defect;
	struct plan plan;
	struct op op;
	u32 count = 0;

	if (!exact)
		abort();
	memcpy(exact, at, size);
	defect = plan_check(&plan, exact, size);
	while (plan_next(&plan, &place, &op)) {
		touch(&op);
		count++;
	}
	if (count != plan.count || (defect.what && plan.count)) {
		fprintf(stderr, "accepted, but read in part: %u of %u\n", count, plan.count);
		exit(1);
	}
	free(exact);
	return !defect.what;
}

static void expect(bool value, bool wanted, const char *what, u32 where)
{
	if (value == wanted)
		return;
	fprintf(stderr, "%s a plan %s, at %u\n", wanted ? "refused" : "accepted", what, where);
	exit(1);
}

/* ---- without chance ---- */

/* `size` of the plan is `value` from now on, in the header and on the operation where `op` is not 0. */
static void patch(struct bytes *plan, u32 at, u32 value)
{
	memcpy(plan->at + at, &value, 4);
}

static void check_cuts(u32 variation)
{
	struct bytes plan = whole_plan(variation);
	u32 size = plan.size;

	expect(accepts(plan.at, size), true, "as it was made", 0);
	for (u32 cut = 0; cut < size; cut++) {
		expect(accepts(plan.at, cut), false, "cut short", cut);
		if (cut < sizeof(struct plan_header))
			continue;
		patch(&plan, 8, cut);
		expect(accepts(plan.at, cut), false, "cut short, with a header to match", cut);
		patch(&plan, 8, size);
	}
	patch(&plan, 12, plan.count - 1);
	expect(accepts(plan.at, size), false, "with an operation more than its header says", 0);
	patch(&plan, 12, plan.count);
	put_number(&plan, 0);
	patch(&plan, 8, plan.size);
	expect(accepts(plan.at, plan.size), false, "with bytes left over at its end", size);
	/* The last operation, exec, has no fields: claim that the four bytes are its. */
	patch(&plan, plan.last + 4, 4);
	expect(accepts(plan.at, plan.size), false, "with bytes left over in an operation", plan.last);
	free(plan.at);
}

/* ---- by chance ---- */

static u64 state;

static u32 chance(u32 below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 32) % below;
}

static void mutate(u8 *at, u32 *size)
{
	static const u32 numbers[] = { 0, 1, 2, 3, 4, 8, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, PLAN_MAX_STRING, 62 };
	u32 word = chance(*size / 4) * 4;
	u32 value;

	switch (chance(7)) {
	case 0:
		at[chance(*size)] ^= (u8)(1u << chance(8));
		break;
	case 1:
		at[chance(*size)] = (u8)chance(256);
		break;
	case 2:
		memcpy(at + word, &numbers[chance(sizeof(numbers) / 4)], 4);
		break;
	case 3: /* a little more or less */
		memcpy(&value, at + word, 4);
		value += chance(9) - 4;
		memcpy(at + word, &value, 4);
		break;
	case 4: /* copy a piece elsewhere */
		value = chance(*size - word) + 1;
		memmove(at + chance(*size - value + 1), at + word, value);
		break;
	case 5: /* take a piece out */
		value = chance(64) + 1;
		if (word < sizeof(struct plan_header) || word + value > *size)
			break;
		memmove(at + word, at + word + value, *size - word - value);
		*size -= value;
		memcpy(at + 8, size, 4);
		break;
	default: /* fewer operations */
		value = chance(PLAN_MAX_OPS);
		memcpy(at + 12, &value, 4);
		break;
	}
}

int main(int argc, char **argv)
{
	u32 count = argc > 1 ? (u32)strtoul(argv[1], NULL, 10) : 200000;
	u32 seed = argc > 2 ? (u32)strtoul(argv[2], NULL, 10) : 1;
	struct bytes plans[6];
	u8 *buffer;
	u32 accepted = 0;

	state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (u32 i = 0; i < 6; i++) {
		check_cuts(i);
		plans[i] = whole_plan(i);
	}
	buffer = malloc(1 << 16);
	if (!buffer)
		abort();
	for (u32 i = 0; i < count; i++) {
		const struct bytes *from = &plans[chance(6)];
		u32 size = from->size;

		memcpy(buffer, from->at, size);
		for (u32 times = 1 + chance(4); times; times--)
			mutate(buffer, &size);
		accepted += accepts(buffer, size);
	}
	printf("%u mutated plans, %u of them still plans, no read out of bounds (%u)\n", count, accepted, touched);
	for (u32 i = 0; i < 6; i++)
		free(plans[i].at);
	free(buffer);
	return accepted < count ? 0 : 1;
}
