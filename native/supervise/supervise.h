/*
 * tsrun-supervise: what a foreground tsrun becomes (execve: the same process, its children kept) once its container runs,
 * so that no JavaScript heap stays in memory. It passes on signals, copies the terminal's data and the notifications of the
 * program, reaps, cleans up, and ends with the container's exit code, or 128 and the signal's number.
 *
 * Its orders are texts "name=value", each with its NUL, in a memfd whose number the first entry of the environment tells:
 * TSRUN_ORDERS=FD. What is after that entry is the environment of what it starts itself. Its argv[0] is for people who
 * look at the list of processes. The orders:
 *
 *   first=FD       the pidfd of the container's first process
 *   pid=N          that process
 *   signals=FD     a pipe: one byte, its number, for each signal that came before this program ran
 *   terminal=FD    the master of the container's terminal
 *   notify=FD      the datagram socket that the container's program notifies (sd_notify(3))
 *   notify-to=TO   where that goes: the path of a socket, or @NAME of the abstract namespace
 *   until-ready=1  end when READY=1 has been passed on, or the first process has ended: it is no child of this one then, and
 *                  signals do what they do to any program
 *   state=FD       the container's folder, which is its lock
 *   dir=PATH       that folder
 *   hidden=PATH    its name while it is being removed
 *   cgroup=PATH    a cgroup folder of the container to be removed; any number, children first
 *   above=PATH     a folder above these that was made for it, and is removed unless something else is in it; any number
 *   keep=1         nothing is removed: exit.json in the folder says how the first process ended
 *   careful=1      leave all of this to the command below
 *   finish=WORD    a word of the command that cleans up where anything is out of the ordinary, the wait status is added to it
 *
 * All signals are blocked when it starts (native/lib/become.c), so none is lost in between: what came before is in the pipe,
 * what comes later waits in the kernel.
 */
#ifndef TSRUN_SUPERVISE_H
#define TSRUN_SUPERVISE_H

#include <asm/poll.h>
#include <linux/time_types.h>

#include "../init/sys.h"
#include "../init/text.h"

#define ORDERS_NAME "TSRUN_ORDERS="
#define SIGSET_BYTES sizeof(u64)
#define UNKNOWN_STATUS (-1)

struct orders {
	const char *at; /* ends with a NUL */
	size_t size;
};

struct supervisor {
	struct orders orders;
	char *const *env; /* of what is started here */
	int first;	  /* pidfd */
	int pid;
	int early;   /* the pipe; -1 is none */
	int signals; /* signalfd; -1 is none */
	bool until_ready;
	bool ended;	 /* the first process has */
	bool hurry;	 /* a signal came while its last output was being written: leave the rest */
	int status;	 /* its wait status */
};

/* Whom ppoll watches. */
enum watched { WATCH_FIRST, WATCH_EARLY, WATCH_SIGNALS, WATCH_NOTIFY, WATCH_INPUT, WATCH_MASTER, WATCH_OUTPUT, WATCHED };

/* ---- orders.c ---- */

/* Map the orders that `env` begins with; false where there are none. */
bool orders_load(struct orders *orders, char *const *env);
/* The value of the first `name` after the value `after` (NULL: of all); NULL where there is none. */
const char *orders_next(const struct orders *orders, const char *name, const char *after);
/* The number that an order is, or -1. */
int orders_number(const struct orders *orders, const char *name);

/* ---- main.c ---- */

/* Wait for descriptors, at most `milliseconds` (-1: no limit). */
int watch(struct pollfd *list, u32 count, int milliseconds);
void pause_for(int milliseconds);
/* Deal with the signals that have come. */
void supervisor_signals(struct supervisor *super);
/* "tsrun: ..." on standard error. */
void complain(const char *what, const char *subject);

/* ---- terminal.c: all of it does nothing where the container has no terminal ---- */

void terminal_open(struct supervisor *super);
/* What is to be watched for it; answers milliseconds after which to look again, -1 is never. */
int terminal_watch(struct pollfd *list);
void terminal_serve(const struct pollfd *list);
/* The host's terminal has another size. */
void terminal_resize(void);
/* This process was stopped and goes on. */
void terminal_continue(void);
/* The first process has ended: write what it left, and give the host's terminal back. */
void terminal_finish(struct supervisor *super);

/* ---- notify.c ---- */

void notify_open(const struct supervisor *super);
void notify_watch(struct pollfd *list);
/* Pass on what has come; true once READY=1 was among it. */
bool notify_serve(const struct supervisor *super);

/* ---- allowed.c ---- */

/* Whether the `size` bytes at `at` are this line. */
bool line_is(const char *at, size_t size, const char *line);
/* Add what may be passed on of a line, with a newline; nothing where that is nothing. */
void add_allowed(struct text *text, const char *at, size_t size);

/* ---- after.c ---- */

/* Clean up after the container. */
void clean_up(const struct supervisor *super);

/* ---- folder.c: 0 or -errno ---- */

/* Delete everything in an open folder. */
int folder_clear(int folder);
/* Write exit.json. */
int folder_note_exit(int folder, int status);

#endif
