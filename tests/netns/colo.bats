#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# COLO: copies on the primary, a bridge on the secondary, and libxl's contract
# (libxl_colo_nic.c): no XENBUS_PATH.

load lib
load scene

setup() {
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	bridge_add br0 1400
	vif_add 1 0
	ip -n "$DOM0" link set vif1.0 addrgenmode none mtu 1400 master br0 up
	rig_netns "$DOM0-other"
	ip -n "$DOM0" link add fwd0 address 02:00:00:00:f0:01 mtu 9000 type veth \
		peer name eth0 netns "$DOM0-other"
	ip -n "$DOM0" link set fwd0 addrgenmode none up
	ip -n "$DOM0-other" link set eth0 addrgenmode none up
	keep before
}

teardown() {
	rig_teardown
}

# colo setup|teardown primary|secondary [NAME=VALUE...]
colo() {
	local verb=$1 mode=$2
	shift 2
	dom0 env vifname=vif1.0 forwarddev=fwd0 mode="$mode" index=0 bridge=br0 "$@" \
		/usr/sbin/xen-hotplug run colo-proxy-setup "$verb" </dev/null >&2
}

seen_there() {
	ip netns exec "$DOM0-other" cat /sys/class/net/eth0/statistics/rx_packets
}

@test "primary: what goes to the guest is copied to the other host, and arrives" {
	local n
	vif_add 2 0
	ip -n "$DOM0" link set vif2.0 addrgenmode none mtu 1400 master br0 up
	for n in 1 2; do
		ip -n "$DOM0-$n.0" addr add "192.0.2.$n/24" dev eth0
		ip -n "$DOM0-$n.0" link set eth0 up
	done
	ports_forward
	guest 2 0 ping -q -c 1 -w 60 192.0.2.1
	keep before
	colo setup primary
	n=$(seen_there)
	guest 2 0 ping -q -c 3 -i 0.1 -w 60 192.0.2.1
	[ "$(seen_there)" -ge $((n + 3)) ]
	xhp check
	xhp status | grep -E '^colo-vif1.0 +vif1.0 +to-guest to fwd0 +colo-proxy-setup.ini +- .* attached +-$'
	colo teardown primary
	unchanged
	n=$(seen_there)
	guest 2 0 ping -q -c 3 -i 0.1 -w 60 192.0.2.1
	[ "$(seen_there)" = "$n" ]
}

@test "secondary: the guest and the other host are on a bridge of their own, and back" {
	colo setup secondary
	link_is vif1.0 'master colobr0' 'mtu 1400'
	link_is fwd0 'master colobr0' 'mtu 9000'
	xhp check
	xhp status vif1.0 | grep -x '  where    colobr0'
	xhp tree | grep -A2 -x 'bridge colobr0' | grep -x '`- vif1.0  -'
	colo teardown secondary
	unchanged
}

@test "two pairs share the bridge; the last takes it away" {
	vif_add 2 0
	ip -n "$DOM0" link set vif2.0 addrgenmode none mtu 1400 master br0 up
	keep before
	colo setup secondary
	colo setup secondary vifname=vif2.0
	colo teardown secondary
	link_is vif2.0 'master colobr0'
	link_is vif1.0 'master br0'
	colo teardown secondary vifname=vif2.0
	unchanged
}

@test "setup twice, teardown twice: the second changes nothing" {
	local mode
	for mode in primary secondary; do
		colo setup $mode
		keep attached
		colo setup $mode
		keep now
		same attached now
		colo teardown $mode
		unchanged
		colo teardown $mode
		unchanged
	done
}

@test "a list that a change overtook is asked for again" {
	local n
	colo setup primary
	keep attached
	colo teardown primary
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		colo setup primary FAULT_AT=$n FAULT_HOW=intr FAULT_KINDS=n \
			FAULT_LOG=/run/calls LD_PRELOAD="$RIG_BUILD/fault.so"
		grep -q FAULT "$RIG/run/calls" || break
		keep now
		same attached now
		colo teardown primary
	done
	[ "$n" -ge 6 ]
	colo teardown primary
	unchanged
}

@test "what is wrong or missing is refused, and nothing happens" {
	local case
	for case in vifname= vifname=../../x forwarddev= forwarddev=none0 mode= mode=third \
		index= index=101 bridge= bridge=a/b; do
		run colo setup primary "$case"
		[ "$status" != 0 ]
		says "${case%%=*}" || says none0
		unchanged
	done
}

@test "the guest is gone before the teardown, which comes, or does not" {
	local how
	for how in teardown gc; do
		colo setup secondary
		vif_del 1 0
		if [ $how = gc ]; then
			xhp gc --force
		else
			colo teardown secondary
		fi
		! dom0 ip link show colobr0 || false
		link_is fwd0 'mtu 9000'
		dom0 ip -o link show fwd0 | grep -v master
		[ -z "$(ls "$RIG/run/xen-hotplug/devices" "$RIG/run/xen-hotplug/shared" | grep -v :)" ]
		rig_netns_del "$DOM0-1.0"
		vif_add 1 0
		ip -n "$DOM0" link set vif1.0 addrgenmode none mtu 1400 master br0 up
		unchanged
	done
}

@test "killed at each call: the next setup, teardown, or gc makes it right" {
	local n next mode
	for mode in primary secondary; do
		colo setup $mode
		keep attached
		colo teardown $mode
		for next in setup teardown gc; do
			for ((n = 1; ; n++)); do
				rm -f "$RIG/run/calls"
				run colo setup $mode FAULT_AT=$n FAULT_HOW=after \
					FAULT_LOG=/run/calls LD_PRELOAD="$RIG_BUILD/fault.so"
				[ "$status" = 137 ] || break
				case $next in
				setup)
					colo setup $mode
					# a bridge has another address, by chance
					keep now
					diff <(grep -v colobr0 "$RIG/attached") \
						<(grep -v colobr0 "$RIG/now")
					;;
				gc) xhp gc ;;
				esac
				colo teardown $mode
				unchanged
			done
			[ "$status" = 0 ]
			[ $n -ge 8 ]
			colo teardown $mode
		done
	done
}
