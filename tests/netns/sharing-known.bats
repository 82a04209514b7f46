#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that the sharing check need not look at: what it may pass over, and what it may not.

load lib
load tools
load scene
load disk

teardown() {
	disk_teardown
}

traced_add() {
	libxl_call vbd "$1" 51712 /usr/sbin/xen-hotplug run --trace block add
}

no_lease() {
	not grep -q "LEASE.*:$(stat -c %i "$IMAGES/a") " /proc/locks
}

@test "a file that nobody else has open: no other disk is looked at" {
	disk_scene
	image b
	disk 1 51712 b
	add 1
	disk 2 51712 a
	disk 3 51712 c physical-device=fd:1
	run traced_add 2
	[ "$status" = 0 ]
	says 'nobody else has it open'
	not says 'xenstore list backend/vbd:'
	not says /backend/vbd/3/
	attached 2
	no_lease
	# who opens it does not wait
	timeout 3 dd if=/dev/zero of="$IMAGES/a" bs=512 count=1 conv=notrunc status=none
	remove 2
	# a reader is in no other reader's way
	disk 2 51712 a mode=r
	exec 7<"$IMAGES/a"
	run traced_add 2
	says 'nobody else has it open'
	attached 2
	no_lease
	remove 2
	exec 7<&-
	remove 1
	backend_gone vbd 3 51712
	nothing_left
}

@test "a file that a program has open: all disks are looked at" {
	disk_scene
	disk 2 51712 a
	disk 3 51712 c physical-device=fd:1
	exec 7<"$IMAGES/a"
	run traced_add 2
	[ "$status" = 0 ]
	says 'others may have it open'
	says backend/vbd/3/51712/physical-device
	attached 2
	no_lease
	remove 2
	exec 7<&-
	disk 2 51712 a mode=r
	exec 7<>"$IMAGES/a"
	run traced_add 2
	says 'others may have it open'
	attached 2
	remove 2
	exec 7<&-
	backend_gone vbd 3 51712
	nothing_left
}

@test "QEMU's disk, before QEMU has opened it" {
	disk_scene
	disk 2 51712 a
	backend qdisk 1 51712 params="raw:$IMAGES/a" mode=w
	run add 2
	[ "$status" = 1 ]
	refused busy 2 'guest "guest1"' qdisk-1-51712
	nothing_left
}
