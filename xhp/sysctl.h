/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel settings below /proc/sys (Linux' Documentation/networking/ip-sysctl.rst). */
#ifndef XHP_SYSCTL_H
#define XHP_SYSCTL_H

#include "err.h"

/*
 * `name` is a path below /proc/sys, such as "net/ipv4/conf/vif1.0/proxy_arp". -ENOENT if
 * the kernel has no such setting (then `err` says so too).
 */
int sysctl_read(const char *name, const char **ret, struct xhp_err *err);
int sysctl_write(const char *name, const char *value, struct xhp_err *err);

#endif
