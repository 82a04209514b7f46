#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# check tells what has drifted, and repair puts it back.

load lib

setup() {
	rig_setup
	bridge_add br0
	vif_add 1 0
	backend vif 1 0 bridge=br0 ip="192.0.2.10 2001:db8::/64"
}

teardown() {
	rig_teardown
}

# drift WHAT COMMAND...: check sees what the command does, and repair undoes it.
drift() {
	local what=$1
	shift
	dom0 "$@"
	run dom0 xen-hotplug check
	[ "$status" = 1 ] && [[ $output == *"vif-1-0: [$what] drifted: "* ]] || return
	run dom0 xen-hotplug repair vif-1-0
	[ "$status" = 0 ] && [[ $output == *"vif-1-0: [$what] repaired: "* ]] || return
	dom0 xen-hotplug check
	snapshot_kernel >"$RIG/after"
	diff "$RIG/before" "$RIG/after"
}

@test "each kind of drift is seen and repaired" {
	dom0 iptables -P FORWARD DROP
	dom0 sysctl -qw net.bridge.bridge-nf-call-iptables=1
	vif_call 1 0 online
	dom0 xen-hotplug check
	snapshot_kernel >"$RIG/before"
	drift link ip link set vif1.0 address 02:11:11:11:11:11
	drift filter nft flush chain netdev xen-vif-1-0 ingress
	drift filter nft delete table netdev xen-vif-1-0
	drift bridge ip link set vif1.0 nomaster
	drift bridge ip link set vif1.0 mtu 1400
	drift forward nft flush chain ip filter FORWARD
	drift up ip link set vif1.0 down
}

@test "what cannot be repaired is said, and the exit status is 1" {
	vif_call 1 0 online
	dom0 ip link del br0
	run dom0 xen-hotplug repair
	[ "$status" = 1 ]
	[[ $output == *"[bridge] drifted: "*"cannot be repaired"* ]]
}

@test "a device that is not attached cannot be checked" {
	run dom0 xen-hotplug check vif-1-0
	[ "$status" = 1 ]
	[[ $output == *'nothing is attached as "vif-1-0"'* ]]
}

@test "a filter of a lost journal goes with its device, not before" {
	vif_call 1 0 online
	rm "$RIG/run/xen-hotplug/devices/vif-1-0"
	dom0 xen-hotplug gc
	dom0 nft list table netdev xen-vif-1-0 >/dev/null
	backend_gone vif 1 0
	dom0 xen-hotplug gc
	dom0 nft list table netdev xen-vif-1-0 >/dev/null
	vif_del 1 0
	dom0 xen-hotplug gc
	[ -z "$(dom0 nft list tables netdev)" ]
}

@test "check says what repair would do, and who did it only where that is known" {
	local units=$RIG/run/systemd/units
	vif_call 1 0 online
	snapshot_kernel >"$RIG/before"
	mkdir -p "$units"
	dom0 nft delete table netdev xen-vif-1-0
	run dom0 xen-hotplug check vif1.0
	[ "$status" = 1 ]
	[[ $output == *"[filter] drifted: "*"repair: makes it again: table "* ]]
	[[ $output != *known:* ]]
	ln -s 0123 "$units/invocation:nftables.service"
	run dom0 xen-hotplug check
	[[ $output == *"known: nftables.service was started at "*", after this was made"* ]]
	sed -i 's/ since=[0-9]*/ since=4000000000/' "$RIG/run/xen-hotplug/devices/vif-1-0"
	run dom0 xen-hotplug check
	[ "$status" = 1 ]
	[[ $output != *known:* ]]
	run dom0 xen-hotplug repair vif1.0
	[ "$status" = 0 ]
	snapshot_kernel >"$RIG/after"
	diff "$RIG/before" "$RIG/after"
}

@test "a journal from before the last boot is neither compared nor repaired" {
	vif_call 1 0 online
	sed -i 's/^boot .*/boot other/' "$RIG/run/xen-hotplug/devices/vif-1-0"
	ip -n "$DOM0" link set vif1.0 nomaster
	snapshot >"$RIG/before"
	run dom0 xen-hotplug repair
	[ "$status" = 1 ]
	[[ $output == *"vif-1-0: from before the last boot (xen-hotplug gc)"* ]]
	snapshot >"$RIG/after"
	diff "$RIG/before" "$RIG/after"
}

@test "what is said of it as a whole stands below what it is about" {
	vif_call 1 0 online
	ip -n "$DOM0" link set vif1.0 nomaster
	! dom0 xen-hotplug check >"$RIG/out" 2>&1 || return 1
	[[ $(head -n 1 "$RIG/out") == 'vif-1-0: [bridge] drifted: '* ]]
	[ "$(tail -n 1 "$RIG/out")" = 'xen-hotplug: 1 difference' ]
}
