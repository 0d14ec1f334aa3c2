/* The thread of a lane, and what is handed over to it. */
#define _GNU_SOURCE
#include <signal.h>

#include "lane.h"

/* The deepest that is called in it is remove_at. */
#define STACK_BYTES (256 * 1024)

static void *serve(void *given)
{
	struct lane *lane = given;

	if (lane->begin)
		lane->begin(lane->self);
	(void)pthread_mutex_lock(&lane->mutex);
	for (;;) {
		unsigned number = lane->done;
		struct job job;
		int error;

		if (lane->ending)
			break;
		if (number == lane->added) {
			(void)pthread_cond_wait(&lane->changed, &lane->mutex);
			continue;
		}
		job = lane->jobs[number % LANE_JOBS];
		if (lane->error == 0) {
			(void)pthread_mutex_unlock(&lane->mutex);
			error = lane->perform(lane->self, &job, number);
			(void)pthread_mutex_lock(&lane->mutex);
			lane->error = error;
		}
		lane->done++;
		(void)pthread_cond_broadcast(&lane->changed);
	}
	(void)pthread_mutex_unlock(&lane->mutex);
	return NULL;
}

/* The engine's signals are not this thread's. */
static int start(struct lane *lane)
{
	pthread_attr_t attributes;
	sigset_t all;
	sigset_t before;
	int error = pthread_attr_init(&attributes);

	if (error != 0)
		return -error;
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&lane->thread, &attributes, serve, lane);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return -error;
}

int lane_open(struct lane *lane, void *self, void (*begin)(void *self),
	      int (*perform)(void *self, const struct job *job, unsigned number))
{
	int error;

	*lane = (struct lane){ .begin = begin, .perform = perform, .self = self };
	error = pthread_mutex_init(&lane->mutex, NULL);
	if (error != 0)
		return -error;
	error = pthread_cond_init(&lane->changed, NULL);
	if (error == 0) {
		error = -start(lane);
		if (error == 0)
			return 0;
		(void)pthread_cond_destroy(&lane->changed);
	}
	(void)pthread_mutex_destroy(&lane->mutex);
	return -error;
}

int lane_add(struct lane *lane, struct job job)
{
	int error;

	(void)pthread_mutex_lock(&lane->mutex);
	while (lane->error == 0 && lane->added - lane->done == LANE_JOBS)
		(void)pthread_cond_wait(&lane->changed, &lane->mutex);
	error = lane->error;
	if (error == 0) {
		lane->jobs[lane->added++ % LANE_JOBS] = job;
		(void)pthread_cond_broadcast(&lane->changed);
	}
	(void)pthread_mutex_unlock(&lane->mutex);
	return error;
}

int lane_wait(struct lane *lane)
{
	int error;

	(void)pthread_mutex_lock(&lane->mutex);
	while (lane->added != lane->done)
		(void)pthread_cond_wait(&lane->changed, &lane->mutex);
	error = lane->error;
	(void)pthread_mutex_unlock(&lane->mutex);
	return error;
}

void lane_close(struct lane *lane)
{
	(void)pthread_mutex_lock(&lane->mutex);
	lane->ending = 1;
	(void)pthread_cond_broadcast(&lane->changed);
	(void)pthread_mutex_unlock(&lane->mutex);
	(void)pthread_join(lane->thread, NULL);
	(void)pthread_cond_destroy(&lane->changed);
	(void)pthread_mutex_destroy(&lane->mutex);
}
