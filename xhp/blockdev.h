/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices and what is stacked on what, as sysfs tells. */
#ifndef XHP_BLOCKDEV_H
#define XHP_BLOCKDEV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* "sda1": as the kernel calls it, also below /dev; "8:1" if it does not say. */
const char *blockdev_name(dev_t dev);

struct devs {
	dev_t *v;
	unsigned int n;
};

/* Adds what the device is made of: the whole disk of a partition; slaves of dm and md. */
void blockdev_below(dev_t dev, struct devs *add);
/* Adds what is made of it: partitions; dm and md devices that hold it. */
void blockdev_above(dev_t dev, struct devs *add);
/* Do dm or md devices hold it? */
bool blockdev_is_held(dev_t dev);
bool blockdev_is_held_by(dev_t dev, const char *kind); /* "dm", "md" */
bool blockdev_is_partition(dev_t dev);
bool blockdev_has_partitions(dev_t dev);

/* Linux' number for this appearance of a disk, 0 where the kernel has none. */
uint64_t blockdev_seq(int fd);

/*
 * Has the path of a device-mapper device the name that the kernel knows it by? 0, or
 * -ESTALE with an error.
 */
int blockdev_check_name(const char *path, dev_t dev, struct xhp_err *err);

#endif
