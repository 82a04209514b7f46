/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls that may hang without an end, as on a dead NFS server, cut by the deadline. */
#ifndef XHP_GUARD_H
#define XHP_GUARD_H

#include <stdbool.h>
#include <sys/stat.h>

#include "err.h"

/*
 * Runs `fn` in a thread and waits for it. -ETIMEDOUT once the phase's time is over, or
 * after `limit_ms` if that is less (0 = no limit of its own): then the thread is left
 * behind, and `data`, which must be memory of the arena, is its alone. `fn` takes no
 * memory from the arena and writes no messages. Else 0, with all that it did in `data`.
 */
int guarded(void (*fn)(void *data), void *data, unsigned int limit_ms,
	    struct xhp_err *err);

/*
 * What a path leads to, from the kernel's memory alone: device, inode and type of file.
 * False if somebody would have to be asked, or if there is nothing.
 */
bool cached_stat(const char *path, struct stat *ret);

/*
 * What a path leads to: device, inode and type of file alone are told. 0, -ETIMEDOUT as
 * above, or what stat(2) said.
 */
int guarded_stat(const char *path, struct stat *ret, unsigned int limit_ms,
		 struct xhp_err *err);

#endif
