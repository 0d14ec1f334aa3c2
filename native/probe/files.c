/* Files: what is open, what is mounted, which devices there are, and plain reading and writing. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Every link of a folder by name, with what it leads to. What is gone by the time it is read is left out. */
int links_in(const char *folder)
{
	char **names = names_in(folder);

	if (names == NULL)
		return refused("opendir");
	json_open(NULL);
	for (char **name = names; *name != NULL; name++) {
		char path[300], text[4096];
		ssize_t length;

		(void)snprintf(path, sizeof(path), "%s/%s", folder, *name);
		length = readlink(path, text, sizeof(text));
		if (length > 0)
			json_bytes(*name, text, (size_t)length);
	}
	json_close();
	free_names(names);
	return 0;
}

/* Each open descriptor with what it leads to; its own handle on the list is closed by then. */
int verb_fds(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return links_in("/proc/self/fd");
}

/* Which of the first three descriptors are terminals, its size, and whether there is a controlling terminal. */
int verb_tty(int argc, char **argv)
{
	int fd;

	(void)argc;
	(void)argv;
	json_open(NULL);
	json_open_array("terminals");
	for (int i = 0; i < 3; i++)
		json_bool(NULL, isatty(i) == 1);
	json_close_array();
	if (isatty(0) == 1) {
		struct winsize size;
		char name[256];

		if (ioctl(0, TIOCGWINSZ, &size) == 0) {
			json_open_array("size");
			json_int(NULL, size.ws_row);
			json_int(NULL, size.ws_col);
			json_close_array();
		}
		if (ttyname_r(0, name, sizeof(name)) == 0)
			json_string("name", name);
	}
	fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	json_string("controlling", fd >= 0 ? "ok" : errno_name(errno));
	if (fd >= 0)
		close(fd);
	json_close();
	return 0;
}

/* The propagation words of a mountinfo line without their group numbers, which differ from run to run. */
static void propagation(char *words)
{
	char *save = NULL;

	json_open_array("propagation");
	for (char *word = strtok_r(words, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		json_bytes(NULL, word, strcspn(word, ":"));
	json_close_array();
}

/* "id parent major:minor root mountpoint options optional... - fstype source superoptions" */
static void mount_line(char *line)
{
	char *rest = strstr(line, " - ");
	char *save = NULL, *field[6] = { NULL }, *tail[3] = { NULL };
	char *optional = line;

	if (rest == NULL)
		return;
	*rest = '\0';
	rest += 3;
	for (int i = 0; i < 6; i++)
		field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
	optional = save;
	save = NULL;
	for (int i = 0; i < 3; i++)
		tail[i] = strtok_r(i == 0 ? rest : NULL, " ", &save);
	if (field[5] == NULL || tail[1] == NULL)
		return;
	json_open(NULL);
	json_string("mountpoint", field[4]);
	json_string("root", field[3]);
	json_string("type", tail[0]);
	json_string("source", tail[1]);
	json_string("options", field[5]);
	json_string("super", tail[2] == NULL ? "" : tail[2]);
	propagation(optional);
	json_close();
}

/* /proc/self/mountinfo in its order, without the numbers that differ from run to run. */
int verb_mounts(int argc, char **argv)
{
	char *text = read_whole("/proc/self/mountinfo", NULL);

	(void)argc;
	(void)argv;
	if (text == NULL)
		return refused("open");
	json_open_array(NULL);
	for (char *line = text; line != NULL && *line != '\0';) {
		char *next = strchr(line, '\n');

		if (next != NULL)
			*next++ = '\0';
		mount_line(line);
		line = next;
	}
	json_close_array();
	free(text);
	return 0;
}

static void describe(const char *key, const char *path, bool size)
{
	struct stat about;

	if (lstat(path, &about) < 0) {
		json_open(key);
		json_string("error", errno_name(errno));
		json_close();
		return;
	}
	json_open(key);
	json_string("type", file_type(about.st_mode));
	json_octal("mode", about.st_mode & 07777);
	json_uint("uid", about.st_uid);
	json_uint("gid", about.st_gid);
	if (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) {
		char device[32];

		(void)snprintf(device, sizeof(device), "%u:%u", major(about.st_rdev), minor(about.st_rdev));
		json_string("rdev", device);
	}
	if (S_ISLNK(about.st_mode)) {
		char text[4096];
		ssize_t length = readlink(path, text, sizeof(text));

		if (length >= 0)
			json_bytes("target", text, (size_t)length);
	}
	if (size && S_ISREG(about.st_mode))
		json_int("size", about.st_size);
	json_close();
}

/* Every entry of /dev by name. */
int verb_devices(int argc, char **argv)
{
	char **names = names_in("/dev");

	(void)argc;
	(void)argv;
	if (names == NULL)
		return refused("opendir");
	json_open(NULL);
	for (char **name = names; *name != NULL; name++) {
		char path[300];

		(void)snprintf(path, sizeof(path), "/dev/%s", *name);
		describe(*name, path, false);
	}
	json_close();
	free_names(names);
	return 0;
}

int verb_stat(int argc, char **argv)
{
	json_open(NULL);
	for (int i = 1; i < argc; i++)
		describe(argv[i], argv[i], true);
	json_close();
	return 0;
}

int verb_ls(int argc, char **argv)
{
	char **names = names_in(argc > 1 ? argv[1] : ".");

	if (names == NULL)
		return refused("opendir");
	json_open_array(NULL);
	for (char **name = names; *name != NULL; name++)
		json_string(NULL, *name);
	json_close_array();
	free_names(names);
	return 0;
}

/* A file's text as a JSON string. */
int verb_read(int argc, char **argv)
{
	size_t length = 0;
	char *text = read_whole(argc > 1 ? argv[1] : "", &length);

	if (text == NULL)
		return refused("open");
	json_open(NULL);
	json_bytes("text", text, length);
	json_close();
	free(text);
	return 0;
}

/* A file's bytes as they are; standard input without an argument. */
int verb_cat(int argc, char **argv)
{
	size_t length = 0;
	char buffer[4096];
	char *text;

	/* Not /dev/stdin: a socket cannot be opened again by name. */
	if (argc <= 1) {
		for (ssize_t got; (got = read(0, buffer, sizeof(buffer))) > 0;)
			fwrite(buffer, 1, (size_t)got, stdout);
		fflush(stdout);
		return 0;
	}
	text = read_whole(argv[1], &length);
	if (text == NULL)
		return refused("open");
	fwrite(text, 1, length, stdout);
	fflush(stdout);
	free(text);
	return 0;
}
