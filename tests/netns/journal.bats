#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Journals that are stale, strange or in the wrong hands.

load lib
load scene

teardown() {
	rig_teardown
}

attached_scene() {
	scene "$@"
	cp "$RIG/before" "$RIG/start"
	vif_call 1 0 online
	JOURNAL=$RIG/run/xen-hotplug/devices/vif-1-0
}

OFFLINE='vif_call 1 0 offline'

no_journal() {
	[ ! -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
}

# left_alone TEXT COMMAND...: each refuses, says TEXT, and touches nothing.
left_alone() {
	local command text=$1
	shift
	keep before
	for command; do
		run $command
		[ "$status" = 1 ]
		says "$text"
		reset_error
		unchanged
	done
}

reset_error() {
	xenstore-rm /local/domain/0/backend/vif/1/0/hotplug-error 2>/dev/null || :
	xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status connected
}

@test "a domid that is used again: what the last guest left is undone first" {
	attached_scene ip=192.0.2.1
	vif_del 1 0
	rig_netns_del "$DOM0-1.0"
	vif_add 1 0
	xenstore-write /local/domain/1/vm /vm/another
	vif_call 1 0 online
	link_is vif1.0 'master br0' ',UP'
	[ "$(grep -c '^head' "$JOURNAL")" = 1 ]
	grep uuid=another "$JOURNAL"
	[ "$(dom0 nft list tables | wc -l)" = 1 ]
	vif_call 1 0 offline
	[ -z "$(dom0 nft list ruleset)" ]
}

@test "a domid that is used again: the same interface, but another guest" {
	attached_scene
	xenstore-write /local/domain/1/vm /vm/another
	vif_call 1 0 online
	grep uuid=another "$JOURNAL"
	status_is connected
}

@test "another configuration for the same device replaces the old" {
	attached_scene ip=192.0.2.1
	bridge_add br1
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br1 \
		/local/domain/0/backend/vif/1/0/ip 192.0.2.2
	vif_call 1 0 online
	link_is vif1.0 'master br1'
	dom0 nft list ruleset >"$RIG/nft"
	grep 192.0.2.2 "$RIG/nft"
	! grep 192.0.2.1 "$RIG/nft" || false
	[ "$(mtu_node 1 0)" = 1500 ]
}

@test "a journal from before the last boot is dropped, and its numbers mean nothing" {
	attached_scene
	keep_kernel attached
	sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' "$JOURNAL"
	xhp status | grep 'before boot'
	vif_call 1 0 offline
	no_journal
	keep_kernel now
	diff <(grep -v '^file' "$RIG/attached") <(grep -v '^file' "$RIG/now")
	vif_call 1 0 online
	sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' "$JOURNAL"
	dom0 ip link set vif1.0 nomaster
	vif_call 1 0 online
	grep "^boot $(cat /proc/sys/kernel/random/boot_id)" "$JOURNAL"
	vif_call 1 0 offline
	! link_is vif1.0 master || false
}

@test "offline takes an interface out of the bridge that it was in before online" {
	scene
	dom0 ip link set vif1.0 master br0 up
	vif_call 1 0 online
	vif_call 1 0 offline
	! link_is vif1.0 master || false
}

@test "gc drops a journal from before the last boot, also one that was cut short" {
	attached_scene
	sed -i /^done/d "$JOURNAL"
	sed -i 's/^boot .*/boot 00000000-0000-0000-0000-000000000000/' "$JOURNAL"
	keep_kernel attached
	xhp gc
	no_journal
	keep_kernel now
	diff <(grep -v '^file' "$RIG/attached") <(grep -v '^file' "$RIG/now")
}

@test "an unknown record or line, or a newer version: a message, and nothing is touched" {
	attached_scene
	cp "$JOURNAL" "$RIG/good"
	sed -i 's/^xen-hotplug 1/xen-hotplug 2/' "$JOURNAL"
	left_alone 'not of a format that this version knows' "$OFFLINE" 'xhp gc'
	run vif_call 1 0 online
	[ "$status" = 1 ]
	reset_error
	unchanged
	{ cat "$RIG/good"; echo 'rec 9 host teleport moved from=here'; } >"$JOURNAL"
	run vif_call 1 0 offline
	[ "$status" = 1 ]
	says 'cannot undo [teleport] moved'
	reset_error
	link_is vif1.0 'master br0' ',UP'
	{ cat "$RIG/good"; echo 'colour blue'; } >"$JOURNAL"
	left_alone 'does not know: "colour"' "$OFFLINE" 'xhp gc'
}

@test "a last line that was cut off counts as not written" {
	attached_scene
	printf 'rec 9 host telep' >>"$JOURNAL"
	xhp status | grep attached
	vif_call 1 0 offline
	no_journal
	detached
}

@test "journals that others could write are refused" {
	local path
	attached_scene
	for path in "$JOURNAL" "${JOURNAL%/*}" "$RIG/run/xen-hotplug"; do
		chmod o+w "$path"
		left_alone 'can write to' "$OFFLINE" 'vif_call 1 0 online'
		chmod o-w "$path"
	done
	chown 1 "$JOURNAL"
	left_alone 'belongs to user 1, not to root' "$OFFLINE"
	chown 0 "$JOURNAL"
	reset_error
	vif_call 1 0 offline
	detached start
}

@test "a link, a directory or a pipe in the place of a journal is refused" {
	local what
	scene
	JOURNAL=$RIG/run/xen-hotplug/devices/vif-1-0
	for what in 'ln -s /run/target' mkdir mkfifo; do
		$what "$JOURNAL"
		keep before
		run libxl_call vif 1 0 timeout 60 /usr/sbin/xen-hotplug run vif-bridge online
		refused 1 0 vif-1-0
		rm -rf "$JOURNAL"
		reset_nodes
	done
	[ ! -e "$RIG/run/target" ]
	rmdir "$RIG/run/xen-hotplug/devices"
	mkdir "$RIG/run/elsewhere"
	ln -s ../elsewhere "$RIG/run/xen-hotplug/devices"
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[ -z "$(ls -A "$RIG/run/elsewhere")" ]
}

@test "recipes and settings that others could write are refused" {
	scene
	printf '[use vif-bridge]\n' >"$RIG/etc-xen/hotplug/mine.ini"
	RECIPE=mine vif_call 1 0 online
	RECIPE=mine vif_call 1 0 offline
	reset_nodes
	keep before
	chmod g+w "$RIG/etc-xen/hotplug/mine.ini"
	RECIPE=mine run vif_call 1 0 online
	[ "$status" = 2 ]
	says 'others than root can write to /etc/xen/hotplug/mine.ini'
	chmod g-w "$RIG/etc-xen/hotplug/mine.ini"
	chown 1 "$RIG/etc-xen/hotplug/mine.ini"
	RECIPE=mine run vif_call 1 0 online
	[ "$status" = 2 ]
	says 'belongs to user 1'
	chown 0 "$RIG/etc-xen/hotplug/mine.ini"
	chmod o+w "$RIG/etc-xen/hotplug"
	RECIPE=mine run vif_call 1 0 online
	[ "$status" = 2 ]
	says 'others than root can write to /etc/xen/hotplug'
	chmod o-w "$RIG/etc-xen/hotplug"
	echo 'require-filter = no' >"$RIG/etc-xen/hotplug.conf"
	chmod o+w "$RIG/etc-xen/hotplug.conf"
	run vif_call 1 0 online
	[ "$status" = 2 ]
	says 'others than root can write to /etc/xen/hotplug.conf'
	reset_nodes
	unchanged
}

@test "the state is root's alone" {
	attached_scene
	[ "$(stat -c %a:%u "$JOURNAL")" = 600:0 ]
	[ "$(stat -c %a "${JOURNAL%/*}")" = 700 ]
	vif_call 1 0 offline
	rm -rf "$RIG/run/xen-hotplug"
	vif_call 1 0 online
	[ "$(stat -c %a:%u "$JOURNAL")" = 600:0 ]
	[ "$(stat -c %a "${JOURNAL%/*}")" = 700 ]
}

@test "a second attach that cannot be judged leaves a working guest alone" {
	local at
	attached_scene ip=192.0.2.1
	snapshot_kernel >"$RIG/attached"
	cp "$JOURNAL" "$RIG/journal"
	for at in 2 3; do # the first is for the UUID, which may be unknown
		run shimmed FAULT_AT=$at FAULT_KINDS=s FAULT_HOW=fail
		[ "$status" = 1 ]
		snapshot_kernel | diff "$RIG/attached" -
		diff "$RIG/journal" "$JOURNAL"
	done
	run shimmed FAULT_AT=1 FAULT_KINDS=n FAULT_HOW=fail
	[ "$status" = 1 ]
	snapshot_kernel | diff "$RIG/attached" -
}
