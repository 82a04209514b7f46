#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same for disks: tests/bench/disks.bash [ROUNDS]. Other disks are ours, files, one a
# guest, or others': devices that this program did not attach.

set -e
cd "$(dirname "$0")"

skip() {
	echo "not measured: $*" >&2
	exit 77
}

. ../netns/lib.bash
. ../netns/disk.bash
trap disk_teardown EXIT

rounds=${1:-40} stock=
[ ! -x /etc/xen/scripts/block ] || stock=1
reset='xenstore-rm $XENBUS_PATH/physical-device $XENBUS_PATH/physical-device-path'

# measure TITLE ROUNDS PARAMS
measure() {
	local title=$1 rounds=$2 programs=() tries=5
	programs=(-- floor "$RIG_BUILD/floor_disk"
		-- xen-hotplug /usr/sbin/xen-hotplug run block)
	# it leaves its nodes, with which an add does nothing
	[ -z "$stock" ] || programs+=(-- stock /etc/xen/scripts/block
		-- .reset /bin/sh -c "$reset 2>/dev/null; :")
	# the stock script fails if another program takes its loop device in the meantime
	until
		disk 9999 51712 "$3"
		libxl_call vbd 9999 51712 "$RIG_BUILD/bench" "$title" "$rounds" add remove \
			"${programs[@]}" 2>&1
	do
		((--tries)) || return
		backend_gone vbd 9999 51712
	done
	backend_gone vbd 9999 51712
}

# guests FIRST LAST: nodes of a file each, as at_once attaches and detaches them.
guests() {
	local d args=()
	for ((d = $1; d <= $2; d++)); do
		image "disk$d" 64K
		args+=("/local/domain/0/backend/vbd/$d/51712/frontend" "/local/domain/$d/device/vbd/51712"
			"/local/domain/0/backend/vbd/$d/51712/state" 2
			"/local/domain/0/backend/vbd/$d/51712/frontend-id" "$d"
			"/local/domain/0/backend/vbd/$d/51712/mode" w
			"/local/domain/0/backend/vbd/$d/51712/params" "$IMAGES/disk$d")
		((d % 100)) || { xenstore-write "${args[@]}"; args=(); }
	done
	[ ${#args[@]} = 0 ] || xenstore-write "${args[@]}"
}

# at_once VERB FIRST LAST PROGRAM...: all at the same time; how long, how many failed.
at_once() {
	dom0 bash -s "$@" <<-'END'
		verb=$1 first=$2 last=$3
		shift 3
		start=${EPOCHREALTIME/[.,]/} bad=0
		for ((d = first; d <= last; d++)); do
			XENBUS_TYPE=vbd XENBUS_BASE_PATH=backend XENBUS_PATH=backend/vbd/$d/51712 \
				"$@" $verb </dev/null >/dev/null 2>&1 &
		done
		for pid in $(jobs -p); do
			wait $pid || bad=$((bad + 1))
		done
		end=${EPOCHREALTIME/[.,]/}
		echo "$(((end - start) / 1000)) ms, $bad failed"
	END
}

# A directory of the names stands in for the one of the kernel's backends that a dom0 has.
bus() {
	dom0 mount -t tmpfs -o mode=755 tmpfs /sys/bus
	dom0 mkdir -p /sys/bus/xen-backend/devices
}

# blkback FIRST LAST [MAJOR:MINOR]: the kernel shows these guests' disks.
blkback() {
	dom0 bash -s "$@" <<-'END'
		cd /sys/bus/xen-backend/devices
		for ((d = $1; d <= $2; d++)); do
			mkdir vbd-$d-51712
			[ -z "$3" ] || echo $3 >vbd-$d-51712/physical_device
		done
	END
}

# both TITLE: a file and a device.
both() {
	local dev
	measure "block, a file; $1" "$rounds" a
	dev=$(as_disk "$IMAGES/a")
	measure "block, a device; $1" "$rounds" "$dev"
	losetup -d "$dev"
}

disk_scene
# as on any host; the rig's own /run is on a disk
dom0 mount -t tmpfs -o mode=755 tmpfs /run
bus
both "no other disks"

have=0
for n in 10 100 1000; do
	guests $((have + 1)) $n
	blkback $((have + 1)) $n
	for ((d = have + 1; d <= n; d++)); do
		XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/$d/51712 dom0 /usr/sbin/xen-hotplug run block add
	done
	have=$n stock=
	both "$n disks of ours"
done
dom0 umount /sys/bus
both "1000 disks of ours, and the kernel shows none"
for ((d = 1; d <= 1000; d++)); do
	XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/$d/51712 dom0 /usr/sbin/xen-hotplug run block remove
done
xenstore-rm /local/domain/0/backend/vbd

for n in 10 100 1000; do
	bus
	blkback 1 $n fd:7fff
	args=()
	for ((d = 1; d <= n; d++)); do
		args+=("/local/domain/0/backend/vbd/$d/51712/physical-device" fd:7fff)
	done
	xenstore-write "${args[@]}"
	both "$n disks of others"
	dom0 umount /sys/bus
	[ $n != 1000 ] || both "$n disks of others, and the kernel shows none"
	if [ $n = 1000 ] && [ -x /etc/xen/scripts/block ]; then
		stock=1 measure "block, a file; $n disks of others" 3 a
	fi
	xenstore-rm /local/domain/0/backend/vbd
done

for n in 50 200; do
	guests 1 $n
	echo "$n files at once"
	echo "  xen-hotplug add:    $(at_once add 1 $n /usr/sbin/xen-hotplug run block)"
	echo "  xen-hotplug remove: $(at_once remove 1 $n /usr/sbin/xen-hotplug run block)"
	if [ $n = 50 ] && dom0 test -x /etc/xen/scripts/block; then
		echo "  stock add:          $(at_once add 1 $n /etc/xen/scripts/block)"
		echo "  stock remove:       $(at_once remove 1 $n /etc/xen/scripts/block)"
	fi
	xenstore-rm /local/domain/0/backend/vbd
done
