#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The other disks' recipes: tests/bench/recipes.bash [ROUNDS]. Stand-ins that do nothing
# are in the place of their tools, so this is what we, and starting a tool, cost. Of the
# stock scripts only block-dummy can be measured: the others do not work (SCRIPTS.md), or
# wait for real devices.

set -e
cd "$(dirname "$0")"

skip() {
	echo "not measured: $*" >&2
	exit 77
}

. ../netns/lib.bash
. ../netns/disk.bash
. ../netns/tools.bash
trap disk_teardown EXIT

rounds=${1:-20}
iqn=iqn.2003-01.org.example:disk1
reset='xenstore-rm $XENBUS_PATH/physical-device $XENBUS_PATH/physical-device-path'

# measure RECIPE PARAMS [CLASS]
measure() {
	local recipe=$1 class=${3:-vbd} programs
	programs=(-- xen-hotplug /usr/sbin/xen-hotplug run "$recipe"
		-- .reset /bin/sh -c "$reset 2>/dev/null; :")
	[ "$recipe" != block-dummy ] || ! dom0 test -x /etc/xen/scripts/block-dummy ||
		programs+=(-- stock /etc/xen/scripts/block-dummy)
	backend "$class" 9999 51712 params="$2"
	libxl_call "$class" 9999 51712 "$RIG_BUILD/bench" "$recipe" "$rounds" add remove \
		"${programs[@]}" 2>&1
	backend_gone "$class" 9999 51712
}

# there RECIPE FROM TO: its links are looked for where this test can make them.
there() {
	sed "s|$2|$3|" "$RIG_TOP/conf/$1.ini" >"$RIG/etc-xen/hotplug/$1.ini"
}

disk_scene
dom0 mount -t tmpfs -o mode=755 tmpfs /run
mkdir "$RIG/tools"
dom0 mount --bind "$RIG/tools" /usr/local/sbin
dev=$(as_disk "$IMAGES/a")
dom0 mkdir -p /run/disk/by-path /run/zvol/tank /run/vgs/vg /run/blktap-control
dom0 ln -s "$dev" "/run/disk/by-path/ip-192.0.2.1:3260-iscsi-$iqn-lun-0"
dom0 ln -s "$dev" /run/zvol/tank/disk
dom0 ln -s "$dev" /run/vgs/vg/disk
image b

tool iscsiadm <<<'[ $# != 6 ] || exit 21'
tool nbd-client <<<"[ \$1 = -d ] || echo Connected $dev"
tool rbd <<<"[ \$2 = unmap ] || echo $dev"
tool drbdadm <<<"case \$1 in sh-dev) echo $dev ;; role) echo Secondary/Secondary ;; esac"
tool lvs <<<'echo " "'
tool lvchange <<<':'
tool zfs <<<'echo tank/disk'
tool tap-ctl <<'END'
	case $1 in
	allocate) echo /run/blktap-control/tapdisk/tapdisk-4 ;;
	spawn) setsid sleep 60 >/dev/null 2>&1 & echo $!; : >/run/blktap-control/nbd$!.4 ;;
	esac
END
there block-iscsi /dev/disk/ /run/disk/
there block-zvol /dev/zvol /run/zvol
there block-lvm '/dev/\${' '/run/vgs/${'

measure block-dummy "dummy:$IMAGES/b"
measure block-shared "$IMAGES/b"
measure block-iscsi "iqn=$iqn,portal=192.0.2.1:3260"
measure block-nbd host=192.0.2.1
measure block-drbd r0
measure block-rbd pool/disk
measure block-lvm vg/disk
measure block-zvol tank/disk
measure block-tap "aio:$IMAGES/b" vbd3
measure vscsi x vscsi
losetup -d "$dev"
