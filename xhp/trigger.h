/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices that no toolstack attaches: whose they are, and in what state. */
#ifndef XHP_TRIGGER_H
#define XHP_TRIGGER_H

#include "value.h"

/*
 * The node in a backend's directory that says how it went, once udev or watch did it: it
 * goes with the directory, so it is of this very device.
 */
#define TRIGGER_MARK   "xen-hotplug"
#define TRIGGER_DONE   "attached"
#define TRIGGER_FAILED "failed"

/* What watch asks for where there is nothing to detach: the backend's directory goes. */
#define TRIGGER_CLOSED "closed"

enum level {
	LEVEL_GONE,
	LEVEL_COMING,  /* the kernel's driver is not ready for it yet */
	LEVEL_THERE,   /* to be attached */
	LEVEL_CLOSING, /* to be detached: it does not come back */
	LEVEL_CLOSED,  /* and the kernel's driver has done with it */
};

/* What a backend's nodes say; `state` NULL: there is none. io/xenbus.h, enum
 * xenbus_state.
 */
enum level trigger_level(const char *type, const char *state, const char *online);

/* The name of the class that serves an XENBUS_TYPE: its own, if there is no other. */
const char *trigger_class(const char *type);

bool trigger_serves(const struct texts *classes, const char *type);

#endif
