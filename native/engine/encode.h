/* A plan as bytes, by the engine itself: what src/plan/encode.ts does elsewhere. */
#ifndef TSRUN_ENCODE_H
#define TSRUN_ENCODE_H

#include <quickjs.h>

/* Makes the names that the plan's table is looked up by; NULL where there is no memory. The heap keeps them. */
JSAtom *encode_names(JSContext *js);
/* encodePlan(steps): a Uint8Array; undefined where something cannot be written, which encode.ts then says. */
JSValue encode_plan(JSContext *js, JSValueConst self, int argc, JSValueConst *argv);

#endif
