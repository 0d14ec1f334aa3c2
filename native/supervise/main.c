/* From the orders to the exit code: waiting, signals, reaping. */
#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/signal.h>
#include <linux/signalfd.h>
#include <linux/wait.h>

#include "../init/run.h"
#include "supervise.h"

#define SIGNALS 64
#define BIT(number) ((u64)1 << ((number) - 1))

int watch(struct pollfd *list, u32 count, int milliseconds)
{
	struct __kernel_timespec time = { milliseconds / 1000, (milliseconds % 1000) * 1000000LL };
	long ready;

	do
		ready = sys(ppoll, list, count, milliseconds < 0 ? NULL : &time, NULL, SIGSET_BYTES);
	while (ready == -EINTR);
	return (int)ready;
}

void pause_for(int milliseconds)
{
	(void)watch(NULL, 0, milliseconds);
}

void complain(const char *what, const char *subject)
{
	char line[PATH_BYTES];
	struct text text = text_in(line, sizeof(line));

	text_add(&text, "tsrun: ");
	text_add(&text, what);
	text_add(&text, subject);
	text_add(&text, "\n");
	(void)sys_write(2, text.at, text.used);
}

/* Descriptors 0 to 2 that the caller left closed are taken, lest one opened here becomes one of them. */
static void fill_standard(void)
{
	int fd;

	do
		fd = sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		sys_close(fd);
}

/* ---- signals ---- */

/* The same as native/lib/process.c has it, but for SIGCHLD and SIGWINCH, which are for this program itself. */
static bool forwardable(int number)
{
	switch (number) {
	case SIGKILL:
	case SIGSTOP:
	case SIGCHLD:
	case SIGWINCH:
	case SIGPIPE:
	case SIGURG:
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGTRAP:
		return false;
	default:
		return number > 0 && number <= SIGNALS;
	}
}

static bool is_ignored(int number)
{
	/* struct sigaction as the kernel has it, which begins with the handler on both machines. */
	unsigned long action[4] = { 0 };

	return sys(rt_sigaction, number, NULL, action, SIGSET_BYTES) >= 0 && action[0] == 1 /* SIG_IGN */;
}

/* Every signal that is to be forwarded comes through a descriptor; what the caller ignores (nohup) stays ignored. */
static int open_signals(void)
{
	u64 mask = BIT(SIGCHLD) | BIT(SIGWINCH) | BIT(SIGPIPE);
	u64 taken;

	for (int number = 1; number <= SIGNALS; number++)
		if (forwardable(number) && !is_ignored(number))
			mask |= BIT(number);
	/* One that is ignored is thrown away as soon as it is not blocked. SIGPIPE stays blocked: write answers EPIPE. */
	taken = mask & ~BIT(SIGPIPE);
	(void)sys(rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_BYTES);
	return (int)sys(signalfd4, -1, &taken, SIGSET_BYTES, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void unblock_all(void)
{
	const u64 none = 0;

	(void)sys(rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_BYTES);
}

/* Every child that has ended; with the container's processes that lost their parent, that may be anyone. */
static void reap(struct supervisor *super)
{
	for (;;) {
		int status = 0;
		long pid = sys(wait4, -1, &status, WNOHANG, NULL);

		if (pid == -EINTR)
			continue;
		if (pid <= 0)
			return;
		if (pid == super->pid)
			super->status = status;
	}
}

static void take_signal(struct supervisor *super, int number)
{
	if (number == SIGWINCH)
		terminal_resize();
	if (number == SIGCONT)
		terminal_continue();
	if (!forwardable(number))
		return;
	if (super->ended)
		super->hurry = true;
	else
		(void)sys(pidfd_send_signal, super->first, number, NULL, 0); /* ESRCH: it has just ended */
}

static void take_early(struct supervisor *super)
{
	u8 numbers[64];
	long got = sys_read(super->early, numbers, sizeof(numbers));

	if (got <= 0)
		super->early = -1;
	for (long i = 0; i < got; i++)
		take_signal(super, numbers[i]);
}

void supervisor_signals(struct supervisor *super)
{
	static struct signalfd_siginfo come[8];
	long got = sys_read(super->signals, come, sizeof(come));

	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(come[0]); i++) {
		if (come[i].ssi_signo == SIGCHLD)
			reap(super);
		else
			take_signal(super, (int)come[i].ssi_signo);
	}
}

/* ---- the loop ---- */

/* Until the first process has ended, or is ready where that is all that is waited for. */
static void supervise(struct supervisor *super)
{
	struct pollfd list[WATCHED];

	while (!super->ended) {
		int again;

		for (size_t i = 0; i < WATCHED; i++)
			list[i] = (struct pollfd){ .fd = -1 };
		list[WATCH_FIRST] = (struct pollfd){ .fd = super->first, .events = POLLIN };
		list[WATCH_EARLY] = (struct pollfd){ .fd = super->early, .events = POLLIN };
		list[WATCH_SIGNALS] = (struct pollfd){ .fd = super->signals, .events = POLLIN };
		notify_watch(list);
		again = terminal_watch(list);
		if (watch(list, WATCHED, again) < 0)
			return;
		if (list[WATCH_EARLY].revents)
			take_early(super);
		if (list[WATCH_SIGNALS].revents)
			supervisor_signals(super);
		super->ended = list[WATCH_FIRST].revents != 0;
		/* Also what it sent just before its end. */
		if ((list[WATCH_NOTIFY].revents || super->ended) && notify_serve(super) && super->until_ready)
			return;
		terminal_serve(list);
	}
}

/* The end of the first process: its wait status. */
static void collect(struct supervisor *super)
{
	reap(super);
	if (super->status == UNKNOWN_STATUS) {
		int status = 0;

		if (sys(wait4, super->pid, &status, 0, NULL) == super->pid)
			super->status = status;
	}
}

static int exit_code(int status)
{
	if (status == UNKNOWN_STATUS)
		return 255;
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

/* tsrun's name in lists of processes; this program's own would be a number, as it was executed by descriptor. */
static void prepare_self(void)
{
	/* What this process holds is nobody's to look at: CVE-2016-9962. */
	(void)sys_prctl(PR_SET_DUMPABLE, 0, 0);
	(void)sys(prctl, PR_SET_NAME, "tsrun", 0, 0, 0);
	(void)sys(close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	fill_standard();
}

void init_main(int argc, char *const *argv, char *const *env)
{
	static struct supervisor super = { .status = UNKNOWN_STATUS };

	(void)argc;
	(void)argv;
	if (!orders_load(&super.orders, env)) {
		complain("tsrun-supervise is started by tsrun run", "");
		sys_exit(1);
	}
	prepare_self();
	super.env = env + 1;
	super.first = orders_number(&super.orders, "first");
	super.pid = orders_number(&super.orders, "pid");
	super.early = orders_number(&super.orders, "signals");
	super.until_ready = orders_next(&super.orders, "until-ready", NULL) != NULL;
	super.signals = super.until_ready ? -1 : open_signals();
	if (super.until_ready)
		unblock_all();
	notify_open(&super);
	terminal_open(&super);
	supervise(&super);
	if (super.until_ready)
		sys_exit(0);
	collect(&super);
	terminal_finish(&super);
	clean_up(&super);
	sys_exit(exit_code(super.status));
}
