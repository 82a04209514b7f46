// SPDX-License-Identifier: LGPL-2.1-or-later
// A stand-in for Xen's xen-9pfsd: the same nodes in xenstore in the same order, and the
// directory is opened, but no guest is served (Xen's tools/9pfsd/xen-9pfsd.c).
//
// /run/9pfsd.delay   if it is there, the daemon is not ready before it has gone
// /run/9pfsd.fail    if it is there, it ends at once

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xenstore.h>

static struct xs_handle *xs;

static struct device {
	unsigned int domid, devid;
	int fd;
	bool used, seen;
} devices[64];

static char *node(const struct device *d, const char *name)
{
	static char path[100];

	snprintf(path, sizeof(path), "backend/xen_9pfs/%u/%u/%s", d->domid, d->devid,
		 name);
	return path;
}

static void put(const struct device *d, const char *name, const char *value)
{
	xs_write(xs, XBT_NULL, node(d, name), value, strlen(value));
}

static void make_path(char *path)
{
	for (char *p = path; p;) {
		p = strchr(p + 1, '/');
		if (p)
			*p = '\0';
		mkdir(path, 0777);
		if (p)
			*p = '/';
	}
}

static bool open_device(struct device *d)
{
	char *model = xs_read(xs, XBT_NULL, node(d, "security_model"), NULL);
	char *path = xs_read(xs, XBT_NULL, node(d, "path"), NULL);
	bool ok = model && !strcmp(model, "none") && path && *path == '/' &&
		  path[strlen(path) - 1] != '/';

	if (ok) {
		make_path(path);
		d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ok = d->fd >= 0;
	}
	free(model);
	free(path);
	if (!ok)
		return false;
	put(d, "versions", "1");
	put(d, "max-rings", "4");
	put(d, "max-ring-page-order", "9");
	put(d, "state", "2");
	return true;
}

static void see(unsigned int domid, unsigned int devid)
{
	struct device *slot = NULL;

	for (struct device *d = devices; d < devices + 64; d++) {
		if (d->used && d->domid == domid && d->devid == devid) {
			d->seen = true;
			return;
		}
		if (!d->used)
			slot = d;
	}
	if (!slot)
		errx(1, "too many devices");
	*slot = (struct device){ .domid = domid, .devid = devid };
	slot->used = slot->seen = open_device(slot);
}

static void scan(void)
{
	unsigned int n, m;
	char path[64], **doms = xs_directory(xs, XBT_NULL, "backend/xen_9pfs", &n),
		       **devs;

	for (struct device *d = devices; d < devices + 64; d++)
		d->seen = false;
	for (unsigned int i = 0; doms && i < n; i++) {
		snprintf(path, sizeof(path), "backend/xen_9pfs/%s", doms[i]);
		devs = xs_directory(xs, XBT_NULL, path, &m);
		for (unsigned int k = 0; devs && k < m; k++)
			see((unsigned int)atoi(doms[i]), (unsigned int)atoi(devs[k]));
		free(devs);
	}
	free(doms);
	for (struct device *d = devices; d < devices + 64; d++) {
		if (d->used && !d->seen) {
			close(d->fd);
			d->used = false;
		}
	}
}

int main(void)
{
	struct pollfd p = { .events = POLLIN };
	char **event;

	umask(027);
	if (access("/run/9pfsd.fail", F_OK) == 0)
		return 1;
	while (access("/run/9pfsd.delay", F_OK) == 0)
		usleep(10000);
	xs = xs_open(0);
	if (!xs)
		err(1, "xenstored");
	if (xs_read(xs, XBT_NULL, "libxl/xen-9pfs/state", NULL))
		return 0; /* another one runs */
	xs_write(xs, XBT_NULL, "libxl/xen-9pfs/state", "running", 7);
	xs_watch(xs, "backend/xen_9pfs", "main");
	p.fd = xs_fileno(xs);
	for (;;) {
		poll(&p, 1, -1);
		while ((event = xs_check_watch(xs))) {
			free(event);
			scan();
		}
	}
}
