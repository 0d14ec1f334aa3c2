/* What belongs to the new namespaces, and the session. */
#include <linux/keyctl.h>
#include <linux/sockios.h>

#include "run.h"

#define INTERNET 2	   /* AF_INET */
#define DATAGRAM_CLOEXEC (2 | O_CLOEXEC) /* SOCK_DGRAM | SOCK_CLOEXEC */

#define INTERFACE_UP 1 /* IFF_UP */

/* struct ifreq, as far as flags go; linux/if.h needs headers of a C library. */
struct interface_flags {
	char name[16];
	short flags;
	char rest[22];
};

/* Permission to search a key, for its owner and for everybody (linux/key.h, inside the kernel). */
#define KEY_USER_SEARCH 0x00080000u
#define KEY_OTHER_SEARCH 0x00000008u

int op_session(struct run *run, const struct op_session *op)
{
	long rc = sys(setsid);

	(void)op;
	return rc < 0 ? fail(run, rc, "setsid", "a new session") : 0;
}

int op_hostname(struct run *run, const struct op_hostname *op)
{
	long rc = sys(sethostname, op->name, strlen(op->name));

	return rc < 0 ? fail(run, rc, "sethostname", op->name) : 0;
}

int op_domainname(struct run *run, const struct op_domainname *op)
{
	long rc = sys(setdomainname, op->name, strlen(op->name));

	return rc < 0 ? fail(run, rc, "setdomainname", op->name) : 0;
}

int op_loopback(struct run *run, const struct op_loopback *op)
{
	AUTO_FD fd = (int)sys(socket, INTERNET, DATAGRAM_CLOEXEC, 0);
	struct interface_flags lo = { .name = "lo" };
	long rc = fd;

	(void)op;
	if (rc >= 0)
		rc = sys(ioctl, fd, SIOCGIFFLAGS, &lo);
	lo.flags = (short)(lo.flags | INTERFACE_UP);
	if (rc >= 0)
		rc = sys(ioctl, fd, SIOCSIFFLAGS, &lo);
	return rc < 0 ? fail(run, rc, "ioctl", "lo") : 0;
}

/* "keyring;uid;gid;3f130000;name": the fourth field, in hexadecimal. */
static u32 key_permissions(const char *description)
{
	const char *at = description;
	u32 value = 0;

	for (int field = 0; at && field < 3; field++) {
		at = text_find(at, ';');
		at = at ? at + 1 : NULL;
	}
	for (; at && *at && *at != ';'; at++)
		value = value << 4 | (u32)(*at >= 'a' ? *at - 'a' + 10 : *at - '0');
	return value;
}

/*
 * A session keyring of the container's own, so that keys of the caller are out of reach; whoever joins the container later
 * finds it by name, which takes the permission to search it. As runc's.
 */
int op_keyring(struct run *run, const struct op_keyring *op)
{
	char description[512];
	long key = sys(keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->name);
	long rc;
	u32 permissions;

	if (key == -ENOSYS)
		return 0;
	if (key < 0)
		return fail(run, key, "keyctl", "a new session keyring");
	rc = sys(keyctl, KEYCTL_DESCRIBE, key, description, sizeof(description) - 1);
	if (rc < 0)
		return fail(run, rc, "keyctl", "the session keyring's permissions");
	description[rc < (long)sizeof(description) ? (size_t)rc : sizeof(description) - 1] = '\0';
	permissions = key_permissions(description) | (run->in_userns ? KEY_OTHER_SEARCH : KEY_USER_SEARCH);
	rc = sys(keyctl, KEYCTL_SETPERM, key, permissions);
	return rc < 0 ? fail(run, rc, "keyctl", "the session keyring's permissions") : 0;
}
