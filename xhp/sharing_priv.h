/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the sharing check. */
#ifndef XHP_SHARING_PRIV_H
#define XHP_SHARING_PRIV_H

#include "sharing.h"

/* Does who wants it in the one mode exclude who has it for writing, or for reading? */
bool sharing_conflict(const struct sharing *s, bool writes);
/* Is it the disk in question? Also a loop device, by what it shows. */
bool sharing_is(const struct sharing *s, const struct disk_id *id);
/* A path's disk, from memory; NULL: -ENODATA, and it is asked for. */
const struct resolved *sharing_path(struct sharing *s, const char *path,
				    struct xhp_err *err);

/* "guest web1 (domain 3)" */
const char *guest_text(unsigned int domid);
/* Is that guest the one that wants the disk? `uuid` is its own, or NULL: to be read. */
bool guest_is_same(struct sharing *s, unsigned int domid, const char *uuid);
int guest_busy(struct sharing *s, unsigned int domid, const char *device, bool writes,
	       const char *hint, struct xhp_err *err);
/*
 * Disks of guests that have no entry in our index; if nobody else has the file open
 * (s->alone), only those that could have it nevertheless: what QEMU is about to open.
 */
int guests_check(struct sharing *s, struct xhp_err *err);
/* One device, by its name: "vbd-1-51712". */
int guest_look(struct sharing *s, const char *device, struct xhp_err *err);

/* This domain's own use. */
int local_check(struct sharing *s, struct xhp_err *err);
/* The file system that a path is on, by its text alone. 0: unknown. */
dev_t local_mount_of(const char *path);

#endif
