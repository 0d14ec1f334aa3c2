/* What other parts of the library share with files.c. */
#ifndef TSRUN_FILES_H
#define TSRUN_FILES_H

#include <sys/types.h>

/* open(2) of a path of any length, also one longer than the kernel takes at once: the descriptor, or -errno. */
int open_long(const char *path, int flags, mode_t mode);

#endif
