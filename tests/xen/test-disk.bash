# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks, written and read from inside the guest.

setup_file() {
	truncate -s 8M /root/a.img /root/b.img
	guest_create shared 'vif = []'
	in_guest shared true
}

teardown() {
	detach_all
}

# disk_add IMAGE [OPTION...]: as xvda, and the guest sees it.
disk_add() {
	xl block-attach shared "format=raw,vdev=xvda,access=${2:-rw},target=$1" &&
		wait_until in_guest shared test -b /dev/xvda
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
