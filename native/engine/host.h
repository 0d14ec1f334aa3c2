/* What a JavaScript host gives beside the language: engine/host.c, and src/engine/globals.ts above it. */
#ifndef TSRUN_HOST_H
#define TSRUN_HOST_H

#include <quickjs.h>

/* The functions that src/engine/globals.ts is made of. */
JSValue host_functions(JSContext *js);
/* A value's text as UTF-8, half surrogates replaced, which JS_FreeCString frees; NULL, and an exception, where it has none. */
char *host_utf8(JSContext *js, JSValueConst value, size_t *length);
/* A Uint8Array of a copy of these bytes. */
JSValue host_bytes(JSContext *js, const void *bytes, size_t length);
/* What differs from call to call: process.argv, execPath and pid. */
int host_begin(JSContext *js, const char *path, int argc, char *const *argv);
/* Writes the exception to standard error, behind what it is of; where it happened follows on lines of its own. 1, an exit code. */
int host_complain(JSContext *js, const char *of);
/* From here on a promise that is rejected is noted, until somebody hears of it. */
void host_watch_promises(JSRuntime *runtime);
/* Jobs, which are what promises have to do, until there are none. 1 where one threw, or a promise was rejected unheard: complained of. */
int host_run_jobs(JSContext *js, const char *of);

#endif
