# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks, written and read from inside the guest.

setup_file() {
	truncate -s 8M /root/a.img /root/b.img
	guest_create shared 'vif = []'
	in_guest shared true
}

teardown() {
	detach_all
	rm -f /etc/xen/scripts/block-nothing
	[ ! -e /sys/block/loop26/loop ] || losetup -d /dev/loop26
}

# disk_add TARGET [ACCESS [SCRIPT]]: as xvda, and the guest sees it.
disk_add() {
	xl block-attach shared "format=raw,vdev=xvda,access=${2:-rw}${3:+,script=$3},target=$1" &&
		wait_until in_guest shared test -b /dev/xvda
}

# check_for DOMID DISK: may that domain have it for writing?
check_for() {
	XENBUS_PATH=backend/vbd/$1/51712 xen-hotplug disk-check "$2" w
}

# written TEXT IMAGE: the guest writes it to its disk, and it is found there afterwards.
written() {
	in_guest shared "echo $1 | dd of=/dev/xvda bs=512 conv=sync,fsync 2>/dev/null &&
		dd if=/dev/xvda bs=512 count=1 iflag=direct 2>/dev/null | head -n 1" | grep -x "$1"
	detach_all
	[ "$(head -n 1 "$2" | tr -d '\0')" = "$1" ]
}

# A file: what the guest writes is in it.
test_file() {
	disk_add /root/a.img
	[ "$(xen-hotplug status | grep -c '^vbd-.* attached ')" = 1 ]
	written from-file /root/a.img
	[ -z "$(loops)" ]
	xen_clean
}

# A block device passes through, and is left alone afterwards.
test_phy() {
	local device
	device=$(losetup -f --show /root/b.img)
	disk_add "$device"
	[ "$(loops)" = "${device##*/}" ]
	written from-phy "$device"
	[ "$(loops)" = "${device##*/}" ]
	losetup -d "$device"
}

# Read only: the guest reads, and cannot write.
test_readonly() {
	echo before >/root/b.img
	truncate -s 8M /root/b.img
	disk_add /root/b.img r
	in_guest shared 'dd if=/dev/xvda bs=512 count=1 2>/dev/null | head -n 1' | grep -x before
	! in_guest shared 'echo x | dd of=/dev/xvda bs=512 conv=sync,fsync' || return 1
	detach_all
	[ "$(head -n 1 /root/b.img)" = before ]
}

# Two guests ask for one image: xl refuses the second, and shows our message.
test_two() {
	disk_add /root/a.img
	ln -f /root/a.img /root/link.img
	if guest_create g 'vif = []' \
		'disk = ["format=raw,vdev=xvda,access=rw,target=/root/link.img"]' >said 2>&1; then
		return 1
	fi
	cat said
	grep '/root/link.img is in use: guest "shared"' said
	! guests | grep -v shared || return 1
	written still-mine /root/a.img
	rm /root/link.img
}

# What others attach is in use: by xenstore, and by what blkback tells without it.
test_foreign() {
	local back i
	back=backend/vbd/$(xl domid shared)/51712
	printf '#!/bin/sh\nxenstore-exists "$XENBUS_PATH/physical-device" ||
		xenstore-write "$XENBUS_PATH/physical-device" 7:1a\n' >/etc/xen/scripts/block-nothing
	chmod 755 /etc/xen/scripts/block-nothing
	losetup /dev/loop26 /root/b.img
	disk_add /dev/loop26 rw block-nothing
	[ "$(cat "/sys/bus/xen-backend/devices/vbd-$(xl domid shared)-51712/physical_device")" = 7:1a ]
	for i in both blkback; do
		if check_for 99 /root/b.img >said 2>&1; then
			return 1
		fi
		grep '/root/b.img is in use: guest "shared".*for writing' said
		xenstore-rm "$back/physical-device"
	done
	check_for 99 /root/a.img
	detach_all
	check_for 99 /root/b.img
}

# A file through block-dummy.
test_dummy() {
	disk_add dummy:/root/a.img rw block-dummy
	written from-dummy /root/a.img
	[ -z "$(loops)" ]
}

# A guest keeps its disk and its vif through save, restore and reboot.
test_life() {
	local d
	guest_create g 'vif = ["bridge=xenbr0"]' \
		'disk = ["format=raw,vdev=xvda,access=rw,target=/root/b.img"]'
	in_guest g 'echo kept | dd of=/dev/xvda bs=512 conv=sync,fsync'
	xl save g /var/tmp/g.saved
	[ -z "$(loops)" ]
	xl restore /var/tmp/g.saved
	rm /var/tmp/g.saved
	in_guest g 'dd if=/dev/xvda bs=512 count=1 | head -n 1' | grep -x kept
	d=$(xl domid g)
	type_in_guest g reboot -f
	wait_until eval "[ \"\$(xl domid g)\" != $d ]"
	wait_until in_guest g 'dd if=/dev/xvda bs=512 count=1 2>/dev/null | grep kept'
	[ "$(loops | wc -l)" = 1 ]
	xl destroy g
	xen_clean
}
