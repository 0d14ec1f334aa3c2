#ifndef TSRUN_REMOVE_H
#define TSRUN_REMOVE_H

/*
 * Removes a name below the folder `at`, a folder with all that it holds on its filesystem: 0 or -errno; -ESTALE where somebody
 * keeps moving its folders elsewhere.
 */
int remove_at(int at, const char *name);

#endif
