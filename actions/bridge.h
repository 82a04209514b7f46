/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of [bridge]: the port, its options and VLANs, a bridge of our own. */
#ifndef XHP_BRIDGE_H
#define XHP_BRIDGE_H

#include "actions.h"
#include "nl_bridge.h"

enum vlan_filtering { FILTERING_UNSET, FILTERING_REQUIRE, FILTERING_ENABLE };

/* How a port is to be, apart from whose: of options and VLANs, those that are set. */
struct port {
	struct port_options options;
	struct vlan_set *vlans; /* NULL: as they come */
	bool enable;            /* a bridge that does not filter VLANs is made to */
};

/* As a record keeps them: "isolated:1,learning:0" and "10p,20-29,100u"; NULL if unset. */
const char *port_options_text(const struct port_options *o);
const char *port_vlans_text(const struct vlan_set *set);
/* The port of a record's fields "PREFIXoptions" and "PREFIXvlan". */
int port_of(const struct rec *rec, const char *prefix, struct port *ret,
	    struct xhp_err *err);
bool port_is_plain(const struct port *p);

/* What of it an interface has now: the same options, and VLANs if `like` has any. */
int port_now(int ifindex, const struct port *like, struct port *ret, struct xhp_err *err);

/* The error that the kernel's bridges, this one among them, know no VLANs. */
int port_no_vlans(const char *bridge, struct xhp_err *err);
/* Can the bridge hold a port to its VLANs, or be made to? */
int port_check(const struct port *p, const struct link *bridge, struct xhp_err *err);
/* `joined`: just now, so that its VLANs are those that a new port gets. */
int port_set(const struct port *p, const struct link *link, const struct link *bridge,
	     bool joined, struct xhp_err *err);
/* As it was before us, whether the bridge filters or not. */
int port_restore(const struct port *p, const struct link *link, struct xhp_err *err);
/* Is it so? 0, or 1 with the difference. */
int port_audit(const struct port *p, const struct link *link, const struct link *bridge,
	       struct xhp_err *err);

/* The shared thing that a bridge of our own is, if the bridge is one, or may be made. */
bool bridge_is_made(const char *name);
int bridge_hold(struct ctx *ctx, const char *name, bool create, bool filtering,
		struct xhp_err *err);
/* Of its record, of kind "made". */
int bridge_undo(const struct rec *rec, struct xhp_err *err);
int bridge_audit(const struct rec *rec, struct xhp_err *err);
int bridge_repair(const struct rec *rec, struct xhp_err *err);

#endif
