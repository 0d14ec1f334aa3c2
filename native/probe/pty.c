/* Verbs for terminals: being the host's, with a program on it, and taking in what is pasted. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t asked[NSIG];

static void note(int sig)
{
	asked[sig] = 1;
}

static int open_master(char *slave, size_t size)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, slave, size) != 0)
		return -1;
	return master;
}

/* In the child: the terminal becomes the controlling one and the standard streams, but for those to be left alone. */
static void take_slave(const char *path, const char *keep)
{
	int slave;

	(void)setsid();
	slave = open(path, O_RDWR);
	if (slave < 0)
		_exit(126);
	for (int fd = 0; fd < 3; fd++)
		if (strchr(keep, '0' + fd) == NULL && dup2(slave, fd) < 0)
			_exit(126);
	if (slave > 2)
		(void)close(slave);
}

static bool set_size(int master, const char *text)
{
	struct winsize size = { 0 };
	char *rest;

	size.ws_row = (unsigned short)strtoul(text, &rest, 10);
	if (*rest != 'x')
		return false;
	size.ws_col = (unsigned short)strtoul(rest + 1, NULL, 10);
	return ioctl(master, TIOCSWINSZ, &size) == 0;
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag && a->c_lflag == b->c_lflag &&
	       memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static void tell(const char *key, bool value)
{
	(void)fprintf(stderr, "{\"%s\":%s}\n", key, value ? "true" : "false");
}

struct typed {
	char bytes[4096];
	size_t at, end;
	bool over;
};

static void type_on(int master, struct typed *typed)
{
	ssize_t put;

	if (typed->at == typed->end)
		return;
	put = write(master, typed->bytes + typed->at, typed->end - typed->at);
	if (put > 0)
		typed->at += (size_t)put;
}

/* Standard input is typed, what appears goes to standard output, until the program has ended and everything was shown. */
static void show(int master, pid_t child, const char *resize, const struct termios *before, int *status)
{
	static struct typed typed;
	char shown[4096];
	bool ended = false;

	for (;;) {
		struct pollfd watched[2] = { { master, (short)(POLLIN | (typed.at < typed.end ? POLLOUT : 0)), 0 },
					     { typed.over || typed.at < typed.end ? -1 : 0, POLLIN, 0 } };
		ssize_t got;
		struct termios now;

		(void)poll(watched, 2, ended ? 0 : 20);
		if (asked[SIGUSR1]) {
			asked[SIGUSR1] = 0;
			tell("resized", set_size(master, resize));
		}
		if (asked[SIGUSR2]) {
			asked[SIGUSR2] = 0;
			tell("raw", tcgetattr(master, &now) == 0 && !same_modes(&now, before) && !(now.c_lflag & (ICANON | ISIG)));
		}
		if (watched[1].revents) {
			got = read(0, typed.bytes, sizeof(typed.bytes));
			typed.over = got <= 0;
			typed.at = 0;
			typed.end = got > 0 ? (size_t)got : 0;
		}
		type_on(master, &typed);
		got = read(master, shown, sizeof(shown));
		if (got > 0 && write(1, shown, (size_t)got) != got)
			return;
		if (ended && got <= 0)
			return;
		ended = ended || waitpid(child, status, WNOHANG) == child;
	}
}

/*
 * pty [size=ROWSxCOLS] [resize=ROWSxCOLS] [keep=FDS] -- PROGRAM [ARGUMENT]... runs a program on a new terminal, which its
 * standard streams are, but for those of keep. SIGUSR1 gives the terminal the second size; SIGUSR2 prints {"raw": whether it is}
 * to standard error; {"restored": whether its modes are as before} comes last.
 */
int verb_pty(int argc, char **argv)
{
	const char *size = "24x80", *resize = "50x132", *keep = "";
	char slave[64];
	int master = open_master(slave, sizeof(slave));
	struct sigaction action = { .sa_handler = note };
	struct termios before, after;
	int status = 0, i;
	pid_t child;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "size=", 5) == 0)
			size = argv[i] + 5;
		else if (strncmp(argv[i], "resize=", 7) == 0)
			resize = argv[i] + 7;
		else if (strncmp(argv[i], "keep=", 5) == 0)
			keep = argv[i] + 5;
	}
	if (master < 0 || i + 1 >= argc || !set_size(master, size) || tcgetattr(master, &before) < 0)
		return refused("pty");
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigaction(SIGUSR2, &action, NULL);
	/* So that the end of the program is not the end of what it wrote. */
	int held = open(slave, O_RDWR | O_NOCTTY | O_CLOEXEC);
	child = fork();
	if (child == 0) {
		take_slave(slave, keep);
		execvp(argv[i + 1], argv + i + 1);
		_exit(127);
	}
	show(master, child, resize, &before, &status);
	tell("restored", held >= 0 && tcgetattr(master, &after) == 0 && same_modes(&before, &after));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* gulp BYTES: with its terminal in raw mode, {"ready": BYTES}, then that many bytes are read and {"sum": their FNV-1a hash}. */
int verb_gulp(int argc, char **argv)
{
	long long left = argc > 1 ? number(argv[1]) : 0;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	unsigned char bytes[4096];
	struct termios modes;

	if (tcgetattr(0, &modes) == 0) {
		cfmakeraw(&modes);
		(void)tcsetattr(0, TCSANOW, &modes);
	}
	json_open(NULL);
	json_int("ready", left);
	json_close();
	json_end_line();
	while (left > 0) {
		ssize_t got = read(0, bytes, left < (long long)sizeof(bytes) ? (size_t)left : sizeof(bytes));

		if (got <= 0)
			return refused("read");
		for (ssize_t i = 0; i < got; i++)
			sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
		left -= got;
	}
	json_open(NULL);
	json_hex("sum", sum);
	json_close();
	json_end_line();
	return 0;
}

/* gush BYTES: that many bytes, the same ones again and again, on standard output. */
int verb_gush(int argc, char **argv)
{
	long long left = argc > 1 ? number(argv[1]) : 0;
	char line[64];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (; left > 0; left -= (long long)sizeof(line))
		if (fwrite(line, 1, sizeof(line), stdout) != sizeof(line))
			return refused("write");
	return fflush(stdout) == 0 ? 0 : refused("write");
}
