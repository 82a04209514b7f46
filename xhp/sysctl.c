// SPDX-License-Identifier: LGPL-2.1-or-later
// Kernel settings below /proc/sys.

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "mem.h"
#include "sysctl.h"
#include "trace.h"

static int sysctl_open(const char *name, int flags, struct xhp_err *err)
{
	int fd = open(mem_printf("/proc/sys/%s", name), flags | O_CLOEXEC);

	return fd < 0 ? err_sys(err, -errno, "kernel setting %s", name) : fd;
}

int sysctl_read(const char *name, const char **ret, struct xhp_err *err)
{
	CLEANUP_FD int fd = sysctl_open(name, O_RDONLY, err);
	char text[256];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_sys(err, -errno, "kernel setting %s", name);
	while (n && text[n - 1] == '\n')
		n--;
	*ret = mem_strndup(text, (size_t)n);
	TRACE("sysctl read %s = %s", name, *ret);
	return 0;
}

int sysctl_write(const char *name, const char *value, struct xhp_err *err)
{
	CLEANUP_FD int fd = sysctl_open(name, O_WRONLY, err);

	TRACE("sysctl write %s = %s", name, value);
	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		return err_sys(err, -errno, "kernel setting %s = %s", name, value);
	return 0;
}
