#include "reader.h"
#include "order.h"
#include "text.h"

/* Reads forward within [at, end); the first step that would leave it, or finds bytes not allowed, sets `bad`. */
struct cursor {
	const u8 *at;
	const u8 *end;
	bool bad;
};

static u32 load_u32(const u8 *at)
{
	u32 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static u64 load_u64(const u8 *at)
{
	return (u64)load_u32(at) | (u64)load_u32(at + 4) << 32;
}

static const u8 *take(struct cursor *cursor, size_t size)
{
	const u8 *at = cursor->at;

	if (cursor->bad || size > (size_t)(cursor->end - at)) {
		cursor->bad = true;
		return NULL;
	}
	cursor->at += size;
	return at;
}

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static void read_U32(struct cursor *cursor, u32 *out)
{
	const u8 *at = take(cursor, 4);

	*out = at ? load_u32(at) : 0;
}

static void read_U64(struct cursor *cursor, u64 *out)
{
	const u8 *at = take(cursor, 8);

	*out = at ? load_u64(at) : 0;
}

static void read_STR(struct cursor *cursor, const char **out)
{
	u32 size;
	const u8 *at;

	*out = "";
	read_U32(cursor, &size);
	if (cursor->bad || size > PLAN_MAX_STRING) {
		cursor->bad = true;
		return;
	}
	at = take(cursor, padded((size_t)size + 1));
	if (!at)
		return;
	for (u32 i = 0; i < size; i++)
		if (!at[i])
			cursor->bad = true;
	for (size_t i = size; i < padded((size_t)size + 1); i++)
		if (at[i])
			cursor->bad = true;
	if (!cursor->bad)
		*out = (const char *)at;
}

static void read_STRS(struct cursor *cursor, struct strs *out)
{
	const char *each;

	*out = (struct strs){ 0 };
	read_U32(cursor, &out->count);
	out->at = cursor->at;
	for (u32 i = 0; i < out->count && !cursor->bad; i++)
		read_STR(cursor, &each);
	if (cursor->bad)
		*out = (struct strs){ 0 };
}

static void read_U64S(struct cursor *cursor, struct u64s *out)
{
	*out = (struct u64s){ 0 };
	read_U32(cursor, &out->count);
	out->at = take(cursor, (size_t)out->count * 8);
	if (!out->at)
		*out = (struct u64s){ 0 };
}

static void read_BYTES(struct cursor *cursor, struct blob *out)
{
	*out = (struct blob){ 0 };
	read_U32(cursor, &out->length);
	if (out->length <= PLAN_MAX_BYTES)
		out->at = take(cursor, padded(out->length));
	else
		cursor->bad = true;
	for (size_t i = out->length; out->at && i < padded(out->length); i++)
		if (out->at[i])
			cursor->bad = true;
	if (cursor->bad)
		*out = (struct blob){ 0 };
}

/* One reader an operation. The cursor is unused where an operation has no fields. */
#define F(kind, name) read_##kind(cursor, &out->name);
#define X(number, name)                                                            \
	static void read_op_##name(struct cursor *cursor, struct op_##name *out)   \
	{                                                                          \
		(void)cursor;                                                      \
		(void)out;                                                         \
		PLAN_##name(F)                                                     \
	}
PLAN_OPS(X)
#undef X
#undef F

/* False where the number is none of plan.h's. */
static bool read_fields(struct cursor *cursor, u32 number, struct op *op)
{
	switch (number) {
#define X(value, name)                               \
	case (value):                                \
		op->number = OP_##name;              \
		read_op_##name(cursor, &op->name);   \
		return true;
		PLAN_OPS(X)
#undef X
	default:
		return false;
	}
}

/* NULL, or what is wrong with the operation at `place`. */
static const char *read_op(const struct plan *plan, struct plan_place *place, struct op *op)
{
	struct cursor outer = { .at = plan->at, .end = plan->at + plan->length };
	struct cursor fields;
	const u8 *at;
	u32 number;
	u32 length;

	if (!place->index)
		place->offset = sizeof(struct plan_header);
	(void)take(&outer, place->offset);
	read_U32(&outer, &number);
	read_U32(&outer, &length);
	at = take(&outer, length);
	if (outer.bad || length % 4)
		return "an operation goes past the end of the plan";
	fields = (struct cursor){ .at = at, .end = at + length };
	if (!read_fields(&fields, number, op))
		return "an operation's number is not known";
	if (fields.bad)
		return "an operation's fields are cut short or not well-formed";
	if (fields.at != fields.end)
		return "bytes are left over after an operation's fields";
	op->index = place->index++;
	place->offset = (u32)(outer.at - plan->at);
	return NULL;
}

struct plan_defect plan_check(struct plan *plan, const void *at, size_t length)
{
	struct plan_header header;
	struct plan_place place = { 0 };
	struct order order = { 0 };
	struct op op;

	*plan = (struct plan){ 0 };
	if (length < sizeof(header) || length > PLAN_MAX_BYTES)
		return (struct plan_defect){ "the plan's size is out of bounds", 0 };
	memcpy(&header, at, sizeof(header));
	if (header.magic != PLAN_MAGIC)
		return (struct plan_defect){ "this is not a plan: wrong magic", 0 };
	if (header.version != PLAN_VERSION)
		return (struct plan_defect){ "the plan's version is not this program's", 0 };
	if (header.length != length)
		return (struct plan_defect){ "the plan's length is not its header's", 0 };
	if (!header.count || header.count > PLAN_MAX_OPS)
		return (struct plan_defect){ "the count of operations is out of bounds", 0 };
	*plan = (struct plan){ .at = at, .length = header.length, .count = header.count };
	while (place.index < plan->count) {
		u32 index = place.index;
		const char *what = read_op(plan, &place, &op);

		if (!what)
			what = order_check(&order, &op, index + 1 == plan->count);
		if (what) {
			*plan = (struct plan){ 0 };
			return (struct plan_defect){ what, index };
		}
		plan->has |= (u64)1 << op.number;
	}
	if (place.offset != plan->length) {
		*plan = (struct plan){ 0 };
		return (struct plan_defect){ "bytes are left over after the last operation", header.count - 1 };
	}
	return (struct plan_defect){ 0 };
}

bool plan_next(const struct plan *plan, struct plan_place *place, struct op *op)
{
	return place->index < plan->count && !read_op(plan, place, op);
}

const char *strs_next(const u8 **at)
{
	const char *text = (const char *)*at + 4;

	*at += 4 + padded((size_t)load_u32(*at) + 1);
	return text;
}

u64 u64s_get(const struct u64s *list, u32 index)
{
	return load_u64(list->at + (size_t)index * 8);
}
