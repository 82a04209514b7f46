// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor for block: what it costs if nothing is checked, recorded or explained.
//
// floor_disk add|remove, in libxl's environment. It makes the xenstore calls and ioctls
// without which a disk is not attached; what it wrote it takes away again.

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <xenstore.h>

static struct xs_handle *xs;
static char path[256];

static const char *at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", getenv("XENBUS_PATH"), name);
	return path;
}

static char *node(const char *name)
{
	unsigned int len;

	return xs_read(xs, XBT_NULL, at(name), &len);
}

static void put(xs_transaction_t t, const char *name, const char *value)
{
	if (!xs_write(xs, t, at(name), value, strlen(value)))
		err(1, "xenstore-write %s", name);
}

static int make_loop(const char *file, const char *mode, char *ret)
{
	struct loop_config config = { 0 };
	bool writes = *mode == 'w';
	int fd = open(file, writes ? O_RDWR : O_RDONLY), loop;
	int control = open("/dev/loop-control", O_RDWR);

	config.fd = fd;
	config.info.lo_flags = writes ? 0 : LO_FLAGS_READ_ONLY;
	for (;;) {
		sprintf(ret, "/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
		loop = open(ret, writes ? O_RDWR : O_RDONLY);
		if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			return loop;
		if (errno != EBUSY) /* somebody else was faster */
			err(1, "%s", ret);
		close(loop);
	}
}

static void add(void)
{
	char *params = node("params"), *mode = node("mode"), dev[32], number[32];
	xs_transaction_t t;
	struct stat st;
	bool is_file;

	if (stat(params, &st) < 0)
		err(1, "%s", params);
	is_file = S_ISREG(st.st_mode);
	if (is_file)
		fstat(make_loop(params, mode, dev), &st);
	else
		snprintf(dev, sizeof(dev), "%s", params);
	snprintf(number, sizeof(number), "%x:%x", major(st.st_rdev), minor(st.st_rdev));
	do {
		t = xs_transaction_start(xs);
		free(xs_read(xs, t, at("state"), &(unsigned int){ 0 }));
		if (is_file)
			put(t, "node", dev);
		put(t, "physical-device-path", dev);
		put(t, "physical-device", number);
		put(t, "hotplug-status", "connected");
	} while (!xs_transaction_end(xs, t, false));
}

static void drop(void)
{
	char *dev = node("node");
	xs_transaction_t t;

	do {
		t = xs_transaction_start(xs);
		xs_rm(xs, t, at("physical-device"));
		xs_rm(xs, t, at("physical-device-path"));
		if (dev)
			xs_rm(xs, t, at("node"));
	} while (!xs_transaction_end(xs, t, false));
	if (dev && ioctl(open(dev, O_RDONLY), LOOP_CLR_FD) < 0)
		err(1, "%s", dev);
}

int main(int argc, char **argv)
{
	xs = xs_open(0);
	if (!xs || argc != 2)
		errx(1, "usage: floor_disk add|remove, with xenstored running");
	if (!strcmp(argv[1], "add"))
		add();
	else
		drop();
	return 0;
}
