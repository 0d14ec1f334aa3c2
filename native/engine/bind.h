/* The native functions, for JavaScript. */
#ifndef TSRUN_BIND_H
#define TSRUN_BIND_H

#include <quickjs.h>

/* An object with all functions of the command (lib/functions.h). */
JSValue bind_functions(JSContext *js);
/* The bytes of a typed array; NULL, and an exception, where it is none. */
uint8_t *bind_array(JSContext *js, JSValueConst array, size_t *length);

#endif
