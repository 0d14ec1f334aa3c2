/*
 * Notifications of the container's program (sd_notify(3)) on their way to the host's service manager, which takes them from
 * this process: it, and no process in the container, is the one that the manager knows.
 */
#include <linux/socket.h>
#include <linux/un.h>

#include "supervise.h"

#define LONGEST 8192	/* twice what service managers take */
#define SEND_SECONDS 1	/* how long a manager that does not read is waited for */
#define SOCK_DGRAM_CLOEXEC (2 /* SOCK_DGRAM */ | O_CLOEXEC)
#define LEVEL_SOCKET 1	/* SOL_SOCKET */
#define SEND_TIMEOUT 21 /* SO_SNDTIMEO */
#define DONT_WAIT 0x40	/* MSG_DONTWAIT */
#define WHOLE_SIZE 0x20	/* MSG_TRUNC: the answer is the size that was sent */
#define NO_SIGNAL 0x4000 /* MSG_NOSIGNAL */

static int from = -1;
static int to = -1;
static struct sockaddr_un address;
static u32 address_size;

static void set_address(const char *name)
{
	size_t size = strlen(name);

	if (!size || size >= sizeof(address.sun_path))
		return;
	address.sun_family = 1; /* AF_UNIX */
	memcpy(address.sun_path, name, size);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	/* A name of the abstract namespace has no NUL at its end. */
	address_size = (u32)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '@' ? 0 : 1));
}

void notify_open(const struct supervisor *super)
{
	const struct __kernel_old_timeval patience = { .tv_sec = SEND_SECONDS };
	const char *name = orders_next(&super->orders, "notify-to", NULL);

	from = orders_number(&super->orders, "notify");
	if (from < 0 || !name)
		return;
	set_address(name);
	to = (int)sys(socket, 1 /* AF_UNIX */, SOCK_DGRAM_CLOEXEC, 0);
	if (to >= 0)
		(void)sys(setsockopt, to, LEVEL_SOCKET, SEND_TIMEOUT, &patience, sizeof(patience));
}

void notify_watch(struct pollfd *list)
{
	list[WATCH_NOTIFY] = (struct pollfd){ .fd = from, .events = POLLIN };
}

/* The line that `at` begins, without its newline: its size. */
static size_t line_size(const char *at, size_t left)
{
	size_t size = 0;

	while (size < left && at[size] != '\n')
		size++;
	return size;
}

/* Whether the message tells that the program is ready. */
static bool is_ready(const char *message, size_t size)
{
	for (size_t at = 0; at < size; at += line_size(message + at, size - at) + 1)
		if (line_is(message + at, line_size(message + at, size - at), "READY=1"))
			return true;
	return false;
}

/* What of the message is passed on; with `pid`, the main process as the host knows it. */
static struct text checked(const char *message, size_t size, int pid)
{
	static char kept[LONGEST + 64];
	struct text text = text_in(kept, sizeof(kept));

	for (size_t at = 0; at < size;) {
		size_t line = line_size(message + at, size - at);

		add_allowed(&text, message + at, line);
		at += line + 1;
	}
	if (pid) {
		text_add(&text, "MAINPID=");
		text_add_number(&text, (u64)pid);
	}
	return text;
}

static void pass_on(const char *message, size_t size)
{
	/* A manager that has gone or does not listen is the host's affair: the container runs all the same. */
	if (to >= 0 && address_size)
		(void)sys(sendto, to, message, size, NO_SIGNAL, &address, address_size);
}

bool notify_serve(const struct supervisor *super)
{
	static char message[LONGEST];
	bool ready = false;
	long got;

	if (from < 0)
		return false;
	/* Descriptors that come along are closed at once, as they are not received: that ends sd_notify_barrier(3)'s wait. */
	while ((got = sys(recvfrom, from, message, sizeof(message), DONT_WAIT | WHOLE_SIZE, NULL, NULL)) >= 0 || got == -EINTR) {
		/* Of a message that is too long the last line would be a part of one. Managers do not take it either. */
		if (got < 0 || got > LONGEST)
			continue;

		bool now = is_ready(message, (size_t)got);
		/* In the foreground this process stays, and is the main one. */
		struct text text = checked(message, (size_t)got, now && super->until_ready ? super->pid : 0);

		if (text.used)
			pass_on(text.at, text.used);
		ready |= now;
	}
	return ready;
}
