/*
 * A plan as bytes, read from its JavaScript objects by the table in plan.h: half of what a `create` computes would be this. Where
 * something does not fit, nothing is said: src/plan/encode.ts, which does the same for Node and Bun, finds it again and says what.
 */
#include "encode.h"

#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "heap.h"
#include "host.h"
#include "plan.h"

enum kind { END, U32, U64, STR, STRS, U64S, BYTES };

struct field {
	enum kind kind;
	const char *name;
};

#define FIELD(kind, name) { kind, #name },
#define FIELDS(number, name) { { END, #name }, { number, NULL }, PLAN_##name(FIELD) { END, NULL } },
#define MOST_FIELDS 16

/* Of each operation its name, its number in the place of a kind, its fields, and an end. */
static const struct field operations[][MOST_FIELDS] = { PLAN_OPS(FIELDS) };
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

struct writer {
	JSContext *js;
	uint8_t *bytes;
	size_t used; /* a multiple of 4 */
	size_t room;
};

JSAtom *encode_names(JSContext *js)
{
	JSAtom *names = js_mallocz(js, OPERATIONS * MOST_FIELDS * sizeof(*names));

	for (size_t op = 0; names && op < OPERATIONS; op++)
		for (size_t at = 0; at < MOST_FIELDS; at++)
			if (operations[op][at].name)
				names[op * MOST_FIELDS + at] = JS_NewAtom(js, operations[op][at].name);
	return names;
}

/* ---- values; each answers whether it could be written ---- */

static bool reserve(struct writer *writer, size_t more)
{
	size_t room = writer->room;
	uint8_t *bytes;

	if (more > PLAN_MAX_BYTES || writer->used + more > PLAN_MAX_BYTES)
		return false;
	if (writer->used + more <= room)
		return true;
	while (room < writer->used + more)
		room *= 2;
	bytes = realloc(writer->bytes, room);
	if (!bytes)
		return false;
	writer->bytes = bytes;
	writer->room = room;
	return true;
}

static bool write_number(struct writer *writer, uint64_t value, size_t size)
{
	if (!reserve(writer, size))
		return false;
	memcpy(writer->bytes + writer->used, &value, size);
	writer->used += size;
	return true;
}

/* The length, the bytes, and zeroes up to a multiple of 4: one at least where there is a NUL. */
static bool write_block(struct writer *writer, const void *bytes, size_t length, size_t nul)
{
	size_t padded = (length + nul + 3) & ~(size_t)3;

	if (length > PLAN_MAX_BYTES || !write_number(writer, length, 4) || !reserve(writer, padded))
		return false;
	memcpy(writer->bytes + writer->used, bytes, length);
	memset(writer->bytes + writer->used + length, 0, padded - length);
	writer->used += padded;
	return true;
}

static bool write_u32(struct writer *writer, JSValueConst value)
{
	double number;

	if (JS_VALUE_GET_TAG(value) == JS_TAG_INT)
		return JS_VALUE_GET_INT(value) >= 0 && write_number(writer, (uint32_t)JS_VALUE_GET_INT(value), 4);
	if (!JS_IsNumber(value) || JS_ToFloat64(writer->js, &number, value) < 0 || !(number >= 0 && number <= UINT32_MAX))
		return false;
	return number == (double)(uint32_t)number && write_number(writer, (uint32_t)number, 4);
}

static bool write_u64(struct writer *writer, JSValueConst value)
{
	int64_t number;

	return JS_IsBigInt(writer->js, value) && JS_ToBigInt64(writer->js, &number, value) == 0 &&
	       write_number(writer, (uint64_t)number, 8);
}

static bool write_string(struct writer *writer, JSValueConst value)
{
	size_t length;
	char *text = JS_IsString(value) ? host_utf8(writer->js, value, &length) : NULL;
	bool written = text && length <= PLAN_MAX_STRING && !memchr(text, '\0', length) && write_block(writer, text, length, 1);

	if (text)
		JS_FreeCString(writer->js, text);
	return written;
}

static bool write_bytes(struct writer *writer, JSValueConst value)
{
	size_t length;
	uint8_t *bytes = bind_array(writer->js, value, &length);

	return bytes && write_block(writer, bytes, length, 0);
}

static bool count_items(JSContext *js, JSValueConst list, uint32_t *count)
{
	JSValue length = JS_IsArray(js, list) == 1 ? JS_GetPropertyStr(js, list, "length") : JS_UNDEFINED;
	bool is_list = JS_IsNumber(length) && JS_ToUint32(js, count, length) == 0;

	JS_FreeValue(js, length);
	return is_list;
}

static bool write_list(struct writer *writer, JSValueConst value, bool (*write)(struct writer *, JSValueConst))
{
	uint32_t count;

	if (!count_items(writer->js, value, &count) || !write_number(writer, count, 4))
		return false;
	for (uint32_t at = 0; at < count; at++) {
		JSValue item = JS_GetPropertyUint32(writer->js, value, at);
		bool written = write(writer, item);

		JS_FreeValue(writer->js, item);
		if (!written)
			return false;
	}
	return true;
}

static bool write_value(struct writer *writer, enum kind kind, JSValueConst value)
{
	switch (kind) {
	case U32:
		return write_u32(writer, value);
	case U64:
		return write_u64(writer, value);
	case STR:
		return write_string(writer, value);
	case STRS:
		return write_list(writer, value, write_string);
	case U64S:
		return write_list(writer, value, write_u64);
	case BYTES:
		return write_bytes(writer, value);
	case END:
		break;
	}
	return false;
}

/* ---- operations ---- */

/* Which operation `op.op` names; OPERATIONS where there is none. */
static size_t operation_of(JSContext *js, JSValueConst op, JSAtom property)
{
	JSValue name = JS_GetProperty(js, op, property);
	JSAtom atom = JS_IsString(name) ? JS_ValueToAtom(js, name) : JS_ATOM_NULL;
	size_t found = 0;

	while (found < OPERATIONS && heap.plan_names[found * MOST_FIELDS] != atom)
		found++;
	JS_FreeAtom(js, atom);
	JS_FreeValue(js, name);
	return found;
}

static bool write_operation(struct writer *writer, JSValueConst op, JSAtom property)
{
	size_t which = operation_of(writer->js, op, property);
	const struct field *fields = operations[which < OPERATIONS ? which : 0];
	size_t start = writer->used;
	uint32_t length;

	if (which == OPERATIONS || !write_number(writer, (uint32_t)fields[1].kind, 8))
		return false;
	for (size_t at = 2; fields[at].name; at++) {
		JSValue value = JS_GetProperty(writer->js, op, heap.plan_names[which * MOST_FIELDS + at]);
		bool written = write_value(writer, fields[at].kind, value);

		JS_FreeValue(writer->js, value);
		if (!written)
			return false;
	}
	length = (uint32_t)(writer->used - start - 8);
	memcpy(writer->bytes + start + 4, &length, 4);
	return true;
}

static bool write_plan(struct writer *writer, JSValueConst steps, uint32_t count)
{
	JSAtom property = JS_NewAtom(writer->js, "op");
	uint32_t header[4] = { PLAN_MAGIC, PLAN_VERSION, 0, count };
	bool written = true;

	for (uint32_t at = 0; written && at < count; at++) {
		JSValue step = JS_GetPropertyUint32(writer->js, steps, at);
		JSValue op = JS_GetProperty(writer->js, step, property);

		written = write_operation(writer, op, property);
		JS_FreeValue(writer->js, op);
		JS_FreeValue(writer->js, step);
	}
	JS_FreeAtom(writer->js, property);
	header[2] = (uint32_t)writer->used;
	memcpy(writer->bytes, header, sizeof(header));
	return written;
}

JSValue encode_plan(JSContext *js, JSValueConst self, int argc, JSValueConst *argv)
{
	struct writer writer = { .js = js, .used = 16, .room = 16384 };
	JSValue bytes = JS_UNDEFINED;
	uint32_t count;

	(void)self;
	(void)argc;
	writer.bytes = malloc(writer.room);
	if (writer.bytes && count_items(js, argv[0], &count) && count <= PLAN_MAX_OPS &&
	    write_plan(&writer, argv[0], count))
		bytes = host_bytes(js, writer.bytes, writer.used);
	/* What made it end is said by who does it again. */
	else
		JS_FreeValue(js, JS_GetException(js));
	free(writer.bytes);
	return bytes;
}
