/* The container's state folder: what it is told at the end, and how it goes. */
#include "supervise.h"

#define DEEPEST 4
#define REMOVE_FOLDER 0x200 /* AT_REMOVEDIR */

/* struct linux_dirent64 */
struct entry {
	u64 inode;
	s64 offset;
	unsigned short size;
	u8 type;
	char name[];
};

static int clear(int folder, int depth);

static int remove_entry(int folder, const struct entry *entry, int depth)
{
	int rc = (int)sys(unlinkat, folder, entry->name, 0);

	if (rc == -EISDIR && depth < DEEPEST) {
		AUTO_FD below = sys_openat(folder, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		rc = below < 0 ? below : clear(below, depth + 1);
		if (rc == 0)
			rc = (int)sys(unlinkat, folder, entry->name, REMOVE_FOLDER);
	}
	return rc == -ENOENT ? 0 : rc;
}

static int clear(int folder, int depth)
{
	u64 buffer[128];

	for (;;) {
		long got = sys(getdents64, folder, buffer, sizeof(buffer));

		if (got <= 0)
			return (int)got;
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)((const char *)buffer + at);
			int rc = 0;

			at += entry->size;
			if (!text_equal(entry->name, ".") && !text_equal(entry->name, ".."))
				rc = remove_entry(folder, entry, depth);
			if (rc < 0)
				return rc;
		}
	}
}

int folder_clear(int folder)
{
	return clear(folder, 0);
}

/* A number with zeros in front of it. */
static void add_padded(struct text *text, u64 value, u64 least)
{
	for (; least > 1 && value < least; least /= 10)
		text_add(text, "0");
	text_add_number(text, value);
}

/* RFC 3339 in UTC. The months of a year that begins in March, counted from 0000-03-01, have the leap day at their end. */
static void add_time(struct text *text, const struct __kernel_timespec *time)
{
	const u64 seconds = (u64)time->tv_sec;
	const u64 day = seconds / 86400 + 719468;
	const u64 era = day / 146097;
	const u64 of_era = day % 146097;
	const u64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const u64 of_year = of_era - (365 * year + year / 4 - year / 100);
	const u64 month = (5 * of_year + 2) / 153;

	add_padded(text, year + era * 400 + (month >= 10), 1000);
	text_add(text, "-");
	add_padded(text, month < 10 ? month + 3 : month - 9, 10);
	text_add(text, "-");
	add_padded(text, of_year - (153 * month + 2) / 5 + 1, 10);
	text_add(text, "T");
	add_padded(text, seconds % 86400 / 3600, 10);
	text_add(text, ":");
	add_padded(text, seconds % 3600 / 60, 10);
	text_add(text, ":");
	add_padded(text, seconds % 60, 10);
	text_add(text, ".");
	add_padded(text, (u64)time->tv_nsec / 1000000, 100);
	text_add(text, "Z");
}

/* What src/state/exit.ts reads. */
int folder_note_exit(int folder, int status)
{
	struct __kernel_timespec now = { 0 };
	char json[128];
	struct text text = text_in(json, sizeof(json));
	int file;
	long put;

	(void)sys(clock_gettime, 0 /* CLOCK_REALTIME */, &now);
	text_add(&text, "{\"status\":");
	text_add_number(&text, (u64)status);
	text_add(&text, ",\"time\":\"");
	add_time(&text, &now);
	text_add(&text, "\"}");
	file = sys_openat(folder, "exit.json~", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		return file;
	put = sys_write(file, text.at, text.used);
	sys_close(file);
	if (put != (long)text.used)
		return put < 0 ? (int)put : -EIO;
	return (int)sys(renameat2, folder, "exit.json~", folder, "exit.json", 0);
}
