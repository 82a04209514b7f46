// SPDX-License-Identifier: LGPL-2.1-or-later
// All actions, sorted by name.

#include "xhp.h"

extern const struct action action_bridge, action_daemon, action_dhcp, action_directory,
	action_disk, action_exec, action_filter, action_forward, action_gateway,
	action_hooks, action_ifb, action_link, action_lookup, action_loop,
	action_masquerade, action_neighbour, action_ovs, action_plug, action_proxy,
	action_quota, action_redirect, action_route, action_shape, action_split,
	action_store, action_subnet, action_udev, action_up, action_wait;

const struct action *const actions[] = {
	&action_bridge,   &action_daemon, &action_dhcp,       &action_directory,
	&action_disk,     &action_exec,   &action_filter,     &action_forward,
	&action_gateway,  &action_hooks,  &action_ifb,        &action_link,
	&action_lookup,   &action_loop,   &action_masquerade, &action_neighbour,
	&action_ovs,      &action_plug,   &action_proxy,      &action_quota,
	&action_redirect, &action_route,  &action_shape,      &action_split,
	&action_store,    &action_subnet, &action_udev,       &action_up,
	&action_wait,
};
const unsigned int nactions = sizeof(actions) / sizeof(actions[0]);
