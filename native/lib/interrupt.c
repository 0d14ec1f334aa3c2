/*
 * Requests to end, SIGTERM and SIGINT, that come while a call here waits for others: for tsrun-init, which a process inside the
 * container may have stopped, or for a hook that never ends. A handler notes them, and the wait ends with -EINTR.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "interrupt.h"
#include "lib.h"

/* How many are for somebody else before one counts. */
static atomic_int patience;
static atomic_int asked;
/* The one that no wait has taken yet, and the last one that was taken. */
static atomic_int pending;
static atomic_int taken;
/* An eventfd, readable while one is pending. */
static atomic_int bell = -1;

int interrupts_open(int before)
{
	int fd;
	if (atomic_load(&bell) >= 0)
		return -EBUSY;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	atomic_store(&patience, before);
	atomic_store(&bell, fd);
	return 0;
}

void interrupt_note(int sig)
{
	static const uint64_t one = 1;
	if ((sig != SIGTERM && sig != SIGINT) || atomic_fetch_add(&asked, 1) < atomic_load(&patience))
		return;
	if (atomic_exchange(&pending, sig) != 0) {
		/* Nobody took the last one: this process hangs where it cannot be asked. It ends when this handler returns. */
		(void)signal(sig, SIG_DFL);
		(void)raise(sig);
	} else if (write(atomic_load(&bell), &one, sizeof one) < 0) {
		/* Only a counter of 2^64 - 1 refuses one more, and that is readable, too. */
	}
}

int interrupt_fd(void)
{
	return atomic_load(&bell);
}

int interrupt_take(void)
{
	uint64_t rung;
	int sig = atomic_exchange(&pending, 0);
	int fd = atomic_load(&bell);
	if (fd >= 0 && read(fd, &rung, sizeof rung) < 0) {
		/* None was pending. */
	}
	if (sig != 0)
		atomic_store(&taken, sig);
	return sig != 0;
}

static void note(int sig)
{
	int saved = errno;
	interrupt_note(sig);
	errno = saved;
}

int ts_catch_interrupts(void)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct sigaction action = { .sa_handler = note, .sa_flags = SA_RESTART };
	int error = interrupts_open(0);
	(void)sigfillset(&action.sa_mask);
	for (size_t i = 0; error == 0 && i < sizeof signals / sizeof signals[0]; i++) {
		struct sigaction before;
		/* What the caller ignores stays ignored. */
		if (sigaction(signals[i], NULL, &before) < 0)
			error = -errno;
		else if ((before.sa_flags & SA_SIGINFO) || before.sa_handler != SIG_IGN)
			error = sigaction(signals[i], &action, NULL) < 0 ? -errno : 0;
	}
	return error;
}

int ts_release_interrupts(void)
{
	int sig;
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	sig = atomic_exchange(&pending, 0);
	if (sig != 0)
		(void)raise(sig);
	return 0;
}

int ts_interrupted(void)
{
	return atomic_load(&taken);
}
