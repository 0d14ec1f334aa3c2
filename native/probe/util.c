/* What several verbs need: errno names, whole files, sorted folders. */
#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *errno_name(int number)
{
	const char *name = strerrorname_np(number);

	return name == NULL ? "unknown" : name;
}

int refused(const char *call)
{
	int number = errno;

	json_open(NULL);
	json_string("call", call);
	json_string("error", errno_name(number));
	json_close();
	return 1;
}

int done(void)
{
	json_open(NULL);
	json_string("result", "ok");
	json_close();
	return 0;
}

char *read_whole(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, size = 4096;
	char *bytes;

	if (fd < 0)
		return NULL;
	bytes = malloc(size + 1);
	while (bytes != NULL) {
		ssize_t got = read(fd, bytes + used, size - used);

		if (got < 0) {
			int number = errno;

			free(bytes);
			close(fd);
			errno = number;
			return NULL;
		}
		if (got == 0)
			break;
		used += (size_t)got;
		if (used == size) {
			char *larger = realloc(bytes, size * 2 + 1);

			if (larger == NULL)
				free(bytes);
			bytes = larger;
			size *= 2;
		}
	}
	close(fd);
	if (bytes == NULL)
		return NULL;
	bytes[used] = '\0';
	if (length != NULL)
		*length = used;
	return bytes;
}

long long number(const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0') {
		fprintf(stderr, "probe: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **names_in(const char *path)
{
	DIR *dir = opendir(path);
	size_t count = 0, size = 64;
	char **names;
	struct dirent *entry;

	if (dir == NULL)
		return NULL;
	names = malloc(size * sizeof(*names));
	while (names != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (count + 1 == size) {
			char **larger = realloc(names, 2 * size * sizeof(*names));

			if (larger == NULL)
				break;
			names = larger;
			size *= 2;
		}
		names[count++] = strdup(entry->d_name);
	}
	closedir(dir);
	if (names == NULL)
		return NULL;
	names[count] = NULL;
	qsort(names, count, sizeof(*names), compare_names);
	return names;
}

void free_names(char **names)
{
	for (char **name = names; *name != NULL; name++)
		free(*name);
	free(names);
}

const char *file_type(unsigned int mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}
