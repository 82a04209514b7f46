#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [redirect] and [shape] in a vif's own recipe.

load lib
load scene

teardown() {
	rig_teardown
}

# with LINE...: vif-bridge, with these steps before it, as the recipe "case".
with() {
	printf '%s\n' '[recipe]' 'device = vif' "$@" '[use vif-bridge]' \
		>"$RIG/etc-xen/hotplug/case.ini"
	RECIPE=case
	keep before
}

# two_guests: vif1.0 and vif2.0 in br0 with addresses, and mon0, whose other end counts.
two_guests() {
	local d
	vif_add 2 0
	ip -n "$DOM0" link set vif2.0 addrgenmode none master br0 up
	for d in 1 2; do
		ip -n "$DOM0-$d.0" addr add "192.0.2.$d/24" dev eth0
		ip -n "$DOM0-$d.0" link set eth0 up
	done
	rig_netns "$DOM0-mon"
	ip -n "$DOM0" link add mon0 type veth peer name eth0 netns "$DOM0-mon"
	ip -n "$DOM0" link set mon0 addrgenmode none up
	ip -n "$DOM0-mon" link set eth0 addrgenmode none up
}

copies() {
	ip netns exec "$DOM0-mon" cat /sys/class/net/eth0/statistics/rx_packets
}

pings() {
	ports_forward && guest 1 0 ping -q -c 3 -i 0.1 -w 60 192.0.2.2 >"$RIG/ping"
}

@test "copies of both directions arrive, and the guest notices nothing" {
	local traffic n
	scene
	two_guests
	for traffic in from-guest to-guest; do
		with '[redirect]' 'to = mon0' "traffic = $traffic" 'copy = yes'
		vif_call 1 0 online
		pings
		n=$(copies)
		pings
		[ "$(copies)" -ge $((n + 3)) ]
		xhp check
		vif_call 1 0 offline
		detached
		ip -n "$DOM0" link set vif1.0 addrgenmode eui64 mtu 1500 address 02:00:00:00:01:00
		reset_nodes
	done
}

@test "both directions at once, beside the filters of somebody else" {
	scene
	two_guests
	dom0 tc qdisc add dev vif1.0 clsact
	dom0 tc filter add dev vif1.0 ingress protocol ip prio 7 u32 match u32 0 0 \
		action mirred egress mirror dev mon0
	with '[redirect there]' 'to = mon0' 'traffic = from-guest' 'copy = yes' \
		'[redirect back]' 'to = mon0' 'traffic = to-guest' 'copy = yes'
	vif_call 1 0 online
	pings
	dom0 tc filter show dev vif1.0 egress | grep 'pref 30824'
	vif_call 1 0 offline
	detached
}

@test "what goes to the guest can be led elsewhere instead" {
	scene
	two_guests
	with '[redirect]' 'to = mon0' 'traffic = to-guest'
	vif_call 1 0 online
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.2 || false
	[ "$(copies)" -gt 0 ]
	vif_call 1 0 offline
	detached
}

@test "what comes from a filtered guest is not led around the filter" {
	scene ip=192.0.2.1
	two_guests
	with '[redirect]' 'to = mon0' 'traffic = from-guest'
	run vif_call 1 0 online
	refused 1 0 'case.ini:3' '[redirect]' 'around this recipe' 'it has to be a copy'
	with '[redirect]' 'to = mon0' 'traffic = from-guest' 'copy = yes'
	reset_nodes
	keep before
	vif_call 1 0 online
	vif_call 1 0 offline
	detached
}

@test "a redirect that cannot be is refused before anything changes" {
	scene
	two_guests
	with '[redirect]' 'to = none0' 'traffic = to-guest'
	run vif_call 1 0 online
	refused 1 0 none0
	with '[redirect]' 'to = vif1.0' 'traffic = to-guest'
	run vif_call 1 0 online
	refused 1 0 'cannot be redirected to itself'
	dom0 tc qdisc add dev vif1.0 ingress
	with '[redirect]' 'to = mon0' 'traffic = to-guest'
	run vif_call 1 0 online
	refused 1 0 'qdisc ingress'
}

@test "a rate for what goes to the guest" {
	scene
	two_guests
	with '[shape]' 'rate = 100mbit'
	vif_call 1 0 online
	dom0 tc qdisc show dev vif1.0 | grep -w 'tbf 7868: root .* rate 100Mbit burst 125000b'
	pings
	keep attached
	xhp check
	dom0 tc qdisc del dev vif1.0 root
	run xhp check
	says 'the qdisc tbf of vif1.0 is gone'
	xhp repair
	keep now
	same attached now
	dom0 tc qdisc change dev vif1.0 root handle 7868: tbf rate 1mbit burst 64k latency 50ms
	run xhp check
	says 'held to 1000000 bit/s, not 100000000'
	xhp repair
	keep now
	same attached now
	vif_call 1 0 offline
	detached
}

@test "rates above 32 bits, small ones, a burst of one's own, and none" {
	local rate burst want
	scene
	while read -r rate burst want; do
		with '[shape]' "rate = $rate" "burst = ${burst#-}"
		vif_call 1 0 online
		dom0 tc qdisc show dev vif1.0 >"$RIG/tc"
		grep "tbf.* $want" "$RIG/tc" || { cat "$RIG/tc"; false; }
		vif_call 1 0 offline
		detached
	done <<-'END'
		40gbit - rate 40Gbit burst [45]
		64kbit - rate 64Kbit burst 64Kb
		1gbit 20000 rate 1Gbit burst 20000b
	END
	with '[shape]' 'rate ='
	vif_call 1 0 online
	! dom0 tc qdisc show dev vif1.0 | grep tbf
}

@test "somebody else's root qdisc stops an attach, and survives a detach" {
	scene
	dom0 tc qdisc add dev vif1.0 root handle 9: tbf rate 1mbit burst 64k latency 50ms
	with '[shape]' 'rate = 100mbit'
	run vif_call 1 0 online
	refused 1 0 "root qdisc tbf of somebody else's"
	dom0 tc qdisc del dev vif1.0 root
	vif_call 1 0 online
	dom0 tc qdisc replace dev vif1.0 root handle 9: tbf rate 1mbit burst 64k latency 50ms
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	says "another's qdisc tbf"
	dom0 tc qdisc show dev vif1.0 | grep 'tbf 9:'
}
