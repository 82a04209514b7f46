/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file that [loop] is to show. */
#ifndef ACTIONS_LOOP_IMAGE_H
#define ACTIONS_LOOP_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "err.h"

struct image {
	const char *path;
	bool writes, planning;
	int rc; /* of the first call that failed */
	int at; /* the file, for looking alone */
	int fd; /* a file, open; a block device is not opened here */
	bool dangling;
	bool is_local; /* no server is asked about it */
	struct stat st;
	char resolved[PATH_MAX];
	char swappable[PATH_MAX]; /* a directory where another than root can put a file */
};

/*
 * Looks at `path`, and opens it if it is a file, in a thread: its server may not answer.
 * An error unless it is a block device, or a file that can be had as `writes` says.
 */
int image_look(struct image *i, struct xhp_err *err);

#endif
