/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of ours, by what they are: an index below STATE_DIR, one a boot, so that a search
 *costs the same with one disk attached as with a thousand. The journals are the truth: an
 *entry whose journal does not say the same counts for nothing, and a device without an
 *entry is looked at as anybody else's. Entered after the record, and left before it is
 *undone.
 *
 *	index-BOOT/KEY/DEVICE		DEVICE uses the disk KEY
 *	index-BOOT/loops/NUMBER		so that loop device is known by its key
 *	index-BOOT/devices/DEVICE	all keys of DEVICE are there
 */
#ifndef XHP_DISKS_H
#define XHP_DISKS_H

#include <sys/types.h>

#include "err.h"
#include "journal.h"

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

/* Whether `device` has its entries: all of `ids` and its own. */
bool disks_entered(const char *device, const struct disk_ids *ids);

/* The devices that have entries, and a journal that they come from; sorted. */
int disks_devices(struct field **ret, unsigned int *ret_n, struct xhp_err *err);
bool disks_has(const struct field *devices, unsigned int n, const char *device);

/* Which loop devices are in it: `ret` has a byte for each number below `ret_size`. */
int disks_loops(unsigned char **ret, size_t *ret_size, struct xhp_err *err);

/* The devices with an entry for a disk. */
int disks_users(const struct disk_id *id, struct field **ret, unsigned int *ret_n,
		struct xhp_err *err);

/* gc: removes what devices entered that are gone. To be called under the lock "block". */
int disks_sweep(bool (*is_gone)(const char *device), struct xhp_err *err);

#endif
