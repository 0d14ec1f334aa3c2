/* Memory files that nobody changes any more (sealed.c). */
#ifndef TSRUN_SEALED_H
#define TSRUN_SEALED_H

#include <stddef.h>

/* A descriptor of an empty one, of what the calls below still have to seal; `is_program` where it is to be executed. Or -errno. */
int sealable(const char *name, int is_program);
/* Seals it, or closes it where `error` is one: the descriptor, or -errno. */
int seal(int fd, int error);
/* A program in memory, sealed: a descriptor or -errno. */
int sealed_program(const char *name, const void *bytes, size_t length);

#endif
