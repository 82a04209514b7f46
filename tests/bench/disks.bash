#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The same for disks: tests/bench/disks.bash [ROUNDS]. Other disks in the store are ours,
# one a guest, or others': devices that this program did not attach.

set -e
cd "$(dirname "$0")"

skip() {
	echo "not measured: $*" >&2
	exit 77
}

. ../netns/lib.bash
. ../netns/disk.bash
trap disk_teardown EXIT

rounds=${1:-40}
reset='xenstore-rm $XENBUS_PATH/physical-device $XENBUS_PATH/physical-device-path'

# measure TITLE ROUNDS PARAMS
measure() {
	local title=$1 rounds=$2 programs=()
	programs=(-- floor "$RIG_BUILD/floor_disk"
		-- xen-hotplug /usr/sbin/xen-hotplug run block)
	# it leaves its nodes, with which an add does nothing
	! dom0 test -x /etc/xen/scripts/block || programs+=(-- stock /etc/xen/scripts/block
		-- .reset /bin/sh -c "$reset 2>/dev/null; :")
	disk 9999 51712 "$3"
	libxl_call vbd 9999 51712 "$RIG_BUILD/bench" "$title" "$rounds" add remove \
		"${programs[@]}" 2>&1
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

disk_scene
# as on any host; the rig's own /run is on a disk
dom0 mount -t tmpfs -o mode=755 tmpfs /run
measure "block, a file" "$rounds" a
dev=$(as_disk "$IMAGES/a")
measure "block, a device" "$rounds" "$dev"
losetup -d "$dev"

# The kernel of a real dom0 lists its backends in one directory; here there is none, and
# xenstored is asked once a guest.
have=0
for n in 10 100 1000; do
	guests $((have + 1)) $n
	for ((d = have + 1; d <= n; d++)); do
		XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/$d/51712 dom0 /usr/sbin/xen-hotplug run block add
	done
	have=$n
	measure "block, a file; with $n disks of ours" $((n < 1000 ? rounds : 3)) a
done
# the same, where sysfs tells: a directory of the names stands in for the kernel's
mkdir "$RIG/bus"
dom0 cp -rs --no-preserve=all /sys/bus/. "$RIG/bus" 2>/dev/null || :
mkdir -p "$RIG/bus/xen-backend/devices"
for ((d = 1; d <= 1000; d++)); do mkdir "$RIG/bus/xen-backend/devices/vbd-$d-51712"; done
dom0 mount --bind "$RIG/bus" /sys/bus
measure "block, a file; with 1000 disks of ours, and sysfs tells of them" 3 a
dom0 umount /sys/bus
for ((d = 1; d <= 1000; d++)); do
	XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/$d/51712 dom0 /usr/sbin/xen-hotplug run block remove
done
xenstore-rm /local/domain/0/backend/vbd

for n in 10 100 1000; do
	args=()
	for ((d = 1; d <= n; d++)); do
		args+=("/local/domain/0/backend/vbd/$d/51712/physical-device" "fd:$(printf %x $d)")
	done
	xenstore-write "${args[@]}"
	measure "block, a file; with $n disks of others" $((n < 1000 ? rounds : 3)) a
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
