/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device nodes that udev makes, through libudev, which is loaded on first use. */
#ifndef XHP_UDEV_H
#define XHP_UDEV_H

#include "err.h"

struct udev_node {
	const char *device; /* "/dev/sdb": what the link leads to */
	const char *serial; /* its ID_SERIAL, or "" */
};

/*
 * Waits until links that match `link` (as fnmatch(3) does, in its last component alone)
 * lead to one block device, and udev, if it runs, is done with that. -ETIMEDOUT after
 * `timeout_s` seconds; -EEXIST if they lead to several.
 */
int udev_wait(const char *link, unsigned int timeout_s, struct udev_node *ret,
	      struct xhp_err *err);

#endif
