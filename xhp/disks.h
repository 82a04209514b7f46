/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of ours, by what they are: an index below STATE_DIR, one a boot, so that a search
 * costs the same with one disk attached as with a thousand.
 *
 *	index-BOOT/KEY/DEVICE		DEVICE uses the disk KEY
 *	index-BOOT/loop-numbers		loop devices that are known by their key
 *	index-BOOT/devices/DEVICE	all keys of DEVICE are there; it holds the inode
 *					number of its backend's entry in XEN_BACKEND
 *	index-BOOT/backend-numbers	these numbers of all devices
 *
 * The journals are the truth: an entry whose journal does not say the same counts for
 * nothing. Entered after the record, and left before it is undone. A device that is not
 * entered is looked at as anybody else's; so is one that is, unless it is surely still
 * the same: its journal is there and, if it is blkback's, the kernel's number for it is
 * the one that was entered; or, where the kernel shows none, the disk in xenstore is.
 * Guests come back under a number of one that vanished, and another program may attach
 * their disks; the kernel's number is never given again.
 */
#ifndef XHP_DISKS_H
#define XHP_DISKS_H

#include <sys/types.h>

#include "err.h"
#include "journal.h"
#include "nameset.h"
#include "numbers.h"

/* xen-backend's devices: what the kernel's own backends serve, as TYPE-DOMID-DEVID. */
#define XEN_BACKEND "/sys/bus/xen-backend/devices"

/* A block device, or a file. */
struct disk_id {
	bool is_file;
	dev_t dev; /* the block device's number; of the file's file system */
	ino_t ino;
};

struct disk_ids {
	struct disk_id *v;
	unsigned int n;
};

/* "b7:3", "f8:1:1234" */
const char *disk_key(const struct disk_id *id);
bool disk_id_parse(const char *key, struct disk_id *ret);
/* Keys with blanks between them, as records hold them. */
const char *disk_ids_text(const struct disk_ids *ids);
bool disk_ids_parse(const char *text, struct disk_ids *ret);
bool disk_id_in(const struct disk_ids *set, const struct disk_id *id);
/* Adds it if it is not there: was it new? */
bool disk_id_add(struct disk_ids *set, const struct disk_id *id);

/* Both can be repeated. */
int disks_enter(const char *device, const struct disk_ids *ids, struct xhp_err *err);
int disks_leave(const char *device, const struct disk_ids *ids, struct xhp_err *err);

/* Has `device` an entry for that disk? */
bool disks_uses(const char *device, const struct disk_id *id);

/* Whether `device` has its entries: all of `ids` and its own. */
bool disks_entered(const char *device, const struct disk_ids *ids);

/*
 * Has a device an entry of its own, and so one for each of its disks? The index is read
 * once for all calls with one `known`, empty at first.
 */
struct disks_known {
	bool read;
	struct nameset names;
};
int disks_know_device(struct disks_known *known, const char *device, bool *ret,
		      struct xhp_err *err);

/* The same for all that the kernel shows, by the inode numbers in XEN_BACKEND. */
int disks_backends(struct numbers *ret, struct xhp_err *err);

/* The loop devices that are in it: each one's dev_t. */
int disks_loops(struct numbers *ret, struct xhp_err *err);

/* The devices with an entry for a disk. */
int disks_users(const struct disk_id *id, struct field **ret, unsigned int *ret_n,
		struct xhp_err *err);

/* gc: removes what devices entered that are gone. To be called under the lock "block". */
int disks_sweep(bool (*is_gone)(const char *device), struct xhp_err *err);

#endif
