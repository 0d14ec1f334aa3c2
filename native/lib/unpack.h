/* An unpacking: where it writes, and the folders that it has open. */
#ifndef TSRUN_UNPACK_H
#define TSRUN_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The call that failed, for report[1]. */
enum call {
	CALL_OPENAT2 = 1, CALL_OPENAT, CALL_MKDIRAT, CALL_MKNODAT, CALL_SYMLINKAT, CALL_LINKAT, CALL_WRITE, CALL_FTRUNCATE,
	CALL_FCHOWN, CALL_FCHMOD, CALL_SETXATTR, CALL_UTIMENSAT, CALL_UNLINKAT, CALL_CLOSE
};

enum { FOLDERS = 16 };

struct folder {
	char *path;
	size_t length;
	int fd;
};

struct unpack {
	int root;
	uid_t uid; /* who gets folders that no entry tells of */
	gid_t gid;
	int file; /* the unfinished one, or -1 */
	unsigned next; /* which of the folders is forgotten next */
	struct folder folders[FOLDERS];
	int32_t *report;
};

/* Notes which call failed; -errno. */
int failed(struct unpack *un, enum call call);
/* Opens a path below the root; links stay inside. A descriptor or -1 with errno. */
int open_in_root(struct unpack *un, const char *path, uint64_t flags);
/* The folder that a path's last part lies in, open until it is forgotten, and where that part begins. -errno */
int parent_of(struct unpack *un, const char *path, const char **name);
void forget_folders(struct unpack *un);
/* Removes what is at a name. What was open by names may be gone with it, or lead elsewhere. */
int clear_name(struct unpack *un, int at, const char *name);

#endif
