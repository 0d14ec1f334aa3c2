/*
 * Moving network devices between network namespaces (rtnetlink(7)). A netlink socket belongs to the namespace it was made
 * in, for good: so only a child that shares this process's memory and descriptors enters a namespace, for as long as it takes
 * to open one there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib.h"

/* What failed: out[0] of ts_netdev_move, by which src/spawn/net-devices.ts knows it. */
enum step { STEP_ENTER, STEP_FIND, STEP_TAKEN, STEP_MOVE, STEP_RENAME, STEP_ADDRESS, STEP_UP };

#define ANSWER_BYTES 65536
#define BODY_BYTES 1024
#define ADDRESS_BYTES 256

struct request {
	struct nlmsghdr head;
	uint8_t body[BODY_BYTES];
};

/* One side of a move. */
struct side {
	int ns;
	int socket;
};

struct device {
	int index;
	unsigned int flags;
	char name[IFNAMSIZ];
};

/* A permanent address of global scope, as the request that adds it. */
struct address {
	struct ifaddrmsg about;
	uint32_t flags;
	uint8_t attributes[ADDRESS_BYTES]; /* IFA_LOCAL, IFA_ADDRESS, IFA_BROADCAST as they came */
	size_t size;
};

struct addresses {
	int index; /* of the device they are looked for of */
	struct address *list;
	size_t count;
};

/* ---- messages ---- */

static void begin(struct request *request, int type, int flags, const void *about, size_t size)
{
	memset(request, 0, sizeof *request);
	request->head.nlmsg_type = (uint16_t)type;
	request->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	memcpy(request->body, about, size);
}

/* Bodies are small and of known size: each request of this file fits. */
static void put(struct request *request, int type, const void *value, size_t size)
{
	size_t at = NLMSG_ALIGN(request->head.nlmsg_len);
	struct rtattr *attribute = (struct rtattr *)(void *)((uint8_t *)request + at);

	attribute->rta_type = (uint16_t)type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
	request->head.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute->rta_len));
}

typedef int (*reader)(const struct nlmsghdr *message, void *to);

/* One datagram of answers: 1 where more come, 0 or -errno where this was the end. */
static int read_answers(const struct nlmsghdr *head, size_t size, reader each, void *to)
{
	for (; NLMSG_OK(head, size); head = NLMSG_NEXT(head, size)) {
		if (head->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
		if (head->nlmsg_type == NLMSG_DONE)
			return 0;
		int error = each == NULL ? 0 : each(head, to);

		if (error < 0)
			return error;
	}
	return 1;
}

/* Sends a request and hears all of its answers; those that are no acknowledgement go to `each`. */
static int talk(int socket, struct request *request, reader each, void *to)
{
	static union {
		struct nlmsghdr head;
		uint8_t bytes[ANSWER_BYTES];
	} answer;
	int more = 1;

	if ((request->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->head.nlmsg_flags |= NLM_F_ACK;
	if (send(socket, request, request->head.nlmsg_len, 0) < 0)
		return -errno;
	while (more == 1) {
		ssize_t got = recv(socket, &answer, sizeof answer, MSG_TRUNC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if ((size_t)got > sizeof answer)
			return -EMSGSIZE;
		more = read_answers(&answer.head, (size_t)got, each, to);
	}
	return more;
}

/* ---- namespaces ---- */

static int open_inside(void *argument)
{
	struct side *side = argument;

	if (setns(side->ns, CLONE_NEWNET) < 0)
		side->socket = -errno;
	else {
		int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

		side->socket = fd < 0 ? -errno : fd;
	}
	return 0;
}

/* A socket in the namespace of side->ns. */
static int open_side(struct side *side)
{
	static char stack[16384] __attribute__((aligned(16)));
	pid_t pid;

	side->socket = -ECHILD;
	pid = clone(open_inside, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, side);
	if (pid < 0)
		return -errno;
	(void)waitpid(pid, NULL, 0);
	return side->socket < 0 ? side->socket : 0;
}

/* ---- devices ---- */

static int read_device(const struct nlmsghdr *message, void *to)
{
	const struct ifinfomsg *about = NLMSG_DATA(message);
	struct device *device = to;
	size_t left = message->nlmsg_len - NLMSG_LENGTH(sizeof *about);

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	device->index = about->ifi_index;
	device->flags = about->ifi_flags;
	for (const struct rtattr *each = IFLA_RTA(about); RTA_OK(each, left); each = RTA_NEXT(each, left))
		if (each->rta_type == IFLA_IFNAME)
			(void)snprintf(device->name, sizeof device->name, "%s", (const char *)RTA_DATA(each));
	return 0;
}

/* By name, or by index where the name is NULL. */
static int find(int socket, const char *name, int index, struct device *device)
{
	const struct ifinfomsg about = { .ifi_index = name == NULL ? index : 0 };
	const uint32_t mask = RTEXT_FILTER_SKIP_STATS;
	struct request request;

	begin(&request, RTM_GETLINK, 0, &about, sizeof about);
	put(&request, IFLA_EXT_MASK, &mask, sizeof mask);
	if (name != NULL)
		put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return talk(socket, &request, read_device, device);
}

static int rename_device(int socket, int index, const char *name)
{
	const struct ifinfomsg about = { .ifi_index = index };
	struct request request;

	begin(&request, RTM_NEWLINK, 0, &about, sizeof about);
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return talk(socket, &request, NULL, NULL);
}

static int set_up(int socket, int index)
{
	const struct ifinfomsg about = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request request;

	begin(&request, RTM_NEWLINK, 0, &about, sizeof about);
	return talk(socket, &request, NULL, NULL);
}

/* Into another namespace, where it has this name afterwards. The kernel takes it down before. */
static int send_device(const struct side *from, const struct side *to, int index, const char *name)
{
	const struct ifinfomsg about = { .ifi_index = index };
	const uint32_t ns = (uint32_t)to->ns;
	struct request request;

	begin(&request, RTM_NEWLINK, 0, &about, sizeof about);
	put(&request, IFLA_NET_NS_FD, &ns, sizeof ns);
	put(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return talk(from->socket, &request, NULL, NULL);
}

/* ---- addresses ---- */

/* Flags that whoever adds an address chooses (ip-address(8)). */
#define CHOSEN_FLAGS (IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

static void keep_attribute(struct address *address, const struct rtattr *attribute)
{
	size_t size = RTA_ALIGN(attribute->rta_len);

	if (address->size + size > sizeof address->attributes)
		return;
	memcpy(address->attributes + address->size, attribute, attribute->rta_len);
	address->size += size;
}

static int read_address(const struct nlmsghdr *message, void *to)
{
	const struct ifaddrmsg *about = NLMSG_DATA(message);
	struct addresses *addresses = to;
	struct address address = { .about = *about, .flags = about->ifa_flags };
	size_t left = message->nlmsg_len - NLMSG_LENGTH(sizeof *about);
	struct address *grown;

	if (message->nlmsg_type != RTM_NEWADDR || (int)about->ifa_index != addresses->index)
		return 0;
	for (const struct rtattr *each = IFA_RTA(about); RTA_OK(each, left); each = RTA_NEXT(each, left)) {
		if (each->rta_type == IFA_FLAGS)
			memcpy(&address.flags, RTA_DATA(each), sizeof address.flags);
		else if (each->rta_type == IFA_LOCAL || each->rta_type == IFA_ADDRESS ||
			 each->rta_type == IFA_BROADCAST)
			keep_attribute(&address, each);
	}
	if (!(address.flags & IFA_F_PERMANENT) || about->ifa_scope != RT_SCOPE_UNIVERSE)
		return 0;
	grown = realloc(addresses->list, (addresses->count + 1) * sizeof *grown);
	if (grown == NULL)
		return -ENOMEM;
	grown[addresses->count++] = address;
	addresses->list = grown;
	return 0;
}

static int list_addresses(int socket, struct addresses *addresses)
{
	const struct ifaddrmsg about = { .ifa_family = AF_UNSPEC };
	struct request request;

	begin(&request, RTM_GETADDR, NLM_F_DUMP, &about, sizeof about);
	return talk(socket, &request, read_address, addresses);
}

static int add_addresses(int socket, int index, const struct addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct address *address = &addresses->list[i];
		struct ifaddrmsg about = address->about;
		uint32_t flags = address->flags & CHOSEN_FLAGS;
		struct request request;
		int error;

		about.ifa_index = (uint32_t)index;
		about.ifa_flags = (uint8_t)flags;
		begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &about, sizeof about);
		memcpy(request.body + NLMSG_ALIGN(sizeof about), address->attributes, address->size);
		request.head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request.head.nlmsg_len) + address->size);
		put(&request, IFA_FLAGS, &flags, sizeof flags);
		error = talk(socket, &request, NULL, NULL);
		if (error < 0)
			return error;
	}
	return 0;
}

/* ---- the move ---- */

/* What has arrived gets its name, its addresses, and is set up. */
static int settle(int socket, int index, const char *name, const struct addresses *addresses, bool up, int32_t *step)
{
	int error;

	*step = STEP_RENAME;
	error = rename_device(socket, index, name);
	if (error == 0) {
		*step = STEP_ADDRESS;
		error = add_addresses(socket, index, addresses);
	}
	if (error == 0 && up) {
		*step = STEP_UP;
		error = set_up(socket, index);
	}
	return error;
}

/*
 * It travels under a name that nobody else has, so that it is found again whatever the kernel made of its index, and so that
 * neither its old nor its new name can be in its way. What fails afterwards takes it back.
 */
static int transfer(const struct side *from, const struct side *to, const struct device *device, const char *name,
		    const struct addresses *addresses, int32_t *step)
{
	struct device arrived = { 0 };
	char travelling[IFNAMSIZ];
	uint32_t chance;
	int32_t ignored;
	int error;

	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
		chance = (uint32_t)getpid();
	(void)snprintf(travelling, sizeof travelling, "move%08x", chance);
	*step = STEP_MOVE;
	error = send_device(from, to, device->index, travelling);
	if (error == 0)
		error = find(to->socket, travelling, 0, &arrived);
	if (error < 0)
		return error;
	error = settle(to->socket, arrived.index, name, addresses, true, step);
	if (error == 0)
		return arrived.index;
	if (send_device(to, from, arrived.index, travelling) == 0 && find(from->socket, travelling, 0, &arrived) == 0)
		(void)settle(from->socket, arrived.index, device->name, addresses, device->flags & IFF_UP, &ignored);
	return error;
}

static int move_between(struct side *from, struct side *to, const char *name, const char *new_name, char *final,
			int32_t *step)
{
	struct device device = { 0 };
	struct device other = { 0 };
	struct addresses addresses = { 0 };
	int error;

	*step = STEP_FIND;
	error = find(from->socket, name, 0, &device);
	if (error < 0)
		return error;
	*step = STEP_TAKEN;
	/* Of a pattern, such as eth%d, the kernel makes a name that is free. */
	if (strchr(new_name, '%') == NULL && find(to->socket, new_name, 0, &other) == 0)
		return -EEXIST;
	*step = STEP_ADDRESS;
	addresses.index = device.index;
	error = list_addresses(from->socket, &addresses);
	if (error == 0)
		error = transfer(from, to, &device, new_name, &addresses, step);
	free(addresses.list);
	if (error > 0 && find(to->socket, NULL, error, &other) == 0)
		memcpy(final, other.name, sizeof other.name);
	return error;
}

int ts_netdev_move(int from_ns, int to_ns, const char *name, const char *new_name, uint8_t *final, int32_t *step)
{
	struct side from = { from_ns, -1 };
	struct side to = { to_ns, -1 };
	int error;

	*step = STEP_ENTER;
	error = open_side(&from);
	if (error == 0)
		error = open_side(&to);
	if (error == 0)
		error = move_between(&from, &to, name, new_name, (char *)final, step);
	if (from.socket >= 0)
		(void)close(from.socket);
	if (to.socket >= 0)
		(void)close(to.socket);
	return error;
}

int ts_netdev_find(const char *name)
{
	unsigned int index = if_nametoindex(name);

	return index == 0 ? -errno : (int)index;
}
