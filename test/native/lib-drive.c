/*
 * libtsrun's functions under sanitizers, with sizes at and beyond the edges of what they are given: `lib-drive FOLDER ROUNDS`.
 * FOLDER is empty and becomes the current one; every path here is relative to it. Prints what it did; a wrong answer ends it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib.h"

#define SAME(got, wanted) same(__LINE__, #got, (long)(got), (long)(wanted))

static int checks;

static void same(int line, const char *what, long got, long wanted)
{
	checks++;
	if (got == wanted)
		return;
	(void)fprintf(stderr, "line %d: %s: %ld instead of %ld\n", line, what, got, wanted);
	exit(1);
}

/* A heap block of exactly this size, so that the sanitizer sees a byte beyond it. */
static uint8_t *room_of(int size)
{
	uint8_t *block = malloc(size == 0 ? 1 : (size_t)size);
	if (!block)
		abort();
	return block;
}

static void reads(void)
{
	int32_t failed[2];
	int fd = open("ten", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	SAME(write(fd, "0123456789", 10), 10);
	for (int size = 0; size <= 12; size++) {
		uint8_t *room = room_of(size);
		SAME(ts_read("ten", room, size), size < 10 ? -EFBIG : 10);
		SAME(lseek(fd, 0, SEEK_SET), 0);
		SAME(ts_read_fd(fd, room, size), size < 10 ? -EFBIG : 10);
		SAME(lseek(fd, 0, SEEK_SET), 0);
		SAME(ts_drain(fd, room, size), size < 10 ? size : 10);
		free(room);
	}
	SAME(ts_close(fd), 0);
	SAME(ts_read(".", (uint8_t[1]){ 0 }, 1), -EISDIR);
	SAME(ts_read("none", (uint8_t[1]){ 0 }, 1), -ENOENT);
	SAME(ts_batch(NULL, 0, NULL, 0, failed), 0);
}

static void lists(void)
{
	SAME(mkdir("names", 0700), 0);
	SAME(close(open("names/abc", O_CREAT | O_RDWR | O_CLOEXEC, 0600)), 0);
	SAME(mkdir("names/d", 0700), 0);
	for (int size = 0; size <= 10; size++) {
		uint8_t *room = room_of(size);
		SAME(ts_list("names", room, size), size < 8 ? -ERANGE : 8);
		free(room);
	}
	SAME(symlink("/names/../names/abc", "link"), 0);
	for (int size = 0; size < 4096; size = size == 0 ? 1 : size * 2) {
		uint8_t *room = room_of(size);
		int got = ts_resolve(".", "link", 1, room, size);
		checks++;
		if (got >= size && size > 0)
			abort();
		free(room);
	}
}

/* A folder below another and so on, deeper than a path can say, with numbers in each; no list of pids is overrun. */
static void trees(void)
{
	char name[256];
	int32_t count = 0;
	int32_t *none = (int32_t *)(void *)room_of(0);
	int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	SAME(mkdir("tree", 0700), 0);
	SAME(chdir("tree"), 0);
	for (int level = 0; level < 20; level++) {
		int fd = open("cgroup.procs", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		SAME(write(fd, "12\n0\n", 5), 5);
		SAME(close(fd), 0);
		SAME(mkdir(name, 0700), 0);
		SAME(chdir(name), 0);
	}
	SAME(fchdir(home), 0);
	SAME(close(home), 0);
	for (int room = 0; room <= 41; room++) {
		int32_t *pids = (int32_t *)(void *)room_of(room * (int)sizeof(int32_t));
		SAME(ts_cgroups("tree", CGROUPS_PIDS, 10000, pids, room, &count), room < 40 ? -ERANGE : 0);
		SAME(count, room < 40 ? room : 40);
		free(pids);
	}
	SAME(ts_cgroups("tree", CGROUPS_THAW_V1, 10000, none, 0, &count), 0);
	SAME(ts_cgroups("tree", CGROUPS_KILLS, 10000, none, 0, &count), 0);
	SAME(ts_cgroups("tree", CGROUPS_PIDS, -1, none, 0, &count), -ERANGE);
	SAME(ts_cgroups("tree", CGROUPS_REMOVE, 10000, none, 0, &count), 0);
	SAME(count, 1);
	SAME(ts_cgroups("none", CGROUPS_REMOVE, 10000, none, 0, &count), -ENOENT);
	SAME(ts_remove("./tree", -1), 0);
	free(none);
}

/* Batches whose words lie and whose texts are cut anywhere: nothing beyond them is read. Only words are changed, never a path. */
static void batches(int rounds)
{
	static const int32_t good[] = { 2, 1, 0600, 3, 1, 0600 };
	static const char texts[] = "written\0text\0made\0";
	const int length = (int)sizeof texts;
	int32_t failed[2] = { 0, 0 };
	int refused = 0;
	SAME(ts_batch(good, 2, texts, length, failed), 0);
	SAME(ts_batch(good, 2, texts, length, failed), -EEXIST);
	SAME(failed[0], 1);
	srand(1);
	for (int round = 0; round < rounds; round++) {
		int32_t *words = (int32_t *)(void *)room_of((int)sizeof good);
		memcpy(words, good, sizeof good);
		for (int change = rand() % 4; change >= 0; change--)
			words[rand() % 6] = rand() % 3 == 0 ? rand() : rand() % 12 - 1;
		int cut = rand() % 2 ? length : rand() % length;
		char *exact = (char *)room_of(cut);
		memcpy(exact, texts, (size_t)cut);
		refused += ts_batch(words, 2, exact, cut, failed) < 0;
		free(exact);
		free(words);
	}
	(void)printf("%d changed batches, %d refused\n", rounds, refused);
}

static void talks(void)
{
	int32_t pair[2];
	int32_t fd = 7;
	uint8_t buffer[16];
	const int32_t many[64] = { 0 };
	SAME(ts_socketpair(pair), 0);
	SAME(ts_send(pair[0], (const uint8_t *)"0123456789abcdef!", 17, NULL, 0), 17);
	SAME(ts_receive(pair[1], -1, buffer, 16, 100, &fd), 16);
	SAME(fd, -1);
	SAME(ts_send(pair[0], (const uint8_t *)"x", 1, (int32_t[]){ 0, 1, 2 }, 3), 1);
	SAME(ts_receive(pair[1], -1, buffer, 16, 100, &fd), 1);
	checks += fd >= 0 && close(fd) == 0;
	SAME(ts_send(pair[0], buffer, 1, many, 64), -EINVAL);
	SAME(ts_send(pair[0], buffer, 1, many, -1), -EINVAL);
	SAME(ts_receive(pair[1], -1, buffer, 16, 1, &fd), -ETIMEDOUT);
	SAME(ts_close(pair[0]), 0);
	SAME(ts_receive(pair[1], -1, buffer, 16, 100, &fd), 0);
	SAME(ts_close(pair[1]), 0);
}

static void sockets(void)
{
	char path[5000];
	char here[4096];
	if (!getcwd(here, sizeof here))
		abort();
	for (size_t length = 1; length < sizeof path - sizeof here; length = length * 2 + 1) {
		size_t used = (size_t)snprintf(path, sizeof path, "%s/", here);
		memset(path + used, 's', length);
		path[used + length] = '\0';
		int fd = ts_listen(path);
		if (fd >= 0) {
			int other = ts_connect(path);
			checks += other >= 0 && close(other) == 0;
			SAME(close(fd), 0);
			SAME(unlink(path), 0);
		}
		fd = ts_bind_datagram(path, 0600);
		checks += fd < 0 || close(fd) == 0;
		checks += ts_connect_console(path) < 0;
	}
	SAME(ts_listen("relative"), -EINVAL);
	SAME(ts_listen("/x"), -EINVAL);
}

static void programs(void)
{
	static const char args[] = "sh\0-c\0cat; echo 0123456789";
	int32_t written = 0;
	for (int size = 0; size <= 20; size++) {
		uint8_t *room = room_of(size);
		SAME(ts_run("/bin/sh", args, 3, "A=1", 1, ".", (const uint8_t *)"in", 2, 5000, room, size, &written), 0);
		SAME(written, size < 13 ? size : 13);
		free(room);
	}
	uint8_t none[1];
	SAME(ts_run("/none", args, 3, "", 0, ".", none, 0, 0, none, 1, &written), -ENOENT);
	SAME(ts_run("/bin/sh", "sh\0-c\0sleep 9", 3, "", 0, ".", none, 0, 50, none, 1, &written), -ETIMEDOUT);
	int fd = ts_memfd("x", (const uint8_t *)"y", 1);
	SAME(write(fd, "z", 1), -1);
	SAME(close(fd), 0);
}

static void waits(void)
{
	int32_t fds[257];
	int32_t ready[257];
	int32_t size[2];
	for (int i = 0; i < 257; i++)
		fds[i] = -1;
	SAME(ts_poll(fds, 257, 0, ready), -EINVAL);
	SAME(ts_poll(fds, -1, 0, ready), -EINVAL);
	SAME(ts_poll(fds, 256, 0, ready), 0);
	SAME(ts_window(-1, size), -EBADF);
	for (int pid = -1; pid <= 0; pid++) {
		SAME(ts_pidfd_open(pid), -EINVAL);
		SAME(ts_kill(pid, SIGKILL), -EINVAL);
		SAME(ts_reap(pid), -EINVAL);
	}
	SAME(ts_inotify("none"), -ENOENT);
	SAME(ts_namespace("ten"), -ENOTTY);
}

/* A request to end cuts a wait short, once; one that finds none is there for the next. */
static void interrupts(void)
{
	int32_t pair[2];
	int32_t fd = 7;
	int32_t written = 0;
	uint8_t buffer[1] = { 0 };
	SAME(ts_catch_interrupts(), 0);
	SAME(ts_catch_interrupts(), -EBUSY);
	SAME(ts_hold_signals(), -EBUSY);
	SAME(ts_interrupted(), 0);
	SAME(ts_socketpair(pair), 0);
	SAME(raise(SIGTERM), 0);
	SAME(ts_receive(pair[0], -1, buffer, 1, 5000, &fd), -EINTR);
	SAME(fd, -1);
	SAME(ts_interrupted(), SIGTERM);
	SAME(ts_receive(pair[0], -1, buffer, 1, 1, &fd), -ETIMEDOUT);
	SAME(raise(SIGINT), 0);
	SAME(ts_run("/bin/sh", "sh\0-c\0sleep 9", 3, "", 0, ".", buffer, 0, 0, buffer, 1, &written), -EINTR);
	SAME(ts_interrupted(), SIGINT);
	SAME(ts_send(pair[1], buffer, 1, NULL, 0), 1);
	SAME(ts_receive(pair[0], -1, buffer, 1, 1000, &fd), 1);
	SAME(ts_release_interrupts(), 0);
	SAME(ts_close(pair[0]), 0);
	SAME(ts_close(pair[1]), 0);
}

int main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN); /* as in the engines */
	if (argc != 3 || chdir(argv[1]) < 0)
		return 2;
	reads();
	lists();
	trees();
	batches(atoi(argv[2]));
	talks();
	sockets();
	programs();
	waits();
	interrupts();
	(void)printf("%d answers as they should be\n", checks);
	return 0;
}
