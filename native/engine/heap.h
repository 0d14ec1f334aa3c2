/*
 * The heap: all memory of the JavaScript engine, at one fixed address. When tsrun is built, it is filled once (make.c) and becomes a
 * segment of the executable; each call finds it mapped copy-on-write at the same address, everything in it evaluated already.
 */
#ifndef TSRUN_HEAP_H
#define TSRUN_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include <quickjs.h>

/*
 * In the address space of every machine, 36 bits on some of aarch64's, and far from where the kernel puts programs and stacks. Sanitizers
 * have their shadow there: what is built with them brings another.
 */
#ifndef HEAP_ADDRESS
#define HEAP_ADDRESS 0x800000000
#endif
/* The segment's size in memory. A call that needs more takes it from the kernel. */
#define HEAP_MIB 32
#define HEAP_ROOM ((unsigned)HEAP_MIB << 20)

/* Block sizes with a free list each: multiples of 16 up to 1 KiB, then four between a power of two and the next. */
#define HEAP_SMALL 1024u
#define HEAP_CLASSES (HEAP_SMALL / 16 + 4 * 22 + 1)

/* What the heap begins with. */
struct heap {
	char *next; /* the first free byte of the arena that blocks are cut from */
	char *end;
	void *free[HEAP_CLASSES];
	bool making;
	JSRuntime *runtime;
	JSContext *context;
	JSValue start;	/* globalThis.start, the command */
	JSAtom *plan_names; /* of encode.c */
	JSValue timers; /* globalThis.timers: runs what is due */
};

/* All of the segment, by its address: no symbol reaches so far from the code. */
union heap_segment {
	struct heap head;
	char bytes[HEAP_ROOM];
};
#define heap_segment (*(union heap_segment *)HEAP_ADDRESS)
#define heap (heap_segment.head)

/* Whether the heap was made: that of the finished executable was. */
static inline bool heap_is_made(void)
{
	return heap.runtime != NULL;
}

/* Begins to make the heap; up to heap_finish what is freed is cleared, so that the same input gives the same bytes. */
void heap_begin(void);
/* Ends it: how many bytes from HEAP_ADDRESS on there are. */
size_t heap_finish(void);

extern const JSMallocFunctions heap_allocator;

#endif
