// SPDX-License-Identifier: LGPL-2.1-or-later
// Device nodes that udev makes, through libudev (libudev.h), which is loaded on first
// use.

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <libudev.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "deadline.h"
#include "trace.h"
#include "udev.h"
#include "xhp.h"

#define LOOK_MS 250 /* links may also come from somebody who sends no events */

#define FUNCTIONS(f)                                        \
	f(udev_new);                                        \
	f(udev_unref);                                      \
	f(udev_monitor_new_from_netlink);                   \
	f(udev_monitor_filter_add_match_subsystem_devtype); \
	f(udev_monitor_enable_receiving);                   \
	f(udev_monitor_get_fd);                             \
	f(udev_monitor_receive_device);                     \
	f(udev_monitor_unref);                              \
	f(udev_device_new_from_devnum);                     \
	f(udev_device_get_is_initialized);                  \
	f(udev_device_get_property_value);                  \
	f(udev_device_unref)

#define DECLARE(name) __typeof__(name) *name
static struct {
	FUNCTIONS(DECLARE);
} lib;

static int libudev_load(struct xhp_err *err)
{
	static void *handle;
	void *so;

	if (handle)
		return 0;
	so = dlopen("libudev.so.1", RTLD_NOW);
	if (!so)
		return err_set(err, -ENOENT, "libudev.so.1 cannot be loaded: %s",
			       dlerror());
#define LOAD(name)                                                                     \
	do {                                                                           \
		lib.name = (__typeof__(lib.name))dlsym(so, #name);                     \
		if (!lib.name)                                                         \
			return err_set(err, -ENOSYS, "libudev.so.1 has no %s", #name); \
	} while (0)
	FUNCTIONS(LOAD);
	handle = so;
	return 0;
}

/* The link's device, if it leads to one by now. */
static const char *device_of(const char *link, dev_t *ret)
{
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(link, real) || stat(real, &st) < 0 || !S_ISBLK(st.st_mode))
		return NULL;
	*ret = st.st_rdev;
	return mem_strdup(real);
}

/* 1 = one device, 0 = none yet. */
static int look(const char *dir, const char *pattern, const char **ret, dev_t *ret_devnum,
		struct xhp_err *err)
{
	const char *found = NULL, *first = NULL, *device;
	DIR *d = opendir(dir);
	struct dirent *e;
	dev_t devnum;
	int rc = 0;

	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "%s", dir);
	while (rc >= 0 && (e = readdir(d))) {
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) != 0)
			continue;
		device = device_of(mem_printf("%s/%s", dir, e->d_name), &devnum);
		if (!device)
			continue;
		if (found && devnum != *ret_devnum) {
			rc = err_set(err, -EEXIST,
				     "%s/%s and %s lead to different devices, %s and %s",
				     dir, first, e->d_name, found, device);
			continue;
		}
		found = device;
		first = mem_strdup(e->d_name);
		*ret_devnum = devnum;
		rc = 1;
	}
	closedir(d);
	*ret = found;
	return rc;
}

/* Has udev's database what the rules say of it? Without udevd, it never will. */
static bool is_ready(struct udev *udev, dev_t devnum, const char **ret_serial)
{
	struct udev_device *dev = lib.udev_device_new_from_devnum(udev, 'b', devnum);
	bool ready = access("/run/udev/control", F_OK) < 0;
	const char *serial = NULL;

	*ret_serial = "";
	if (!dev)
		return ready;
	ready |= lib.udev_device_get_is_initialized(dev) > 0;
	serial = lib.udev_device_get_property_value(dev, "ID_SERIAL");
	if (serial)
		*ret_serial = mem_strdup(serial);
	lib.udev_device_unref(dev);
	return ready;
}

/* Waits for an event, and drops all that have come. */
static void next_event(struct udev_monitor *monitor, unsigned long left_ms)
{
	struct pollfd p = { .events = POLLIN, .fd = -1 };
	struct udev_device *dev;

	if (monitor)
		p.fd = lib.udev_monitor_get_fd(monitor);
	if (poll(&p, 1, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS) <= 0 || !p.revents)
		return;
	while ((dev = lib.udev_monitor_receive_device(monitor)))
		lib.udev_device_unref(dev);
}

/* A stranger's special characters, in what is no pattern. */
static const char *unescaped(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		*to++ = *s;
	}
	*to = '\0';
	return text;
}

static int wait_for(struct udev *udev, struct udev_monitor *monitor, const char *link,
		    unsigned int timeout_s, struct udev_node *ret, struct xhp_err *err)
{
	unsigned long end = deadline_elapsed_us() / 1000 + timeout_s * 1000UL, now;
	const char *slash = strrchr(link, '/');
	const char *dir = unescaped(mem_strndup(link, (size_t)(slash - link)));
	struct udev_node node = { 0 };
	dev_t devnum = 0;
	int rc;

	for (;;) {
		rc = look(dir, slash + 1, &node.device, &devnum, err);
		if (rc < 0)
			return rc;
		if (rc && is_ready(udev, devnum, &node.serial)) {
			*ret = node;
			return 0;
		}
		TRACE("%s is %s", link, rc ? "there, and udev at work" : "not there yet");
		now = deadline_elapsed_us() / 1000;
		if (deadline_check(err) < 0)
			return err_wrap(err, "%s", link);
		if (now >= end)
			return err_set(err, -ETIMEDOUT,
				       rc ? "udev is not done with %s after %u s"
					  : "no %s after %u s",
				       rc ? node.device : link, timeout_s);
		next_event(monitor, end - now);
	}
}

int udev_wait(const char *link, unsigned int timeout_s, struct udev_node *ret,
	      struct xhp_err *err)
{
	struct udev_monitor *monitor;
	struct udev *udev;
	int rc;

	if (libudev_load(err) < 0)
		return err->code;
	udev = lib.udev_new();
	if (!udev)
		return err_sys(err, -errno, "libudev");
	/* before the first look, so that nothing is missed in between */
	monitor = lib.udev_monitor_new_from_netlink(udev, "udev");
	if (monitor) {
		lib.udev_monitor_filter_add_match_subsystem_devtype(monitor, "block",
								    NULL);
		lib.udev_monitor_enable_receiving(monitor);
	}
	rc = wait_for(udev, monitor, link, timeout_s, ret, err);
	if (monitor)
		lib.udev_monitor_unref(monitor);
	lib.udev_unref(udev);
	return rc;
}
