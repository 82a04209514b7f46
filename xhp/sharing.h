/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * May a guest have a disk? Who wants to read it may share it with those who read; who
 * wants to write must be alone. Other disks of the same guest, its stubdomain's and its
 * target's do not count.
 *
 * Looked at are the disks of guests (ours by their index, all others in xenstore and
 * sysfs), and this domain: mounts, swap, dm and md, loop devices, QEMU's locks. What is
 * the same disk: a file by device and inode, also behind loop devices; a block device by
 * its number; partitions and their whole disk; dm and md with what they are made of.
 */
#ifndef XHP_SHARING_H
#define XHP_SHARING_H

#include <stdint.h>

#include "disks.h"

enum disk_mode { DISK_NONE, DISK_R, DISK_W, DISK_FORCE };
#define DISK_MODES "r|w|w!"

/* A path of somebody else's that had to be looked at: a server may not answer. */
struct resolved {
	const char *path;
	enum { PATH_GONE, PATH_KNOWN, PATH_UNKNOWN } state;
	struct disk_id id;
};

struct sharing {
	/* What is wanted, set by the caller. */
	const char *what; /* for messages */
	uint8_t mode;     /* enum disk_mode */
	bool shared;      /* the guests know of each other */
	struct disk_id id;
	bool has_backing; /* a server of its own shows `backing` as the disk */
	struct disk_id backing;
	int fd;    /* a block device, open; else -1 */
	int image; /* the file, also behind a loop device, if it is open; or -1 */
	const char *device; /* "vbd-1-51712": itself does not count; or NULL */
	long domid;         /* the guest; -1 = unknown, the same as nobody */
	const char *uuid;   /* its own, if it is known */

	/* Found on the way. */
	bool alone;          /* nobody else has `image` open */
	struct disk_ids set; /* all that has bytes in common with it */
	const char *target;  /* the UUID of the guest whose stubdomain it is */
	bool has_target;
	bool warned;             /* in an earlier round; not again in each */
	bool by_guest;           /* who has it is a guest */
	struct disk_ids mounted; /* legally, in this domain */
	unsigned int surprise;   /* how often something held it that has no name */
	const char *ask;         /* -ENODATA: for sharing_resolve() */
	struct resolved *resolved;
	unsigned int nresolved;
};

/* Whose disk it is, and which: ".../TYPE/DOMID/DEVID". */
void sharing_for(struct sharing *s, const char *path);

/*
 * To be called under the lock "block", if what follows from it is to hold. 0: it may.
 * Else an error: -EBUSY (err->busy), with who has it and what would make it legal;
 * -EAGAIN: it is about to be given back, try again without the lock in between; -ENODATA:
 * let go of the lock, sharing_resolve(), and try again.
 */
int sharing_check(struct sharing *s, struct xhp_err *err);
int sharing_resolve(struct sharing *s, struct xhp_err *err);

/* What a check by sharing_check() was about, with the file behind a loop device. */
void sharing_ids(const struct sharing *s, struct disk_ids *ret);

/* disks_leave() under the lock: no check that is at work finds half of it. */
int sharing_leave(const char *device, const struct disk_ids *ids, struct xhp_err *err);

/* The lock "block" of the stock scripts. */
int sharing_lock(int *ret_dir, struct xhp_err *err);
void sharing_unlock(int dir, int fd);

#endif
