/*
 * System calls without a C library: tsrun-init is the container's first process until `start`, so every page it maps is
 * paid once a container. Each wrapper answers what the kernel answers: a value >= 0, or -errno. The numbers and the
 * structs are the kernel's own (UAPI headers); the same code works inside a hosted program, which the tests use.
 */
#ifndef TSRUN_SYS_H
#define TSRUN_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;

#if defined(__x86_64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long sys6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "tsrun-init knows x86_64 and aarch64"
#endif

/* sys(name, up to six arguments): integers and pointers alike, each widened to a long. */
#define SYS_7(n, a, b, c, d, e, f) \
	sys6(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define SYS_6(n, a, b, c, d, e) SYS_7(n, a, b, c, d, e, 0)
#define SYS_5(n, a, b, c, d) SYS_7(n, a, b, c, d, 0, 0)
#define SYS_4(n, a, b, c) SYS_7(n, a, b, c, 0, 0, 0)
#define SYS_3(n, a, b) SYS_7(n, a, b, 0, 0, 0, 0)
#define SYS_2(n, a) SYS_7(n, a, 0, 0, 0, 0, 0)
#define SYS_1(n) SYS_7(n, 0, 0, 0, 0, 0, 0)
#define SYS_PICK(a, b, c, d, e, f, g, pick, ...) pick
#define sys(...) SYS_PICK(__VA_ARGS__, SYS_7, SYS_6, SYS_5, SYS_4, SYS_3, SYS_2, SYS_1, 0)(__VA_ARGS__)

/* Newer than some distributions' headers. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

/* ---- files ---- */

static inline int sys_openat(int dir, const char *path, int flags, u32 mode)
{
	return (int)sys(openat, dir, path, flags | O_CLOEXEC, mode);
}

static inline int sys_openat2(int dir, const char *path, const struct open_how *how)
{
	return (int)sys(openat2, dir, path, how, sizeof(*how));
}

/* Results of close(2) say nothing that could be acted on here: nothing is written through these descriptors later. */
static inline void sys_close(int fd)
{
	(void)sys(close, fd);
}

static inline void close_auto(const int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
}
/* A descriptor that is closed when its name goes out of scope. */
#define AUTO_FD __attribute__((cleanup(close_auto))) int

static inline int sys_statx(int fd, u32 mask, struct statx *out)
{
	return (int)sys(statx, fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, mask, out);
}

static inline int sys_readlinkat(int dir, const char *path, char *to, size_t size)
{
	return (int)sys(readlinkat, dir, path, to, size);
}

static inline long sys_read(int fd, void *to, size_t size)
{
	long got;

	do
		got = sys(read, fd, to, size);
	while (got == -EINTR);
	return got;
}

static inline long sys_write(int fd, const void *from, size_t size)
{
	long put;

	do
		put = sys(write, fd, from, size);
	while (put == -EINTR);
	return put;
}

static inline int sys_mkdirat(int dir, const char *name, u32 mode)
{
	return (int)sys(mkdirat, dir, name, mode);
}

static inline int sys_mknodat(int dir, const char *name, u32 mode, u64 device)
{
	return (int)sys(mknodat, dir, name, mode, device);
}

static inline int sys_chown_fd(int fd, u32 uid, u32 gid)
{
	return (int)sys(fchownat, fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static inline int sys_dup_above(int fd, int least)
{
	return (int)sys(fcntl, fd, F_DUPFD_CLOEXEC, least);
}

/* ---- mounts: the descriptor-based interface ---- */

static inline int sys_open_tree(int dir, const char *path, u32 flags)
{
	return (int)sys(open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}

/* Attach the detached tree `tree` exactly at what `place` refers to; no name is looked up. */
static inline int sys_attach(int tree, int place)
{
	return (int)sys(move_mount, tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int sys_mount_setattr(int fd, u32 flags, const struct mount_attr *attr)
{
	return (int)sys(mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr));
}

static inline int sys_mount(const char *source, const char *target, const char *type, u64 flags, const char *data)
{
	return (int)sys(mount, source, target, type, flags, data);
}

static inline int sys_fsconfig(int fs, u32 command, const char *key, const char *value)
{
	return (int)sys(fsconfig, fs, command, key, value, 0);
}

/* ---- processes ---- */

static inline int sys_prctl(int option, long a, long b)
{
	return (int)sys(prctl, option, a, b, 0, 0);
}

__attribute__((noreturn)) static inline void sys_exit(int code)
{
	for (;;) {
		(void)sys(exit_group, code);
		/* A filter forbids it: an illegal instruction ends the process too. */
		__builtin_trap();
	}
}

#endif
