/* tsrun's own files: this executable, and the programs inside it. */
#ifndef TSRUN_OWN_H
#define TSRUN_OWN_H

#include <limits.h>

/*
 * This executable's path, links resolved. Ends the process with a line that says why where there is no /proc, or where root runs it
 * and others could change it.
 */
const char *own_path(void);

#endif
