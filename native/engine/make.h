/* Making the heap, when tsrun is built. */
#ifndef TSRUN_MAKE_H
#define TSRUN_MAKE_H

/* `SCRIPT HEAP`: evaluates the script in a new heap, and writes that to the file HEAP. The exit code. */
int make_heap(int argc, char *const *argv);

#endif
