/* The heap's allocator. Before each block lies its size; blocks of one size that were freed form a list. */
#define _GNU_SOURCE
#include "heap.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/*
 * The linker puts it at HEAP_ADDRESS (native/Makefile). It has no bytes in the file at first: the build gives it those of the heap, once
 * that is made. 64 KiB is the largest page of any machine.
 */
#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number
__asm__(".pushsection .heap,\"aw\",%nobits\n"
	".balign 65536\n"
	".globl heap_place\n"
	"heap_place: .zero " TEXT_OF(HEAP_MIB) " * 1024 * 1024\n"
	".popsection");

#define HEADER sizeof(size_t)
#define ALIGNMENT 16u
/* Blocks from here on are mappings of their own: they go back to the kernel, and grow without being copied. */
#define LARGE (1u << 20)
/* What is taken from the kernel when the segment is full. */
#define ARENA (4u << 20)

#define first heap_segment.bytes

static inline size_t round_up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

/* The size of the block for so many bytes, and its list. */
static size_t class_of(size_t size, size_t *list)
{
	size_t block = round_up(size + HEADER, ALIGNMENT);
	unsigned power;
	size_t step;

	if (block <= HEAP_SMALL) {
		*list = block / ALIGNMENT;
		return block;
	}
	power = 63 - (unsigned)__builtin_clzl(block - 1);
	step = (size_t)1 << (power - 2);
	block = round_up(block, step);
	*list = HEAP_SMALL / ALIGNMENT + 4 * (power - 10) + (block - ((size_t)1 << power)) / step;
	return block;
}

static inline size_t *header_of(const void *at)
{
	return (size_t *)(uintptr_t)at - 1;
}

static bool is_in_segment(const void *at)
{
	return (const char *)at >= first && (const char *)at < first + HEAP_ROOM;
}

/* ---- blocks that are mappings ---- */

static bool is_mapping(const void *at)
{
	return *header_of(at) >= LARGE && !is_in_segment(at);
}

/* What is a little smaller, and has a block of this size all the same, gets one too: by the length it is known. */
static void *map(size_t size)
{
	size_t length = round_up((size < LARGE ? LARGE : size) + ALIGNMENT, 4096);
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	*header_of(at + ALIGNMENT) = length;
	return at + ALIGNMENT;
}

static void *remap(void *at, size_t size)
{
	size_t length = round_up(size + ALIGNMENT, 4096);
	char *moved = mremap((char *)at - ALIGNMENT, *header_of(at), length, MREMAP_MAYMOVE);

	if (moved == MAP_FAILED)
		return NULL;
	*header_of(moved + ALIGNMENT) = length;
	return moved + ALIGNMENT;
}

/* ---- the others ---- */

static bool take_arena(size_t block)
{
	size_t length = block + ALIGNMENT > ARENA ? round_up(block + ALIGNMENT, 4096) : ARENA;
	char *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return false;
	heap.next = at + HEADER;
	heap.end = at + length;
	return true;
}

static inline size_t usable(const void *at)
{
	size_t block = at ? *header_of(at) : 0;

	return !at ? 0 : is_mapping(at) ? block - ALIGNMENT : block - HEADER;
}

/* A block of its list, or cut from the arena. */
static inline void *take_block(size_t block, size_t list)
{
	char *at = heap.free[list];

	if (at) {
		memcpy(&heap.free[list], at, sizeof(void *));
		if (heap.making)
			memset(at, 0, sizeof(void *));
		return at;
	}
	if (block > (size_t)(heap.end - heap.next) && (heap.making || !take_arena(block)))
		return NULL;
	at = heap.next + HEADER;
	*header_of(at) = block;
	heap.next += block;
	return at;
}

static void *take(size_t size)
{
	size_t list;
	size_t block;

	/* What has no size with a header and rounded up any more, nobody has. */
	if (size > PTRDIFF_MAX)
		return NULL;
	block = class_of(size, &list);
	if (block >= LARGE && !heap.making)
		return map(size);
	return list < HEAP_CLASSES ? take_block(block, list) : NULL;
}

static void give(void *at)
{
	size_t list;

	if (is_mapping(at)) {
		(void)munmap((char *)at - ALIGNMENT, *header_of(at));
		return;
	}
	(void)class_of(*header_of(at) - HEADER, &list);
	if (heap.making)
		memset(at, 0, *header_of(at) - HEADER);
	memcpy(at, &heap.free[list], sizeof(void *));
	heap.free[list] = at;
}

static void *js_take(JSMallocState *state, size_t size)
{
	void *at;

	if (size <= HEAP_SMALL - HEADER) {
		size_t block = round_up(size + HEADER, ALIGNMENT);

		at = take_block(block, block / ALIGNMENT);
	} else {
		at = take(size);
	}
	if (at) {
		state->malloc_count++;
		state->malloc_size += usable(at) + HEADER;
	}
	return at;
}

static void js_give(JSMallocState *state, void *at)
{
	if (!at)
		return;
	state->malloc_count--;
	state->malloc_size -= usable(at) + HEADER;
	if (*header_of(at) <= HEAP_SMALL && !heap.making) {
		void **list = &heap.free[*header_of(at) / ALIGNMENT];

		memcpy(at, list, sizeof(void *));
		*list = at;
		return;
	}
	give(at);
}

static void *js_resize(JSMallocState *state, void *at, size_t size)
{
	size_t before = usable(at);
	void *moved;

	if (!at)
		return size ? js_take(state, size) : NULL;
	if (!size) {
		js_give(state, at);
		return NULL;
	}
	if (size <= before)
		return at;
	if (is_mapping(at)) {
		moved = size > PTRDIFF_MAX ? NULL : remap(at, size);
		if (moved)
			state->malloc_size += usable(moved) - before;
		return moved;
	}
	moved = js_take(state, size);
	if (!moved)
		return NULL;
	memcpy(moved, at, before);
	js_give(state, at);
	return moved;
}

const JSMallocFunctions heap_allocator = { js_take, js_give, js_resize, usable };

/* ---- making it ---- */

void heap_begin(void)
{
	heap.making = true;
	/* A block's bytes are aligned, so its header is just before that. */
	heap.next = first + round_up(sizeof(heap), ALIGNMENT) + HEADER;
	/* An address in it, not the one behind, where brk may begin. */
	heap.end = first + HEAP_ROOM - HEADER;
}

size_t heap_finish(void)
{
	heap.making = false;
	return (size_t)(heap.next - first);
}
