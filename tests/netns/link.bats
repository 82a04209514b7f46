#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [link]: alias, queue and offloads of an interface; [neighbour]: whose an address is.

load lib
load scene

teardown() {
	rig_teardown
}

offload() {
	dom0 ethtool -k vif1.0 | grep -xE "\s*$1: $2"
}

ALL=('[link]' 'alias = xen: guest ${vm/name}' 'txqueuelen = 77' 'gro = yes' 'tso = no')

# A step at the end fails if $RIG/etc-xen/fail is there.
failing() {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	echo '[ "$command" != online ] || [ ! -e /etc/xen/fail ] || fatal fails' \
		>"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
}

@test "alias, queue length and offloads are set, found drifted, and repaired" {
	scene
	dom0 ethtool -K vif1.0 gro off tso on
	dom0 ip link set vif1.0 alias before addrgenmode none # which comes in its own time
	vif_recipe "${ALL[@]}" '[up]' '[hooks]'
	failing
	keep before
	vif_call 1 0 online
	link_is vif1.0 'qlen 77' 'alias xen: guest guest1'
	offload generic-receive-offload on
	offload tx-tcp-segmentation off
	offload tx-tcp6-segmentation off
	xhp check
	keep attached
	vif_call 1 0 online
	keep now
	same attached now
	dom0 ip link set vif1.0 alias other txqueuelen 5
	dom0 ethtool -K vif1.0 tso on
	run xhp check
	[ "$(grep -c drifted <<<"$output")" = 2 ]
	says 'has alias "other" and txqueuelen 5 now' 'tso of vif1.0 is on'
	xhp repair
	xhp check
	keep now
	same attached now
	vif_call 1 0 offline
	# what goes with the device is given back at a roll-back alone
	dom0 ip link set vif1.0 down alias before txqueuelen 1000
	dom0 ethtool -K vif1.0 gro off tso on
	dom0 ip link set vif1.0 up
	touch "$RIG/etc-xen/fail"
	dom0 ip link set vif1.0 down
	keep before
	run vif_call 1 0 online
	refused 1 0 a.hook
}

@test "an alias of a guest whose name cannot be read, and of one whose name is long" {
	scene
	vif_recipe '[link]' 'alias = xen: guest ${vm/name}'
	xenstore-rm "/vm/$(guest_uuid 1)/name"
	vif_call 1 0 online
	link_is vif1.0 'alias xen: guest *$'
	vif_call 1 0 offline
	dom0 ip link set vif1.0 alias ''
	xenstore-write "/vm/$(guest_uuid 1)/name" "$(printf 'n%.0s' {1..300})"
	keep before
	run vif_call 1 0 online
	refused 1 0 'is longer than 255 bytes'
	xenstore-write "/vm/$(guest_uuid 1)/name" $'a\nb'
	run vif_call 1 0 online
	[ "$status" = 1 ]
	! dom0 ip link show vif1.0 | grep alias
}

@test "values that are none are refused" {
	local line
	scene
	for line in 'txqueuelen = 1000001' 'gro = maybe' 'tso = on'; do
		vif_recipe '[link]' "$line"
		run vif_call 1 0 online
		[ "$status" = 1 ] || [ "$status" = 2 ]
		says "${line%% *}"
	done
}

# An ordinary detach leaves what goes with the device.
as_before() {
	dom0 ip link set vif1.0 alias '' txqueuelen 1000
	dom0 ethtool -K vif1.0 gro off tso on
	reset_nodes
	unchanged
}

@test "each call of it fails, or is the last, and nothing is left" {
	local how
	scene
	vif_recipe "${ALL[@]}" '[neighbour]' 'mac = ${mac}' 'addresses = 192.0.2.9 2001:db8::9'
	dom0 sysctl -qw net.ipv6.conf.vif1/0.accept_dad=0
	dom0 ip link set vif1.0 down
	dom0 ethtool -K vif1.0 gro off tso on
	keep before
	for how in fail lost after; do
		each_call $how nj as_before
		[ "$hits" -ge 7 ]
	done
}

@test "an address is pinned to the guest's MAC, found drifted, and repaired" {
	scene
	dom0 ip link set vif1.0 addrgenmode none up
	dom0 ip neigh add 192.0.2.8 lladdr 02:00:00:00:00:08 nud permanent dev vif1.0
	vif_recipe '[neighbour]' 'mac = ${mac}' \
		'addresses = 192.0.2.9 2001:db8::9 192.0.2.8 198.51.100.0/24'
	keep before
	vif_call 1 0 online
	dom0 ip neigh show dev vif1.0 nud permanent >"$RIG/neigh"
	[ "$(grep -c 'lladdr 00:16:3e:01:01:00 PERMANENT' "$RIG/neigh")" = 3 ]
	xhp check
	keep attached
	dom0 ip neigh del 192.0.2.9 dev vif1.0
	dom0 ip neigh replace 2001:db8::9 lladdr 02:00:00:00:00:09 nud permanent dev vif1.0
	run xhp check
	[ "$(grep -c drifted <<<"$output")" = 2 ]
	says '192.0.2.9 is not pinned to 00:16:3e:01:01:00 any more'
	xhp repair
	keep now
	same attached now
	dom0 ip neigh replace 2001:db8::9 lladdr 02:00:00:00:00:09 nud permanent dev vif1.0
	run vif_call 1 0 offline
	says '2001:db8::9 is 02:00:00:00:00:09 now: it stays so'
	dom0 ip neigh show dev vif1.0 192.0.2.8 | grep 02:00:00:00:00:08
	[ -z "$(dom0 ip neigh show dev vif1.0 192.0.2.9)" ]
}
