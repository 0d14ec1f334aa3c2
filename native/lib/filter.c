/*
 * Compiled filters are kept: an engine gives nearly every container the same one, and compiling it costs more than all else
 * of a container's creation. A kept filter holds the whole description that it was compiled from, so that no two can be taken
 * for one another, and what else it depends on: the kernel and libseccomp's file. What does not fit in every way is compiled
 * anew and replaced.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib.h"
#include "seccomp.h"

#define MAGIC 0x4c465354u /* "TSFL" */
/* Containers of one host hardly have more different filters. */
#define KEPT_MOST 64
#define NAME_BYTES 32
#define WORD_BYTES 72 /* more than a field of struct utsname has */

/* A kept filter: this, the description, the program. Written and read by the same build on the same machine only. */
struct header {
	uint32_t magic;
	uint32_t version;
	uint64_t sum; /* of all that follows it */
	uint32_t description;
	uint32_t program;
	uint64_t device; /* of libseccomp's file */
	uint64_t inode;
	uint64_t size;
	int64_t changed[2];
	char library[256];
	char kernel[WORD_BYTES];
	char machine[WORD_BYTES];
};
_Static_assert(sizeof(struct header) == 4 * 4 + 6 * 8 + 256 + 2 * WORD_BYTES, "no padding, which would have no value");

/*
 * As FNV-1a, eight bytes at a time, the high half folded in: a file's name, and what a cut or damaged file does not have. It
 * need not withstand anybody: only root writes here, and a description is compared as a whole.
 */
static uint64_t hash(const void *bytes, size_t length, uint64_t sum)
{
	const uint8_t *at = bytes;

	while (length) {
		size_t size = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
		uint64_t word = 0;

		memcpy(&word, at, size);
		sum = (sum ^ word) * 0x100000001b3u;
		sum ^= sum >> 32;
		at += size;
		length -= size;
	}
	return sum;
}

static const uint64_t HASH_START = 0xcbf29ce484222325u;

static uint64_t sum_of(const struct header *header, const void *description, size_t size, const void *program, size_t length)
{
	const size_t from = offsetof(struct header, description);
	const uint64_t sum = hash((const uint8_t *)header + from, sizeof(*header) - from, HASH_START);

	return hash(program, length, hash(description, size, sum));
}

/* What a compiled filter depends on beside its description, with `library` set already. False where that is not there. */
static bool describe_host(struct header *header)
{
	struct utsname host;
	struct stat library;

	if (stat(header->library, &library) < 0 || uname(&host) < 0)
		return false;
	header->device = library.st_dev;
	header->inode = library.st_ino;
	header->size = (uint64_t)library.st_size;
	header->changed[0] = library.st_ctim.tv_sec;
	header->changed[1] = library.st_ctim.tv_nsec;
	memset(header->kernel, 0, sizeof(header->kernel));
	memset(header->machine, 0, sizeof(header->machine));
	memcpy(header->kernel, host.release, strlen(host.release));
	memcpy(header->machine, host.machine, strlen(host.machine));
	return true;
}

/* Whoever could write there could take any filter away: -EKEYREJECTED then. */
static int check_own(int fd, mode_t kind)
{
	struct stat found;

	if (fstat(fd, &found) < 0)
		return -errno;
	if ((found.st_mode & S_IFMT) != kind || found.st_uid != geteuid() || found.st_mode & (S_IWGRP | S_IWOTH))
		return -EKEYREJECTED;
	return 0;
}

static int open_folder(const char *path)
{
	int fd;
	int error;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && mkdir(path, 0700) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = check_own(fd, S_IFDIR);
	if (error < 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}

/* ---- reading ---- */

/* Everything of a kept file, in memory that the caller frees; NULL where it is none. */
static uint8_t *read_kept(int folder, const char *name, size_t *length)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat found;
	uint8_t *bytes = NULL;

	if (fd < 0)
		return NULL;
	if (check_own(fd, S_IFREG) == 0 && fstat(fd, &found) == 0 && found.st_size >= (off_t)sizeof(struct header) &&
	    found.st_size < 1 << 24) {
		*length = (size_t)found.st_size;
		bytes = malloc(*length);
		if (bytes && read(fd, bytes, *length) != (ssize_t)*length) {
			free(bytes);
			bytes = NULL;
		}
	}
	(void)close(fd);
	return bytes;
}

/* The kept program's length in bytes; 0 where what is kept is not the one. */
static int take_kept(const uint8_t *bytes, size_t length, const uint8_t *description, size_t size, uint8_t *program, int room)
{
	const uint8_t *rest = bytes + sizeof(struct header);
	struct header kept;
	struct header now;

	memcpy(&kept, bytes, sizeof(kept));
	if (kept.magic != MAGIC || kept.version != FILTER_VERSION || kept.description != size ||
	    kept.program > (uint32_t)room || kept.program % sizeof(struct sock_filter) || !kept.program ||
	    length != sizeof(kept) + size + kept.program || memcmp(rest, description, size) != 0 ||
	    kept.sum != sum_of(&kept, rest, size, rest + size, kept.program))
		return 0;
	memcpy(&now, &kept, sizeof(now));
	now.library[sizeof(now.library) - 1] = '\0';
	if (!describe_host(&now) || memcmp(&now, &kept, sizeof(now)) != 0)
		return 0;
	memcpy(program, rest + size, kept.program);
	return (int)kept.program;
}

static int load(int folder, const char *name, const uint8_t *description, size_t size, uint8_t *program, int room)
{
	size_t length = 0;
	uint8_t *bytes = read_kept(folder, name, &length);
	int got = bytes ? take_kept(bytes, length, description, size, program, room) : 0;

	free(bytes);
	return got;
}

/* ---- keeping ---- */

/* Removes the oldest where there are too many: how many there were. */
static int remove_oldest(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	char oldest[NAME_BYTES] = "";
	struct timespec age = { 0 };
	struct dirent *entry;
	int count = 0;

	while (names && (entry = readdir(names))) {
		struct stat found;
		size_t length = strlen(entry->d_name);

		if (entry->d_name[0] == '.' || length >= sizeof(oldest) ||
		    fstatat(folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		count++;
		if (!oldest[0] || found.st_mtim.tv_sec < age.tv_sec ||
		    (found.st_mtim.tv_sec == age.tv_sec && found.st_mtim.tv_nsec < age.tv_nsec)) {
			memcpy(oldest, entry->d_name, length + 1);
			age = found.st_mtim;
		}
	}
	if (names)
		(void)closedir(names);
	else if (copy >= 0)
		(void)close(copy);
	return count >= KEPT_MOST && unlinkat(folder, oldest, 0) == 0 ? count : 0;
}

static bool write_whole(int fd, const void *bytes, size_t length)
{
	return write(fd, bytes, length) == (ssize_t)length;
}

/* A filter that cannot be kept is compiled again next time, so nothing here is an error. */
static void keep(int folder, const char *name, const uint8_t *description, size_t size, const struct filter_program *program)
{
	struct header header = { .magic = MAGIC, .version = FILTER_VERSION };
	size_t length = program->count * sizeof(program->at[0]);
	const char *library = seccomp_path();
	char part[NAME_BYTES + 16];
	bool whole;
	int fd;

	if (!library || strlen(library) >= sizeof(header.library))
		return;
	memcpy(header.library, library, strlen(library));
	header.description = (uint32_t)size;
	header.program = (uint32_t)length;
	if (!describe_host(&header))
		return;
	header.sum = sum_of(&header, description, size, program->at, length);
	while (remove_oldest(folder) > KEPT_MOST)
		;
	(void)snprintf(part, sizeof(part), "%s~%d", name, (int)getpid());
	fd = openat(folder, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	whole = write_whole(fd, &header, sizeof(header)) && write_whole(fd, description, size) &&
		write_whole(fd, program->at, length);
	if (close(fd) < 0 || !whole || renameat(folder, part, folder, name) < 0)
		(void)unlinkat(folder, part, 0);
}

/* ---- both ---- */

static int compile(int folder, const char *name, const uint8_t *description, size_t size, uint8_t *program, int room,
		   int32_t failed[3])
{
	struct filter_program *made = malloc(sizeof(*made));
	int length = made ? seccomp_compile(description, size, made, failed) : -ENOMEM;

	if (length == 0) {
		length = (int)(made->count * sizeof(made->at[0]));
		if (folder >= 0)
			keep(folder, name, description, size, made);
		if (length > room)
			length = -E2BIG;
		else
			memcpy(program, made->at, (size_t)length);
	}
	free(made);
	return length;
}

int ts_filter(const char *path, const uint8_t *description, int length, uint8_t *program, int room, int32_t failed[3])
{
	size_t size = (size_t)length;
	int folder = path[0] ? open_folder(path) : -1;
	char name[NAME_BYTES];
	int got;

	memset(failed, 0, 3 * sizeof(failed[0]));
	(void)snprintf(name, sizeof(name), "%016llx", (unsigned long long)hash(description, size, HASH_START));
	got = folder < 0 ? 0 : load(folder, name, description, size, program, room);
	if (got == 0)
		got = compile(folder, name, description, size, program, room, failed);
	if (folder >= 0)
		(void)close(folder);
	return got;
}

int ts_filter_flags(int flags)
{
	/* No program is at address 0, which the kernel finds out after it has looked at the flags. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}
