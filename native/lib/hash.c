/* Hashing beside what else is done with the bytes: each hash has a thread of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "lane.h"
#include "lib.h"
#include "sha256.h"

enum { SLOTS = 16 };

struct hash {
	struct lane lane;
	struct sha256 sha256;
};

static struct hash *slots[SLOTS];

static struct hash *hash_of(int slot)
{
	return slot >= 0 && slot < SLOTS ? slots[slot] : NULL;
}

static int add(void *self, const struct job *job, unsigned number)
{
	struct hash *hash = self;

	(void)number;
	sha256_add(&hash->sha256, job->piece, job->piece_length);
	return 0;
}

int ts_hash_open(void)
{
	for (int slot = 0; slot < SLOTS; slot++) {
		struct hash *hash;
		int error;

		if (slots[slot])
			continue;
		hash = calloc(1, sizeof *hash);
		if (!hash)
			return -ENOMEM;
		error = sha256_begin(&hash->sha256);
		if (error == 0)
			error = lane_open(&hash->lane, hash, NULL, add);
		if (error < 0) {
			free(hash);
			return error;
		}
		slots[slot] = hash;
		return slot;
	}
	return -EMFILE;
}

int ts_hash_add(int slot, const uint8_t *bytes, int length)
{
	struct hash *hash = hash_of(slot);

	if (!hash || length < 0)
		return -EBADF;
	return lane_add(&hash->lane, (struct job){ .piece = bytes, .piece_length = (size_t)length });
}

int ts_hash_end(int slot, uint8_t digest[32])
{
	struct hash *hash = hash_of(slot);
	int error;

	if (!hash)
		return -EBADF;
	error = lane_wait(&hash->lane);
	if (error == 0)
		sha256_end(&hash->sha256, digest);
	return error;
}

int ts_hash_close(int slot)
{
	struct hash *hash = hash_of(slot);

	if (!hash)
		return -EBADF;
	lane_close(&hash->lane);
	free(hash);
	slots[slot] = NULL;
	return 0;
}
