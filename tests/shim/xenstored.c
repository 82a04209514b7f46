// SPDX-License-Identifier: LGPL-2.1-or-later
// The real xenstored without a hypervisor: stands in for what Xen gives it at start.
//
// A domain that is introduced (tests/netns/introduce) gets a ring in shared memory, as on
// Xen; ring.h is its other end, a socket in xenstored's directory that is called
// "domain-N". Who connects there has domain N's rights, and no others.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

#include "ring.h"

/* Handles are opaque to xenstored; it only compares them with NULL. */
static char handle;

/* The two files in which Linux tells where dom0's own ring is. */
static int xen_file(const char *path)
{
	static const char port[] = "1";
	int fd;

	if (!strcmp(path, "/proc/xen/xsd_port")) {
		fd = memfd_create("xsd_port", MFD_CLOEXEC);
		if (fd >= 0 &&
		    (write(fd, port, sizeof(port) - 1) < 0 || lseek(fd, 0, SEEK_SET)))
			return -1;
		return fd;
	}
	fd = memfd_create("xsd_kva", MFD_CLOEXEC);
	if (fd >= 0 && ftruncate(fd, getpagesize()))
		return -1;
	return fd;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (!strncmp(path, "/proc/xen/xsd_", 14))
		return xen_file(path);
	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* It says that it is ready, which not every version has an option for. */
int listen(int fd, int backlog)
{
	static const char ready[] = "ready\n";
	static bool said;
	int rc = (int)syscall(SYS_listen, fd, backlog);

	if (!rc && !said && write(STDOUT_FILENO, ready, sizeof(ready) - 1) < 0)
		return -1;
	said = true;
	return rc;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild,
				unsigned int flags)
{
	return (xc_interface *)&handle;
}

int xc_interface_close(xc_interface *xch)
{
	return 0;
}

/* Every domain exists, so that nodes can be given to guests as libxl does. */
#if XEN_DOMCTL_INTERFACE_VERSION >= 0x16 /* Xen 4.18 */
int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = domid;
	info->flags = XEN_DOMINF_running;
	return 0;
}
#else
int xc_domain_getinfo(xc_interface *xch, uint32_t domid, unsigned int max,
		      xc_dominfo_t *info)
{
	memset(info, 0, sizeof(*info));
	info->domid = domid;
	info->running = 1;
	return 1;
}
#endif

xenevtchn_handle *xenevtchn_open(xentoollog_logger *logger, unsigned int flags)
{
	return ring_events() < 0 ? NULL : (xenevtchn_handle *)&handle;
}

int xenevtchn_fd(xenevtchn_handle *xce)
{
	return ring_events();
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce,
						     uint32_t domid, evtchn_port_t port)
{
	return RING_PORT(domid);
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *xce, unsigned int virq)
{
	return 1;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
	return ring_pending();
}

int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port)
{
	return 0;
}

int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port)
{
	return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
	ring_notify(port);
	return 0;
}

xengnttab_handle *xengnttab_open(xentoollog_logger *logger, unsigned int flags)
{
	return (xengnttab_handle *)&handle;
}

int xengnttab_close(xengnttab_handle *xgt)
{
	return 0;
}

int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t max)
{
	return 0;
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref,
			      int prot)
{
	return ring_make(domid);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start, uint32_t count)
{
	return 0; /* its ring lives on */
}
