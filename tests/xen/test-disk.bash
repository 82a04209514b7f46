# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks, written and read from inside the guest.

setup_file() {
	truncate -s 8M /root/a.img /root/b.img
	guest_create shared 'vif = []'
	in_guest shared true
}

teardown() {
	detach_all
	[ ! -e pids ] || xargs kill <pids || :
	rm -f pids /run/nbd.* /etc/xen/scripts/block-nothing
	! mountpoint -q /mnt || umount /mnt
	losetup -D
	[ "$(cat /sys/module/loop/parameters/max_part)" = 0 ] || loop_module
}

# loop_module [OPTION...]: loads it anew.
loop_module() {
	wait_until modprobe -r loop && modprobe loop "$@" && udevadm settle
}

# disk_add TARGET [ACCESS [SCRIPT]]: as xvda, and the guest sees it.
disk_add() {
	xl block-attach shared "format=raw,vdev=xvda,access=${2:-rw}${3:+,script=$3},target=$1" &&
		wait_until in_guest shared test -b /dev/xvda
}

# server COMMAND...: one that stays in the foreground, until teardown. Some end all of
# their process group when they end.
server() {
	setsid "$@" >/dev/null 2>&1 &
	echo $! >>pids
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

# refused DISK TEXT: another guest may not have it for writing.
refused() {
	if check_for 99 "$1" >said 2>&1; then
		return 1
	fi
	cat said
	grep "is in use.*$2" said
}

# Where the kernel shows an image's partitions (loop.max_part), they are the same disk.
test_partitions() {
	local image=/root/part.img disk
	loop_module max_part=8 max_loop=2
	losetup /dev/loop0 /root/b.img
	truncate -s 8M $image
	# one partition, of 4 MiB behind the first MiB
	printf '\0\0\0\0\x83\0\0\0\0\x08\0\0\0\x20\0\0' | dd of=$image bs=1 seek=446 conv=notrunc
	printf '\x55\xaa' | dd of=$image bs=1 seek=510 conv=notrunc
	disk_add $image
	[ "$(xenstore-read "/local/domain/0/backend/vbd/$(xl domid shared)/51712/physical-device")" = 7:10 ]
	in_guest shared test -b /dev/xvda1
	[ "$(cat /sys/block/loop1/loop1p1/dev)" = 7:17 ]
	for disk in /dev/loop1p1 /dev/loop1 $image; do
		refused $disk 'guest "shared"'
	done
	check_for 99 /dev/loop0
	detach_all
	[ "$(loops)" = loop0 ]
	[ ! -e /sys/block/loop1/loop1p1 ]
	# and the other way round
	losetup /dev/loop1 $image
	mke2fs -q /dev/loop1p1
	mount /dev/loop1p1 /mnt
	refused $image 'mounted on "/mnt"'
	umount /mnt
	disk_add /dev/loop1p1
	refused $image 'guest "shared"'
	written from-part /dev/loop1p1
	[ "$(loops | xargs)" = 'loop0 loop1' ]
}

# A file through block-dummy.
test_dummy() {
	disk_add dummy:/root/a.img rw block-dummy
	written from-dummy /root/a.img
	[ -z "$(loops)" ]
}

# An export of nbd-server's, by a socket.
test_nbd() {
	modprobe nbd nbds_max=1
	printf '%s\n' '[generic]' 'allowlist = true' 'unixsock = /run/nbd.sock' '[disk]' \
		'exportname = /root/a.img' >/run/nbd.conf
	# no option makes it stay
	LD_PRELOAD=/xen-test/build/tests/nbd-server.so \
		nbd-server -C /run/nbd.conf -p /run/nbd.pid
	wait_until test -s /run/nbd.pid
	cat /run/nbd.pid >>pids
	wait_until nbd-client -l -unix /run/nbd.sock
	disk_add unix=/run/nbd.sock,export=disk rw block-nbd
	written from-nbd /root/a.img
	xen_clean
	[ -z "$(echo /sys/block/nbd*/pid)" ]
}

# A logical unit of tgt's.
test_iscsi() {
	local iqn=iqn.2003-01.org.example:disk portal=127.0.0.1:3261
	local tgt='tgtadm --lld iscsi' node="iscsiadm -m node -T $iqn -p $portal"
	echo InitiatorName=iqn.2003-01.org.example:dom0 >/etc/iscsi/initiatorname.iscsi
	server tgtd -f --iscsi portal=$portal
	server iscsid -f
	wait_until $tgt --mode sys --op show
	$tgt --mode target --op new --tid 1 -T $iqn
	$tgt --mode logicalunit --op new --tid 1 --lun 1 -b /root/a.img
	$tgt --mode target --op bind --tid 1 -I ALL
	# the first login loads modules, which takes four times as long as the next one
	$node -o new
	$node --login
	wait_until test -b /dev/disk/by-path/ip-$portal-iscsi-$iqn-lun-1
	udevadm settle
	$node --logout
	$node -o delete
	disk_add "iqn=$iqn,portal=$portal,lun=1" rw block-iscsi
	written from-iscsi /root/a.img
	xen_clean
	[ -z "$(echo /sys/class/iscsi_session/*)" ]
	! $node || return 1
}

# one_disk GUEST IMAGE: is it refused to another one, and not to its stubdomain?
one_disk() {
	local target
	target=/local/domain/$(xl domid shared)/target
	if xl block-attach shared "format=raw,vdev=xvdb,access=rw,target=$2" >said 2>&1; then
		return 1
	fi
	cat said
	grep "$2 is in use: guest \"$1\"" said
	[ "$(loops | wc -l)" = 1 ]
	xenstore-write "$target" "$(xl domid "$1")"
	disk_add "$2"
	[ "$(loops | wc -l)" = 2 ]
	in_guest "$1" 'echo for-both | dd of=/dev/xvda bs=512 conv=sync,fsync 2>/dev/null'
	in_guest shared 'dd if=/dev/xvda bs=512 count=1 2>/dev/null | head -n 1' | grep -x for-both
	xenstore-rm "$target"
	detach_all
	wait_until eval '[ "$(loops | wc -l)" = 1 ]'
}

# A guest has its disk alone, or with its stubdomain.
test_stubdomain() {
	guest_create g 'vif = ["bridge=xenbr0"]' \
		'disk = ["format=raw,vdev=xvda,access=rw,target=/root/b.img"]'
	in_guest g true
	one_disk g /root/b.img
	xl destroy g
	xen_clean
}
