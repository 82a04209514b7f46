#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Remus: the guest's frames go by an ifb interface, and libxl's contract
# (libxl_netbuffer.c).

load lib
load scene

NODE=/libxl/1/remus/netbuf/0

setup() {
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	bridge_add br0
	pair 1
	pair 2
	xenstore-write /libxl/1/type pv
	# sch_plug is in few kernels: all but the plug
	sed '/^\[plug\]/,/^$/d' "$RIG_TOP/conf/remus-netbuf-setup.ini" \
		>"$RIG/etc-xen/hotplug/netbuf.ini"
	keep before
}

teardown() {
	rig_teardown
}

# pair D: vifD.0 in br0, its guest has 192.0.2.D.
pair() {
	vif_add "$1" 0
	ip -n "$DOM0" link set "vif$1.0" addrgenmode none master br0 up
	ip -n "$DOM0-$1.0" addr add "192.0.2.$1/24" dev eth0
	ip -n "$DOM0-$1.0" link set eth0 up
}

# remus setup|teardown [NAME=VALUE...]: as libxl does, without XENBUS_TYPE.
remus() {
	local verb=$1
	shift
	dom0 env vifname=vif1.0 XENBUS_PATH="$NODE" "$@" \
		/usr/sbin/xen-hotplug run "${REMUS:-netbuf}" "$verb" </dev/null >&2
}

remus_node() {
	xenstore-read "$NODE/$1" 2>/dev/null
}

reaches() {
	ports_forward && guest "$1" 0 ping -q -c 1 -w 60 "192.0.2.$2" >"$RIG/ping"
}

# How many frames have come to an interface by way of tc.
passed() {
	dom0 cat "/sys/class/net/$1/statistics/rx_packets"
}

@test "what the guest sends goes by an interface of its own, and back" {
	local n
	remus setup
	[ "$(remus_node ifb)" = ifb1.0 ]
	[ "$(remus_node hotplug-status)" = connected ]
	! remus_node hotplug-error || false
	link_is ifb1.0 'UP' 'addrgenmode none' ' ifb '
	n=$(passed ifb1.0)
	reaches 1 2
	[ "$(passed ifb1.0)" -gt "$n" ]
	reaches 2 1
	[ ! -e "$RIG/run/xen-hotplug/pickifb" ]
	dom0 tc filter show dev vif1.0 ingress | grep -i 'redirect to device ifb1.0'
	remus teardown REMUS_IFB=ifb1.0
	unchanged
	reaches 1 2
}

@test "setup twice, teardown twice: the second changes nothing" {
	remus setup
	keep attached
	remus setup
	keep now
	same attached now
	remus teardown REMUS_IFB=ifb1.0
	unchanged
	remus teardown REMUS_IFB=ifb1.0
	unchanged
	remus teardown
	unchanged
}

@test "an error from before does not outlive a setup, and the teardown takes one away" {
	xenstore-write "$NODE/hotplug-error" old "$NODE/hotplug-status" error
	remus setup
	! remus_node hotplug-error || false
	xenstore-write "$NODE/hotplug-error" new
	remus teardown REMUS_IFB=ifb1.0
	unchanged
}

@test "a kernel without sch_plug: an error that says so, and nothing stays" {
	! rig_kernel_has sch-plug || skip "this kernel has it"
	REMUS=remus-netbuf-setup run remus setup
	[ "$status" = 1 ]
	says 'remus-netbuf-setup.ini:' '[plug]' 'modprobe -a sch_plug' CONFIG_NET_SCH_PLUG
	[[ $(remus_node hotplug-error) == *sch_plug* ]]
	[ "$(remus_node hotplug-status)" = error ]
	[ -z "$(remus_node ifb)" ]
	REMUS=remus-netbuf-setup remus teardown
	unchanged
}

# bats test_tags=kernel:sch-plug
@test "frames wait at the plug until it is released" {
	REMUS=remus-netbuf-setup remus setup
	dom0 tc qdisc show dev ifb1.0 | grep -w plug
	# from the start: the toolstack's first word lets go
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.2 || false
	dom0 tc qdisc change dev ifb1.0 root plug release_indefinite
	reaches 1 2
	dom0 tc qdisc change dev ifb1.0 root plug block
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.2 || false
	dom0 tc qdisc change dev ifb1.0 root plug release_indefinite
	reaches 1 2
	REMUS=remus-netbuf-setup remus teardown REMUS_IFB=ifb1.0
	unchanged
}

@test "a hook hears the verbs of Remus, both" {
	mkdir "$RIG/etc-xen/hotplug/hooks"
	printf '#!/bin/sh\necho "$1 $command $dev" >>/run/hooks\n' >"$RIG/etc-xen/hotplug/hooks/tell"
	chmod +x "$RIG/etc-xen/hotplug/hooks/tell"
	printf '%s\n' '[recipe]' 'device = remus' '[hooks]' 'dir = /etc/xen/hotplug/hooks' \
		>"$RIG/etc-xen/hotplug/told.ini"
	REMUS=told remus setup
	REMUS=told remus teardown
	diff - "$RIG/run/hooks" <<-'END'
		setup setup vif1.0
		teardown teardown vif1.0
	END
}

@test "a guest with a filter is refused, and stays filtered" {
	xenstore-rm /libxl/1
	RECIPE=vif-bridge backend vif 1 0 bridge=br0 ip=192.0.2.1
	vif_call 1 0 online
	xenstore-write /libxl/1/type pv
	keep before
	run remus setup
	[ "$status" = 1 ]
	says 'vif1.0 has a filter (xen-vif-1-0)' 'without ip='
	remus teardown
	unchanged
}

@test "why: a frame that was redirected is shown to no ingress chain" {
	dom0 nft -f - <<-'END'
		table netdev every {
			chain in { type filter hook ingress device "vif1.0" priority 0; policy drop; }
		}
	END
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.2 || false
	dom0 ip link add ifb9 type ifb
	dom0 ip link set ifb9 up
	dom0 tc qdisc add dev vif1.0 clsact
	dom0 tc filter add dev vif1.0 ingress protocol all prio 1 u32 match u32 0 0 \
		action mirred egress redirect dev ifb9
	reaches 1 2
}

@test "an interface of that name, a domain that is gone, no interface: refused" {
	dom0 ip link add ifb1.0 type ifb
	keep before
	run remus setup
	[ "$status" = 1 ]
	says 'there is an interface ifb1.0 already'
	remus teardown
	unchanged
	dom0 ip link del ifb1.0
	xenstore-rm /libxl/1
	keep before
	run remus setup
	[ "$status" = 1 ]
	unchanged
	xenstore-write /libxl/1/type pv
	dom0 ip link del vif1.0
	keep before
	run remus setup
	[ "$status" = 1 ]
	says vif1.0
	remus teardown
	unchanged
}

@test "a path that is not libxl's, no vifname: wrong usage, and nothing happens" {
	local path
	for path in /libxl/1/remus/netbuf /libxl/x/remus/netbuf/0 backend/vif/1/0 \
		/libxl/1/remus/netbuf/0/1 ''; do
		NODE=$path run remus setup
		[ "$status" = 2 ]
		says XENBUS_PATH
	done
	run dom0 env XENBUS_PATH="$NODE" /usr/sbin/xen-hotplug run netbuf setup
	[ "$status" = 1 ]
	says 'vifname is not set: no environment variable vifname'
	remus teardown
	unchanged
}

@test "drift is seen, and what can be repaired is" {
	remus setup
	xhp check
	keep attached
	dom0 tc qdisc del dev vif1.0 clsact
	xenstore-rm "$NODE/ifb"
	run xhp check
	[ "$status" = 1 ]
	says 'clsact of vif1.0 is gone' 'not redirected to ifb1.0'
	xhp repair
	xhp check
	keep now
	same attached now
	dom0 ip link del ifb1.0
	run xhp repair
	[ "$status" = 1 ]
	says 'what was held back there is lost'
	remus teardown REMUS_IFB=ifb1.0
	unchanged
}

@test "somebody else's filters and interface are left alone" {
	remus setup
	dom0 tc filter add dev vif1.0 egress protocol all prio 7 u32 match u32 0 0 \
		action mirred egress mirror dev br0
	dom0 ip link del ifb1.0
	dom0 ip link add ifb1.0 type ifb
	run remus teardown REMUS_IFB=ifb1.0
	[ "$status" = 0 ]
	says "filters of somebody else's" 'ifb1.0 is another interface by now'
	dom0 tc filter show dev vif1.0 egress | grep 'pref 7'
	! dom0 tc filter show dev vif1.0 ingress | grep redirect || false
	dom0 ip link show ifb1.0
}

@test "what the stock script has set up is taken down" {
	dom0 ip link add ifb0 type ifb
	dom0 ip link set ifb0 up
	dom0 tc qdisc add dev vif1.0 ingress
	dom0 tc filter add dev vif1.0 parent ffff: protocol ip prio 10 u32 match u32 0 0 \
		action mirred egress redirect dev ifb0
	xenstore-write "$NODE/ifb" ifb0 "$NODE/hotplug-status" connected
	remus teardown REMUS_IFB=ifb0
	dom0 ip link show ifb0 | grep 'state DOWN'
	dom0 ip link del ifb0
	unchanged
}

@test "the guest is gone, and libxl with it: gc takes the buffer away" {
	remus setup
	xenstore-rm /libxl/1
	xhp gc
	dom0 ip link show ifb1.0
	vif_del 1 0
	xhp gc --force
	! dom0 ip link show ifb1.0 || false
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
}

@test "killed at each call: the next setup, teardown, or gc makes it right" {
	local n next how
	remus setup
	keep attached
	remus teardown REMUS_IFB=ifb1.0
	unchanged
	for next in setup teardown gc; do
		for ((n = 1; ; n++)); do
			rm -f "$RIG/run/calls"
			run remus setup FAULT_AT=$n FAULT_HOW=after FAULT_LOG=/run/calls \
				LD_PRELOAD="$RIG_BUILD/fault.so"
			[ "$status" = 137 ] || break
			# whose holder is gone: it is free, but nobody has removed it yet
			rm -f "$RIG/run/xen-hotplug/pickifb"
			case $next in
			setup)
				remus setup
				# another address, by chance
				keep now
				diff <(grep -v 'ifb1.0 address=' "$RIG/attached") \
					<(grep -v 'ifb1.0 address=' "$RIG/now")
				;;
			gc) xhp gc ;;
			esac
			remus teardown REMUS_IFB=ifb1.0
			unchanged
		done
		[ "$status" = 0 ]
		[ $n -ge 15 ]
		remus teardown REMUS_IFB=ifb1.0
		unchanged
	done
}

@test "fifty at once each get their own" {
	local d pids=()
	for ((d = 10; d < 60; d++)); do
		vif_add "$d" 0
		xenstore-write "/libxl/$d/type" pv
	done
	keep before
	for ((d = 10; d < 60; d++)); do
		dom0 env vifname="vif$d.0" XENBUS_PATH="/libxl/$d/remus/netbuf/0" \
			/usr/sbin/xen-hotplug run netbuf setup &
		pids+=($!)
	done
	for d in "${pids[@]}"; do
		wait "$d"
	done
	[ "$(dom0 tc filter show dev vif59.0 ingress | grep -c 'device ifb59.0')" = 1 ]
	[ "$(dom0 ip -o link show type ifb | wc -l)" = 50 ]
	pids=()
	for ((d = 10; d < 60; d++)); do
		dom0 env vifname="vif$d.0" XENBUS_PATH="/libxl/$d/remus/netbuf/0" \
			/usr/sbin/xen-hotplug run netbuf teardown &
		pids+=($!)
	done
	for d in "${pids[@]}"; do
		wait "$d"
	done
	unchanged
}

@test "status and tree: beside the guest's vif, which is what its names mean" {
	backend vif 1 0 bridge=br0
	vif_call 1 0 online
	remus setup
	xhp status | grep -E '^remus-1-0 +vif1.0 +from-guest to ifb1.0 +netbuf.ini +guest1 \(1\) +[-0-9]+ [:0-9]+ +[0-9.]+ ms +attached +-$'
	for name in vif1.0 guest1/vif1.0 guest1/eth0; do
		xhp status "$name" | head -1 | grep '^vif-1-0: attached'
	done
	for name in remus-1-0 "$NODE" guest1/remus0; do
		xhp status "$name" | head -1 | grep '^remus-1-0: attached'
	done
	xhp tree | grep -A1 -x 'interface ifb1.0' | grep -x '`- vif1.0  guest1 (1), from-guest to ifb1.0'
	xhp status --json | jq -e '.[] | select(.class == "remus") | .filtered == null and .healthy'
	ip -n "$DOM0" link del ifb1.0
	xhp status | grep -E '^remus-1-0 .* DRIFTED +-$'
	remus teardown
	vif_call 1 0 offline
}
