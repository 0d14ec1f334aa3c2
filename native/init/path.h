/*
 * Paths inside the container's root. The image is hostile: any component may be a symbolic link, and another container
 * that shares a volume may exchange folders for links while this runs. So a path is resolved by the kernel below
 * the root's descriptor (RESOLVE_IN_ROOT), and what is then done is done to the descriptor. CVE-2019-18837, CVE-2021-30465,
 * CVE-2024-45310.
 */
#ifndef TSRUN_PATH_H
#define TSRUN_PATH_H

#include "sys.h"

/* Open `path` below `root` with openat2; `flags` gets O_CLOEXEC, `resolve` RESOLVE_IN_ROOT. -errno. */
int path_open(int root, const char *path, int flags, u64 resolve);

enum path_last {
	LAST_DIR,    /* the last component is a folder */
	LAST_FILE,   /* the last component is a file */
	LAST_PARENT, /* stop before the last component: answer its parent, and the name */
};

/*
 * Open `path` below `root` as O_PATH, making what is missing: folders of mode 0755 on the way, the last component
 * with `mode` as it is (the umask is 0 during set-up). Works through links that dangle, as in images where /var/run
 * leads to a /run not made yet. With LAST_PARENT `name` (PATH_NAME_BYTES) receives the last component, which is not followed
 * and may be missing. -errno.
 */
#define PATH_NAME_BYTES 256
int path_make(int root, const char *path, enum path_last last, u32 mode, char *name);

#endif
