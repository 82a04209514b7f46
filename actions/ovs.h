/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the action [ovs] and the rows of the database (ovs-vswitchd.conf.db(5)). */
#ifndef ACTIONS_OVS_H
#define ACTIONS_OVS_H

#include "ovsdb.h"
#include "value.h"

/* Port.external_ids: which device the port was made for. */
#define OVS_MARK "xen-hotplug"

struct ovs_bridge {
	const char *name,
		*uuid; /* of the real bridge, if it was a fake one that was named */
	const char *datapath; /* its type, "system" or "netdev" */
	unsigned int vlan;    /* a fake bridge's; 0: it is a real one */
};

/*
 * -ENODEV if there is none: the error lists those that there are. Asked along: is the
 * name `port` still free?
 */
int ovs_bridge_find(struct ovsdb *db, const char *name, const char *port,
		    struct ovs_bridge *ret, bool *ret_free, struct xhp_err *err);

/* The columns of a port in that access VLAN (0: none) or mode, as JSON. */
const char *ovs_port_columns(unsigned int tag, const uint16_t *trunks, unsigned int n,
			     const char *mode);
const char *ovs_interface_columns(const struct map *external_ids);

/* A port as we make it. `port` and `interface`: columns and their values, in JSON. */
struct ovs_port {
	const char *name;
	const char *device; /* for the mark */
	const char *bridge, *bridge_uuid;
	const char *port, *interface;
};

/* A port of that name that is there already; `uuid` NULL if there is none. */
struct ovs_old {
	const char *uuid, *device;
	const char *bridge, *bridge_uuid; /* not from ovs_port_read() */
	const char *port, *interface;     /* what was configured, to put it back */
	int ifindex; /* as ovs-vswitchd has seen it; 0 = not at all */
};

/* -EBUSY if what has the name is no plain port, but a bond, a tunnel or the like. */
int ovs_port_find(struct ovsdb *db, const char *name, struct ovs_old *ret,
		  struct xhp_err *err);
int ovs_port_read(struct ovsdb *db, const char *name, struct ovs_old *ret,
		  struct xhp_err *err);

/*
 * Makes the port, in place of `old` if there is one, in one transaction, and waits until
 * ovs-vswitchd has taken it. -EAGAIN: what stood in the database has changed since.
 */
int ovs_port_add(struct ovsdb *db, const struct ovs_port *port, const struct ovs_old *old,
		 struct xhp_err *err);

/*
 * Deletes a port, and puts what was there before in its place if `before` has any. If
 * `wait`, ovs-vswitchd has done so, too, then; if it is not running or fails, it is no
 * error.
 */
int ovs_port_del(struct ovsdb *db, const char *uuid, const char *name,
		 const struct ovs_old *before, bool wait, struct xhp_err *err);

/* Is the port as we made it? 0, or 1 with the difference in err. */
int ovs_port_audit(struct ovsdb *db, const struct ovs_port *port, struct xhp_err *err);

/* All ports that carry a mark. */
struct ovs_marked {
	const char *uuid, *name, *device;
};
int ovs_marked(struct ovsdb *db, struct ovs_marked **ret, unsigned int *ret_n,
	       struct xhp_err *err);

#endif
