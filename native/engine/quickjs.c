/* The engine, and what of its inside tsrun needs. Compiled as QuickJS compiles itself, without this project's warnings. */
#include <quickjs.c>

#include "inside.h"

void inside_seal(JSContext *js)
{
	/* The stack is another one in each call: JS_UpdateStackTop sets it anew. */
	js->rt->stack_top = 0;
	js->rt->stack_limit = 0;
}

void inside_seed(JSContext *js, uint64_t seed)
{
	js->random_state = seed ? seed : 1;
}
