#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The interface goes while its detach is at work, as netback's does when a guest ends.

load lib
load scene

teardown() {
	rig_teardown
}

# vanishes: before any message of the detach.
vanishes() {
	local n
	for ((n = 1; ; n++)); do
		vif_call 1 0 online
		paused offline $n || break
		vif_del 1 0
		goes_on
		[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
		rig_netns_del "$DOM0-1.0"
		vif_add 1 0
		reset_nodes
		unchanged
	done
	[ $n -ge "$1" ]
}

@test "all that a routed interface can have" {
	scene ip=192.0.2.10
	dom0 sysctl -qw net.ipv4.ip_forward=1
	ip -n "$DOM0" link add up0 type veth peer name up1
	ip -n "$DOM0" addr add 192.0.2.1/24 dev up0
	ip -n "$DOM0" link set up0 up
	tap_add other
	vif_recipe '[link]' 'addresses = 192.0.2.1' \
		'[filter]' 'ip = ${ip}' '[forward]' 'via = route' 'ip = ${ip}' \
		'[shape]' 'rate = 10mbit' \
		'[redirect]' 'to = other' 'traffic = to-guest' 'copy = yes' '[up]' \
		'[neighbour]' 'mac = ${mac}' 'addresses = ${ip}' \
		'[proxy]' 'uplink = up0' 'addresses = ${ip}' '[route]' 'to = ${ip}' \
		'[masquerade]' 'source = ${ip}' 'out = up0'
	keep before
	vanishes 15
}

@test "a port of a bridge, with options" {
	scene ip=192.0.2.10
	vif_recipe '[link]' 'addresses = none' '[filter]' 'ip = ${ip}' \
		'[bridge]' 'name = br7' 'create = yes' 'isolated = yes' '[up]'
	keep before
	vanishes 6
}
