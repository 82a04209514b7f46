/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Locks, in the stock scripts' protocol (Xen's tools/hotplug/Linux/locking.sh): flock on
 * a file, held only if the path still leads to it; the holder unlinks it at the end.
 */
#ifndef XHP_LOCK_H
#define XHP_LOCK_H

#include "err.h"

/*
 * Opens (0600, O_NOFOLLOW) and locks `name` below the directory `dirfd`. Waits until the
 * deadline; if `nowait`, -EWOULDBLOCK when somebody holds it. If `create` is false and
 * there is no such file: -ENOENT. Returns the descriptor or -errno.
 */
int lock_claim(int dirfd, const char *name, bool create, bool nowait,
	       struct xhp_err *err);

/* Locks what is open, until it is closed. `name` is for errors. */
int lock_wait(int fd, const char *name, struct xhp_err *err);

/* Gives a lock back: unlinks the name, then closes the descriptor. */
void lock_release(int dirfd, const char *name, int fd);

/*
 * Opens a directory of ours, STATE_DIR or one below it ("" = itself), and makes it if it
 * is missing (0755 the first, 0700 those below). Refuses one that others than root own
 * or can write to. Returns the descriptor or -errno.
 */
int state_dir(const char *below, struct xhp_err *err);

#endif
