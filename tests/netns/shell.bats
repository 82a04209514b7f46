#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The libraries that third-party scripts source: with ours as with Xen's own, they leave the
# same behind.

load lib
load scene
load disk

LIBS=(block-common.sh locking.sh logging.sh vif-common.sh xen-hotplug-common.sh
	xen-network-common.sh xen-script-common.sh)

setup() {
	[ -r /etc/xen/scripts/block-common.sh ] || skip "no xen-utils-common"
}

teardown() {
	disk_teardown
}

# libraries stock|ours: what is in /etc/xen/scripts; a script of somebody's comes beside it.
libraries() {
	disk_scene
	bridge_add br0 1400
	dom0 sysctl -qw net.ipv4.ip_forward=1
	case $1 in
	stock) ;;
	ours)
		rm -f "$RIG"/etc-xen/scripts/*
		cp "$RIG_TOP"/compat-scripts/*.sh "$RIG/etc-xen/scripts/"
		;;
	esac
	mkdir -p "$RIG/log/xen"
	SCRIPT=/etc/xen/scripts/mine
}

script() {
	cat >"$RIG/etc-xen/scripts/mine"
	chmod +x "$RIG/etc-xen/scripts/mine"
}

# both SCENE: runs the function SCENE with each of the libraries; it calls `seen NAME`
# where the state is to be the same.
both() {
	local kind
	for kind in stock ours; do
		libraries "$kind"
		LIBRARIES=$kind
		"$1"
		disk_teardown
	done
}

# What differs by nature: logs, locks' modes, addresses of loop devices, and how far the
# kernel's search for duplicates of a link-local address has got.
seen() {
	keep "$1"
	grep -vE ' file .*(xen-hotplug.log|index-|/devices|/shared)|^route6 (anycast|local) fe80:' "$RIG/$1" |
		sed "s+$RIG+RIG+g; s+/dev/loop[0-9]*+/dev/loopN+g; s+physical-device = \"7:[0-9a-f]*+physical-device = \"7:N+" \
			>"$BATS_TEST_TMPDIR/$1.$LIBRARIES"
	[ "$LIBRARIES" = stock ] ||
		diff "$BATS_TEST_TMPDIR/$1.stock" "$BATS_TEST_TMPDIR/$1.ours"
}

# --- vif scripts ---

# A carrier brings a link-local address, in its own time.
vif_quiet() {
	vif_add 1 0
	ip -n "$DOM0-1.0" link set eth0 down
}

bridge_by_list() {
	script <<-'END'
		#!/bin/bash
		dir=$(dirname "$0")
		. "$dir/vif-common.sh"
		domid=$(xenstore_read "$XENBUS_PATH/frontend-id")
		bridge=br$(xenstore_read_default "$XENBUS_PATH/lan" 0)
		case "$command" in
		add|online)
			setup_virtual_bridge_port "$dev"
			set_mtu "$bridge" "$dev" "$type_if"
			add_to_bridge "$bridge" "$dev"
			;;
		remove|offline)
			remove_from_bridge "$bridge" "$dev"
			;;
		esac
		handle_iptable
		call_hooks vif post
		log debug "done for $domid"
		if [ "$type_if" = vif ] && [ "$command" = online ]; then success; fi
	END
	mkdir "$RIG/etc-xen/scripts/vif-post.d"
	echo 'echo "$command $dev $bridge $ip" >>/run/hooks' \
		>"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	vif_quiet
	tap_add vif1.0-emu
	backend vif 1 0 type=vif_ioemu ip="192.0.2.1 192.0.2.2"
	vif_call 1 0 online
	seen online
	vif_call 1 0 add
	seen add
	[ "$(cat "$RIG/run/hooks")" = $'online vif1.0 br0 192.0.2.1 192.0.2.2\nadd vif1.0-emu br0 192.0.2.1 192.0.2.2' ]
	vif_call 1 0 remove
	vif_call 1 0 offline
	seen offline
	vif_call 1 0 online type_if=tap # not for this verb
	seen nothing
}

@test "a vif script that chooses a bridge, with a tap and hooks" {
	both bridge_by_list
}

routed() {
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/vif-common.sh"
		main_ip=$(dom0_ip)
		case "$command" in
		online)
			ip link set dev "$dev" up
			ip address add "$main_ip/32" dev "$dev"
			echo 1 >"/proc/sys/net/ipv4/conf/$dev/proxy_arp"
			for addr in $ip; do
				do_or_die ip route add "$addr" dev "$dev" src "$main_ip" metric 2
			done
			success
			;;
		offline)
			for addr in $ip; do
				do_without_error ip route del "$addr" dev "$dev"
			done
			do_without_error ip route del 203.0.113.9
			ip link set dev "$dev" down
			;;
		esac
	END
	ip -n "$DOM0" link add eth7 address 02:00:00:00:77:01 type veth \
		peer name net7 address 02:00:00:00:77:02
	ip -n "$DOM0" link set eth7 addrgenmode none
	vif_quiet
	backend vif 1 0 ip="198.51.100.1 198.51.100.2" gatewaydev=eth7
	run vif_call 1 0 online
	[ "$status" = 1 ]
	ip -n "$DOM0" addr add 192.0.2.77/24 dev eth7
	reset_nodes
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	xenstore-rm /local/domain/0/backend/vif/1/0/hotplug-error 2>/dev/null || :
	seen online
	vif_call 1 0 offline
	seen offline
}

@test "a vif script that routes, with dom0_ip, arguments and failures" {
	both routed
}

own_bridge() {
	script <<-'END'
		#!/bin/bash
		dir=$(dirname "$0")
		. "$dir/vif-common.sh"
		: "${zone:=none}"
		claim_lock mine
		case "$command" in
		online)
			create_bridge "brg-$zone"
			ip link set dev "brg-$zone" addrgenmode none
			setup_virtual_bridge_port "$dev"
			add_to_bridge "brg-$zone" "$dev"
			add_to_bridge "brg-$zone" "$dev"
			_xenstore_write "$XENBUS_PATH/zone" "$zone"
			xenstore_write "$XENBUS_PATH/a" 1 "$XENBUS_PATH/b" "two words"
			;;
		offline)
			remove_from_bridge "brg-$zone" "$dev"
			ip link del "brg-$zone"
			;;
		esac
		release_lock mine
		[ "$command" != online ] || success
	END
	vif_quiet
	backend vif 1 0 vifname=web
	vif_call 1 0 online type_if=vif zone=red
	[ "$(node vif 1 0 b)" = "two words" ]
	dom0 test -e /sys/class/net/brg-red/brif/web
	ip -n "$DOM0" link set brg-red address 02:00:00:00:00:99
	seen online
	vif_call 1 0 offline type_if=vif zone=red
	seen offline
}

@test "a vif script with a bridge for each zone, a lock and a vifname" {
	both own_bridge
}

# --- block scripts ---

loop_file() {
	script <<-'END'
		#!/bin/bash -e
		dir=$(dirname "$0")
		. "$dir/block-common.sh"
		file=$(xenstore_read "$XENBUS_PATH/params")
		mode=$(canonicalise_mode "$(xenstore_read "$XENBUS_PATH/mode")")
		case $command in
		add)
			test -f "$file" || fatal "$file does not exist."
			ro=; [ "$mode" != r ] || ro=-r
			claim_lock block
			do_or_die losetup $ro --find --show "$file" >"$file.dev"
			loopdev=$(cat "$file.dev")
			xenstore_write "$XENBUS_PATH/node" "$loopdev"
			write_dev "$loopdev"
			release_lock block
			;;
		remove)
			losetup -d "$(xenstore_read "$XENBUS_PATH/node")"
			;;
		esac
	END
	disk 1 51712 a mode=r
	add 1
	[ "$(node vbd 1 51712 physical-device)" = "$(stat -c %t:%T "$(node vbd 1 51712 node)")" ]
	seen add
	remove 1
	seen remove
	disk 2 51712 none
	run add 2
	[ "$status" = 1 ]
	[ "$(node vbd 2 51712 hotplug-error)" = "$IMAGES/none does not exist." ]
	[ "$(node vbd 2 51712 hotplug-status)" = error ]
}

@test "a block script with a loop device, a lock, and a file that is not there" {
	both loop_file
}

by_name() {
	script <<-'END'
		#!/bin/bash
		dir=$(dirname "$0")
		. "$dir/block-common.sh"
		name=$(xenstore_read "$XENBUS_PATH/params")
		dev=$(readlink -f "/run/disks/$name")
		case $command in
		add)
			FRONTEND_ID=$(xenstore_read "$XENBUS_PATH/frontend-id")
			FRONTEND_UUID=$(xenstore_read_default "/local/domain/$FRONTEND_ID/vm" unknown)
			mm=$(device_major_minor "$dev")
			for dom in $(xenstore-list "$XENBUS_BASE_PATH/$XENBUS_TYPE"); do
				for n in $(xenstore-list "$XENBUS_BASE_PATH/$XENBUS_TYPE/$dom"); do
					other=$XENBUS_BASE_PATH/$XENBUS_TYPE/$dom/$n
					[ "$(xenstore_read_default "$other/physical-device" -)" = "$mm" ] ||
						continue
					same_vm "$dom" || ebusy "$name is in use by domain $dom"
				done
			done
			write_dev "$dev"
			;;
		remove) exit 0 ;;
		esac
	END
	mkdir "$RIG/run/disks"
	ln -s "$(as_disk "$IMAGES/a")" "$RIG/run/disks/data"
	disk 1 51712 data
	xenstore-write /local/domain/0/backend/vbd/1/51712/params data
	add 1
	disk 1 51728 data
	xenstore-write /local/domain/0/backend/vbd/1/51728/params data
	add 1 51728
	seen same-guest
	disk 2 51712 data
	xenstore-write /local/domain/0/backend/vbd/2/51712/params data
	run add 2
	[ "$status" = 1 ]
	[ "$(node vbd 2 51712 hotplug-status)" = busy ]
	[ "$(node vbd 2 51712 hotplug-error)" = "data is in use by domain 1" ]
	remove 1
	xenstore-rm /local/domain/0/backend/vbd/2/51712/hotplug-error
	rm "$RIG/run/disks/data"
	seen removed
}

@test "a block script that looks for other guests, with same_vm and ebusy" {
	both by_name
}

prepared() {
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/block-common.sh"
		case $command in
		add)
			state=$(xenstore_read_default "$XENBUS_PATH/state" unknown)
			[ "$state" = 2 ] || fatal "Path closed: state $state"
			dev=$(xenstore_read "$XENBUS_PATH/params")
			do_without_error false
			[ -b "$dev" ] || exit 7
			xenstore_write "$XENBUS_PATH/prepared" "$(canonicalise_mode 'rw!')$(canonicalise_mode ro)$(canonicalise_mode w)"
			write_dev "$dev"
			;;
		remove)
			xenstore-rm "$XENBUS_PATH/prepared"
			;;
		esac
	END
	disk 1 51712 "$(as_disk "$IMAGES/a")"
	add 1
	[ "$(node vbd 1 51712 prepared)" = '!rw' ]
	xenstore-write /local/domain/0/backend/vbd/1/51712/params /dev/loopN
	seen add
	remove 1
	seen remove
	disk 2 51712 /dev/null
	run add 2
	[ "$status" = 7 ]
	disk 3 51712 /dev/null state=5
	run add 3
	[ "$status" = 1 ]
	[ "$(node vbd 3 51712 hotplug-error)" = "Path closed: state 5" ]
}

@test "a block script with its own checks and exit statuses" {
	both prepared
}

# --- what ours do better ---

# names FILE...: the functions that are there after sourcing; variables besides.
names() {
	bash -c 'declare -F | cut -d" " -f3; compgen -v' before >"$BATS_TEST_TMPDIR/none"
	dom0 env XENBUS_PATH=backend/vif/1/0 vif=vif1.0 bash -c '
		BASH_ARGV0=/etc/xen/scripts/mine; set -- "$1" "$2"
		. "/etc/xen/scripts/$2" || exit
		declare -F | cut -d" " -f3; compgen -v' x "$1" "$2" 2>/dev/null |
		LC_ALL=C sort | grep -vxFf "$BATS_TEST_TMPDIR/none"
}

@test "every function and variable of Xen's libraries is there" {
	local lib verb kind
	for kind in stock ours; do
		libraries "$kind"
		vif_add 1 0
		backend vif 1 0
		for lib in "${LIBS[@]}"; do
			verb=online
			[ "$lib" != block-common.sh ] || verb=add
			names "$verb" "$lib" >"$BATS_TEST_TMPDIR/$lib.$kind"
		done
		disk_teardown
	done
	[ "$(wc -l <"$BATS_TEST_TMPDIR/vif-common.sh.stock")" -gt 40 ]
	for lib in "${LIBS[@]}"; do
		comm -23 "$BATS_TEST_TMPDIR/$lib."{stock,ours}
	done >"$BATS_TEST_TMPDIR/missing"
	cat "$BATS_TEST_TMPDIR/missing"
	# inner workings: what iptables can do, and a loop's variable
	! grep -vxE 'IPTABLES_WAIT_RUNE(_CHECKED)?|arg' "$BATS_TEST_TMPDIR/missing"
}

@test "an argument is text: nothing in it is carried out" {
	local arg
	libraries ours
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/vif-common.sh"
		echo "$note" >/run/note
	END
	vif_add 1 0
	backend vif 1 0
	for arg in 'note=$(touch /run/injected)' 'note=`touch /run/injected`' \
		'note=x;touch /run/injected' 'note=a b  c' "note='quoted'"; do
		vif_call 1 0 online "$arg"
		[ "$(cat "$RIG/run/note")" = "${arg#note=}" ]
	done
	for arg in 'PATH=/run' 'IFS=x' 'BASH_ENV=/run/x' 'a[$(touch /run/injected)]=1' \
		'LD_PRELOAD=/run/x' ';touch /run/injected=1'; do
		run vif_call 1 0 online "$arg"
		[ "$status" = 1 ]
	done
	[ ! -e "$RIG/run/injected" ]
}

@test "a failure in a function is told, and no ghost is made of a backend that is gone" {
	libraries ours
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/vif-common.sh"
		inner() { ip link show none9; }
		inner
	END
	vif_add 1 0
	backend vif 1 0
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[[ $(node vif 1 0 hotplug-error) == */mine\ failed* ]]
	xenstore-ls -p /local/domain/0/backend/vif/1/0 | grep 'hotplug-error.*(n0)$'
	backend_gone vif 1 0
	run vif_call 1 0 online
	[ "$status" = 1 ]
	! xenstore-ls /local/domain/0/backend/vif/1/0
}

@test "the guest's MTU reaches it also by another name, and a second online is no error" {
	libraries ours
	bridge_by_list_scripts
	vif_add 1 0
	backend vif 1 0 vifname=web
	vif_call 1 0 online
	vif_call 1 0 online
	[ "$(mtu_node 1 0)" = 1400 ]
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	! xenstore-ls -f /local/domain | grep web/ || false
	# another guest's: refused, and its way back leaves the first one's alone
	vif_add 2 0
	backend vif 2 0 vifname=web
	run vif_call 2 0 online
	[ "$status" = 1 ]
	[[ $(node vif 2 0 hotplug-error) == *'name web already exists'* ]]
	vif_call 2 0 offline
	link_is web 'master br0' '[<,]UP[,>]'
}

bridge_by_list_scripts() {
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/vif-common.sh"
		case "$command" in
		online)
			setup_bridge_port "$dev"
			set_mtu br0 "$dev" "$type_if"
			add_to_bridge br0 "$dev"
			success
			;;
		offline) remove_from_bridge br0 "$dev" ;;
		esac
	END
}

@test "the sharing check is the program's own: by file, device, guest and mode" {
	local dev
	libraries ours
	script <<-'END'
		#!/bin/bash
		. "$(dirname "$0")/block-common.sh"
		p=$(xenstore_read "$XENBUS_PATH/params")
		[ "$command" = add ] || exit 0
		claim_lock block
		if [ -b "$p" ]; then
			check_device_sharing "$p" "$(xenstore_read "$XENBUS_PATH/mode")"
		else
			check_file_sharing "$p" "$(stat -c %D "$p")" \
				"$(xenstore_read "$XENBUS_PATH/mode")" "$(stat -c %i "$p")"
			p=$(losetup --find --show "$p")
		fi
		write_dev "$p"
		release_lock block
	END
	disk 1 51712 a
	add 1
	disk 2 51712 a
	run add 2
	[ "$status" = 1 ]
	[ "$(node vbd 2 51712 hotplug-status)" = busy ]
	[[ $(node vbd 2 51712 hotplug-error) == *"$IMAGES/a"*guest1* ]]
	[ ! -e "$RIG/run/xen-hotplug/block" ]
	dev=$(node vbd 1 51712 physical-device-path)
	disk 3 51712 "$dev"
	run add 3
	[ "$status" = 1 ]
	[ "$(node vbd 3 51712 hotplug-status)" = busy ]
	disk 3 51712 "$dev" mode='w!'
	add 3
	disk 1 51728 "$dev"
	xenstore-rm /local/domain/0/backend/vbd/3
	add 1 51728
	# one that our program serves
	image b
	disk 4 51712 b
	SCRIPT='' add 4
	disk 5 51712 b
	run add 5
	[ "$status" = 1 ]
	[ "$(node vbd 5 51712 hotplug-status)" = busy ]
	SCRIPT='' remove 4
}

@test "their locks and ours, and Xen's: one protocol" {
	local kind n pids=()
	libraries ours
	mkdir "$RIG/etc-xen/stock"
	cp /etc/xen/scripts/*.sh "$RIG/etc-xen/stock/"
	: >"$RIG/run/count"
	for ((n = 0; n < 20; n++)); do
		kind=scripts
		((n % 2)) || kind=stock
		dom0 bash -c '. "/etc/xen/$1/locking.sh"
			for ((i = 0; i < 5; i++)); do
				claim_lock block
				mkdir /run/held || { echo held >>/run/twice; exit 1; }
				n=$(cat /run/count)
				echo $((n + 1)) >/run/count
				rmdir /run/held
				release_lock block
				exec 200<&-
			done' x $kind &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	[ "$(cat "$RIG/run/count")" = 100 ]
	[ ! -e "$RIG/run/twice" ]
	[ ! -e "$RIG/run/xen-hotplug/block" ]
	# the program waits for a script that holds it
	disk 1 51712 a
	dom0 bash -c '. /etc/xen/scripts/locking.sh; claim_lock block; touch /run/have
		until [ -e /run/let-go ]; do sleep 0.05; done; release_lock block' 3>&- &
	wait_until test -e "$RIG/run/have"
	pids=($!)
	SCRIPT='' add 1 3>&- &
	pids+=($!)
	wait_until awaited "$RIG/run/xen-hotplug/block"
	[ -z "$(node vbd 1 51712 hotplug-status)" ]
	touch "$RIG/run/let-go"
	wait "${pids[0]}"
	wait "${pids[1]}"
	attached 1
	SCRIPT='' remove 1
	run dom0 bash -c '. /etc/xen/scripts/locking.sh; claim_lock ../../etc/x'
	[ "$status" = 1 ]
	[ ! -e "$RIG/etc-xen/x" ]
}

@test "enable puts them where there are none, and takes Xen's over by name alone" {
	local lib
	libraries stock
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	xhp enable
	for lib in "${LIBS[@]}"; do
		cmp "/etc/xen/scripts/$lib" "$RIG/etc-xen/scripts/$lib"
	done
	rm "$RIG/etc-xen/scripts/vif-common.sh"
	xhp enable
	[ "$(readlink "$RIG/etc-xen/scripts/vif-common.sh")" = /usr/lib/xen-hotplug/scripts/vif-common.sh ]
	xhp enable locking.sh xen-hotplug-common.sh
	bridge_by_list_scripts
	vif_add 1 0
	backend vif 1 0
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	vif_call 1 0 offline
	xhp disable
	for lib in locking.sh xen-hotplug-common.sh; do
		cmp "/etc/xen/scripts/$lib" "$RIG/etc-xen/scripts/$lib"
	done
	[ ! -e "$RIG/etc-xen/scripts/vif-common.sh" ]
}

@test "hooks find them on a host where only we are" {
	libraries ours
	rm "$RIG"/etc-xen/scripts/*.sh
	mkdir "$RIG/etc-xen/scripts/vif-post.d"
	echo 'xenstore_read "$XENBUS_PATH/mac" >/run/mac; do_or_die true; type ip_of || :' \
		>"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	vif_add 1 0
	backend vif 1 0 bridge=br0
	SCRIPT='' vif_call 1 0 online
	[ "$(cat "$RIG/run/mac")" = 00:16:3e:01:01:00 ]
	SCRIPT='' vif_call 1 0 offline
}

@test "qemu-ifup: a tap joins the bridge that is named, or the only one" {
	libraries ours
	tap_add tap0
	tap_add tap1
	dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup tap0 br0
	dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup tap1
	link_is tap0 'master br0' 'mtu 1400' 'fe:ff:ff:ff:ff:ff' '[<,]UP[,>]'
	link_is tap1 'master br0'
	keep before
	run dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup tap0 br1
	[ "$status" = 1 ]
	says 'there is no bridge br1'
	run dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup tap9 br0
	[ "$status" = 1 ]
	run dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup ../../x br0
	[ "$status" = 1 ]
	run dom0 /usr/lib/xen-hotplug/scripts/qemu-ifup
	[ "$status" = 1 ]
	unchanged
}
