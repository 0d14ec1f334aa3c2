/*
 * dist/tsrun: notes what the JavaScript engine is about to change, tunes it for a process that lives for milliseconds,
 * and becomes dist/tsrun-host. It costs 0.1 ms and saves five times that.
 */
#include <linux/resource.h>

#include "../init/run.h"

#define HOST "tsrun-host"
#define LONGEST_NAME "tsrun-supervise"
#define NOTE "TSRUN_CALLER="
#define MOST_ENTRIES 16384

/*
 * A command is over before compiled code would pay, and its compiler threads would take a core from tsrun-init; so would
 * the collector's. What is set here by name is what src/sys/process.ts keeps from hooks.
 */
static const char *const TUNING[] = {
	"BUN_JSC_useBaselineJIT=0",
	"BUN_JSC_useWasm=0",
	"BUN_JSC_numberOfGCMarkers=1",
};

#define TUNING_COUNT (sizeof(TUNING) / sizeof(TUNING[0]))

/* What works for a second gains by the engine's compilers, but not by the last of them, which takes longest. */
static const char *const TUNING_LONG[] = {
	"BUN_JSC_useFTLJIT=0",
	"BUN_JSC_useWasm=0",
	"BUN_JSC_numberOfGCMarkers=1",
};

_Static_assert(sizeof(TUNING) == sizeof(TUNING_LONG), "entries has room for either");

static char note[64];
static char host[4096];
static const char *entries[MOST_ENTRIES + TUNING_COUNT + 2];

static _Noreturn void give_up(const char *what)
{
	char line[4200];
	struct text text = text_in(line, sizeof(line));

	text_add(&text, "tsrun: cannot start ");
	text_add(&text, what);
	text_add(&text, ": it belongs beside the program tsrun, and /proc must be mounted\n");
	(void)sys_write(2, text.at, text.used);
	sys_exit(1);
}

/*
 * The limit of open files as the caller set it, soft and hard: engines raise their own soft limit to the hard one as they
 * start. And how many descriptors the caller passed from 3 on: the engine marks them close-on-exec and opens its own.
 */
static void note_caller(void)
{
	struct rlimit64 limit = { 0 };
	struct text text = text_in(note, sizeof(note));
	u64 passed = 0;

	while (sys(fcntl, 3 + passed, F_GETFD) >= 0)
		passed++;
	(void)sys(prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	text_add(&text, NOTE);
	text_add_number(&text, limit.rlim_cur);
	text_add(&text, ":");
	text_add_number(&text, limit.rlim_max);
	text_add(&text, ":");
	text_add_number(&text, passed);
}

/* One line that says who could change a file that is about to run as root, and what to do about it. */
static _Noreturn void refuse_file(const char *path, const struct statx *found)
{
	char line[3 * sizeof(host)];
	char mode[] = { (char)('0' + (found->stx_mode >> 9 & 7)), (char)('0' + (found->stx_mode >> 6 & 7)),
			(char)('0' + (found->stx_mode >> 3 & 7)), (char)('0' + (found->stx_mode & 7)), '\0' };
	struct text text = text_in(line, sizeof(line));

	text_add(&text, "tsrun: ");
	text_add(&text, path);
	text_add(&text, " can be changed by others than root, though root runs what is in it: its owner is ");
	text_add_number(&text, found->stx_uid);
	text_add(&text, ", its mode ");
	text_add(&text, mode);
	text_add(&text, "; hint: ");
	text_add(&text, found->stx_uid ? "chown root " : "chmod go-w ");
	text_add(&text, path);
	text_add(&text, "\n");
	(void)sys_write(2, text.at, text.used);
	sys_exit(1);
}

/*
 * Root of another user namespace than the host's first one is no more than the user who made it, and sees files of the host's
 * root as nobody's.
 */
static bool is_contained(void)
{
	static const char whole[] = " 4294967295\n"; /* the size of its one range */
	char map[64];
	int fd = sys_openat(AT_FDCWD, "/proc/self/uid_map", O_RDONLY, 0);
	long size = fd < 0 ? 0 : sys_read(fd, map, sizeof(map));

	if (fd >= 0)
		sys_close(fd);
	return size > 0 && ((size_t)size < sizeof(whole) ||
			    memcmp(map + size - (sizeof(whole) - 1), whole, sizeof(whole) - 1) != 0);
}

/*
 * Whoever can write what runs as root is root. The folder counts as much as its files: who may rename in it may put others in
 * their place. What is missing here is told by whoever needs it.
 */
static void check_files(size_t folder)
{
	static const char *const files[] = { "", HOST, "libtsrun.so", "tsrun-init", LONGEST_NAME };
	struct statx found;

	if (sys(geteuid) != 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		memcpy(host + folder, files[i], strlen(files[i]) + 1);
		if (sys(statx, AT_FDCWD, host, 0, STATX_MODE | STATX_UID, &found) < 0)
			continue;
		if ((found.stx_uid || (found.stx_mode & 022)) && !is_contained())
			refuse_file(host, &found);
	}
}

static void find_host(void)
{
	long size = sys_readlinkat(AT_FDCWD, "/proc/self/exe", host, sizeof(host) - sizeof(LONGEST_NAME));

	while (size > 0 && host[size - 1] != '/')
		size--;
	if (size <= 0)
		give_up(HOST);
	check_files((size_t)size);
	memcpy(host + size, HOST, sizeof(HOST));
}

/* `bundle` reads archives. */
static bool is_long(int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++)
		if (text_equal(argv[i], "bundle"))
			return true;
	return false;
}

_Noreturn void init_main(int argc, char *const *argv, char *const *envp)
{
	const char *const *tuning = is_long(argc, argv) ? TUNING_LONG : TUNING;
	size_t count = 0;

	find_host();
	note_caller();
	entries[count++] = note;
	for (size_t i = 0; i < TUNING_COUNT; i++)
		entries[count++] = tuning[i];
	for (size_t i = 0; envp[i]; i++) {
		if (i == MOST_ENTRIES)
			give_up("with so large an environment " HOST);
		/* Only this launcher's own note counts. */
		if (!text_after(envp[i], NOTE))
			entries[count++] = envp[i];
	}
	(void)sys(execve, host, argv, entries);
	give_up(host);
}
