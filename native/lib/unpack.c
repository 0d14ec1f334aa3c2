/*
 * Writing an archive's entries below a folder. Every name is resolved by openat2(RESOLVE_IN_ROOT): links on the way stay inside,
 * the last part of a name is never followed, and what is there already is replaced, a folder by a folder excepted. The folders
 * that entries lie in stay open, so that most entries cost no resolution at all. A thread of its own does all this.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"
#include "unpack.h"

enum { SLOTS = 8 };

static struct unpack *slots[SLOTS];

/* A record's parts, or -EINVAL where they do not fill it as they should. */
static int parts_of(const struct record *rec, const uint8_t *at, const struct job *job, struct parts *parts)
{
	int beside = (rec->flags & BESIDE) != 0;
	size_t size = sizeof *rec + (size_t)rec->path_length + 1 + (size_t)rec->text_length + 1 +
		      (size_t)rec->xattrs_length + (beside ? 0 : (size_t)rec->data_length);

	if (((size + 7) & ~(size_t)7) != rec->length)
		return -EINVAL;
	if (beside && (size_t)rec->data_at + (size_t)rec->data_length > job->piece_length)
		return -EINVAL;
	parts->path = (const char *)at + sizeof *rec;
	parts->text = parts->path + rec->path_length + 1;
	parts->xattrs = (const uint8_t *)parts->text + rec->text_length + 1;
	parts->data = beside ? job->piece + rec->data_at : parts->xattrs + rec->xattrs_length;
	return parts->path[rec->path_length] || parts->text[rec->text_length] ? -EINVAL : 0;
}

static int perform_next(struct unpack *un, const uint8_t *at, size_t left, const struct job *job, size_t *length)
{
	struct record rec;
	struct parts parts;

	if (left < sizeof rec)
		return -EINVAL;
	memcpy(&rec, at, sizeof rec);
	if (rec.length > left || parts_of(&rec, at, job, &parts) < 0)
		return -EINVAL;
	*length = rec.length;
	return perform(un, &rec, &parts);
}

static int perform_job(void *self, const struct job *job, unsigned number)
{
	struct unpack *un = self;
	size_t length = 0;

	for (size_t at = 0; at < job->length; at += length) {
		int rc = perform_next(un, job->records + at, job->length - at, job, &length);

		if (rc == 0)
			continue;
		un->failed_job = number;
		un->failed_at = (uint32_t)at;
		return rc;
	}
	return 0;
}

/* Modes are what the entries say: the thread has a umask of its own, where it may. */
static void begin(void *self)
{
	struct unpack *un = self;

	if (unshare(CLONE_FS) < 0)
		return;
	(void)umask(0);
	un->no_umask = 1;
}

static struct unpack *unpack_of(int slot)
{
	return slot >= 0 && slot < SLOTS ? slots[slot] : NULL;
}

static int open_slot(int slot, const char *path, int uid, int gid)
{
	struct unpack *un = calloc(1, sizeof *un);
	int error;

	if (!un)
		return -ENOMEM;
	*un = (struct unpack){ .uid = (uid_t)uid, .gid = (gid_t)gid, .file = -1 };
	un->in = &un->root;
	un->root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	error = un->root.fd < 0 ? -errno : lane_open(&un->lane, un, begin, perform_job);
	if (error == 0) {
		slots[slot] = un;
		return slot;
	}
	if (un->root.fd >= 0)
		(void)close(un->root.fd);
	free(un);
	return error;
}

int ts_unpack_open(const char *path, int uid, int gid)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		if (!slots[slot])
			return open_slot(slot, path, uid, gid);
	}
	return -EMFILE;
}

int ts_unpack(int slot, const uint8_t *records, int length, const uint8_t *piece, int piece_length)
{
	struct unpack *un = unpack_of(slot);

	if (!un || length < 0 || piece_length < 0)
		return -EBADF;
	return lane_add(&un->lane, (struct job){
					   .records = records,
					   .length = (size_t)length,
					   .piece = piece,
					   .piece_length = (size_t)piece_length,
				   });
}

int ts_unpack_wait(int slot, int32_t report[5])
{
	struct unpack *un = unpack_of(slot);
	int error;

	if (!un)
		return -EBADF;
	error = lane_wait(&un->lane);
	report[0] = (int32_t)un->failed_job;
	report[1] = (int32_t)un->failed_at;
	report[2] = (int32_t)un->call;
	report[3] = (int32_t)un->lost_xattrs;
	report[4] = (int32_t)un->lost_nodes;
	return error;
}

int ts_unpack_close(int slot)
{
	struct unpack *un = unpack_of(slot);

	if (!un)
		return -EBADF;
	lane_close(&un->lane);
	forget_folders(un);
	if (un->file >= 0)
		(void)close(un->file);
	(void)close(un->root.fd);
	free(un);
	slots[slot] = NULL;
	return 0;
}
