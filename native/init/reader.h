/*
 * The plan as C reads it: typed structs made from the tables of plan.h, filled by a cursor that knows what is left.
 * A plan is checked as a whole before its first operation has any effect.
 */
#ifndef TSRUN_READER_H
#define TSRUN_READER_H

#include "../plan.h"
#include "sys.h"

struct strs {
	u32 count;
	const u8 *at; /* the first string's length */
};

struct u64s {
	u32 count;
	const u8 *at; /* the first number */
};

struct blob {
	u32 length;
	const u8 *at;
};

#define KIND_U32 u32
#define KIND_U64 u64
#define KIND_STR const char *
#define KIND_STRS struct strs
#define KIND_U64S struct u64s
#define KIND_BYTES struct blob

#define F(kind, name) KIND_##kind name;
#define X(number, name)                \
	struct op_##name {             \
		PLAN_##name(F)         \
	};
PLAN_OPS(X)
#undef X
#undef F

enum op_number {
#define X(number, name) OP_##name = (number),
	PLAN_OPS(X)
#undef X
};

enum message_kind {
#define X(number, name) MESSAGE_##name = (number),
	PLAN_MESSAGES(X)
#undef X
};

enum failure_kind {
#define X(number, name) FAILURE_##name = (number),
	PLAN_FAILURES(X)
#undef X
};

struct op {
	enum op_number number;
	u32 index;
	union {
#define X(number, name) struct op_##name name;
		PLAN_OPS(X)
#undef X
	};
};

struct plan {
	const u8 *at;
	u32 length;
	u32 count;
	u64 has; /* bit N: an operation of number N is in it */
};

/* Where the next operation starts. {0} is the first. */
struct plan_place {
	u32 offset;
	u32 index;
};

/* What is wrong with a plan, and with which operation (0 for the header). */
struct plan_defect {
	const char *what; /* NULL: nothing */
	u32 index;
};

/* Check the `length` bytes at `at`: header, every field of every operation, their order. `at` must be 4-aligned. */
struct plan_defect plan_check(struct plan *plan, const void *at, size_t length);
/* Decode the operation at `place` and go on to the next. False at the end, or where the bytes are no operation. */
bool plan_next(const struct plan *plan, struct plan_place *place, struct op *op);

static inline bool plan_has(const struct plan *plan, enum op_number number)
{
	return plan->has >> number & 1;
}

/* The string at `*at`, which moves to the next one. Only within a checked STRS, at most `count` times. */
const char *strs_next(const u8 **at);
u64 u64s_get(const struct u64s *list, u32 index);

#endif
