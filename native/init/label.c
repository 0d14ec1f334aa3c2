/*
 * Labels of security modules. The kernel keeps what is written here with the process until its next execve (or its next
 * keyring), through forks and changes of ids; it takes it from the very task and with the very credentials that opened the
 * file (fs/proc/base.c, proc_pid_attr_write), so that nothing can be opened in advance. The file is found from the private
 * procfs handle: a label that went elsewhere would leave the program unconfined (CVE-2019-16884, CVE-2025-52881).
 */
#include "path.h"
#include "run.h"

/* The kernel takes a page at most. */
#define LABEL_BYTES 4096

struct attribute {
	const char *name;
	const char *prefix; /* of what is written */
};

/*
 * AppArmor's own file, which each kernel with AppArmor has since 5.8: attr/exec belongs to whichever module came first, and
 * another one would take a profile's name for something else.
 */
static const struct attribute attributes[] = {
	[PLAN_LABEL_APPARMOR_EXEC] = { "attr/apparmor/exec", "exec " },
	[PLAN_LABEL_SELINUX_EXEC] = { "attr/exec", "" },
	[PLAN_LABEL_SELINUX_KEY] = { "attr/keycreate", "" },
};

int op_label(struct run *run, const struct op_label *op)
{
	char label[LABEL_BYTES];
	char place[48];
	struct text text = text_in(label, sizeof(label));
	struct text subject = text_in(place, sizeof(place));
	const struct attribute *attribute;
	long rc;

	if (op->attribute >= sizeof(attributes) / sizeof(attributes[0]) || !op->label[0])
		return refuse(run, FAILURE_PLAN, EINVAL, "label", "no such attribute, or no label");
	attribute = &attributes[op->attribute];
	text_add(&subject, "/proc/self/");
	text_add(&subject, attribute->name);
	text_add(&text, attribute->prefix);
	text_add(&text, op->label);
	if (text.cut)
		return fail(run, -ENAMETOOLONG, "write", keep(run, place));
	if (run->proc < 0 && proc_open(run) < 0)
		return -1;
	AUTO_FD fd = proc_open_own(run, attribute->name, O_WRONLY);

	if (fd < 0)
		return fail(run, fd, "openat2", keep(run, place));
	rc = sys_write(fd, text.at, text.used);
	if (rc < 0)
		return fail_more(run, rc, "write", place, label);
	return (size_t)rc == text.used ? 0 : fail_more(run, -EIO, "write", place, "written in part");
}

/* For filesystems that take a label afterwards, and no `context` when they are made. */
int op_fileLabel(struct run *run, const struct op_fileLabel *op)
{
	AUTO_FD place = path_open(run->root, op->target, O_RDONLY | O_DIRECTORY | O_NOCTTY, 0);
	long rc;

	if (place < 0)
		return fail(run, place, "openat2", op->target);
	rc = sys(fsetxattr, place, "security.selinux", op->label, strlen(op->label) + 1, 0);
	return rc < 0 ? fail_more(run, rc, "fsetxattr", op->target, op->label) : 0;
}

static bool is_context(const char *option)
{
	return text_after(option, "context=") || text_after(option, "fscontext=") ||
	       text_after(option, "defcontext=") || text_after(option, "rootcontext=");
}

void label_add_option(struct text *to, const char *option)
{
	const char *value = is_context(option) ? text_find(option, '=') + 1 : NULL;

	if (!value || value[0] == '"' || !text_find(value, ',')) {
		text_add(to, option);
		return;
	}
	text_add_bytes(to, option, (size_t)(value - option));
	text_add(to, "\"");
	text_add(to, value);
	text_add(to, "\"");
}
