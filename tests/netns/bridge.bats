#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [bridge]: the options of a port, and bridges that are made for guests.

load lib
load scene

teardown() {
	rig_teardown
}

# port_is DEV WORD...: does "bridge -d link" show all of it?
port_is() {
	local word
	bridge -d -n "$DOM0" link show dev "$1" >"$RIG/port"
	for word in "${@:2}"; do
		grep -q -- "$word" "$RIG/port" || { echo "no $word"; cat "$RIG/port"; return 1; }
	done
}

ALL=('isolated = yes' 'learning = no' 'flood = no' 'hairpin = yes' 'bpdu-guard = yes'
	'multicast-router = always')

@test "each option of a port is set, found drifted, and repaired" {
	scene
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = ${bridge}' "${ALL[@]}" '[up]'
	vif_call 1 0 online
	status_is connected
	port_is vif1.0 'isolated on' 'learning off' 'flood off' 'hairpin on' 'guard on' \
		'mcast_router 2'
	keep attached
	xhp check
	vif_call 1 0 online
	keep now
	same attached now
	bridge -n "$DOM0" link set dev vif1.0 isolated off flood on
	run xhp check
	[ "$status" = 1 ]
	says 'isolated of vif1.0 is 0, not 1'
	xhp repair
	ip -n "$DOM0" link set vif1.0 nomaster
	xhp repair
	xhp check
	keep now
	same attached now
	vif_call 1 0 offline
	detached
}

@test "options that are not set stay the kernel's, and each can be switched the other way" {
	scene
	vif_recipe '[bridge]' 'name = br0' 'isolated = no' 'learning = yes' 'multicast-router = never'
	vif_call 1 0 online
	port_is vif1.0 'isolated off' 'learning on' 'flood on' 'hairpin off' 'guard off' \
		'mcast_router 0'
}

@test "isolated guests do not reach each other" {
	local d
	scene
	vif_add 2 0
	backend vif 2 0 bridge=br0
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = br0' 'isolated = yes' '[up]'
	dom0 sysctl -qw net.bridge.bridge-nf-call-iptables=0 || :
	for d in 1 2; do
		vif_call $d 0 online
		guest $d 0 ip addr add 192.0.2.$d/24 dev eth0
	done
	ports_forward
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.2 || false
	bridge -n "$DOM0" link set dev vif2.0 isolated off
	guest 1 0 ping -q -c 1 -w 60 192.0.2.2
}

@test "a port of another bridge, or of the same, gets its options back" {
	scene
	bridge_add br1
	tap_add trunk
	ip -n "$DOM0" link set trunk master br1
	bridge -n "$DOM0" link set dev trunk hairpin on flood off
	keep before
	vif_recipe '[bridge]' 'dev = trunk' 'name = br0' "${ALL[@]}"
	vif_call 1 0 online
	port_is trunk 'master br0' 'isolated on' 'guard on'
	vif_call 1 0 offline
	detached
	sed -i 's/br0/br1/' "$RIG/etc-xen/hotplug/vif-bridge.ini"
	vif_call 1 0 online
	port_is trunk 'master br1' 'isolated on' 'guard on'
	vif_call 1 0 offline
	detached
	# somebody else's settings are left alone
	vif_call 1 0 online
	bridge -n "$DOM0" link set dev trunk isolated off
	run vif_call 1 0 offline
	says 'isolated of trunk is 0, not 1: it is left as it is'
	port_is trunk 'guard on'
}

@test "a bridge is made for the first port, and goes with the last" {
	scene
	vif_add 2 0
	backend vif 2 0 bridge=br7
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br7
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = ${bridge}' 'create = yes' '[up]'
	keep before
	run xhp_plan
	says 'create         yes' 'name        br7' 'mtu         1500'
	unchanged
	vif_call 1 0 online
	link_is br7 'stp_state 0' 'forward_delay 0' 'UP' 'addrgenmode none' 'mcast_snooping 1'
	vif_call 2 0 online
	vif_call 2 0 online
	xhp check
	vif_call 1 0 offline
	link_is br7 UP
	link_is vif2.0 'master br7'
	vif_call 1 0 online
	vif_call 2 0 offline
	vif_call 1 0 offline
	detached
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

xhp_plan() {
	dom0 env XENBUS_TYPE=vif XENBUS_PATH=backend/vif/1/0 vif=vif1.0 \
		/usr/sbin/xen-hotplug plan vif-bridge online
}

@test "a bridge that was there stays; one that others use, too, and is said so" {
	scene
	vif_recipe '[bridge]' 'name = ${bridge}' 'create = yes'
	vif_call 1 0 online
	vif_call 1 0 offline
	detached
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br7
	keep before
	vif_call 1 0 online
	tap_add other
	ip -n "$DOM0" link set other master br7
	run vif_call 1 0 offline
	says 'br7 has ports of somebody else: it stays'
	link_is other 'master br7'
	# it is theirs now
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	ip -n "$DOM0" link del other
	ip -n "$DOM0" link del br7
	# another bridge of that name is not ours
	vif_call 1 0 online
	ip -n "$DOM0" link del br7
	bridge_add br7
	run xhp check
	says 'br7 is not the bridge that was made for guests'
	run vif_call 1 0 offline
	says 'it is left alone'
	link_is br7 'type bridge|bridge '
}

@test "a guest without create = yes keeps a bridge that was made for another" {
	scene
	vif_add 2 0
	backend vif 2 0 bridge=br7
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br7
	vif_recipe '[bridge]' 'name = ${bridge}'
	keep before
	run vif_call 2 0 online
	[ "$status" = 1 ]
	says 'there is no bridge br7'
	vif_recipe '[bridge]' 'name = ${bridge}' 'create = yes'
	xenstore-rm /local/domain/0/backend/vif/2/0/hotplug-error
	vif_call 1 0 online
	vif_recipe '[bridge]' 'name = ${bridge}'
	vif_call 2 0 online
	vif_call 1 0 offline
	link_is vif2.0 'master br7'
	vif_call 2 0 offline
	detached
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "two steps of one device share a bridge that is made for it" {
	scene
	tap_add fwd
	vif_recipe '[bridge]' 'name = colobr0' 'create = yes' \
		'[bridge forward]' 'dev = fwd' 'name = colobr0' 'create = yes'
	keep before
	vif_call 1 0 online
	link_is vif1.0 'master colobr0'
	link_is fwd 'master colobr0'
	xhp check
	vif_call 1 0 offline
	detached
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a bridge that somebody removed is made again" {
	scene
	vif_add 2 0
	backend vif 2 0 bridge=br7
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br7
	vif_recipe '[bridge]' 'name = ${bridge}' 'create = yes'
	vif_call 1 0 online
	ip -n "$DOM0" link del br7
	run xhp check
	[ "$status" = 1 ]
	vif_call 2 0 online
	link_is vif2.0 'master br7'
	vif_call 1 0 offline
	vif_call 2 0 offline
	! dom0 ip link show br7 || false
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a bridge that was deleted and made anew is joined again, unless the vif is elsewhere" {
	scene
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = ${bridge}' 'isolated = yes' '[up]'
	vif_call 1 0 online
	ip -n "$DOM0" link del br0
	run xhp repair
	[ "$status" = 1 ]
	says 'there is no bridge br0 any more'
	bridge_add br0 1400
	run xhp check
	[ "$status" = 1 ]
	says 'vif1.0 is not in br0 any more, a bridge that was made anew'
	# somebody has found another place for it
	bridge_add br1
	ip -n "$DOM0" link set vif1.0 master br1
	run xhp repair
	[ "$status" = 1 ]
	says 'vif1.0 has another master by now: it is left there'
	link_is vif1.0 'master br1'
	run vif_call 1 0 offline
	says 'it stays there'
	link_is vif1.0 'master br1'
	ip -n "$DOM0" link set vif1.0 nomaster
	ip -n "$DOM0" link del br1
	keep before
	vif_call 1 0 online
	ip -n "$DOM0" link del br0
	bridge_add br0 1400
	xhp repair
	link_is vif1.0 'master br0' ',UP'
	port_is vif1.0 'isolated on'
	xhp check
	vif_call 1 0 offline
	! dom0 ip -o link show vif1.0 | grep master || false
	# whoever put it into the new one did what we would have done
	reset_nodes
	vif_call 1 0 online
	ip -n "$DOM0" link del br0
	bridge_add br0 1400
	ip -n "$DOM0" link set vif1.0 master br0
	run xhp check
	says 'isolated of vif1.0 is 0, not 1'
	vif_call 1 0 offline
	! dom0 ip -o link show vif1.0 | grep master || false
	# a thing of that name that is no bridge
	reset_nodes
	vif_call 1 0 online
	ip -n "$DOM0" link del br0
	tap_add br0
	run xhp repair
	[ "$status" = 1 ]
	says 'br0 is not a bridge any more'
}

@test "a bridge of our own that somebody deleted: repair makes it, and puts the vif into it" {
	scene bridge=br7
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = ${bridge}' 'create = yes' '[up]'
	vif_call 1 0 online
	ip -n "$DOM0" link del br7
	xhp repair
	link_is vif1.0 'master br7'
	xhp check
	vif_call 1 0 offline
	not dom0 ip link show br7
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "names that are no bridge's are refused, and nothing is made" {
	local name
	scene
	vif_recipe '[bridge]' 'name = ${bridge}' 'create = yes'
	tap_add tap7
	keep before
	for name in tap7 'a b' ../x 'br7;reboot' '-x' averyveryverylongname; do
		xenstore-write -- /local/domain/0/backend/vif/1/0/bridge "$name"
		run vif_call 1 0 online
		[ "$status" = 1 ]
		[ "$(dom0 ip -o link show type bridge | wc -l)" = 1 ]
		[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	done
}

@test "a bridge of our own: each call fails, or is the last, and nothing is left" {
	scene bridge=br7
	vif_recipe '[link]' 'mac = fe:ff:ff:ff:ff:ff' '[bridge]' 'name = ${bridge}' \
		'create = yes' "${ALL[@]}" '[up]'
	dom0 sysctl -qw net.ipv6.conf.vif1/0.accept_dad=0
	keep before
	each_call fail nj
	[ "$hits" -ge 15 ]
	each_call lost n
	each_call after nj
	each_call torn j
}

@test "200 vifs at once onto a bridge that the first of them makes" {
	scene
	vif_recipe '[link]' 'addresses = none' '[bridge]' 'name = br7' 'create = yes' \
		'isolated = yes' '[up]'
	many br7
	keep before
	[ -z "$(at_once online $(seq 101 300) 2>&1)" ]
	[ "$(dom0 ip -o link show master br7 up | wc -l)" = 200 ]
	[ -z "$(at_once offline $(seq 101 300) 2>&1)" ]
	detached
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
