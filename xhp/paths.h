/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where things are; the Makefile's SYSCONFDIR and DATADIR set the first parts. */
#ifndef XHP_PATHS_H
#define XHP_PATHS_H

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef DATADIR
#define DATADIR "/usr/share"
#endif

#define ADMIN_RECIPES   SYSCONFDIR "/xen/hotplug"
#define SHIPPED_RECIPES DATADIR "/xen-hotplug"
#define SETTINGS_FILE   SYSCONFDIR "/xen/hotplug.conf"

/* Where libxl looks for scripts (XEN_SCRIPT_DIR). */
#define XEN_SCRIPTS SYSCONFDIR "/xen/scripts"

/* The stock scripts' own directory for locks, too: the names are a protocol. */
#define STATE_PARENT "/run"
#define STATE_DIR    STATE_PARENT "/xen-hotplug"

/* The last runs (runlog.c). */
#define RING "/run/xen-hotplug.log"

#endif
