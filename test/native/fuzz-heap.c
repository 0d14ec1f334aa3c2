/*
 * The heap's allocator against a shadow copy of every block, with sanitizers: `fuzz-heap ROUNDS [SEED]`. Blocks keep what is
 * written to all of their usable bytes, are aligned, and hold what was asked for; where the kernel gives no memory (half of the
 * time, in one part) the answer is NULL and nothing has changed. What is done while the heap is made leaves the same bytes each time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap.c"

#define SLOTS 3000
#define REQUIRE(condition) require(__LINE__, #condition, condition)

static struct slot {
	uint8_t *at;
	size_t size;   /* as asked for */
	size_t usable;
	uint8_t stamp;
} slots[SLOTS];

static JSMallocState state;
static uint64_t seed;
static unsigned refuse; /* of 256 calls for memory */
static unsigned long refused;
static unsigned long mappings;
static unsigned long moves;

static void require(int line, const char *what, bool is_so)
{
	if (is_so)
		return;
	(void)fprintf(stderr, "line %d: not so: %s\n", line, what);
	abort();
}

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

/* ---- the kernel, which may have no memory ---- */

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__real_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mremap(void *at, size_t length, size_t wanted, int flags, ...);
void *__real_mremap(void *at, size_t length, size_t wanted, int flags, ...);

static bool refuses(void)
{
	if (chance(256) >= refuse)
		return false;
	refused++;
	errno = ENOMEM;
	return true;
}

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (refuses())
		return MAP_FAILED;
	mappings++;
	return __real_mmap(at, length, protection, flags, fd, offset);
}

void *__wrap_mremap(void *at, size_t length, size_t wanted, int flags, ...)
{
	if (refuses())
		return MAP_FAILED;
	moves++;
	return __real_mremap(at, length, wanted, flags);
}

/* ---- the shadow ---- */

static uint8_t pattern(const struct slot *slot, size_t at)
{
	return (uint8_t)(slot->stamp + at * 31 + (at >> 12));
}

/* Writes all bytes that the block says it has. */
static void fill(struct slot *slot, uint8_t *at, size_t size)
{
	slot->at = at;
	slot->size = size;
	slot->usable = usable(at);
	slot->stamp = (uint8_t)chance(256);
	REQUIRE((uintptr_t)at % ALIGNMENT == 0);
	REQUIRE(slot->usable >= size);
	for (size_t byte = 0; byte < slot->usable; byte++)
		at[byte] = pattern(slot, byte);
}

static void look(const struct slot *slot, size_t length)
{
	for (size_t byte = 0; byte < length; byte++)
		if (slot->at[byte] != pattern(slot, byte))
			REQUIRE(!"a block keeps its bytes");
}

static void look_whole(const struct slot *slot)
{
	REQUIRE(usable(slot->at) == slot->usable);
	look(slot, slot->usable);
}

static size_t some_size(size_t most)
{
	static const size_t edges[] = { 0, 1, 7, 8, 9, 1016, 1017, 1024, 4088, LARGE - 9, LARGE - 8, LARGE, LARGE + 1, 3 * LARGE };
	size_t size;

	switch (chance(64)) {
	case 0:
		size = edges[chance(sizeof(edges) / sizeof(edges[0]))];
		break;
	case 1:
		size = chance(2 * LARGE);
		break;
	case 2 ... 8:
		size = chance(20000);
		break;
	default:
		size = chance(600);
	}
	return size > most ? size % most : size;
}

static void take_one(struct slot *slot, size_t size)
{
	uint8_t *at = heap_allocator.js_malloc(&state, size);

	if (at)
		fill(slot, at, size);
	else
		REQUIRE(heap.making || refuse);
}

static void give_one(struct slot *slot)
{
	const bool stays = !is_mapping(slot->at);

	look_whole(slot);
	heap_allocator.js_free(&state, slot->at);
	/* Behind the link of the list, that is. */
	for (size_t byte = sizeof(void *); heap.making && stays && byte < slot->usable; byte++)
		REQUIRE(slot->at[byte] == 0);
	slot->at = NULL;
}

static void resize_one(struct slot *slot, size_t size)
{
	const struct slot before = *slot;
	uint8_t *at = heap_allocator.js_realloc(&state, slot->at, size);

	if (size == 0) {
		REQUIRE(!at);
		slot->at = NULL;
		return;
	}
	if (!at) {
		REQUIRE(heap.making || refuse);
		look_whole(&before);
		return;
	}
	slot->at = at;
	look(slot, before.size < size ? before.usable : size);
	fill(slot, at, size);
}

static size_t accounted(size_t *count)
{
	size_t all = 0;

	for (struct slot *slot = slots; slot < slots + SLOTS; slot++) {
		if (!slot->at)
			continue;
		look_whole(slot);
		all += slot->usable + HEADER;
		(*count)++;
	}
	return all;
}

static int by_address(const void *one, const void *other)
{
	const struct slot *a = one;
	const struct slot *b = other;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* No two overlap, neither do their sizes before them, and the counts are those of the blocks that there are. */
static void look_at_all(void)
{
	size_t count = 0;

	REQUIRE(state.malloc_size == accounted(&count));
	REQUIRE(state.malloc_count == count);
	qsort(slots, SLOTS, sizeof(slots[0]), by_address);
	for (struct slot *slot = slots + 1; slot < slots + SLOTS; slot++)
		if (slot[-1].at)
			REQUIRE(slot[-1].at + slot[-1].usable + HEADER <= slot->at);
}

static void some(unsigned long rounds, size_t most)
{
	for (unsigned long round = 0; round < rounds; round++) {
		struct slot *slot = &slots[chance(SLOTS)];

		if (!slot->at)
			take_one(slot, some_size(most));
		else if (slot->usable >= LARGE && slot->usable < 3 * (size_t)LARGE && chance(2))
			resize_one(slot, slot->usable + chance(LARGE));
		else if (chance(3) == 0)
			resize_one(slot, some_size(most));
		else
			give_one(slot);
		if (round % 50000 == 0)
			look_at_all();
	}
	look_at_all();
}

static void give_all(void)
{
	for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
		if (slot->at)
			give_one(slot);
	REQUIRE(state.malloc_count == 0 && state.malloc_size == 0);
}

/* ---- the parts ---- */

static void no_such_sizes(void)
{
	static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 7, SIZE_MAX - 8, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 4095,
					SIZE_MAX - 4112, SIZE_MAX / 2, SIZE_MAX / 2 + 1, (size_t)1 << 62, (size_t)1 << 48 };
	uint8_t *small = heap_allocator.js_malloc(&state, 10);
	uint8_t *large = heap.making ? NULL : heap_allocator.js_malloc(&state, 2 * LARGE);

	for (size_t each = 0; each < sizeof(sizes) / sizeof(sizes[0]); each++) {
		REQUIRE(!heap_allocator.js_malloc(&state, sizes[each]));
		REQUIRE(!heap_allocator.js_realloc(&state, small, sizes[each]));
		REQUIRE(!large || !heap_allocator.js_realloc(&state, large, sizes[each]));
	}
	heap_allocator.js_free(&state, small);
	heap_allocator.js_free(&state, large);
	heap_allocator.js_free(&state, NULL);
	REQUIRE(!heap_allocator.js_realloc(&state, NULL, 0));
	REQUIRE(heap_allocator.js_malloc_usable_size(NULL) == 0);
	REQUIRE(state.malloc_count == 0 && state.malloc_size == 0);
}

/* How many bytes there are then. Only the segment is used. */
static size_t make(unsigned long rounds, uint64_t from)
{
	unsigned long before = mappings + moves;
	size_t length;

	seed = from;
	memset(&heap_segment, 0, HEAP_ROOM);
	memset(slots, 0, sizeof(slots));
	memset(&state, 0, sizeof(state));
	heap_begin();
	no_such_sizes();
	some(rounds, 100000);
	for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
		REQUIRE(!slot->at || (is_in_segment(slot->at) && slot->at + slot->usable <= (uint8_t *)heap.end));
	length = heap_finish();
	for (struct slot *slot = slots; slot < slots + SLOTS; slot++)
		REQUIRE(!slot->at || slot->at + slot->usable <= (uint8_t *)first + length);
	REQUIRE(mappings + moves == before);
	return length;
}

static void makes_the_same(unsigned long rounds, uint64_t from)
{
	size_t length = make(rounds, from);
	char *copy = malloc(length);

	REQUIRE(copy != NULL);
	memcpy(copy, first, length);
	REQUIRE(make(rounds, from) == length);
	REQUIRE(memcmp(copy, first, length) == 0);
	for (const char *at = first + length; at < first + HEAP_ROOM; at++)
		REQUIRE(*at == 0);
	free(copy);
	(void)printf("%zu bytes, the same twice\n", length);
}

/* While it is made, a full segment is the end; later it is not. */
static void fills_up(void)
{
	char *last = NULL;
	char *at;
	size_t count = 0;

	memset(&heap_segment, 0, HEAP_ROOM);
	memset(&state, 0, sizeof(state));
	heap_begin();
	while ((at = heap_allocator.js_malloc(&state, 65000))) {
		memset(at, 1, 65000);
		last = at;
		count++;
	}
	REQUIRE(count > 400 && last + 65000 <= first + HEAP_ROOM);
	while ((at = heap_allocator.js_malloc(&state, 1)))
		REQUIRE(at + usable(at) <= first + HEAP_ROOM);
	heap_allocator.js_free(&state, last);
	REQUIRE(heap_allocator.js_malloc(&state, 65000) == last);
	(void)heap_finish();
	at = heap_allocator.js_malloc(&state, 65000);
	REQUIRE(at && !is_in_segment(at) && !is_mapping(at));
	memset(at, 1, usable(at));
	heap_allocator.js_free(&state, at);
	REQUIRE(heap_allocator.js_malloc(&state, 64000) == at);
}

/* What is left of the segment is taken, and lies in a list then. */
static void leave_segment(void)
{
	void *all = NULL;
	void *at;

	while (is_in_segment(heap.next)) {
		at = heap_allocator.js_malloc(&state, 65000);
		REQUIRE(at != NULL);
		memcpy(at, &all, sizeof(all));
		all = at;
	}
	while ((at = all)) {
		memcpy(&all, at, sizeof(all));
		heap_allocator.js_free(&state, at);
	}
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	uint64_t from = (argc > 2 ? strtoull(argv[2], NULL, 10) : 0) * 2 + 0x9e3779b97f4a7c15u;

	fills_up();
	makes_the_same(rounds / 4, from);
	/* A call begins where making ended: those blocks are resized and given back, too. */
	some(rounds / 4, 4 * (size_t)LARGE);
	leave_segment();
	some(rounds / 4, 4 * (size_t)LARGE);
	(void)printf("%lu arenas and mappings, %lu grown\n", mappings, moves);
	refuse = 128;
	some(rounds / 4, 4 * (size_t)LARGE);
	refuse = 0;
	(void)printf("%lu times no memory\n", refused);
	give_all();
	no_such_sizes();
	return 0;
}
