#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL in and after every write of an add and of a remove of a disk, and what the next
# run makes of it; never is the image shown to two writers in between.

load lib
load scene
load tools
load disk

teardown() {
	disk_teardown
}

# shimmed_disk NAME=VALUE...: $SHIM_VERB (or add) of guest 1's disk with calls that fail.
shimmed_disk() {
	libxl_call vbd 1 51712 env "$@" LD_PRELOAD="$RIG_BUILD/fault.so" \
		/usr/sbin/xen-hotplug run block "${SHIM_VERB:-add}"
}

fresh() {
	backend_gone vbd 1 51712 2>/dev/null || :
	disk 1 51712 a
}

# killed HOW KINDS CHECK: runs CHECK after a kill at each call in turn.
killed() {
	local n
	kills=0
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		fresh
		run shimmed_disk FAULT_AT=$n FAULT_HOW="$1" FAULT_KINDS="$2" FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 137 ] || { echo "status $status: $output"; return 1; }
		kills=$((kills + 1))
		echo "killed $1 call $n"
		other_guest
		"$3"
		nothing_left
	done
	[ "$status" = 0 ]
	remove 1
	nothing_left
}

# Another guest may have the image only while the first has nothing to write by.
other_guest() {
	run add 2
	if [ "$status" = 0 ]; then
		[ -z "$(node vbd 1 51712 physical-device)" ]
		remove 2
	else
		[ "$(node vbd 2 51712 hotplug-status)" = busy ]
		says 'is in use'
	fi
	xenstore-rm /local/domain/0/backend/vbd/2/51712/hotplug-status
}

next_add() {
	add 1
	attached 1
	[ "$(loops | wc -l)" = 1 ]
	remove 1
}

next_remove() {
	remove 1
}

next_gc() {
	xhp gc
	[ ! -s "$RIG/run/xen-hotplug/devices/vbd-1-51712" ] || remove 1
}

both() {
	disk_scene
	disk 2 51712 a
	killed after "$1" "$2"
}

@test "killed after each call: the next add is a whole attach" {
	both jsl next_add
	[ "$kills" -ge 15 ]
}

@test "killed after each call: the next remove leaves no trace" {
	both jsl next_remove
	[ "$kills" -ge 15 ]
}

@test "killed after each call: gc leaves no trace" {
	both jsl next_gc
	[ "$kills" -ge 15 ]
}

@test "killed before each write, and in the middle of it" {
	disk_scene
	disk 2 51712 a
	killed before j next_add
	killed torn j next_gc
	[ "$kills" -ge 4 ]
}

@test "a remove is killed after each call: the next remove, or gc, does the rest" {
	local next n
	disk_scene
	disk 2 51712 a
	for next in 'remove 1' 'xhp gc'; do
		for ((n = 1; ; n++)); do
			rm -f "$RIG/run/calls"
			fresh
			add 1
			SHIM_VERB=remove run shimmed_disk FAULT_AT=$n FAULT_HOW=after \
				FAULT_KINDS=jsl FAULT_LOG=/run/calls
			[ "$status" = 137 ] || break
			other_guest
			$next
			[ ! -s "$RIG/run/xen-hotplug/devices/vbd-1-51712" ] || remove 1
			nothing_left
		done
		[ "$status" = 0 ]
		[ $n -ge 5 ]
		nothing_left
	done
}

@test "each call fails: an error that is told, and nothing is left" {
	local n
	disk_scene
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		fresh
		run shimmed_disk FAULT_AT=$n FAULT_HOW=fail FAULT_KINDS=jl FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 1 ]
		[ "$(node vbd 1 51712 hotplug-status)" = error ]
		xhp gc
		nothing_left
	done
	[ "$n" -ge 5 ]
	remove 1
}

@test "no loop device is free" {
	disk_scene
	disk 1 51712 a
	run shimmed_disk FAULT_AT=1+ FAULT_HOW=fail FAULT_KINDS=l
	refused error 1 'there is no free loop device: No space left on device'
	nothing_left
}

@test "a server that does not answer: an error in time, and another disk goes on" {
	disk_scene
	echo 'timeout = 10' >"$RIG/etc-xen/hotplug.conf"
	mkdir "$IMAGES/far"
	# a file system that is not known to be this machine's own
	dom0 mount -t ramfs far "$IMAGES/far"
	dom0 truncate -s 1M "$IMAGES/far/a"
	disk 1 51712 far/a
	disk 2 51712 b
	image b
	shimmed_disk FAULT_AT=2 FAULT_HOW=wait FAULT_KINDS=l FAULT_LOG=/run/calls \
		>"$RIG/said" 2>&1 &
	wait_until grep -qs FAULT "$RIG/run/calls"
	rm "$RIG/etc-xen/hotplug.conf"
	add 2
	attached 2
	! wait $! || false
	output=$(cat "$RIG/said") status=1
	refused error 1 'is its server dead' 'no answer'
	remove 2
	xhp gc
	nothing_left
}

@test "an image on a server that does not answer, and a disk behind one" {
	disk_scene
	echo 'timeout = 10' >"$RIG/etc-xen/hotplug.conf"
	mkdir "$IMAGES/nfs"
	rig_hung "$IMAGES/nfs"
	disk 1 51712 nfs/a
	run add 1
	refused error 1 "$IMAGES/nfs/a: is its server dead" 'no answer'
	remove 1
	nothing_left
	# another one's disk is there: it does not keep ours from being attached
	backend qdisk 2 51712 params="raw:$IMAGES/nfs/a" mode=w
	rm "$RIG/etc-xen/hotplug.conf"
	disk 1 51712 a
	add 1
	attached 1
	remove 1
	nothing_left
}

@test "the image is exchanged between the look at it and its loop device" {
	disk_scene
	disk 1 51712 a
	image b
	shimmed_disk FAULT_AT=2 FAULT_HOW=wait FAULT_KINDS=l FAULT_LOG=/run/calls \
		>"$RIG/said" 2>&1 &
	wait_until grep -qs FAULT "$RIG/run/calls"
	mv "$IMAGES/b" "$IMAGES/a"
	: >"$RIG/run/calls.go"
	status=0
	wait $! || status=$?
	output=$(cat "$RIG/said")
	refused error 1 "$IMAGES/a is another file than it was just now"
	nothing_left
}

@test "the guest and its backend are gone without a remove: gc gives everything back" {
	disk_scene
	disk 1 51712 a
	disk 2 51712 a
	add 1
	backend_gone vbd 1 51712
	run add 2
	refused busy 2 'xen-hotplug gc gives it back'
	xhp gc
	nothing_left
	add 2
	attached 2
	remove 2
	# and a loop device whose journal was lost
	disk 1 51712 a
	add 1
	rm "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	rm -r "$RIG/run/xen-hotplug"/index-*
	xhp gc
	[ "$(loops | wc -l)" = 1 ]
	backend_gone vbd 1 51712
	# which is not for somebody with a /run, and perhaps a store, of his own
	mkdir "$RIG/run2"
	dom0 unshare -m sh -c 'mount --bind "$0" /run && /usr/sbin/xen-hotplug gc' "$RIG/run2"
	[ "$(loops | wc -l)" = 1 ]
	xhp gc
	nothing_left
}

@test "a lost journal: gc says why, and takes the disk out of the index once it is gone" {
	local loop
	disk_scene
	disk 1 51712 a
	add 1
	loop=$(node vbd 1 51712 node)
	rm "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	losetup -d "$loop"
	# the guest may still have its number
	run xhp gc --dry-run
	[[ $output != *vbd-1* ]]
	xhp gc
	[ -n "$(find "$RIG/run/xen-hotplug" -name vbd-1-51712)" ]
	backend_gone vbd 1 51712
	find "$RIG/run/xen-hotplug" -type f | sort >"$RIG/index"
	run xhp gc --dry-run
	says 'vbd-1-51712: what [disk] made would be removed' 'has no journal' \
		'no backend/vbd/1/51712 in xenstore'
	diff "$RIG/index" <(find "$RIG/run/xen-hotplug" -type f | sort)
	# others stay
	disk 2 51712 a
	add 2
	run xhp gc
	says 'vbd-1-51712: it is in the index of disks no more'
	[ -z "$(find "$RIG/run/xen-hotplug" -name vbd-1-51712)" ]
	xhp check
	attached 2
	remove 2
	nothing_left
	[ -z "$(find "$RIG"/run/xen-hotplug/index-* -mindepth 1)" ]
	run xhp gc
	[ -z "$output" ]
}

@test "the index is lost: the disk is still seen, and repair brings it back" {
	disk_scene
	disk 1 51712 a
	disk 2 51712 a
	add 1
	rm -r "$RIG/run/xen-hotplug"/index-*
	run add 2
	refused busy 2 'guest "guest1"'
	run xhp check
	[ "$status" = 1 ]
	says 'the index of disks has lost it'
	xhp repair
	xhp check
	run add 2
	refused busy 2 'guest "guest1"'
	remove 1
	nothing_left
}
