// SPDX-License-Identifier: LGPL-2.1-or-later
// All actions, sorted by name.

#include "xhp.h"

extern const struct action action_bridge, action_dhcp, action_disk, action_filter,
	action_forward, action_gateway, action_hooks, action_link, action_lookup,
	action_loop, action_masquerade, action_ovs, action_proxy, action_route,
	action_split, action_subnet, action_up;

const struct action *const actions[] = {
	&action_bridge,     &action_dhcp,  &action_disk,  &action_filter, &action_forward,
	&action_gateway,    &action_hooks, &action_link,  &action_lookup, &action_loop,
	&action_masquerade, &action_ovs,   &action_proxy, &action_route,  &action_split,
	&action_subnet,     &action_up,
};
const unsigned int nactions = sizeof(actions) / sizeof(actions[0]);
