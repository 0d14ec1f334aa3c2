/* Where the process lives: namespaces, id maps, clocks, names, network, kernel parameters, cgroups. */
#include "probe.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* {"mnt": "mnt:[4026531841]", ...} */
int verb_ns(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return links_in("/proc/self/ns");
}

/* Each line of a file, runs of blanks made one, as a list. */
static void lines_of(const char *key, const char *path)
{
	char *text = read_whole(path, NULL);

	json_open_array(key);
	for (char *line = text; line != NULL && *line != '\0';) {
		char *next = strchr(line, '\n');
		char clean[512];
		size_t used = 0;

		if (next != NULL)
			*next = '\0';
		for (char *c = line; *c != '\0' && used + 1 < sizeof(clean); c++) {
			bool blank = *c == ' ' || *c == '\t';

			if (blank && (used == 0 || clean[used - 1] == ' '))
				continue;
			clean[used++] = blank ? ' ' : *c;
		}
		while (used > 0 && clean[used - 1] == ' ')
			used--;
		json_bytes(NULL, clean, used);
		line = next == NULL ? NULL : next + 1;
	}
	json_close_array();
	free(text);
}

int verb_maps(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	json_open(NULL);
	lines_of("uid", "/proc/self/uid_map");
	lines_of("gid", "/proc/self/gid_map");
	lines_of("setgroups", "/proc/self/setgroups");
	json_close();
	return 0;
}

/* The time namespace's offsets; with an argument also the clocks themselves, in seconds. */
int verb_clocks(int argc, char **argv)
{
	struct timespec monotonic, boottime;

	(void)argv;
	json_open(NULL);
	lines_of("offsets", "/proc/self/timens_offsets");
	if (argc > 1 && clock_gettime(CLOCK_MONOTONIC, &monotonic) == 0 && clock_gettime(CLOCK_BOOTTIME, &boottime) == 0) {
		json_int("monotonic", monotonic.tv_sec);
		json_int("boottime", boottime.tv_sec);
	}
	json_close();
	return 0;
}

int verb_hostname(int argc, char **argv)
{
	struct utsname names;

	(void)argc;
	(void)argv;
	if (uname(&names) < 0)
		return refused("uname");
	json_open(NULL);
	json_string("hostname", names.nodename);
	json_string("domainname", names.domainname);
	json_close();
	return 0;
}

/* The network devices, and whether each is up. */
int verb_net(int argc, char **argv)
{
	struct if_nameindex *devices = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)argc;
	(void)argv;
	if (devices == NULL || fd < 0)
		return refused("if_nameindex");
	json_open_array(NULL);
	for (struct if_nameindex *device = devices; device->if_index != 0; device++) {
		struct ifreq request;

		memset(&request, 0, sizeof(request));
		memcpy(request.ifr_name, device->if_name, strnlen(device->if_name, IFNAMSIZ - 1));
		json_open(NULL);
		json_string("name", device->if_name);
		if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
			json_bool("up", (request.ifr_flags & IFF_UP) != 0);
		json_close();
	}
	json_close_array();
	if_freenameindex(devices);
	close(fd);
	return 0;
}

/* The text of a one-value file, its last newline cut off, or null with the errno's name beside it. */
static void value_of(const char *key, const char *path)
{
	size_t length = 0;
	char *text = read_whole(path, &length);

	if (text == NULL) {
		json_open(key);
		json_string("error", errno_name(errno));
		json_close();
		return;
	}
	if (length > 0 && text[length - 1] == '\n')
		length--;
	json_bytes(key, text, length);
	free(text);
}

/* Kernel parameters by their names with dots. */
int verb_sysctl(int argc, char **argv)
{
	json_open(NULL);
	for (int i = 1; i < argc; i++) {
		char path[512];

		(void)snprintf(path, sizeof(path), "/proc/sys/%s", argv[i]);
		for (char *c = path + strlen("/proc/sys/"); *c != '\0'; c++) {
			if (*c == '.')
				*c = '/';
		}
		value_of(argv[i], path);
	}
	json_close();
	return 0;
}

/* What `all` reads of the container's own cgroups, where they are mounted. */
static const char *const cgroup_files[] = {
	"cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us", "cpu/cpu.idle", "cpuset/cpuset.cpus",
	"cpuset/cpuset.mems", "memory/memory.limit_in_bytes", "memory/memory.memsw.limit_in_bytes",
	"memory/memory.soft_limit_in_bytes", "memory/memory.swappiness", "pids/pids.max", "devices/devices.list",
	"pids.max", "memory.max", "cpu.max", "cpu.weight",
};

/* /proc/self/cgroup, and the values of files below /sys/fs/cgroup. */
int verb_cgroup(int argc, char **argv)
{
	size_t count = argc > 1 ? (size_t)argc - 1 : sizeof(cgroup_files) / sizeof(cgroup_files[0]);

	json_open(NULL);
	lines_of("own", "/proc/self/cgroup");
	json_open("files");
	for (size_t i = 0; i < count; i++) {
		const char *name = argc > 1 ? argv[i + 1] : cgroup_files[i];
		char path[512];

		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", name);
		value_of(name, path);
	}
	json_close();
	json_close();
	return 0;
}
