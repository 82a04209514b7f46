/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loop devices (linux/loop.h). */
#ifndef XHP_LOOPDEV_H
#define XHP_LOOPDEV_H

#include <linux/loop.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "numbers.h"

/*
 * What every lo_file_name of ours begins with; then come 8 hex digits that tell whose it
 * is where several see one kernel's loop devices (containers; tests), a nonce of 16, and
 * the device's name.
 */
#define LOOP_MARK  "xen-hotplug "
#define LOOP_MAJOR 7
#define LOOP_MAX   (1U << 20) /* minor numbers */

struct loopdev {
	unsigned int number;
	dev_t dev; /* of the file's file system */
	ino_t ino;
	dev_t rdev;            /* if it is a block device that it shows */
	uint64_t offset, size; /* size 0: all the rest */
	uint32_t flags;
	char mark[LO_NAME_SIZE];
};

/*
 * The block device of a number, and back: false for what is none. They are not the same
 * where partitions have minor numbers of their own (the module's parameter max_part).
 */
dev_t loopdev_dev(unsigned int number);
bool loopdev_is(dev_t dev, unsigned int *ret_number);

/* "/dev/loop3" */
const char *loopdev_path(unsigned int number);

/* What the open loop device shows: 0, -ENXIO if nothing. */
int loopdev_info(int fd, struct loopdev *ret);
/* The same, by its number. -ENXIO or -ENOENT: it shows nothing. */
int loopdev_by_number(unsigned int number, struct loopdev *ret);

/*
 * The numbers of all loop devices that show something, in no order, but for those whose
 * dev_t is in `without`; and of all that there are.
 */
int loopdev_list(const struct numbers *without, unsigned int **ret, unsigned int *ret_n,
		 struct xhp_err *err);
int loopdev_list_all(const struct numbers *without, unsigned int **ret,
		     unsigned int *ret_n, struct xhp_err *err);

/*
 * The number of a loop device that showed nothing a moment ago. The kernel tells all who
 * ask the same one, the first that is free: who has found it taken so many times, gets
 * one further on, or a new one if there are not so many. -EBUSY: that is taken, too.
 */
int loopdev_free(unsigned int taken, unsigned int *ret, struct xhp_err *err);

/* The number of a new loop device. */
int loopdev_new(unsigned int *ret, struct xhp_err *err);

/*
 * Has the loop device show `file`. -EBUSY: somebody else was faster. `config` has the
 * flags, block size and mark. The kernel's error else.
 */
int loopdev_configure(int fd, int file, struct loop_config *config);

/*
 * Ends a loop device that carries this mark and shows this file; one that is still open
 * somewhere drains: it ends with the last close. 0 also if it has ended already, 1 if it
 * is somebody else's by now; else -errno.
 */
int loopdev_clear(unsigned int number, dev_t dev, ino_t ino, const char *mark,
		  struct xhp_err *err);

/* One that somebody has ended, and that is open yet, does not end with its last close. */
int loopdev_keep(unsigned int number, dev_t dev, ino_t ino, const char *mark,
		 struct xhp_err *err);

/* Do the parts that two loop devices show of one file have bytes in common? */
bool loopdev_overlap(const struct loopdev *a, const struct loopdev *b);

#endif
