#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who may have a disk: every way in which it can be somebody else's already.

load lib
load scene
load tools
load disk

teardown() {
	[ -z "$SWAP" ] || swapoff "$SWAP"
	umount -q "${IMAGES:-/nowhere}/mnt" || : # not in dom0
	disk_teardown
}

# may D [MODE], may_not STATUS-TEXT...: an add of domain D's disk
may() {
	add "$1" && attached "$1" && remove "$1"
}

may_not() {
	local d=$1
	shift
	run add "$d"
	refused busy "$d" "$@"
}

@test "r, w and w! of two guests on one file, in every combination" {
	local first second ok
	disk_scene
	while read -r first second ok; do
		echo "$first then $second: $ok"
		disk 1 51712 a mode=$first
		disk 2 51712 a mode=$second
		add 1
		if [ $ok = yes ]; then
			may 2
		else
			may_not 2 "$IMAGES/a is in use" 'guest "guest1" (domain 1)' \
				'block-shared' vbd-1-51712
		fi
		remove 1
		may 2
		backend_gone vbd 1 51712
		backend_gone vbd 2 51712
	done <<-'END'
		r r yes
		r w no
		w r no
		w w no
		w! r no
		w! w no
		r w! yes
		w w! yes
	END
	nothing_left
}

@test "the same with a device" {
	local first second ok dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	while read -r first second ok; do
		disk 1 51712 "$dev" mode=$first
		disk 2 51712 "$dev" mode=$second
		add 1
		if [ $ok = yes ]; then may 2; else may_not 2 "$dev is in use" 'domain 1'; fi
		remove 1
		backend_gone vbd 1 51712
		backend_gone vbd 2 51712
	done <<-'END'
		r r yes
		r w no
		w r no
		w w no
		w w! yes
	END
	losetup -d "$dev"
	nothing_left
}

@test "one file by other paths: hard link, symbolic link, bind mount, behind a device" {
	local path dev
	disk_scene
	disk 1 51712 a
	add 1
	ln "$IMAGES/a" "$IMAGES/hard"
	ln -s a "$IMAGES/soft"
	mkdir "$IMAGES/bind"
	dom0 mount --bind "$IMAGES" "$IMAGES/bind"
	dev=$(as_disk "$IMAGES/a")
	for path in hard soft bind/a ../images/a "$(node vbd 1 51712 node)" "$dev"; do
		disk 2 51712 "$path"
		may_not 2 'guest "guest1"'
	done
	losetup -d "$dev"
	image b
	disk 2 51712 b
	may 2
}

@test "a file behind a loop device that another guest has as its device" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 "$dev"
	add 1
	disk 2 51712 a
	may_not 2 'guest "guest1"'
	remove 1
	may 2
	losetup -d "$dev"
}

@test "parts of one file that do not overlap are two disks" {
	local one two three
	disk_scene
	one=$(as_disk --sizelimit 512K "$IMAGES/a")
	two=$(as_disk --offset 512K "$IMAGES/a")
	three=$(as_disk --offset 256K "$IMAGES/a")
	disk 1 51712 "$one"
	disk 2 51712 "$two"
	disk 3 51712 "$three"
	add 1
	may 2
	may_not 3 'guest "guest1"'
	losetup -d "$one" "$two" "$three"
}

@test "one guest's own disks, its stubdomain's and its target's are no others" {
	disk_scene
	disk 1 51712 a
	disk 1 51728 a
	add 1
	add 1 51728
	remove 1 51728
	# domain 5 is a stubdomain of domain 1, domain 6 another's
	disk 5 51712 a
	xenstore-write /local/domain/5/target 1
	may 5
	disk 6 51712 a
	xenstore-write /local/domain/6/target 2
	may_not 6 'guest "guest1"'
	remove 1
	add 5
	may 1
	may_not 6 'guest "guest5"'
	# two stubdomains of one guest
	xenstore-write /local/domain/6/target 1
	may 6
}

@test "the same guest under another number, as in a migration on one host" {
	disk_scene
	disk 1 51712 a
	add 1
	GUEST_NAME=guest1--incoming disk 2 51712 a
	xenstore-write /local/domain/2/vm "/vm/$(guest_uuid 1)"
	may 2
}

@test "a guest that cannot be read is nobody's same" {
	disk_scene
	disk 1 51712 a
	add 1
	disk 2 51712 a
	xenstore-rm /local/domain/2/vm
	may_not 2 'domain 1'
	xenstore-rm /local/domain/1/vm
	may_not 2 'domain 1'
	xenstore-write /local/domain/1/vm '' /local/domain/2/vm ''
	may_not 2 'domain 1'
	# our own journal knows who domain 1 was
	xenstore-write /local/domain/2/vm "/vm/$(guest_uuid 1)"
	may 2
}

@test "guests that say so share a disk; all of them have to" {
	disk_scene
	disk 1 51712 a
	disk 2 51712 a
	RECIPE=block-shared add 1
	may_not 2 'sharing = shared'
	RECIPE=block-shared may 2
	remove 1
	add 1
	RECIPE=block-shared run add 2
	refused busy 2 'guest "guest1"'
	remove 1
	echo 'sharing = shared' >"$RIG/etc-xen/hotplug.conf"
	add 1
	may 2
}

@test "mounted in dom0, also under a name with a blank: rw excludes all, ro who writes" {
	local dev
	disk_scene
	image a 8M
	mkfs.ext4 -q "$IMAGES/a"
	mkdir "$IMAGES/mount point"
	dom0 mount -o loop "$IMAGES/a" "$IMAGES/mount point"
	disk 1 51712 a
	may_not 1 "mounted on \"$IMAGES/mount point\", read-write" 'Unmount it first'
	disk 1 51712 a mode=r
	may_not 1 'read-write' 'mount it read-only first'
	dom0 umount "$IMAGES/mount point"
	dom0 mount -o ro,loop "$IMAGES/a" "$IMAGES/mount point"
	may 1
	disk 1 51712 a mode=w
	may_not 1 'read-only. Unmount it first'
	dom0 umount "$IMAGES/mount point"
	may 1
	# by another node of the same device, and the device itself
	dev=$(as_disk "$IMAGES/a")
	mknod "$IMAGES/node" b 7 "${dev#/dev/loop}"
	dom0 mount "$IMAGES/node" "$IMAGES/mount point"
	disk 1 51712 a
	may_not 1 'mounted on'
	disk 1 51712 "$dev"
	may_not 1 'mounted on'
	dom0 umount "$IMAGES/mount point"
	losetup -d "$dev"
	nothing_left
}

@test "mounted in another mount namespace" {
	local dev
	disk_scene
	image a 8M
	mkfs.ext4 -q "$IMAGES/a"
	dev=$(as_disk "$IMAGES/a")
	mkdir "$IMAGES/mnt"
	rig_start_wait unshare -m --propagation private sh -c \
		"mount $dev $IMAGES/mnt && echo mounted && exec sleep 1000"
	disk 1 51712 "$dev"
	may_not 1 "something holds $dev exclusively"
	disk 1 51712 a
	may_not 1 "something holds $dev exclusively"
	rig_stop "$!"
	may 1
	losetup -d "$dev"
}

@test "a partition and its whole disk" {
	local dev
	disk_scene
	image a 8M
	dev=$(as_disk --partscan "$IMAGES/a")
	addpart "$dev" 1 2048 4096 # whatever tables the kernel can read
	addpart "$dev" 2 8192 4096
	disk 1 51712 "${dev}p1"
	disk 2 51712 "${dev}p2"
	disk 3 51712 "$dev"
	disk 4 51712 a
	add 1
	may 2
	may_not 3 'guest "guest1"'
	may_not 4 'guest "guest1"'
	remove 1
	add 3
	may_not 1 'guest "guest3"'
	remove 3
	mkfs.ext4 -q "${dev}p2"
	mkdir "$IMAGES/mnt"
	dom0 mount "${dev}p2" "$IMAGES/mnt"
	may 1
	may_not 2 'mounted on'
	may_not 3 'mounted on'
	may_not 4 'mounted on'
	dom0 umount "$IMAGES/mnt"
	losetup -d "$dev"
}

@test "one partition mounted read-only here, another one read-write elsewhere" {
	local dev
	disk_scene
	image a 8M
	dev=$(as_disk --partscan "$IMAGES/a")
	addpart "$dev" 1 2048 4096
	addpart "$dev" 2 8192 4096
	mkfs.ext4 -q "${dev}p1"
	mkfs.ext4 -q "${dev}p2"
	mkdir "$IMAGES/mnt" "$IMAGES/mnt2"
	dom0 mount -o ro "${dev}p1" "$IMAGES/mnt"
	disk 1 51712 "$dev" mode=r
	may 1
	rig_start_wait unshare -m --propagation private sh -c \
		"mount ${dev}p2 $IMAGES/mnt2 && echo mounted && exec sleep 1000"
	may_not 1 "something holds ${dev}p2 exclusively"
	rig_stop "$!"
	may 1
	dom0 umount "$IMAGES/mnt"
	losetup -d "$dev"
}

@test "btrfs, which has numbers of its own: mounted, and locked by the guest's own QEMU" {
	local dev
	grep -qw btrfs /proc/filesystems || skip "no btrfs in this kernel"
	disk_scene
	image fs 128M
	mkfs.btrfs -q "$IMAGES/fs"
	dev=$(as_disk "$IMAGES/fs")
	mkdir "$IMAGES/mnt"
	disk 1 51712 "$dev"
	dom0 mount "$dev" "$IMAGES/mnt"
	may_not 1 "mounted on \"$IMAGES/mnt\""
	dom0 umount "$IMAGES/mnt"
	may 1
	mount "$dev" "$IMAGES/mnt"
	truncate -s 1M "$IMAGES/mnt/a"
	dom0 mount "$dev" "$IMAGES/mnt"
	disk 1 51712 mnt/a
	locker 101 -xen-domid 1
	may 1
	rig_stop "$LOCKER"
	locker 101 -xen-domid 2
	may_not 1 'has it locked' 'domain 2'
	rig_stop "$LOCKER"
	dom0 umount "$IMAGES/mnt"
	umount "$IMAGES/mnt"
	losetup -d "$dev"
}

@test "swap space, a file and a device" {
	local dev
	disk_scene
	mkswap -q "$IMAGES/a" 2>/dev/null
	dev=$(as_disk "$IMAGES/a")
	swapon "$dev" || skip "no swap here"
	SWAP=$dev
	disk 1 51712 a
	may_not 1 'swap space'
	disk 1 51712 "$dev" mode=r
	may_not 1 'swap space'
	swapoff "$dev"
	SWAP=
	may 1
	losetup -d "$dev"
}

@test "disks that others attached: the stock script, tapback, QEMU" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	disk 2 51712 a
	# a device, by its number; a loop device stands for what the stock script makes
	disk 1 51712 "$dev" physical-device="7:$(printf %x "${dev#/dev/loop}")"
	may_not 2 'guest "guest1"' 'for writing' vbd-1-51712
	xenstore-write /local/domain/0/backend/vbd/1/51712/mode r
	may_not 2 'for reading'
	disk 2 51712 a mode=r
	may 2
	disk 2 51712 "$dev"
	may_not 2 'for reading'
	# one that nothing was published for has no disk yet
	xenstore-rm /local/domain/0/backend/vbd/1/51712/physical-device
	may 2
	backend_gone vbd 1 51712
	losetup -d "$dev"
	disk 2 51712 a
	for kind in vbd3 qdisk; do
		for params in "vhd:$IMAGES/a" "raw:$IMAGES/../images/a"; do
			backend $kind 1 51712 params="$params" type=tap mode=w
			may_not 2 'guest "guest1"' "$kind-1-51712"
		done
		backend $kind 1 51712 params="raw:$IMAGES/other" mode=w
		may 2
		backend $kind 1 51712 params="raw:nbd:host:1234" mode=w
		may 2
		backend_gone $kind 1 51712
	done
	nothing_left
}

@test "a disk that another script is just giving back is waited for" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 "$dev" state=6 physical-device="7:$(printf %x "${dev#/dev/loop}")"
	disk 2 51712 "$dev"
	XEN_HOTPLUG_TRACE=1 add 2 2>"$RIG/trace" 3>&- &
	wait_until shows 3 'backend/vbd/1/51712/state = 6' "$RIG/trace"
	not attached 2
	backend_gone vbd 1 51712
	wait $!
	attached 2
	remove 2
	losetup -d "$dev"
}

@test "a path of QEMU's that cannot be looked at: another disk only on another file system" {
	disk_scene
	ln -s loop "$IMAGES/loop"
	disk 2 51712 a
	backend qdisk 1 51712 params="raw:$IMAGES/loop" mode=w
	run add 2
	refused error 2 "cannot tell whether it is $IMAGES/loop" 'guest "guest1"'
	mkdir "$IMAGES/mnt"
	dom0 mount -t tmpfs tmpfs "$IMAGES/mnt"
	dom0 ln -s loop "$IMAGES/mnt/loop"
	backend qdisk 1 51712 params="raw:$IMAGES/mnt/loop" mode=w
	run add 2
	says 'does not answer: it is taken for another disk'
	attached 2
	remove 2
}

@test "a loop device that the index takes for ours, wrongly, is asked all the same" {
	local dev index
	disk_scene
	image a 8M
	mkfs.ext4 -q "$IMAGES/a"
	dev=$(as_disk "$IMAGES/a")
	mkdir "$IMAGES/mnt"
	dom0 mount "$dev" "$IMAGES/mnt"
	index=$(compgen -G "$RIG/run/xen-hotplug/index-*")
	index_number "$(stat -c %r "$dev")" >"$index/loop-numbers"
	disk 1 51712 a
	may_not 1 'mounted on'
	dom0 umount "$IMAGES/mnt"
	losetup -d "$dev"
}

@test "beside many loop devices of ours, another one is still found" {
	local dev other index n
	disk_scene
	image a 8M
	mkfs.ext4 -q "$IMAGES/a"
	dev=$(as_disk "$IMAGES/a")
	other=$(as_disk "$IMAGES/a")
	mkdir "$IMAGES/mnt"
	rig_start_wait unshare -m --propagation private sh -c \
		"mount $other $IMAGES/mnt && echo mounted && exec sleep 60"
	index=$(compgen -G "$RIG/run/xen-hotplug/index-*")
	for ((n = 1; n <= 60; n++)); do
		index_number $((7 << 8 | 1000 + n << 12))
	done >"$index/loop-numbers"
	disk 1 51712 "$dev"
	may_not 1 "something holds $other exclusively"
	rig_stop "$!"
	may 1
	losetup -d "$other"
	losetup -d "$dev"
}

@test "the stock script's file, attached under our eyes" {
	[ -x /etc/xen/scripts/block ] || skip "no xen-utils-common"
	disk_scene
	disk 1 51712 a
	disk 2 51712 a
	stock_add 1
	may_not 2 'guest "guest1"'
	SCRIPT=/etc/xen/scripts/block remove 1
	backend_gone vbd 1 51712
	may 2
}

@test "a file that QEMU has open; but not that of the guest itself" {
	disk_scene
	disk 1 51712 a
	for byte in 101 201; do
		locker $byte -xen-domid 2
		may_not 1 'has it locked' 'domain 2'
		rig_stop "$LOCKER"
		locker $byte -xen-domid 1
		may 1
		rig_stop "$LOCKER"
		locker $byte
		may_not 1 'has it locked'
		rig_stop "$LOCKER"
	done
	locker 100
	disk 1 51712 a mode=r
	may 1
	rig_stop "$LOCKER"
}

# locker BYTE [ARGUMENT...]: locks as QEMU does (OFD), with these arguments.
locker() {
	local byte=$1 file=$IMAGES/a
	shift
	[ ! -e "$IMAGES/mnt/a" ] || file=$IMAGES/mnt/a
	rig_start_wait "$RIG_BUILD/ofdlock" "$file" "$byte" "$@"
	LOCKER=$!
}

@test "a loop device that drains is waited for, without the lock" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	exec 7<"$dev"
	losetup -d "$dev"
	losetup -nO AUTOCLEAR "$dev" | grep -w 1
	disk 1 51712 a
	XEN_HOTPLUG_TRACE=1 add 1 2>"$RIG/trace" 3>&- 7<&- &
	wait_until shows 3 'others may have it open' "$RIG/trace"
	image b
	disk 2 51712 b
	add 2 7<&-
	attached 2
	not attached 1
	exec 7<&-
	wait $!
	attached 1
	remove 1
	remove 2
	nothing_left
}

@test "a disk leaves the index under the lock, so that no check sees half of it" {
	disk_scene
	disk 1 51712 a
	add 1
	exec 8>>"$RIG/run/xen-hotplug/block"
	flock 8
	remove 1 3>&- 8>&- &
	# until it waits for us, or has ended without
	wait_until eval 'awaited "$RIG/run/xen-hotplug/block" || ! alive $!'
	alive $!
	compgen -G "$RIG/run/xen-hotplug/index-*/f*/vbd-1-51712"
	compgen -G "$RIG/run/xen-hotplug/index-*/loop-numbers"
	loops_are # it has ended before
	rm "$RIG/run/xen-hotplug/block"
	exec 8>&-
	wait $!
	nothing_left
}

@test "a remove is cut short: its disk is not free before its loop device is" {
	local node
	disk_scene
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	disk 1 51712 a
	disk 2 51712 a
	add 1
	echo "undone $(sed -n 's/^rec \([0-9]*\) host disk .*/\1/p' "$RIG/run/xen-hotplug/devices/vbd-1-51712")" \
		>>"$RIG/run/xen-hotplug/devices/vbd-1-51712"
	for node in node physical-device physical-device-path; do
		xenstore-rm "/local/domain/0/backend/vbd/1/51712/$node"
	done
	may_not 2 'vbd-1-51712 is just being detached'
	remove 1
	may 2
	nothing_left
}

@test "repair gives no disk back that another guest has by now" {
	disk_scene
	disk 1 51712 a
	disk 2 51712 a
	add 1
	# the store and the index have lost it, and so another guest gets it
	rm -r "$RIG/run/xen-hotplug"/index-*
	xenstore-rm /local/domain/0/backend/vbd/1/51712/physical-device
	add 2
	run xhp repair vbd-1-51712
	[ "$status" = 1 ]
	says 'guest "guest2"' 'cannot be repaired'
	[ -z "$(node vbd 1 51712 physical-device)" ]
	remove 2
	xhp repair vbd-1-51712
	attached 1
	remove 1
	nothing_left
}

@test "disk-check, for other scripts" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 a
	disk 2 51712 b
	add 1
	check() { XENBUS_PATH=backend/vbd/$1/51712 run xhp disk-check "$2" "$3"; }
	check 2 "$dev" w
	[ "$status" = 1 ]
	[[ ${lines[0]}${lines[1]} == *'guest '* ]]
	says 'guest "guest1"'
	check 2 "$IMAGES/a" r
	[ "$status" = 1 ]
	check 2 "$dev" 'w!'
	[ "$status $output" = '0 ok' ]
	check 1 "$dev" w
	[ "$status $output" = '0 ok' ]
	XENBUS_PATH=backend/vbd/1/51728 run xhp disk-check "$dev" w # its own, too
	[ "$status $output" = '0 ok' ]
	check 2 /dev/null w
	[ "$status" = 1 ]
	remove 1
	check 2 "$dev" w
	[ "$status $output" = '0 ok' ]
	mkfs.ext4 -q "$dev"
	mkdir "$IMAGES/mnt"
	dom0 mount "$dev" "$IMAGES/mnt"
	check 2 "$IMAGES/a" r
	[ "$status" = 1 ]
	[[ $output == *'local '* ]]
	dom0 umount "$IMAGES/mnt"
	losetup -d "$dev"
}
