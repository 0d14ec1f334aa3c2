/* Memory files, sealed: what a container is given of them it cannot change. */
#define _GNU_SOURCE
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib.h"

/* Kernel 6.3; older headers lack them and older kernels answer EINVAL, for which there is a second try. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int sealable(const char *name, int is_program)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	long fd = syscall(SYS_memfd_create, name, is_program ? flags | MFD_EXEC : flags);
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_memfd_create, name, flags);
	return fd < 0 ? -errno : (int)fd;
}

int seal(int fd, int error)
{
	if (error == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		error = -errno;
	if (error < 0) {
		(void)close(fd);
		return error;
	}
	return fd;
}

int sealed_program(const char *name, const void *bytes, size_t length)
{
	int fd = sealable(name, 1);
	int written = fd < 0 ? fd : ts_write(fd, bytes, (int)length);
	return fd < 0 ? fd : seal(fd, written < 0 ? written : 0);
}

int ts_memfd(const char *name, const uint8_t *bytes, int length)
{
	int fd = sealable(name, 0);
	if (fd < 0)
		return fd;
	int written = ts_write(fd, bytes, length);
	return seal(fd, written < 0 ? written : 0);
}

int ts_shared(const char *name, int length)
{
	int fd = sealable(name, 0);
	if (fd < 0)
		return fd;
	int error = ftruncate(fd, length) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) < 0 ? -errno : 0;
	if (error < 0)
		(void)close(fd);
	return error < 0 ? error : fd;
}
