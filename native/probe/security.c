/* Privileges: capabilities, no_new_privs, seccomp, keyring. All by system call, so that no /proc is needed. */
#include "probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long long joined(unsigned int low, unsigned int high)
{
	return (unsigned long long)low | (unsigned long long)high << 32;
}

/* The five sets as hexadecimal masks, and the securebits. */
int verb_caps(int argc, char **argv)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	unsigned long long bounding = 0, ambient = 0;

	(void)argc;
	(void)argv;
	if (syscall(SYS_capget, &header, data) < 0)
		return refused("capget");
	for (unsigned long cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			bounding |= 1ULL << cap;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			ambient |= 1ULL << cap;
	}
	json_open(NULL);
	json_hex("bounding", bounding);
	json_hex("effective", joined(data[0].effective, data[1].effective));
	json_hex("inheritable", joined(data[0].inheritable, data[1].inheritable));
	json_hex("permitted", joined(data[0].permitted, data[1].permitted));
	json_hex("ambient", ambient);
	json_int("securebits", prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
	json_close();
	return 0;
}

/* What else prctl knows: no_new_privs, seccomp's mode, dumpability, the parent-death signal. */
int verb_nnp(int argc, char **argv)
{
	int death = 0, subreaper = 0;

	(void)argc;
	(void)argv;
	if (prctl(PR_GET_PDEATHSIG, &death, 0, 0, 0) < 0 || prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0) < 0)
		return refused("prctl");
	json_open(NULL);
	json_int("noNewPrivileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	json_int("seccomp", prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	json_int("dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	json_int("parentDeathSignal", death);
	json_int("childSubreaper", subreaper);
	json_close();
	return 0;
}

/* The session keyring's description without its number: type;uid;gid;permissions;name. */
int verb_keyring(int argc, char **argv)
{
	char text[256];
	long length;

	(void)argc;
	(void)argv;
	length = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof(text));
	if (length < 0)
		return refused("keyctl");
	json_open(NULL);
	json_string("session", text);
	json_close();
	return 0;
}
