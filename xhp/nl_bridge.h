/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bridges, their ports' options and VLANs, through rtnetlink (linux/if_bridge.h). */
#ifndef XHP_NL_BRIDGE_H
#define XHP_NL_BRIDGE_H

#include "nl.h"

struct bridge {
	bool vlans; /* the kernel's bridges know VLANs at all */
	bool filtering;
	uint16_t default_pvid; /* that a new port gets; 0 = none */
};
int nl_bridge_get(int ifindex, struct bridge *ret, struct xhp_err *err);

/* A new one, down: no STP, no forward delay. -EPFNOSUPPORT: the kernel has no bridges;
 * -EOPNOTSUPP: they know no VLANs. */
int nl_bridge_add(const char *name, const uint8_t mac[6], bool filtering,
		  struct xhp_err *err);
/* From now on, a frame passes only where its VLAN is set. */
int nl_bridge_filter(int ifindex, struct xhp_err *err);

/* A port's options, under the names that recipes and journals have for them. */
enum port_option {
	PORT_ISOLATED,
	PORT_LEARNING,
	PORT_FLOOD,
	PORT_HAIRPIN,
	PORT_BPDU_GUARD,
	PORT_MULTICAST_ROUTER,
	PORT_OPTIONS,
};
extern const char *const port_option_names[PORT_OPTIONS];

struct port_options {
	bool set[PORT_OPTIONS]; /* of what was read: the kernel has it */
	uint8_t v[PORT_OPTIONS];
};
/* Of what is a bridge's port now; else none is set. */
int nl_port_options(int ifindex, struct port_options *ret, struct xhp_err *err);

/* By VLAN ID, 1 to 4094; 0 = not in it. */
enum { VLAN_MEMBER = 1, VLAN_UNTAGGED = 2, VLAN_PVID = 4 };
struct vlan_set {
	uint8_t v[4096];
};
/* A port's VLANs; found with one dump of all ports. */
int nl_port_vlans(int ifindex, struct vlan_set *ret, struct xhp_err *err);

/*
 * Sets those options that are set, and makes the VLANs `want` of those that it has `now`
 * (both NULL: leaves them): a message for what comes, a message for what goes, with a
 * range for neighbouring VLANs of the same kind. A kernel that does not know an option
 * ignores it without a word.
 */
int nl_port_change(int ifindex, const struct port_options *options,
		   const struct vlan_set *now, const struct vlan_set *want,
		   struct xhp_err *err);

#endif
