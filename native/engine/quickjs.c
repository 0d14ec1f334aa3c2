/* The engine, and what of its inside tsrun needs. Compiled as QuickJS compiles itself, without this project's warnings. */
#include <quickjs.c>

#include "inside.h"

/* Of a function that waits, where its last caller had its frame: it is set anew before the function goes on. */
static void forget_callers(JSRuntime *runtime)
{
	struct list_head *each;

	list_for_each(each, &runtime->gc_obj_list) {
		JSGCObjectHeader *object = list_entry(each, JSGCObjectHeader, link);

		if (object->gc_obj_type == JS_GC_OBJ_TYPE_ASYNC_FUNCTION)
			((JSAsyncFunctionState *)object)->frame.prev_frame = NULL;
	}
}

void inside_seal(JSContext *js)
{
	forget_callers(js->rt);
	/* The stack is another one in each call: JS_UpdateStackTop sets it anew. */
	js->rt->stack_top = 0;
	js->rt->stack_limit = 0;
}

void inside_seed(JSContext *js, uint64_t seed)
{
	js->random_state = seed ? seed : 1;
}
