/* A lane: one thread that performs jobs in their order, while the engine's goes on. */
#ifndef TSRUN_LANE_H
#define TSRUN_LANE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* How many jobs are under way at a time; HELD of src/image/hash.ts counts on it. */
enum { LANE_JOBS = 2 };

struct job {
	const uint8_t *records;
	size_t length;
	const uint8_t *piece;
	size_t piece_length;
};

struct lane {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct job jobs[LANE_JOBS];
	unsigned added;
	unsigned done;
	int ending;
	int error; /* of the first job that failed; those after it are not performed */
	void (*begin)(void *self);
	int (*perform)(void *self, const struct job *job, unsigned number);
	void *self;
};

/* Starts the thread: 0 or -errno. `begin`, which may be NULL, is called in it first. */
int lane_open(struct lane *lane, void *self, void (*begin)(void *self),
	      int (*perform)(void *self, const struct job *job, unsigned number));
/* Adds a job, waiting until less than LANE_JOBS are under way: 0, or the error of an earlier one. */
int lane_add(struct lane *lane, struct job job);
/* Waits until nothing is under way: 0, or the error. */
int lane_wait(struct lane *lane);
/* Ends the thread; jobs that it has not begun are dropped. */
void lane_close(struct lane *lane);

#endif
