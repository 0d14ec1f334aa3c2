/* What of QuickJS's inside tsrun needs: engine/quickjs.c. */
#ifndef TSRUN_INSIDE_H
#define TSRUN_INSIDE_H

#include <stdint.h>

#include <quickjs.h>

/* The heap is made: forgets the stack on which that was done. */
void inside_seal(JSContext *js);
/* Where Math.random begins. */
void inside_seed(JSContext *js, uint64_t seed);

#endif
