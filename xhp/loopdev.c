// SPDX-License-Identifier: LGPL-2.1-or-later
// Loop devices, through their ioctls (linux/loop.h, loop(4)).

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guard.h"
#include "loopdev.h"
#include "mem.h"
#include "trace.h"

/* How far apart those go on who were told the same number. */
#define SPREAD 256

/* As the kernel counts: a power of two of minor numbers for each. */
static unsigned int part_shift(void)
{
	static unsigned int shift = ~0U;
	unsigned long max_part;
	char text[16] = "";
	CLEANUP_FD int fd = -1;

	if (shift != ~0U)
		return shift;
	fd = open("/sys/module/loop/parameters/max_part", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		*text = '\0';
	max_part = strtoul(text, NULL, 10);
	for (shift = 0; max_part; max_part >>= 1)
		shift++;
	return shift;
}

dev_t loopdev_dev(unsigned int number)
{
	return makedev(LOOP_MAJOR, number << part_shift());
}

bool loopdev_is(dev_t dev, unsigned int *ret_number)
{
	if (major(dev) != LOOP_MAJOR || minor(dev) & ((1U << part_shift()) - 1))
		return false;
	*ret_number = minor(dev) >> part_shift();
	return true;
}

const char *loopdev_path(unsigned int number)
{
	return mem_printf("/dev/loop%u", number);
}

int loopdev_info(int fd, struct loopdev *ret)
{
	struct loop_info64 info;

	if (TRACED_IOCTL(fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	*ret = (struct loopdev){
		.number = info.lo_number,
		.dev = (dev_t)info.lo_device,
		.ino = (ino_t)info.lo_inode,
		.rdev = (dev_t)info.lo_rdevice,
		.offset = info.lo_offset,
		.size = info.lo_sizelimit,
		.flags = info.lo_flags,
	};
	memcpy(ret->mark, info.lo_file_name, sizeof(ret->mark) - 1);
	return 0;
}

int loopdev_by_number(unsigned int number, struct loopdev *ret)
{
	CLEANUP_FD int fd = open(loopdev_path(number), O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : loopdev_info(fd, ret);
}

/* "loop3", with nothing behind it: partitions have more. */
static bool parse_name(const char *name, unsigned int *ret)
{
	unsigned int number = 0;

	if (strncmp(name, "loop", 4) != 0 || !name[4])
		return false;
	for (name += 4; *name >= '0' && *name <= '9' && number < LOOP_MAX; name++)
		number = number * 10 + (unsigned int)(*name - '0');
	*ret = number;
	return !*name;
}

int loopdev_list_all(const struct numbers *without, unsigned int **ret,
		     unsigned int *ret_n, struct xhp_err *err)
{
	DIR *dir = opendir("/sys/block");
	unsigned int *list = NULL, n = 0, number;
	struct dirent *e;

	if (!dir)
		return err_sys(err, -errno, "/sys/block");
	while ((e = readdir(dir))) {
		if (parse_name(e->d_name, &number) &&
		    !numbers_have(without, loopdev_dev(number)))
			*MEM_PUSH(list, n) = number;
	}
	closedir(dir);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* /proc/partitions leaves out what has no size, as a loop device that shows nothing. */
int loopdev_list(const struct numbers *without, unsigned int **ret, unsigned int *ret_n,
		 struct xhp_err *err)
{
	static char buffer[65536];
	FILE *f = fopen("/proc/partitions", "re");
	unsigned int *list = NULL, n = 0, number;
	char line[256];

	if (!f)
		return err_sys(err, -errno, "/proc/partitions");
	/* each read has the kernel go through all devices from the first one */
	setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	while (fgets(line, sizeof(line), f)) {
		char *name = strrchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (name && parse_name(name + 1, &number) &&
		    !numbers_have(without, loopdev_dev(number)))
			*MEM_PUSH(list, n) = number;
	}
	fclose(f);
	*ret = list;
	*ret_n = n;
	return 0;
}

static int control(unsigned long request, long arg, unsigned int *ret,
		   struct xhp_err *err)
{
	CLEANUP_FD int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = fd < 0 ? -1 : TRACED_IOCTL(fd, request, arg);

	if (fd < 0)
		return err_sys(err, -errno,
			       "/dev/loop-control (is the module loop loaded?)");
	if (number < 0)
		return err_sys(err, -errno, "there is no free loop device");
	*ret = (unsigned int)number;
	return 0;
}

int loopdev_new(unsigned int *ret, struct xhp_err *err)
{
	return control(LOOP_CTL_ADD, -1, ret, err);
}

int loopdev_free(unsigned int taken, unsigned int *ret, struct xhp_err *err)
{
	struct loopdev other;
	unsigned int number;
	int rc;

	if (control(LOOP_CTL_GET_FREE, 0, &number, err) < 0)
		return err->code;
	if (taken) {
		number += ((unsigned int)getpid() + taken * 7) % SPREAD;
		rc = loopdev_by_number(number, &other);
		if (rc == -ENOENT)
			return loopdev_new(ret, err);
		if (rc != -ENXIO)
			return err_set(err, -EBUSY, "%s is taken", loopdev_path(number));
	}
	*ret = number;
	return 0;
}

int loopdev_configure(int fd, int file, struct loop_config *config)
{
	config->fd = (uint32_t)file;
	return TRACED_IOCTL(fd, LOOP_CONFIGURE, config) < 0 ? -errno : 0;
}

static bool is_this(const struct loopdev *l, dev_t dev, ino_t ino, const char *mark)
{
	return l->dev == dev && l->ino == ino && !strcmp(l->mark, mark);
}

/* May wait for a server that the file is on. */
struct clearing {
	int fd, rc;
};
static void clear(void *data)
{
	struct clearing *c = data;

	c->rc = TRACED_IOCTL(c->fd, LOOP_CLR_FD) < 0 ? -errno : 0;
	close(c->fd);
}

int loopdev_clear(unsigned int number, dev_t dev, ino_t ino, const char *mark,
		  struct xhp_err *err)
{
	struct clearing *c = MEM_NEW(struct clearing);
	const char *path = loopdev_path(number);
	struct loopdev now;
	int rc;

	c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0)
		return errno == ENOENT || errno == ENXIO
			       ? 0
			       : err_sys(err, -errno, "%s", path);
	rc = loopdev_info(c->fd, &now);
	if (!rc && is_this(&now, dev, ino, mark)) {
		if (guarded(clear, c, 0, err) < 0)
			return err_wrap(err, "%s", path);
		if (c->rc && c->rc != -ENXIO)
			return err_sys(err, c->rc, "%s", path);
		return 0;
	}
	close(c->fd);
	if (rc && rc != -ENXIO)
		return err_sys(err, rc, "%s", path);
	return rc ? 0 : 1;
}

int loopdev_keep(unsigned int number, dev_t dev, ino_t ino, const char *mark,
		 struct xhp_err *err)
{
	const char *path = loopdev_path(number);
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct loop_info64 info;
	struct loopdev now;

	if (fd < 0 || loopdev_info(fd, &now) < 0 || !is_this(&now, dev, ino, mark))
		return err_set(
			err, -ENOTSUP,
			"it has ended: only a new attach gives the guest its disk");
	if (TRACED_IOCTL(fd, LOOP_GET_STATUS64, &info) < 0)
		return err_sys(err, -errno, "%s", path);
	info.lo_flags &= ~(uint32_t)LO_FLAGS_AUTOCLEAR;
	if (TRACED_IOCTL(fd, LOOP_SET_STATUS64, &info) < 0)
		return err_sys(err, -errno, "%s", path);
	return 0;
}

bool loopdev_overlap(const struct loopdev *a, const struct loopdev *b)
{
	uint64_t a_end = a->size ? a->offset + a->size : UINT64_MAX;
	uint64_t b_end = b->size ? b->offset + b->size : UINT64_MAX;

	return a->offset < b_end && b->offset < a_end;
}
