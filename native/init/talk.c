/* The conversation with the host, and with `start`. plan.h draws it. */
#include <linux/prctl.h>

#include "run.h"

/* UAPI headers leave the socket structs and constants to the C library; these are the kernel's (include/linux/socket.h). */
struct io_part {
	void *at;
	size_t size;
};

struct socket_message {
	void *name;
	int name_size;
	struct io_part *parts;
	size_t part_count;
	void *control;
	size_t control_size;
	u32 flags;
};

struct control_header {
	size_t size; /* header included */
	int level;
	int type;
};

struct peer {
	int pid;
	u32 uid;
	u32 gid;
};

enum {
	SOCKET_LEVEL = 1,	/* SOL_SOCKET */
	PASSED_RIGHTS = 1,	/* SCM_RIGHTS */
	PEER_CREDENTIALS = 17,	/* SO_PEERCRED */
	CONTROL_CUT = 8,	/* MSG_CTRUNC */
	DATA_CUT = 0x20,	/* MSG_TRUNC */
	NO_SIGNAL = 0x4000,	/* MSG_NOSIGNAL */
	RIGHTS_CLOEXEC = 0x40000000, /* MSG_CMSG_CLOEXEC */
};

/* ---- why an operation failed ---- */

const char *keep(struct run *run, const char *subject)
{
	struct text text = text_in(run->subject, sizeof(run->subject));

	text_add(&text, subject);
	return run->subject;
}

int refuse(struct run *run, enum failure_kind detail, u32 value, const char *call, const char *subject)
{
	run->failure = (struct failure){ detail, value, call, subject };
	return -1;
}

int fail(struct run *run, long result, const char *call, const char *subject)
{
	return refuse(run, FAILURE_SYSCALL, (u32)-result, call, subject);
}

int fail_more(struct run *run, long result, const char *call, const char *subject, const char *more)
{
	struct text text = text_in(run->subject, sizeof(run->subject));

	text_add(&text, subject);
	if (more[0]) {
		text_add(&text, ": ");
		text_add(&text, more);
	}
	return fail(run, result, call, run->subject);
}

/* ---- messages ---- */

#define CALL_BYTES 512 /* of a failure's call; the subject has the rest of the message */

/* `passed` may be -1: no descriptor comes along. */
static long send_message(int fd, const struct plan_message *message, struct text *texts, int passed)
{
	const struct {
		struct control_header header;
		int fd;
	} control = { { sizeof(control.header) + sizeof(control.fd), SOCKET_LEVEL, PASSED_RIGHTS }, passed };
	struct io_part parts[2] = {
		{ (void *)(size_t)message, sizeof(*message) },
		{ texts ? texts->at : NULL, texts ? texts->used : 0 },
	};
	struct socket_message out = {
		.parts = parts,
		.part_count = texts ? 2 : 1,
		.control = passed < 0 ? NULL : (void *)(size_t)&control,
		.control_size = passed < 0 ? 0 : sizeof(control),
	};
	long sent;

	do
		sent = sys(sendmsg, fd, &out, NO_SIGNAL);
	while (sent == -EINTR);
	return sent;
}

static void close_all(const struct passed *passed)
{
	for (u32 i = 0; i < passed->count; i++)
		sys_close(passed->fds[i]);
}

/* 1, 0 at the end of file, or -errno. Descriptors that come along go to `passed`. */
static int receive_message(int fd, struct plan_message *message, struct passed *passed)
{
	struct {
		struct control_header header;
		int fds[PLAN_MESSAGE_FDS];
	} control = { 0 };
	struct io_part part = { message, sizeof(*message) };
	struct socket_message in = {
		.parts = &part,
		.part_count = 1,
		.control = &control,
		.control_size = sizeof(control),
	};
	long got;

	passed->count = 0;
	do
		got = sys(recvmsg, fd, &in, RIGHTS_CLOEXEC);
	while (got == -EINTR);
	if (got <= 0)
		return (int)got;
	if (in.control_size >= sizeof(control.header) + sizeof(int) && control.header.level == SOCKET_LEVEL &&
	    control.header.type == PASSED_RIGHTS)
		passed->count = (u32)((control.header.size - sizeof(control.header)) / sizeof(int));
	for (u32 i = 0; i < passed->count; i++)
		passed->fds[i] = control.fds[i];
	if (got != sizeof(*message) || in.flags & (DATA_CUT | CONTROL_CUT)) {
		close_all(passed);
		passed->count = 0;
		return -EPROTO;
	}
	return 1;
}

static int say_with(struct run *run, enum message_kind kind, u32 value, int passed)
{
	const struct plan_message message = { .kind = kind, .op = run->op, .value = value };
	long rc = send_message(run->host, &message, NULL, passed);

	if (rc == -EPIPE || rc == -ECONNRESET)
		return refuse(run, FAILURE_HOST_GONE, 0, "sendmsg", "the host");
	return rc < 0 ? fail(run, rc, "sendmsg", "the host") : 0;
}

int say(struct run *run, enum message_kind kind, u32 value)
{
	return say_with(run, kind, value, -1);
}

int hear_all(struct run *run, enum message_kind kind, struct passed *passed, u32 *value)
{
	struct plan_message message;
	int rc = receive_message(run->host, &message, passed);

	if (rc == 0 || rc == -ECONNRESET)
		return refuse(run, FAILURE_HOST_GONE, 0, "recvmsg", "the host");
	if (rc < 0)
		return fail(run, rc, "recvmsg", "the host");
	*value = message.value;
	if (message.kind == kind)
		return 0;
	close_all(passed);
	return refuse(run, FAILURE_UNSAFE, 0, "the conversation", "the host answered something else");
}

int hear(struct run *run, enum message_kind kind, int *fd)
{
	struct passed passed;
	u32 value;

	if (hear_all(run, kind, &passed, &value) < 0)
		return -1;
	if (passed.count != (fd ? 1 : 0)) {
		close_all(&passed);
		return refuse(run, FAILURE_UNSAFE, 0, "the conversation", "the host answered something else");
	}
	if (fd)
		*fd = passed.fds[0];
	return 0;
}

int ask(struct run *run, enum message_kind kind, u32 value, int *fd)
{
	int rc = say(run, kind, value);

	return rc < 0 ? rc : hear(run, kind, fd);
}

int offer(struct run *run, enum message_kind kind, int fd)
{
	int rc = say_with(run, kind, 0, fd);

	return rc < 0 ? rc : hear(run, kind, NULL);
}

/* A filter may forbid sendmsg, but hardly a program lives without write. */
static void write_message(int to, const struct plan_message *message, const struct text *text)
{
	char whole[PLAN_MESSAGE_MAX];

	memcpy(whole, message, sizeof(*message));
	memcpy(whole + sizeof(*message), text->at, text->used);
	(void)sys_write(to, whole, sizeof(*message) + text->used);
}

int offer_listener(struct run *run, int listener)
{
	struct plan_message message = { .kind = MESSAGE_ASKS_LISTENER, .op = run->op, .value = (u32)listener };
	long rc = sys_write(run->host, &message, sizeof(message));

	if (rc < 0)
		return fail(run, rc, "write", "the host");
	rc = sys_read(run->host, &message, sizeof(message));
	if (rc == 0 || rc == -ECONNRESET)
		return refuse(run, FAILURE_HOST_GONE, 0, "read", "the host");
	if (rc < 0)
		return fail(run, rc, "read", "the host");
	if (rc != sizeof(message) || message.kind != MESSAGE_ASKS_LISTENER)
		return refuse(run, FAILURE_UNSAFE, 0, "the conversation", "the host answered something else");
	return 0;
}

/* Nobody can be told that telling failed: the end of the process says it. */
void tell_failure(struct run *run)
{
	const struct plan_message message = {
		.kind = MESSAGE_SAYS_ERROR,
		.op = run->op,
		.value = run->failure.value,
		.detail = run->failure.detail,
	};
	char buffer[PLAN_MESSAGE_MAX - sizeof(message)];
	char name[CALL_BYTES];
	struct text text = text_in(buffer, sizeof(buffer));
	struct text call = text_in(name, sizeof(name));
	int to = run->caller >= 0 ? run->caller : run->host;
	long rc;

	if (to < 0)
		return;
	text_add(&call, run->failure.call ? run->failure.call : "");
	text_add_bytes(&text, call.at, call.used + 1);
	text_add(&text, run->failure.subject ? run->failure.subject : "");
	text.used++; /* the NUL that ends the text is part of the message */
	rc = send_message(to, &message, &text, -1);
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
		write_message(to, &message, &text);
}

int say_exec(struct run *run)
{
	const struct plan_message message = { .kind = MESSAGE_SAYS_EXEC, .op = run->op };
	int to = run->caller >= 0 ? run->caller : run->host;
	long rc = to < 0 ? 0 : send_message(to, &message, NULL, -1);

	/* Whoever asked for the start may have left since; the program starts all the same. */
	return rc < 0 && rc != -EPIPE && rc != -ECONNRESET ? fail(run, rc, "sendmsg", "start") : 0;
}

/* ---- start ---- */

/*
 * The socket lies in a folder that only its owner may enter; this is the second lock. In a user namespace the peer's ids
 * show as the overflow id, whoever it is, so there the first one has to do.
 */
static bool trusted(const struct run *run, int fd)
{
	struct peer peer;
	u32 size = sizeof(peer);

	if (run->in_userns)
		return true;
	if (sys(getsockopt, fd, SOCKET_LEVEL, PEER_CREDENTIALS, &peer, &size) < 0)
		return false;
	return peer.uid == 0 || peer.uid == run->own_uid;
}

/*
 * A process that is not dumpable is root's alone to look at, and so are its namespaces (kernel/ptrace.c). Who has come in here
 * may ask for a look, and has it until he leaves: nothing of the host's is held any more.
 */
static void show(int fd, const struct plan_message *asked)
{
	struct plan_message message;
	struct passed passed;

	(void)sys_prctl(PR_SET_DUMPABLE, 1, 0);
	if (send_message(fd, asked, NULL, -1) >= 0)
		while (receive_message(fd, &message, &passed) == 1)
			close_all(&passed);
	(void)sys_prctl(PR_SET_DUMPABLE, 0, 0);
}

int await_start(struct run *run)
{
	for (;;) {
		struct plan_message message;
		struct passed passed;
		int fd = (int)sys(accept4, run->listen, NULL, NULL, O_CLOEXEC);

		if (fd == -EINTR || fd == -ECONNABORTED)
			continue;
		if (fd < 0)
			return fail(run, fd, "accept4", "the start socket");
		/* One that leaves without START only looked whether somebody waits here. */
		if (trusted(run, fd) && receive_message(fd, &message, &passed) == 1) {
			close_all(&passed);
			if (message.kind == MESSAGE_START) {
				run->caller = fd;
				break;
			}
			if (message.kind == MESSAGE_SHOW)
				show(fd, &message);
		}
		sys_close(fd);
	}
	sys_close(run->listen);
	run->listen = -1;
	return 0;
}
