/*
 * After the container's end. What nearly always happens is done here: cgroups that are empty and a folder of known files are
 * removed. Anything else, and whatever a person has to be told of, is left to the command that the orders name.
 */
#include <linux/signal.h>

#include "supervise.h"

#define LOCK_EXCLUSIVE 2
#define LOCK_NOT_WAITING 4
#define UNLOCK 8
#define REMOVE_FOLDER 0x200 /* AT_REMOVEDIR */
#define PATIENCE_MS 20 /* for another tsrun that holds the lock, and for processes that are about to leave a cgroup */
#define MOST_WORDS 32

enum folder_state { FOLDER_OURS, FOLDER_GONE, FOLDER_UNKNOWN };

/* Whether the folder that is open is still the container's: another tsrun may have deleted it, and made another one. */
static enum folder_state folder_state(int folder, const char *dir)
{
	struct statx now, then;
	int rc = sys_statx(folder, STATX_INO, &then);

	if (rc == 0)
		rc = (int)sys(statx, AT_FDCWD, dir, AT_SYMLINK_NOFOLLOW, STATX_INO, &now);
	if (rc == -ENOENT)
		return FOLDER_GONE;
	if (rc < 0)
		return FOLDER_UNKNOWN;
	return now.stx_ino == then.stx_ino && now.stx_dev_major == then.stx_dev_major &&
			       now.stx_dev_minor == then.stx_dev_minor ?
		       FOLDER_OURS :
		       FOLDER_GONE;
}

static int take_lock(int folder)
{
	int rc;

	for (int waited = 0; (rc = (int)sys(flock, folder, LOCK_EXCLUSIVE | LOCK_NOT_WAITING)) == -EAGAIN; waited++) {
		if (waited == PATIENCE_MS)
			return rc;
		pause_for(1);
	}
	return rc;
}

static int remove_cgroup(const char *path)
{
	int rc;

	for (int waited = 0; (rc = (int)sys(unlinkat, AT_FDCWD, path, REMOVE_FOLDER)) == -EBUSY; waited++) {
		if (waited == PATIENCE_MS)
			return rc;
		pause_for(1);
	}
	return rc == -ENOENT ? 0 : rc;
}

static int remove_cgroups(const struct orders *orders)
{
	int rc = 0;

	for (const char *path = NULL; rc == 0 && (path = orders_next(orders, "cgroup", path));)
		rc = remove_cgroup(path);
	for (const char *path = NULL; rc == 0 && (path = orders_next(orders, "above", path));) {
		rc = (int)sys(unlinkat, AT_FDCWD, path, REMOVE_FOLDER);
		if (rc == -ENOENT || rc == -EBUSY || rc == -ENOTEMPTY)
			rc = 0;
	}
	return rc;
}

/* Away with the name first, as src/state/store.ts does, so that nobody sees half a container. */
static int remove_folder(const struct orders *orders, int folder, const char *dir)
{
	const char *hidden = orders_next(orders, "hidden", NULL);
	int rc = hidden ? (int)sys(renameat2, AT_FDCWD, dir, AT_FDCWD, hidden, 0) : -EINVAL;

	if (rc == 0)
		rc = folder_clear(folder);
	return rc < 0 ? rc : (int)sys(unlinkat, AT_FDCWD, hidden, REMOVE_FOLDER);
}

/* The common case, by itself; -errno where it is not that. */
static int clean_up_here(const struct supervisor *super, int folder, const char *dir)
{
	const struct orders *orders = &super->orders;
	int rc = take_lock(folder);

	if (rc < 0)
		return rc;
	switch (folder_state(folder, dir)) {
	case FOLDER_GONE:
		return 0;
	case FOLDER_UNKNOWN:
		return -EIO;
	case FOLDER_OURS:
		break;
	}
	if (orders_next(orders, "keep", NULL))
		return folder_note_exit(folder, super->status);
	rc = remove_cgroups(orders);
	return rc < 0 ? rc : remove_folder(orders, folder, dir);
}

/* Runs the command that cleans up, to its end. Whoever presses ^C now must not leave half of it. */
static void run_finish(const struct supervisor *super)
{
	static const char *words[MOST_WORDS + 2];
	static char status[16];
	const u64 held = (u64)1 << (SIGHUP - 1) | (u64)1 << (SIGINT - 1) | (u64)1 << (SIGQUIT - 1) | (u64)1 << (SIGTERM - 1);
	struct text text = text_in(status, sizeof(status));
	size_t count = 0;
	long pid;

	for (const char *word = NULL; count < MOST_WORDS && (word = orders_next(&super->orders, "finish", word));)
		words[count++] = word;
	if (!count)
		return;
	text_add_signed(&text, super->status);
	words[count] = status;
	pid = sys(clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		(void)sys(rt_sigprocmask, SIG_SETMASK, &held, NULL, SIGSET_BYTES);
		(void)sys(execve, words[0], words, super->env);
		sys_exit(127);
	}
	if (pid > 0) {
		int ended = 0;

		while (sys(wait4, pid, &ended, 0, NULL) == -EINTR)
			;
		if (ended != 127 << 8)
			return;
	}
	complain("the container is not cleaned up; hint: tsrun delete --force does; cannot execute ", words[0]);
}

void clean_up(const struct supervisor *super)
{
	const char *dir = orders_next(&super->orders, "dir", NULL);
	int folder = orders_number(&super->orders, "state");
	bool killed = super->status == UNKNOWN_STATUS || (super->status & 0x7f) == SIGKILL;

	if (!dir || folder < 0)
		return;
	/* SIGKILL may have been the memory limit, which a person is told. */
	if (killed || orders_next(&super->orders, "careful", NULL)) {
		if (folder_state(folder, dir) == FOLDER_GONE)
			return;
	} else if (clean_up_here(super, folder, dir) == 0) {
		return;
	}
	(void)sys(flock, folder, UNLOCK);
	run_finish(super);
}
