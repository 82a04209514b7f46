#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# gc undoes what is left of devices that are gone, and nothing else.

load lib
load scene

teardown() {
	rig_teardown
}

# three vifs with filters, all attached
three() {
	local d
	scene ip=192.0.2.1
	vif_call 1 0 online
	for d in 2 3; do
		vif_add $d 0
		backend vif $d 0 bridge=br0 ip=192.0.2.$d
		vif_call $d 0 online
	done
	keep before
}

filters() {
	dom0 nft list tables | wc -l
}

@test "a device that is gone from the store and the kernel is undone, the others stay" {
	three
	vif_del 2 0
	backend_gone vif 2 0
	keep gone
	run xhp gc
	[ "$status" = 0 ]
	says 'vif-2-0: undone'
	keep now
	diff <(sed '/devices.vif-2-0/d; /table netdev xen-vif-2-0/,/^nft }/d' "$RIG/gone") \
		"$RIG/now"
	keep before
	run xhp gc
	[ "$status" = 0 ]
	[ -z "$output" ] || { echo "$output"; false; }
	unchanged
}

@test "gone from the kernel alone, or from the store alone, is not gone" {
	three
	vif_del 2 0
	backend_gone vif 3 0
	keep before
	xhp gc
	unchanged
}

@test "an unreadable store or our own domid missing: gc touches nothing, exit 1" {
	local XENSTORED_PATH=$XENSTORED_PATH
	three
	vif_del 2 0
	backend_gone vif 2 0
	xenstore-rm domid
	keep before
	run xhp gc
	[ "$status" = 1 ]
	says 'nothing is taken for gone'
	run xhp gc --force
	[ "$status" = 1 ]
	unchanged
	xenstore-write domid 0
	keep before
	XENSTORED_PATH=/nonexistent run xhp gc
	[ "$status" = 1 ]
	says xenstored
	unchanged
}

@test "a new, empty xenstored: devices that are still there are not touched" {
	local socket=$RIG/xs
	three
	rig_stop "$(cat "$RIG/xs/pid")"
	rm -r "$RIG/xs"
	rig_xenstored
	keep before
	xhp gc
	unchanged
	[ "$(filters)" = 3 ]
}

@test "more than half gone at once: refused without --force" {
	local d
	three
	for d in 2 3; do
		vif_del $d 0
		backend_gone vif $d 0
	done
	keep before
	run xhp gc
	[ "$status" = 1 ]
	says '2 of 3 devices look gone at once' --force
	unchanged
	xhp gc --force
	[ "$(find "$RIG/run/xen-hotplug/devices" -type f -printf '%f')" = vif-1-0 ]
	link_is vif1.0 'master br0' ',UP'
}

@test "the only device, gone, needs no --force" {
	scene
	vif_call 1 0 online
	vif_del 1 0
	backend_gone vif 1 0
	xhp gc
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a device that somebody is at work on is left alone" {
	three
	vif_del 2 0
	backend_gone vif 2 0
	rig_start_wait dom0 flock /run/xen-hotplug/devices/vif-2-0 sh -c 'echo held; exec sleep 1000'
	keep before
	run xhp gc
	[ "$status" = 0 ]
	unchanged
}

@test "a device of another domain than ours is not gc's" {
	scene
	vif_call 1 0 online
	sed -i 's/ self=0 / self=7 /' "$RIG/run/xen-hotplug/devices/vif-1-0"
	vif_del 1 0
	backend_gone vif 1 0
	keep before
	xhp gc
	unchanged
}

@test "what devices share goes with the last of them, also through gc" {
	local d
	three
	vif_call 1 0 offline
	uplink_recipe shared
	tap_add uplink
	for d in 1 4; do
		[ $d = 1 ] || { vif_add 4 0; backend vif 4 0 bridge=br0; }
		RECIPE=shared vif_call $d 0 online
		link_is uplink 'mtu 1300'
	done
	RECIPE=shared vif_call 1 0 offline
	link_is uplink 'mtu 1300'
	vif_del 4 0
	backend_gone vif 4 0
	xhp gc
	link_is uplink 'mtu 1500'
	[ -z "$(ls -A "$RIG/run/xen-hotplug/shared")" ]
}

@test "--dry-run says of each device what would be done and why, and changes nothing" {
	three
	vif_del 2 0
	backend_gone vif 2 0
	sed -i '/^done/d' "$RIG/run/xen-hotplug/devices/vif-3-0"
	keep before
	run xhp gc --dry-run
	[ "$status" = 0 ]
	says 'vif-1-0: stays (its backend backend/vif/1/0 is there)' \
		'vif-2-0: would be undone (the device is gone: no backend/vif/2/0 in xenstore, no interface' \
		'undo of [bridge] port' 'vif-3-0: would be undone (a run that was cut short)'
	unchanged
	run xhp gc
	says 'vif-2-0: undone (the device is gone' 'vif-3-0: undone (a run that was cut short)'
}

@test "--dry-run tells what a lost journal leaves, and leaves it" {
	three
	rm "$RIG/run/xen-hotplug/devices/vif-2-0"
	vif_del 2 0
	run xhp gc --dry-run
	[[ $output != *"would be removed"* ]]
	backend_gone vif 2 0
	keep before
	run xhp gc --dry-run
	says 'vif-2-0: what [filter] made would be removed'
	unchanged
	[ "$(filters)" = 3 ]
	xhp gc
	[ "$(filters)" = 2 ]
}
