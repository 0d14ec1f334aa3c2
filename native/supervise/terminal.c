/*
 * The container's terminal on the host's: standard input goes to its master, what the master gives to standard output. The
 * host's terminal, the first of standard error, output and input that is one, else /dev/tty, is where the size comes from.
 *
 * ppoll, not epoll: epoll refuses regular files, which standard input may be. The master does not block. The standard streams
 * are shared with others and stay as they are: each is read when there is something to read, and written PIPE_BUF bytes at
 * most when it takes some, which never blocks on a pipe.
 */
#include <linux/signal.h>
#include <linux/termios.h>

#include "supervise.h"

#define PIECE 4096 /* PIPE_BUF */
#define AGAIN_MS 100
#define MOST_DRAINED (256 << 10) /* more than a terminal holds: the rest is others' */

struct piece {
	size_t at;
	size_t end;
	u8 bytes[PIECE];
};

static int master = -1;
static int host = -1;
static bool keyboard;	      /* standard input is a terminal */
static bool input_over;	      /* nothing more to be read, or not now */
static bool unused;	      /* every process has closed the terminal, for now */
static bool raw;	      /* `before` is to be put back */
static u8 last = '\n';	      /* the last byte that was typed */
static struct termios before; /* of standard input */
static struct piece input;
static struct piece output;

static bool is_terminal(int fd)
{
	struct termios now;

	return sys(ioctl, fd, TCGETS, &now) >= 0;
}

void terminal_resize(void)
{
	struct winsize size;

	/* A host's terminal that does not know its size leaves the container's consoleSize as it is. */
	if (master >= 0 && host >= 0 && sys(ioctl, host, TIOCGWINSZ, &size) >= 0 && (size.ws_row || size.ws_col))
		(void)sys(ioctl, master, TIOCSWINSZ, &size);
}

/*
 * What is typed goes to the container as it is (cfmakeraw(3)). Not while this is a job in the background: then the terminal
 * is the shell's. And not where standard input is something else: then ^C on the terminal has to work.
 */
static void make_raw(void)
{
	struct termios now;
	int foreground = 0;

	if (!keyboard || sys(ioctl, 0, TIOCGPGRP, &foreground) < 0 || foreground != (int)sys(getpgid, 0) ||
	    sys(ioctl, 0, TCGETS, &now) < 0)
		return;
	if (!raw)
		before = now;
	raw = true;
	now.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	now.c_oflag &= ~(tcflag_t)OPOST;
	now.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	now.c_cflag = (now.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	(void)sys(ioctl, 0, TCSETS, &now);
}

void terminal_open(struct supervisor *super)
{
	master = orders_number(&super->orders, "terminal");
	if (master < 0)
		return;
	(void)sys(fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int fd = 2; fd >= 0 && host < 0; fd--)
		host = is_terminal(fd) ? fd : -1;
	if (host < 0)
		host = sys_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY, 0);
	keyboard = is_terminal(0);
	terminal_resize();
	make_raw();
}

void terminal_continue(void)
{
	if (master < 0)
		return;
	/* Whoever had the terminal meanwhile has changed its modes; those from before tsrun are the ones to be put back. */
	make_raw();
	terminal_resize();
	input_over = input_over && !keyboard;
}

/* ---- copying ---- */

int terminal_watch(struct pollfd *list)
{
	short events = 0;

	if (master < 0)
		return -1;
	if (!input_over && input.at == input.end)
		list[WATCH_INPUT] = (struct pollfd){ .fd = 0, .events = POLLIN };
	if (output.at < output.end)
		list[WATCH_OUTPUT] = (struct pollfd){ .fd = 1, .events = POLLOUT };
	else
		events |= POLLIN;
	if (input.at < input.end)
		events |= POLLOUT;
	/* ppoll would tell again and again that nobody has it open; somebody may open it again. */
	if (!unused)
		list[WATCH_MASTER] = (struct pollfd){ .fd = events ? master : -1, .events = events };
	return unused ? AGAIN_MS : -1;
}

/* The reader of the output has gone: hang up, as a terminal that is closed does. */
static void hang_up(void)
{
	sys_close(master);
	master = -1;
	input.end = 0;
	input.at = 0;
	output.end = 0;
	output.at = 0;
}

/*
 * The end of an input that is no keyboard is said as at one: by the terminal's own character for it. In the middle of a line
 * that only hands over what is there of it; the second says that it is the end.
 */
static void say_end(void)
{
	struct termios now;
	u8 character = 4;

	if (sys(ioctl, master, TCGETS, &now) >= 0)
		character = now.c_cc[VEOF];
	input.bytes[0] = character;
	input.bytes[1] = character;
	input.at = 0;
	input.end = last == '\n' ? 1 : 2;
}

static void take_input(bool hung_up)
{
	long got = sys(read, 0, input.bytes, PIECE);

	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got > 0) {
		input.at = 0;
		input.end = (size_t)got;
		last = input.bytes[got - 1];
		return;
	}
	/* EIO: a job in the background may not read; it will when it goes on in the foreground. */
	input_over = !keyboard || got < 0 || hung_up;
	/* Also the end that was typed on a keyboard before that was in raw mode, and after which more may come. */
	if (!keyboard || !input_over)
		say_end();
}

static void give_input(void)
{
	long put = sys_write(master, input.bytes + input.at, input.end - input.at);

	if (put > 0)
		input.at += (size_t)put;
	else if (put < 0 && put != -EAGAIN)
		input.at = input.end; /* it is of no use to anybody */
}

/* False where there is nothing, and nothing comes as long as nobody opens the terminal. */
static bool take_output(void)
{
	long got = sys_read(master, output.bytes, PIECE);

	if (got > 0) {
		output.at = 0;
		output.end = (size_t)got;
	}
	unused = got == -EIO;
	return got > 0;
}

static void give_output(void)
{
	long put = sys_write(1, output.bytes + output.at, output.end - output.at);

	if (put > 0)
		output.at += (size_t)put;
	else if (put != -EAGAIN)
		hang_up();
}

void terminal_serve(const struct pollfd *list)
{
	if (master < 0)
		return;
	if (list[WATCH_INPUT].revents)
		take_input(list[WATCH_INPUT].revents & POLLHUP);
	if (list[WATCH_OUTPUT].revents)
		give_output();
	if (master >= 0 && (list[WATCH_MASTER].revents & POLLOUT))
		give_input();
	if (master >= 0 && output.at == output.end && (unused || (list[WATCH_MASTER].revents & (POLLIN | POLLHUP | POLLERR))))
		(void)take_output();
}

/* ---- the end ---- */

/* All that was written before the end, but not what others who have the terminal open go on to write. */
static void drain(struct supervisor *super)
{
	int left = MOST_DRAINED / PIECE;

	do {
		while (master >= 0 && output.at < output.end && !super->hurry) {
			struct pollfd list[2] = { { .fd = 1, .events = POLLOUT },
						  { .fd = super->signals, .events = POLLIN } };

			if (watch(list, 2, -1) < 0)
				return;
			if (list[0].revents)
				give_output();
			if (list[1].revents)
				supervisor_signals(super);
		}
	} while (master >= 0 && !super->hurry && left-- && take_output());
}

void terminal_finish(struct supervisor *super)
{
	if (master >= 0)
		drain(super);
	if (raw)
		(void)sys(ioctl, 0, TCSETS, &before);
}
