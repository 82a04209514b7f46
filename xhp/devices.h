/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is attached, and the names that people have for it. */
#ifndef XHP_DEVICES_H
#define XHP_DEVICES_H

#include "journal.h"

struct device {
	const char *name; /* "vif-1-0" */
	struct journal j;
	const char *type; /* XENBUS_TYPE: vif, vbd, ... */
	const char *domid, *devid;
	const char *guest;  /* its name, or "" where that cannot be read */
	const char *netdev; /* as the kernel calls it now; "" if it has none */
	const char *as;     /* in the guest: "xvda", "eth0"; "" if it is neither */
};

/* All that have a journal; one that cannot be read is told of, and counted. */
int devices_list(struct device **ret, unsigned int *ret_n, unsigned int *ret_bad,
		 struct xhp_err *err);

/* One that was, by what is remembered of it: the journal's name, and whose it was. */
struct device device_was(const char *name, const char *type, const char *guest,
			 const char *uuid);

/*
 * How surely `text` names a device, 0 best; DEVICE_NOT: it does not. Of several devices
 * it names those that it does most surely.
 */
#define DEVICE_NOT 4
unsigned int device_named(const struct device *d, const char *text);

/*
 * The device that `text` names: vif-1-0, vif1.0, its present name, a backend path,
 * GUEST/eth0, GUEST:xvda, a MAC address, or one of the last two parts of those where
 * nothing else is called so. Several: -EEXIST, and the error lists them.
 */
int devices_find(const struct device *list, unsigned int n, const char *text,
		 const struct device **ret, struct xhp_err *err);

/* Where the device went, by what its steps recorded: "br0", "/dev/loop0 (FILE)". */
const char *device_where(const struct device *d);

/* What a vif is held to, as recorded, for a recipe may take it from anywhere: addresses,
 * "MAC only" or "UNFILTERED"; NULL: it is no vif. */
const char *device_filter(const struct journal *j);

/* What the record's action says of it, or NULL. */
const struct shown *rec_shown(const struct rec *rec);

/* "${field}" of the record put in place; "[...]" drops out if a field in it is empty. */
const char *rec_say(const struct rec *rec, const char *text);

/* Is it as it was made? */
#define STATE_ATTACHED   "attached"
#define STATE_DRIFTED    "DRIFTED"
#define STATE_UNKNOWN    "unknown"    /* something could not be looked at */
#define STATE_INCOMPLETE "incomplete" /* a run was cut short, or is at work */
#define STATE_OLD        "before boot"
const char *device_state(struct device *d);

/* "web1 (1)" */
const char *device_guest(const struct device *d);

/* What a journal's `since`, or any other time, is in local time. */
const char *time_text(const char *seconds);

#endif
