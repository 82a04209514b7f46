/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An interface's offloads, through the ethtool ioctl (linux/ethtool.h). */
#ifndef XHP_ETHTOOL_H
#define XHP_ETHTOOL_H

#include "err.h"

enum offload { OFFLOAD_GRO, OFFLOAD_TSO, OFFLOADS };
extern const char *const offload_names[OFFLOADS];

/* -ENODEV: there is no such interface; -EOPNOTSUPP: its driver does not have it. */
int offload_get(const char *ifname, enum offload which, bool *ret, struct xhp_err *err);
int offload_set(const char *ifname, enum offload which, bool on, struct xhp_err *err);

#endif
