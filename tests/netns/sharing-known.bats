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
	timeout 30 dd if=/dev/zero of="$IMAGES/a" bs=512 count=1 conv=notrunc status=none
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

# The kernel's directory of its backends, as a dom0 has it; here it is made by hand.
bus() {
	dom0 mount -t tmpfs -o mode=755 tmpfs /sys/bus
	dom0 mkdir -p /sys/bus/xen-backend/devices
}

# bus_add DEVICE [MAJOR:MINOR]: blkback serves it, and has that open.
bus_add() {
	dom0 mkdir "/sys/bus/xen-backend/devices/$1"
	[ -z "$2" ] || dom0 sh -c "echo $2 >/sys/bus/xen-backend/devices/$1/physical_device"
}

bus_del() {
	dom0 rm -r "/sys/bus/xen-backend/devices/$1"
}

number() {
	stat -c %t:%T "$1"
}

may_not() {
	local d=$1
	shift
	run traced_add "$d"
	refused busy "$d" "$@"
}

@test "a guest that has a disk of ours, and another program's" {
	local dev
	disk_scene
	bus
	image b
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 b
	bus_add vbd-1-51712
	add 1
	disk 2 51712 "$dev"
	# as the kernel shows it
	disk 1 51728 b
	bus_add vbd-1-51728 "$(number "$dev")"
	may_not 2 'guest "guest1"' vbd-1-51728
	not says backend/vbd/1/51712
	# before blkback has opened it
	dom0 rm /sys/bus/xen-backend/devices/vbd-1-51728/physical_device
	disk 1 51728 b physical-device="$(number "$dev")"
	may_not 2 'guest "guest1"' vbd-1-51728
	# without the kernel's word
	dom0 umount /sys/bus
	may_not 2 'guest "guest1"' vbd-1-51728
	backend_gone vbd 1 51728
	remove 1
	losetup -d "$dev"
	nothing_left
}

@test "a guest has vanished, and its number is another's, whose disks others attach" {
	local dev bus
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	for bus in bus :; do
		$bus
		image b
		disk 1 51712 b
		! dom0 test -d /sys/bus/xen-backend || bus_add vbd-1-51712
		add 1
		disk 2 51712 "$dev"
		if dom0 test -d /sys/bus/xen-backend; then
			bus_del vbd-1-51712
			bus_add vbd-1-51712 "$(number "$dev")"
		fi
		backend_gone vbd 1 51712
		disk 1 51712 c physical-device="$(number "$dev")" vm=/vm/other
		may_not 2 'guest "guest1"' vbd-1-51712
		# what was the first one's is still in the index, and not free
		disk 2 51712 b
		may_not 2 vbd-1-51712
		remove 1
		[ "$bus" != bus ] || dom0 umount /sys/bus
		backend_gone vbd 1 51712
	done
	losetup -d "$dev"
	nothing_left
}

@test "the index is lost, or was cut short: the disk is still seen" {
	local dev index
	disk_scene
	bus
	index=$RIG/run/xen-hotplug/index-$(cat /proc/sys/kernel/random/boot_id)
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 "$dev"
	disk 2 51712 "$dev"
	for how in "rm -r $index" "rm -r $index/devices" "rm $index/backend-numbers" \
		"truncate -s 0 $index/devices/vbd-1-51712"; do
		echo "$how"
		bus_add vbd-1-51712
		add 1
		dom0 sh -c "echo $(number "$dev") >/sys/bus/xen-backend/devices/vbd-1-51712/physical_device"
		$how
		may_not 2 'guest "guest1"' vbd-1-51712
		remove 1
		bus_del vbd-1-51712
		rm -f "$index/backend-numbers"
	done
	losetup -d "$dev"
	nothing_left
}

@test "a journal is lost, and the index is not: the disk is seen all the same" {
	local dev
	disk_scene
	image b
	dev=$(as_disk "$IMAGES/b")
	disk 1 51712 a
	disk 1 51728 "$dev"
	add 1
	add 1 51728
	rm "$RIG"/run/xen-hotplug/devices/vbd-1-*
	disk 2 51712 a
	may_not 2 'guest "guest1"'
	disk 2 51712 "$dev"
	may_not 2 'guest "guest1"'
	losetup -d "$dev"
}

@test "a journal is lost, the index is not, and the kernel shows the disk" {
	local dev
	disk_scene
	bus
	image b
	dev=$(as_disk "$IMAGES/b")
	disk 1 51712 "$dev"
	bus_add vbd-1-51712
	add 1
	dom0 sh -c "echo $(number "$dev") >/sys/bus/xen-backend/devices/vbd-1-51712/physical_device"
	rm "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	disk 2 51712 "$dev"
	may_not 2 'guest "guest1"' vbd-1-51712
	losetup -d "$dev"
}

@test "another script attaches what we once had: our index says nothing of it" {
	local dev
	disk_scene
	image b
	dev=$(as_disk "$IMAGES/b")
	disk 1 51712 a
	add 1
	backend_gone vbd 1 51712
	disk 1 51712 "$dev"
	XENBUS_PATH=backend/vbd/1/51712 xhp disk-check "$dev" w
	xenstore-write /local/domain/0/backend/vbd/1/51712/physical-device \
		"7:$(printf %x "${dev#/dev/loop}")"
	disk 2 51712 "$dev"
	may_not 2 'guest "guest1"'
	losetup -d "$dev"
}

@test "disk-check without a xenstored lets nobody have a disk" {
	disk_scene
	XENSTORED_PATH=/nonexistent XENBUS_PATH=backend/vbd/1/51712 run xhp disk-check "$IMAGES/a" w
	[ "$status" = 1 ]
	says 'cannot reach xenstored'
	XENBUS_PATH=backend/vbd/1/51712 run xhp disk-check "$IMAGES/a" w
	[ "$status" = 0 ] && [ "$output" = ok ]
}

@test "repair knows by the record whose disk it is" {
	disk_scene
	disk 1 51712 a
	disk 1 51728 a
	add 1
	disk_call 1 51728 add
	sed -i '/^head/s/ domid=1//' "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	xenstore-rm /local/domain/0/backend/vbd/1/51712/node
	run xhp check vbd-1-51712
	[ "$status" = 1 ]
	xhp repair vbd-1-51712
	attached 1
}

@test "more guests than one answer of xenstored has room for" {
	local d dev args=()
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	for d in {10000..10700}; do
		args+=("/local/domain/0/backend/vbd/$d/51712/physical-device" fd:7fff)
	done
	xenstore-write "${args[@]}"
	[ "$(xenstore-list /local/domain/0/backend/vbd | wc -c)" -gt 4096 ]
	disk 1 51712 "$dev"
	add 1
	remove 1
	xenstore-write /local/domain/0/backend/vbd/10555/51712/state 4 \
		/local/domain/0/backend/vbd/10555/51712/physical-device "$(number "$dev")"
	may_not 1 'domain 10555'
	losetup -d "$dev"
}
