/*
 * probe: a static program of many verbs that runs inside test containers. Each verb answers one question about where it
 * runs, as one line of JSON on standard output, or does one thing and says how it went.
 */
#ifndef TSRUN_PROBE_H
#define TSRUN_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* A verb gets its own name as argv[0] and answers the exit status: 0, or 1 where the kernel refused. */
typedef int (*verb_fn)(int argc, char **argv);

struct verb {
	const char *name;
	verb_fn run;
	const char *usage;
	bool in_all; /* part of `all`: cheap, harmless, and comparable between two runs */
};

/* json.c: a writer of one JSON value after another, each on a line of its own. Keys are NULL inside an array. */
void json_open(const char *key);
void json_close(void);
void json_open_array(const char *key);
void json_close_array(void);
void json_string(const char *key, const char *value);
void json_bytes(const char *key, const char *value, size_t length);
void json_int(const char *key, long long value);
void json_uint(const char *key, unsigned long long value);
void json_hex(const char *key, unsigned long long value);
void json_octal(const char *key, unsigned int value);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_end_line(void);

/* util.c */
const char *errno_name(int number);
/* {"call": call, "error": errno's name}; answers 1, so that a verb can return it. */
int refused(const char *call);
/* {"result": "ok"}; answers 0. */
int done(void);
/* The whole of a file in memory, NUL-ended, or NULL with errno set; *length may be NULL. The caller frees it. */
char *read_whole(const char *path, size_t *length);
/* A number from the command line; ends the program where it is none. */
long long number(const char *text);
/* The names in a folder, sorted, ended by NULL; NULL with errno set. */
char **names_in(const char *path);
/* Prints every link of a folder by name, with what it leads to. A verb's exit code. */
int links_in(const char *folder);
void free_names(char **names);
const char *file_type(unsigned int mode);

/* One function a verb; the file that holds it is named after the family. */
int verb_args(int argc, char **argv);
int verb_env(int argc, char **argv);
int verb_cwd(int argc, char **argv);
int verb_proc(int argc, char **argv);
int verb_ids(int argc, char **argv);
int verb_caps(int argc, char **argv);
int verb_nnp(int argc, char **argv);
int verb_keyring(int argc, char **argv);
int verb_limits(int argc, char **argv);
int verb_signals(int argc, char **argv);
int verb_sched(int argc, char **argv);
int verb_ioprio(int argc, char **argv);
int verb_mempolicy(int argc, char **argv);
int verb_oom(int argc, char **argv);
int verb_personality(int argc, char **argv);
int verb_ns(int argc, char **argv);
int verb_maps(int argc, char **argv);
int verb_clocks(int argc, char **argv);
int verb_hostname(int argc, char **argv);
int verb_net(int argc, char **argv);
int verb_sysctl(int argc, char **argv);
int verb_cgroup(int argc, char **argv);
int verb_fds(int argc, char **argv);
int verb_tty(int argc, char **argv);
int verb_mounts(int argc, char **argv);
int verb_devices(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_stat(int argc, char **argv);
int verb_read(int argc, char **argv);
int verb_cat(int argc, char **argv);
int verb_write(int argc, char **argv);
int verb_mkdir(int argc, char **argv);
int verb_open(int argc, char **argv);
int verb_mknod(int argc, char **argv);
int verb_true(int argc, char **argv);
int verb_false(int argc, char **argv);
int verb_echo(int argc, char **argv);
int verb_exit(int argc, char **argv);
int verb_signal(int argc, char **argv);
int verb_sleep(int argc, char **argv);
int verb_trap(int argc, char **argv);
int verb_crew(int argc, char **argv);
int verb_tree(int argc, char **argv);
int verb_orphan(int argc, char **argv);
int verb_fork(int argc, char **argv);
int verb_eat(int argc, char **argv);
int verb_spin(int argc, char **argv);
int verb_launch(int argc, char **argv);
int verb_console(int argc, char **argv);
int verb_spy(int argc, char **argv);
int verb_mountwatch(int argc, char **argv);
int verb_pty(int argc, char **argv);
int verb_gulp(int argc, char **argv);
int verb_gush(int argc, char **argv);
int verb_notify_listen(int argc, char **argv);
int verb_call(int argc, char **argv);
int verb_seccomp_agent(int argc, char **argv);
int verb_notify_send(int argc, char **argv);
int verb_answer_one(int argc, char **argv);
int verb_hold(int argc, char **argv);
int verb_device_programs(int argc, char **argv);
int verb_device_attach(int argc, char **argv);
int verb_loaded_programs(int argc, char **argv);

/* deeds.c: body in a child, everything reaped until that child has ended; its status. */
int pid1_run(int (*body)(int, char **), int argc, char **argv);

#endif
