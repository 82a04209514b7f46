#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks from real servers, by the real tools and udev. The kernel's side of NBD, iSCSI and
# udev is in the first network namespace, so dom0 has that one here; traffic is loopback's.

load lib
load scene
load tools

IQN=iqn.2003-01.org.example:disk1
BACK=/local/domain/0/backend/vbd

setup() {
	rig_setup
	dom0() { nsenter -t "$RIG_HOLDER" -m "$@"; }
	mkdir "$RIG/run/things"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	export CLASS=vbd
}

teardown() {
	[ -z "$NBD" ] || kill "${NBD[@]}" || :
	[ -z "$SERVERS" ] || kill -KILL "${SERVERS[@]}" || : # tgtd takes no other signal
	[ ${#DRBD[@]} = 0 ] || drbd_end || :
	rig_teardown
}

# server COMMAND...: until the end of the test; iscsid ends all of its process group.
server() {
	rig_start setsid nsenter -t "$RIG_HOLDER" -m "$@"
	SERVERS+=($!)
}

disk() {
	backend vbd "$1" 51712 params="$2" mode="${3:-w}"
}
add() { thing_call "${1:-1}" 51712 add; }
remove() { thing_call "${1:-1}" 51712 remove; }

# of D: the device that the toolstack was told of.
of() { node vbd "$1" 51712 physical-device-path; }

# holds DEVICE TEXT: does the device begin with it?
holds() {
	[ "$(dom0 head -c "${#2}" "$1")" = "$2" ]
}

# One server listens by TCP or at a socket, not both: nbd_server NAME SETTING...
nbd_server() {
	{
		printf '[generic]\nallowlist = true\n'
		printf '%s\n' "${@:2}"
		printf '[one]\nexportname = /run/one.img\n'
		printf '[two]\nexportname = /run/two.img\nreadonly = true\n'
	} >"$RIG/run/$1.conf"
	# no option makes it stay
	dom0 env LD_PRELOAD="$RIG_BUILD/nbd-server.so" \
		nbd-server -C "/run/$1.conf" -p "/run/$1.pid" 3>&-
	wait_until test -s "$RIG/run/$1.pid"
	NBD+=("$(cat "$RIG/run/$1.pid")")
}

# bats test_tags=kernel:nbd
@test "block-nbd with nbd-server: by TCP and a socket, exports by name" {
	local one two
	needs nbd-server nbd-client
	printf 'the first disk' >"$RIG/run/one.img"
	printf 'the second disk' >"$RIG/run/two.img"
	truncate -s 4M "$RIG"/run/{one,two}.img
	nbd_server tcp 'listenaddr = 127.0.0.1' 'port = 10810'
	nbd_server unix 'unixsock = /run/nbd.sock'
	wait_until dom0 nbd-client -l -unix /run/nbd.sock
	export RECIPE=block-nbd
	disk 1 host=127.0.0.1,port=10810,export=one
	disk 2 unix=/run/nbd.sock,export=two r
	add 1
	add 2
	one=$(of 1) two=$(of 2)
	[[ $one = /dev/nbd* && $two = /dev/nbd* && $one != "$two" ]]
	holds "$one" 'the first disk'
	holds "$two" 'the second disk'
	[ "$(blockdev --getro "$one") $(blockdev --getro "$two")" = '0 1' ]
	remove 1
	holds "$two" 'the second disk'
	not holds "$one" 'the first disk'
	remove 2
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
	# what nbd-client says, when it cannot
	disk 1 host=127.0.0.1,port=10810,export=none
	run add
	[ "$status" = 1 ]
	says 'nbd-client ended with status'
	disk 1 host=127.0.0.1,port=9
	run add
	[ "$status" = 1 ]
	says 'nbd-client ended with status'
	disk 1 export=one
	run add
	[ "$status" = 1 ]
}

iscsi_target() {
	local lun
	needs tgtd iscsid
	cp -r /etc/iscsi "$RIG/iscsi"
	dom0 mount --bind "$RIG/iscsi" /etc/iscsi
	echo "InitiatorName=iqn.2003-01.org.example:dom0" >"$RIG/iscsi/initiatorname.iscsi"
	server tgtd -f --iscsi portal=127.0.0.1:3261
	server iscsid -f
	wait_until dom0 tgtadm --lld iscsi --mode sys --op show >/dev/null
	tgt --mode target --op new --tid 1 -T "$IQN"
	for lun in 1 2; do
		printf 'lun %s' "$lun" >"$RIG/run/lun$lun"
		truncate -s 8M "$RIG/run/lun$lun"
		tgt --mode logicalunit --op new --tid 1 --lun "$lun" -b "/run/lun$lun"
	done
	tgt --mode target --op bind --tid 1 -I ALL
}

tgt() {
	dom0 tgtadm --lld iscsi "$@"
}

sessions() {
	dom0 iscsiadm -m session 2>/dev/null | grep -c "$IQN"
}

# bats test_tags=kernel:iscsi-tcp
@test "block-iscsi with tgt: two disks of a target, CHAP" {
	local portal=127.0.0.1:3261
	iscsi_target
	export RECIPE=block-iscsi
	disk 1 "iqn=$IQN,portal=$portal,lun=1"
	disk 2 "iqn=$IQN,portal=$portal,lun=2"
	add 1
	add 2
	holds "$(of 1)" 'lun 1'
	holds "$(of 2)" 'lun 2'
	[ "$(sessions)" = 1 ]
	remove 1
	[ "$(sessions)" = 1 ]
	holds "$(of 2)" 'lun 2'
	remove 2
	[ "$(sessions)" = 0 ]
	[ -z "$(ls "$RIG"/run/xen-hotplug/{devices,shared} | grep vbd)" ]
	run dom0 iscsiadm -m node
	[ "$status" = 21 ]
	# dom0's own session stays
	dom0 iscsiadm -m node -T "$IQN" -p "$portal" -o new
	dom0 iscsiadm -m node -T "$IQN" -p "$portal" --login
	add 1
	remove 1
	[ "$(sessions)" = 1 ]
	dom0 iscsiadm -m node -T "$IQN" -p "$portal" --logout
	dom0 iscsiadm -m node -T "$IQN" -p "$portal" -o delete
	# a password
	tgt --mode account --op new --user alice --password wonderland12
	tgt --mode account --op bind --tid 1 --user alice
	run add 1
	[ "$status" = 1 ]
	says 'iscsiadm ended with status' 'uthorization'
	echo "$IQN alice wonderland12" >"$RIG/etc-xen/iscsi-secrets"
	chmod 600 "$RIG/etc-xen/iscsi-secrets"
	add 1
	holds "$(of 1)" 'lun 1'
	remove 1
	[ "$(sessions)" = 0 ]
}

# paths MAP N: so many has it.
paths() {
	[ "$(ls "/sys/block/${1#/dev/}/slaves" | wc -l)" = "$2" ]
}

# bats test_tags=kernel:iscsi-tcp,kernel:dm-multipath
@test "block-iscsi with multipathd: the guest gets the map, and no other guest a path" {
	local portal=127.0.0.1:3261 other=127.0.0.2:3261 map
	needs multipathd
	mkdir -p "$RIG/multipath/conf.d" /etc/multipath
	cat >"$RIG/multipath/conf.d/test.conf" <<-'END'
		defaults {
			find_multipaths no
		}
		blacklist {
			device {
				vendor ".*"
			}
		}
		blacklist_exceptions {
			device {
				vendor IET
			}
		}
	END
	dom0 mount --bind "$RIG/multipath" /etc/multipath
	iscsi_target
	tgt --mode portal --op new --param portal="$other"
	server multipathd -d
	export RECIPE=block-iscsi
	disk 1 "iqn=$IQN,portal=$portal,lun=1,multipath=y"
	disk 2 "iqn=$IQN,portal=$portal,lun=1"
	# a path of its own alone: nothing is left
	add 1
	map=$(of 1)
	[[ $map = /dev/dm-* ]]
	holds "$map" 'lun 1'
	paths "$map" 1
	remove 1
	[ "$(sessions)" = 0 ]
	wait_until test ! -e "$map"
	# and one of dom0's
	dom0 iscsiadm -m node -T "$IQN" -p "$other" -o new
	dom0 iscsiadm -m node -T "$IQN" -p "$other" --login
	add 1
	map=$(of 1)
	holds "$map" 'lun 1'
	wait_until paths "$map" 2
	run add 2
	[ "$status" = 1 ]
	says 'is in use: guest "guest1" (domain 1) has it for writing'
	[ "$(node vbd 2 51712 hotplug-status)" = busy ]
	paths "$map" 2
	remove 1
	[ "$(sessions)" = 1 ]
	wait_until paths "$map" 1
	dom0 multipath -f "$map"
	dom0 iscsiadm -m node -T "$IQN" -p "$other" --logout
	dom0 iscsiadm -m node -T "$IQN" -p "$other" -o delete
}

# Two nodes in one kernel, which are told apart by names and minor numbers: $RES-0 here,
# and $RES-1, the other one.
drbd_pair() {
	local n host
	needs drbdadm drbdsetup
	RES=$DOM0
	host=$(uname -n)
	for n in 0 1; do
		truncate -s 8M "$RIG/drbd$n"
		DRBD[n]=$(losetup -f --show "$RIG/drbd$n")
		cat >"$RIG/drbd$n.conf" <<-END
			global { usage-count no; }
			resource $RES-$n {
				device minor 60$n;
				disk ${DRBD[n]};
				meta-disk internal;
				net { protocol C; }
				on $host { address 127.0.0.1:$((17790 + n)); }
				on other { address 127.0.0.1:$((17791 - n)); }
			}
		END
		drbd $n create-md --force
		drbd $n up
	done
	wait_until drbd_is cstate Connected
	drbd 0 new-current-uuid --clear-bitmap
	wait_until drbd_is dstate UpToDate/UpToDate
	dom0 mount --bind "$RIG/drbd0.conf" /etc/drbd.conf
}

# drbd NODE COMMAND...
drbd() {
	dom0 drbdadm -c "$RIG/drbd$1.conf" "${@:2}" "$RES-$1"
}

drbd_is() {
	[ "$(drbd 0 "$1")" = "$2" ]
}

drbd_end() {
	drbd 0 down
	drbd 1 down
	losetup -d "${DRBD[@]}"
}

# bats test_tags=kernel:drbd
@test "block-drbd with two nodes: primary while a guest has it; block-drbd-probe" {
	local probe=/usr/lib/xen-hotplug/scripts/block-drbd-probe
	drbd_pair
	export RECIPE=block-drbd
	disk 1 "$RES-0"
	add 1
	[ "$(of 1)" = /dev/drbd600 ]
	drbd_is role Primary/Secondary
	echo hello | dd of=/dev/drbd600 conv=fsync,sync status=none
	remove 1
	drbd_is role Secondary/Secondary
	[ "$(head -c 5 "$RIG/drbd1")" = hello ]
	# a guest that only reads: DRBD lets nobody open a secondary
	disk 1 "$RES-0" r
	add 1
	drbd_is role Primary/Secondary
	holds /dev/drbd600 hello
	remove 1
	drbd_is role Secondary/Secondary
	drbd 1 primary
	disk 1 "$RES-0"
	run add 1
	[ "$status" = 1 ]
	says 'drbdadm ended with status' 'rimar'
	disk 1 none
	run add 1
	[ "$status" = 1 ]
	says 'drbdadm ended with status'
	# protocol D is of a DRBD that was patched for Remus
	run dom0 env -i "$probe" /dev/drbd600
	[ "$status" = 3 ]
	run dom0 env -i "$probe" /dev/drbd601
	[ "$status" = 1 ]
	echo 'resource {' >"$RIG/broken"
	dom0 mount --bind "$RIG/broken" /etc/drbd.conf
	run dom0 env -i "$probe" /dev/drbd600
	[ "$status" = 2 ]
	dom0 umount /etc/drbd.conf
}
