/* The program: found, made ready, and executed. */
#include "path.h"
#include "run.h"

#define PASSWD_MOST (1u << 20) /* bytes of the image's /etc/passwd that are looked at */
#define PASSWD_LINE 1024

/* ---- working directory ---- */

/* The kernel says "(unreachable)" where the folder is outside the root. CVE-2024-21626. */
static int check_cwd(struct run *run, const char *target)
{
	char cwd[PATH_BYTES];
	long rc = sys(getcwd, cwd, sizeof(cwd));

	if (rc < 0)
		return fail(run, rc, "getcwd", target);
	return cwd[0] == '/' ? 0 : refuse(run, FAILURE_UNSAFE, EXDEV, "the working directory is outside the root", target);
}

/*
 * Before the ids change, as root usually may enter more; and once more after, where root may not (a network filesystem, a
 * home that only its owner enters in a user namespace).
 */
int op_chdir(struct run *run, const struct op_chdir *op)
{
	int from = run->root >= 0 && run->pivoted ? run->root : sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	AUTO_FD own = from == run->root ? -1 : from;
	AUTO_FD folder = from < 0 ? from : path_open(from, op->target, O_PATH | O_DIRECTORY, 0);
	long rc = folder < 0 ? folder : sys(fchdir, folder);

	(void)own;
	run->cwd = NULL;
	if ((rc == -EACCES || rc == -EPERM) && !run->programmed_user) {
		run->cwd = op->target;
		return 0;
	}
	return rc < 0 ? fail(run, rc, "chdir", op->target) : check_cwd(run, op->target);
}

/* ---- the program's file ---- */

/* 0 where it is a regular file that the ids of now may execute. */
static int check_program(const char *path)
{
	struct statx found;
	long rc = sys(statx, AT_FDCWD, path, 0, STATX_TYPE, &found);

	if (rc < 0)
		return (int)rc;
	if ((found.stx_mode & S_IFMT) != S_IFREG)
		return -EACCES;
	return (int)sys(faccessat2, AT_FDCWD, path, 1 /* X_OK */, AT_EACCESS);
}

static const char *env_value(char *const *env, const char *name)
{
	const char *value = NULL;

	for (; *env; env++) {
		const char *after = text_after(*env, name);

		if (after && *after == '=')
			value = after + 1;
	}
	return value;
}

/* Each folder of PATH in turn, an empty one being the current; the first that has it wins. As runc, and execvp. */
static int search_path(struct run *run, const char *name, const char *path)
{
	static char candidate[PATH_BYTES];

	while (path && *path) {
		const char *end = text_find(path, ':');
		size_t size = end ? (size_t)(end - path) : strlen(path);
		struct text text = text_in(candidate, sizeof(candidate));

		text_add_bytes(&text, size ? path : ".", size ? size : 1);
		text_add(&text, "/");
		text_add(&text, name);
		if (!text.cut && check_program(candidate) == 0) {
			run->path = candidate;
			return 0;
		}
		path = end ? end + 1 : NULL;
	}
	return refuse(run, FAILURE_NOT_FOUND, ENOENT, "PATH", name);
}

static int find_program(struct run *run)
{
	const char *name = run->args[0];
	int rc;

	if (!text_find(name, '/'))
		return search_path(run, name, env_value(run->envp, "PATH"));
	rc = check_program(name);
	if (rc == 0) {
		run->path = name;
		return 0;
	}
	if (rc == -ENOENT || rc == -EACCES)
		return refuse(run, FAILURE_NOT_FOUND, (u32)-rc, "statx", name);
	return fail(run, rc, "statx", name);
}

/* ---- HOME ---- */

/* The field `index` of a passwd line that is `size` long, as [start, end). */
static bool passwd_field(const char *line, size_t size, int index, size_t *start, size_t *end)
{
	size_t at = 0;

	for (; index; index--, at++) {
		while (at < size && line[at] != ':')
			at++;
		if (at == size)
			return false;
	}
	*start = at;
	while (at < size && line[at] != ':')
		at++;
	*end = at;
	return true;
}

/* "name:password:uid:gid:comment:home:shell". The home is added to `to` where the line is the user's. */
static bool read_passwd_line(const char *line, size_t size, u32 uid, struct text *to)
{
	size_t start;
	size_t end;

	if (!passwd_field(line, size, 2, &start, &end))
		return false;
	if (text_number(line + start, end - start, 0xffffffffLL) != (s64)uid)
		return false;
	if (!passwd_field(line, size, 5, &start, &end) || end == start)
		return false;
	for (size_t i = start; i < end; i++)
		if (!line[i])
			return false;
	text_add_bytes(to, line + start, end - start);
	return true;
}

/*
 * The image's file is hostile: it is read within bounds, only where it is a regular file, and never waited for
 * (CVE-2026-47262). Lines that are too long are nobody's.
 */
static void find_home(int passwd, u32 uid, struct text *to)
{
	char line[PASSWD_LINE];
	char buffer[1024];
	size_t used = 0;
	size_t total = 0;
	long got;

	while (total < PASSWD_MOST && (got = sys_read(passwd, buffer, sizeof(buffer))) > 0) {
		total += (size_t)got;
		for (long i = 0; i < got; i++) {
			if (buffer[i] != '\n') {
				if (used < sizeof(line))
					line[used] = buffer[i];
				used += used <= sizeof(line);
				continue;
			}
			if (used <= sizeof(line) && read_passwd_line(line, used, uid, to))
				return;
			used = 0;
		}
	}
	if (used && used <= sizeof(line))
		(void)read_passwd_line(line, used, uid, to);
}

/* "HOME=..." of the user in the image's passwd; "HOME=/" where it has none. */
static char *home_variable(void)
{
	static char home[PASSWD_LINE + 8];
	struct text text = text_in(home, sizeof(home));
	AUTO_FD root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	AUTO_FD file = root < 0 ? root : path_open(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct statx found;
	size_t named;

	text_add(&text, "HOME=");
	named = text.used;
	if (file >= 0 && sys_statx(file, STATX_TYPE, &found) == 0 && (found.stx_mode & S_IFMT) == S_IFREG)
		find_home(file, (u32)sys(getuid), &text);
	if (text.used == named)
		text_add(&text, "/");
	return home;
}

/* ---- the operations ---- */

char **pointer_list(size_t count)
{
	long list = sys(mmap, NULL, (count + 1) * sizeof(char *), 3 /* read, write */, 0x22 /* private, anonymous */, -1);

	return list < 0 && list > -4096 ? NULL : (char **)list;
}

int op_program(struct run *run, const struct op_program *op)
{
	const u8 *at = op->args.at;
	u32 put = 0;
	bool homed = false;

	run->args = pointer_list(op->args.count);
	run->envp = pointer_list((size_t)op->env.count + 1);
	if (!run->args || !run->envp)
		return fail(run, -ENOMEM, "mmap", "the program's arguments");
	for (u32 i = 0; i < op->args.count; i++)
		run->args[i] = (char *)(size_t)strs_next(&at);
	at = op->env.at;
	for (u32 i = 0; i < op->env.count; i++) {
		const char *entry = strs_next(&at);
		const char *home = text_after(entry, "HOME=");

		if (op->fillHome && home && !*home)
			continue;
		homed = homed || home;
		run->envp[put++] = (char *)(size_t)entry;
	}
	if (op->fillHome && !homed)
		run->envp[put] = home_variable();
	return find_program(run);
}

/*
 * Foreign descriptors go now and not at execve: a container may wait for `start` long, and they can be the end of a pipe
 * whose reader waits too. This program's own are close-on-exec.
 */
int op_closeFrom(struct run *run, const struct op_closeFrom *op)
{
	const int own[] = { run->host, run->listen, run->process, run->root, run->proc, run->null.fd, run->empty.fd };
	u32 from = op->first;
	u32 until;

	do {
		long rc = 0;

		until = ~0u;
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			if (own[i] >= 0 && (u32)own[i] >= from && (u32)own[i] < until)
				until = (u32)own[i];
		if (until > from)
			rc = sys(close_range, from, until == ~0u ? until : until - 1, 0);
		if (rc < 0)
			return fail(run, rc, "close_range", "the descriptors not to be inherited");
		from = until + 1;
	} while (until != ~0u);
	return 0;
}

static void close_held(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

/*
 * What would let somebody in the container reach the host, or weighs on a container that waits, goes now. The
 * conversation ends where `start` will be another process; else it lasts until execve, whose failure it tells.
 */
int op_ready(struct run *run, const struct op_ready *op)
{
	(void)op;
	close_held(&run->proc);
	close_held(&run->null.fd);
	close_held(&run->empty.fd);
	close_held(&run->root);
	if (ask(run, MESSAGE_ASKS_READY, 0, NULL) < 0)
		return -1;
	if (run->listen >= 0 && plan_has(&run->plan, OP_awaitStart))
		close_held(&run->host);
	return 0;
}

int op_awaitStart(struct run *run, const struct op_awaitStart *op)
{
	(void)op;
	if (run->listen < 0)
		return 0;
	/* The plan's pages come back when they are used again: its arguments at execve. */
	(void)sys(madvise, run->plan.at, run->plan.length, 4 /* MADV_DONTNEED */);
	return await_start(run);
}

int op_exec(struct run *run, const struct op_exec *op)
{
	long rc;

	(void)op;
	(void)sys(umask, run->umask);
	if (say_exec(run) < 0)
		return -1;
	rc = install_pending(run);
	if (rc < 0)
		return fail(run, rc, "seccomp", "the filter");
	/* From here on a filter may forbid anything. */
	rc = sys(execve, run->path, run->args, run->envp);
	return fail(run, rc, "execve", run->path);
}
