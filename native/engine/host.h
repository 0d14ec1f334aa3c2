/* What a JavaScript host gives beside the language: engine/host.c, and src/engine/globals.ts above it. */
#ifndef TSRUN_HOST_H
#define TSRUN_HOST_H

#include <quickjs.h>

/* The functions that src/engine/globals.ts is made of. */
JSValue host_functions(JSContext *js);
/* What differs from call to call: process.argv, execPath and pid. */
int host_begin(JSContext *js, const char *path, int argc, char *const *argv);

#endif
