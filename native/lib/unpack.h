/* An unpacking: where it writes, the folders that it has open, and the records that say what. */
#ifndef TSRUN_UNPACK_H
#define TSRUN_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lane.h"

/* The call that failed, for ts_unpack_wait. */
enum call {
	CALL_OPENAT2 = 1, CALL_OPENAT, CALL_MKDIRAT, CALL_MKNODAT, CALL_SYMLINKAT, CALL_LINKAT, CALL_WRITE, CALL_FTRUNCATE,
	CALL_FCHOWN, CALL_FCHMOD, CALL_SETXATTR, CALL_UTIMENSAT, CALL_UNLINKAT, CALL_CLOSE, CALL_FSTAT
};

/* As src/image/record.ts writes them; the tests of images perform each kind. */
enum kind { DIR_ = 1, FILE_, DATA, END, SYMLINK, LINK, NODE, REMOVE, FOLDER_TIMES, XATTRS };
/* UNFINISHED: content follows in DATA. BESIDE: the content is in the piece of the archive, at data_at. */
enum { UNFINISHED = 1, MAY_FAIL = 2, BESIDE = 4 };

struct record {
	uint32_t kind;
	uint32_t length; /* of the whole record, a multiple of 8 */
	uint32_t flags;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t seconds; /* mtime */
	uint32_t nanoseconds;
	uint32_t path_length; /* both without their NUL */
	uint32_t text_length;
	uint32_t xattrs_length;
	uint32_t data_length;
	uint32_t major;
	uint32_t minor;
	uint32_t data_at;
	int64_t offset; /* of DATA; of END the file's size */
};

/* A record's variable parts. */
struct parts {
	const char *path;
	const char *text;
	const uint8_t *xattrs;
	const uint8_t *data;
};

enum { FOLDERS = 16 };

/* What a new file is in a folder, which a default ACL, the set-group-id bit or a mount option may change. */
enum born { UNKNOWN, AS_ASKED, OTHERWISE };

struct folder {
	char *path;
	size_t length;
	int fd;
	enum born born; /* AS_ASKED: with the mode that is asked for, and these owners */
	uid_t uid;
	gid_t gid;
};

struct unpack {
	struct lane lane;
	struct folder root;
	uid_t uid; /* who gets folders that no entry tells of */
	gid_t gid;
	int no_umask; /* whether modes are what open asks for, as far as it is up to the thread */
	int file; /* the unfinished one, or -1 */
	off_t written; /* of it */
	unsigned next; /* which of the folders is forgotten next */
	struct folder folders[FOLDERS];
	struct folder *in; /* of the last name that was looked up */
	uint32_t call; /* that failed */
	uint32_t lost_xattrs; /* that the filesystem or the kernel did not take */
	uint32_t lost_nodes;
	uint32_t failed_job;
	uint32_t failed_at; /* where in its records */
};

/* ---- place.c ---- */

/* Notes which call failed; -errno. */
int failed(struct unpack *un, enum call call);
/* Opens a path below the root; links stay inside. A descriptor or -1 with errno. */
int open_in_root(struct unpack *un, const char *path, uint64_t flags);
/* The folder that a path's last part lies in (also un->in), open until it is forgotten, and where that part begins. -errno */
int parent_of(struct unpack *un, const char *path, const char **name);
void forget_folders(struct unpack *un);
/* A folder has changed, by whatever name: new files in those that are open may be different now. */
void forget_births(struct unpack *un);
/* Removes what is at a name. What was open by names may be gone with it, or lead elsewhere. */
int clear_name(struct unpack *un, int at, const char *name);

/* ---- dress.c ---- */

int close_file(struct unpack *un, int fd, int rc);
int set_xattrs(struct unpack *un, int fd, const char *path, const uint8_t *at, size_t left);
/* mtime; atime stays */
int set_times(struct unpack *un, int fd, const struct record *rec);
/* Owner, attributes, mode and time of an open file. */
int dress_file(struct unpack *un, int fd, const struct record *rec, const struct parts *parts, mode_t mode);
/* The same of a symbolic link, which has no mode, and of a device or pipe. */
int dress_link(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts);
int dress_node(struct unpack *un, int at, const char *name, const struct record *rec, const struct parts *parts);
/* Opens a new file in the folder un->in; *left: what of its mode and owner is still to be set. */
int open_new(struct unpack *un, int at, const char *name, const struct record *rec, int *left);
/* Whether what is made in un->in belongs to the record's owner without a further call. */
int is_born_owned(const struct unpack *un, const struct record *rec);
enum { LEFT_OWNER = 1, LEFT_MODE = 2 };

/* ---- entry.c ---- */

int perform(struct unpack *un, const struct record *rec, const struct parts *parts);

#endif
