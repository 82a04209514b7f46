/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The site's settings (hotplug.conf). */
#ifndef XHP_SETTINGS_H
#define XHP_SETTINGS_H

#include "err.h"
#include "value.h"

struct settings {
	bool require_filter;
	struct num timeout; /* seconds for the work of one run */
	struct texts export_roots, udev_devices, watch_devices;
	uint8_t sharing; /* of disks: 1 exclusive, 2 shared */
};

extern const struct param settings_params[];

/* Reads the file; without one, the defaults hold. */
int settings_load(struct settings *ret, struct xhp_err *err);

#endif
