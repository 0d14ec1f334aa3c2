/* Requests to end that come during a wait (interrupt.c). */
#ifndef TSRUN_INTERRUPT_H
#define TSRUN_INTERRUPT_H

/* From now on; the first `before` requests are for somebody else. Once a process. */
int interrupts_open(int before);
/* For a signal handler: this signal has come. */
void interrupt_note(int sig);
/* What a wait watches beside its own; -1 is nothing. */
int interrupt_fd(void);
/* Whether a request is there: then it is taken, and the wait ends with -EINTR. */
int interrupt_take(void);

#endif
