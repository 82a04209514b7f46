// SPDX-License-Identifier: LGPL-2.1-or-later
// Block devices in sysfs (Documentation/ABI/testing/sysfs-block, stable/sysfs-block).

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blockdev.h"
#include "mem.h"
#include "trace.h"
#include "value.h"

static const char *sysfs_path(dev_t dev)
{
	return mem_printf("/sys/dev/block/%u:%u", major(dev), minor(dev));
}

static int sysfs_open(dev_t dev)
{
	return open(sysfs_path(dev), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* An attribute's text without its newline, or NULL. */
static const char *attribute(int dir, const char *name)
{
	CLEANUP_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return NULL;
	while (n && text[n - 1] == '\n')
		n--;
	return mem_strndup(text, (size_t)n);
}

static void add_attribute(int dir, const char *name, struct devs *add)
{
	const char *text = attribute(dir, name);
	unsigned int maj, min;

	if (text && sscanf(text, "%u:%u", &maj, &min) == 2)
		*MEM_PUSH(add->v, add->n) = makedev(maj, min);
}

static DIR *dir_open(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* The devices that a directory of links leads to, or counts them alone. */
static unsigned int links(int at, const char *name, struct devs *add)
{
	DIR *dir = dir_open(at, name);
	unsigned int n = 0;
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		n++;
		if (add)
			add_attribute(dirfd(dir), mem_printf("%s/dev", e->d_name), add);
	}
	if (dir)
		closedir(dir);
	return n;
}

const char *blockdev_name(dev_t dev)
{
	char target[1024];
	ssize_t n = readlink(sysfs_path(dev), target, sizeof(target) - 1);
	char *name;

	if (n <= 0)
		return mem_printf("%u:%u", major(dev), minor(dev));
	target[n] = '\0';
	name = mem_strdup(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	for (char *s = name; *s; s++) {
		if (*s == '!') /* sysfs' way to write "/" */
			*s = '/';
	}
	return name;
}

bool blockdev_is_partition(dev_t dev)
{
	return access(mem_printf("%s/partition", sysfs_path(dev)), F_OK) == 0;
}

void blockdev_below(dev_t dev, struct devs *add)
{
	CLEANUP_FD int dir = sysfs_open(dev);

	if (dir < 0)
		return;
	if (faccessat(dir, "partition", F_OK, 0) == 0)
		add_attribute(dir, "../dev", add);
	links(dir, "slaves", add);
}

void blockdev_above(dev_t dev, struct devs *add)
{
	CLEANUP_FD int fd = sysfs_open(dev);
	const char *name = blockdev_name(dev);
	struct dirent *e;
	DIR *dir;

	if (fd < 0)
		return;
	links(fd, "holders", add);
	dir = dir_open(fd, ".");
	while (dir && (e = readdir(dir))) {
		/* a partition's directory: sda1, loop0p1 */
		if (e->d_type == DT_DIR && !strncmp(e->d_name, name, strlen(name)) &&
		    faccessat(fd, mem_printf("%s/partition", e->d_name), F_OK, 0) == 0)
			add_attribute(fd, mem_printf("%s/dev", e->d_name), add);
	}
	if (dir)
		closedir(dir);
}

bool blockdev_is_held(dev_t dev)
{
	CLEANUP_FD int dir = sysfs_open(dev);

	return dir >= 0 && links(dir, "holders", NULL);
}

bool blockdev_is_held_by(dev_t dev, const char *kind)
{
	struct devs holders = { 0 };
	CLEANUP_FD int dir = sysfs_open(dev);
	bool found = false;

	if (dir < 0)
		return false;
	links(dir, "holders", &holders);
	for (unsigned int i = 0; i < holders.n && !found; i++)
		found = !strncmp(blockdev_name(holders.v[i]), kind, strlen(kind));
	return found;
}

bool blockdev_has_partitions(dev_t dev)
{
	struct devs above = { 0 };
	bool found = false;

	blockdev_above(dev, &above);
	for (unsigned int i = 0; i < above.n && !found; i++)
		found = blockdev_is_partition(above.v[i]);
	return found;
}

uint64_t blockdev_seq(int fd)
{
	uint64_t seq = 0;

	return TRACED_IOCTL(fd, BLKGETDISKSEQ, &seq) < 0 ? 0 : seq;
}

/* LVM's name for a device: VG-LV, with hyphens inside the names doubled. */
static const char *lvm_name(const char *vg, size_t vg_len, const char *lv)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < vg_len; i++)
		buf_add(&b, vg[i] == '-' ? "--" : vg + i, vg[i] == '-' ? 2 : 1);
	buf_add(&b, "-", 1);
	for (; *lv; lv++)
		buf_add(&b, *lv == '-' ? "--" : lv, *lv == '-' ? 2 : 1);
	return b.s;
}

int blockdev_check_name(const char *path, dev_t dev, struct xhp_err *err)
{
	CLEANUP_FD int dir = sysfs_open(dev);
	const char *name = dir < 0 ? NULL : attribute(dir, "dm/name"), *uuid, *want;
	const char *slash;

	if (strncmp(path, "/dev/", 5) != 0 || strchr(path, '\\'))
		return 0; /* udev writes other characters as \xNN */
	path += 5;
	slash = strchr(path, '/');
	if (!strncmp(path, "mapper/", 7)) {
		want = path + 7;
		if (!strcmp(want, "control") || strchr(want, '/'))
			return 0;
	} else {
		uuid = name ? attribute(dir, "dm/uuid") : NULL;
		if (!uuid || strncmp(uuid, "LVM-", 4) != 0 || !slash ||
		    strchr(slash + 1, '/'))
			return 0;
		want = lvm_name(path, (size_t)(slash - path), slash + 1);
	}
	if (name && !strcmp(name, want))
		return 0;
	return err_set(err, -ESTALE,
		       "/dev/%s leads to %s, which the device mapper knows as %s, not as "
		       "%s: is udev behind?",
		       path, blockdev_name(dev), name ? quoted(name) : "no device of its",
		       quoted(want));
}
