#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that the kernel makes of other disks: logical volumes, the device mapper's, md.
# udev is in the first network namespace, so dom0 has that one here.

load lib
load scene
load tools
load disk

export LVM_SUPPRESS_FD_WARNINGS=1

setup() {
	disk_scene
	dom0() { nsenter -t "$RIG_HOLDER" -m "$@"; }
	mkdir "$IMAGES/mnt"
}

teardown() {
	! dom0 mountpoint -q "$IMAGES/mnt" || dom0 umount "$IMAGES/mnt" || :
	[ -z "$VG" ] || vgremove -q -f "$VG" || :
	[ -z "$DM" ] || dmsetup remove "$DM" || :
	[ -z "$MD" ] || mdadm -q --stop "$MD" || :
	disk_teardown
}

may_not() {
	local d=$1
	shift
	run add "$d"
	refused busy "$d" "$@"
}

# volume_group: $PV, a loop device, and on it a volume $VG/one that is not active.
volume_group() {
	needs lvchange
	image pv 32M
	PV=$(as_disk "$IMAGES/pv")
	VG=${DOM0//-/_}
	vgcreate -q "$VG" "$PV"
	lvcreate -q -Zn -l 2 -n one "$VG"
	lvchange -q -an "$VG/one"
}

# lv D [KEY=VALUE...]: a backend for the volume.
lv() {
	RECIPE=block-lvm backend vbd "$1" 51712 params="$VG/one" "${@:2}"
}

is_active() {
	[ "$(lvs --noheadings -o lv_active "$VG/one" | tr -d ' ')" = active ]
}

# bats test_tags=kernel:dm-mod
@test "block-lvm: active while a guest uses it, and before if it was" {
	local how
	volume_group
	export RECIPE=block-lvm
	for how in exclusive shared local; do
		printf '[defaults]\nactivation = %s\n[use block-lvm]\n' "$how" \
			>"$RIG/etc-xen/hotplug/block-lvm.ini"
		lv 1
		add 1
		attached 1
		is_active
		[ "$(node vbd 1 51712 physical-device-path)" = "$(realpath "/dev/$VG/one")" ]
		remove 1
		not is_active
	done
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
	lvchange -q -ay "$VG/one"
	add 1
	remove 1
	is_active
	backend vbd 1 51712 params="$VG/none"
	run add 1
	refused error 1 'lvchange ended with status' 'Failed to find logical volume'
}

# bats test_tags=kernel:dm-mod
@test "a volume, its physical volume and the file behind that are one disk" {
	local path
	volume_group
	lv 1
	lv 2
	disk 3 51712 "$PV"
	disk 4 51712 pv
	RECIPE=block-lvm add 1
	RECIPE=block-lvm may_not 2 'guest "guest1"'
	may_not 3 'guest "guest1"'
	may_not 4 'guest "guest1"'
	RECIPE=block-lvm remove 1
	not is_active
	add 3
	RECIPE=block-lvm may_not 1 'guest "guest3"'
	not is_active # rolled back
	remove 3
	lvchange -q -ay "$VG/one"
	mkfs.ext4 -q "/dev/$VG/one"
	dom0 mount "/dev/$VG/one" "$IMAGES/mnt"
	RECIPE=block-lvm may_not 1 'mounted on'
	disk 1 51712 "/dev/mapper/$VG-one"
	may_not 1 'mounted on'
	may_not 3 'mounted on'
	may_not 4 'mounted on'
	dom0 umount "$IMAGES/mnt"
	add 1
	remove 1
}

# bats test_tags=kernel:dm-mod
@test "the device mapper: a disk that it has a part of" {
	local dev
	needs dmsetup
	dev=$(as_disk "$IMAGES/a")
	DM=$DOM0
	dmsetup create "$DM" --table "0 1024 linear $dev 512"
	disk 1 51712 "/dev/mapper/$DM"
	disk 2 51712 "$dev"
	disk 3 51712 a
	add 1
	attached 1
	may_not 2 'guest "guest1"'
	may_not 3 'guest "guest1"'
	remove 1
	add 2
	may_not 1 'guest "guest2"'
	remove 2
	mkfs.ext4 -q "/dev/mapper/$DM" 256K
	dom0 mount -o ro "/dev/mapper/$DM" "$IMAGES/mnt"
	disk 3 51712 a mode=r
	add 3
	remove 3
	may_not 2 'mounted on'
	dom0 umount "$IMAGES/mnt"
	add 2
	remove 2
}

# bats test_tags=kernel:md-mod
@test "md: a part of an array is nobody's, and the array is one disk with its parts" {
	local one two
	needs mdadm
	image b
	one=$(as_disk "$IMAGES/a") two=$(as_disk "$IMAGES/b")
	MD=/dev/md$((100 + RANDOM % 100))
	mdadm -q --build "$MD" --level=0 --chunk=64 --raid-devices=2 "$one" "$two"
	disk 1 51712 "$one"
	disk 2 51712 b
	disk 3 51712 "$MD"
	may_not 1 'md array' 'Stop the array first'
	may_not 2 'md array'
	add 3
	attached 3
	may_not 1 'guest "guest3"'
	may_not 2 'guest "guest3"'
	remove 3
	mdadm -q --stop "$MD"
	MD=
	add 1
	add 2
}
