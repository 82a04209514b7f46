#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-route: a guest's addresses are routed to its interface, and answered for.

load lib
load scene

# dom0's eth0 leads to "net", where the guest's neighbours are.
uplink_make() {
	uplink_add
	ip -n "$DOM0" addr add 2001:db8::1/64 dev eth0 nodad
	ip -n "$DOM0" addr add fe80::1/64 dev eth0 nodad
	ip -n "$NET" addr add 2001:db8::99/64 dev eth0 nodad
}

setup() {
	rig_setup
	RECIPE=vif-route
	uplink_make
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	dom0 sysctl -qw net.ipv6.conf.all.forwarding=1
	# set for all guests, and never switched back
	dom0 sysctl -qw net.ipv6.conf.eth0.proxy_ndp=1
	vif_add 1 0
}

teardown() {
	rig_teardown
}

# The guest, configured by hand.
guest_up() {
	guest 1 0 ip addr add 192.0.2.10/32 dev eth0
	guest 1 0 ip addr add fe80::216:3eff:fe01:100/64 dev eth0 nodad
	guest 1 0 ip addr add 2001:db8::10/128 dev eth0 nodad
	guest 1 0 ip route add 192.0.2.1 dev eth0
	guest 1 0 ip route add default via 192.0.2.1
	guest 1 0 ip -6 route add 2001:db8::1 dev eth0
	guest 1 0 ip -6 route add default via 2001:db8::1 dev eth0
}

# What belongs to a device that stays is left at an ordinary detach.
host_state() {
	snapshot_kernel | grep -vE '^link vif1\.0 inet6_addr_gen|^file|accept_r|addr_gen_mode'
}

@test "a neighbour reaches the guest and the guest a neighbour, in both families" {
	backend vif 1 0 ip="192.0.2.10 2001:db8::10"
	host_state >"$RIG/before"
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	guest_up
	guest 1 0 ping -q -c 1 -w 60 192.0.2.99
	ip netns exec "$NET" ping -q -c 1 -w 60 192.0.2.10
	ip netns exec "$NET" ping -q -c 1 -w 60 2001:db8::10
	guest 1 0 ping -q -c 1 -w 60 2001:db8::99
	dom0 xen-hotplug check
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "a guest cannot configure dom0" {
	backend vif 1 0 ip=192.0.2.10
	vif_call 1 0 online
	[ "$(dom0 sysctl -n net.ipv6.conf.vif1/0.accept_ra)" = 0 ]
	[ "$(dom0 sysctl -n net.ipv6.conf.vif1/0.accept_redirects)" = 0 ]
	[ "$(dom0 sysctl -n net.ipv4.conf.vif1/0.accept_redirects)" = 0 ]
	[[ $(ip -n "$DOM0" -d link show vif1.0) == *'addrgenmode none'* ]]
}

@test "an emulated NIC's route wins over the real one's" {
	tap_add vif1.0-emu
	backend vif 1 0 ip=192.0.2.10 type=vif_ioemu
	vif_call 1 0 online
	vif_call 1 0 add
	[[ $(ip -n "$DOM0" route show 192.0.2.10 dev vif1.0) == *'metric 2'* ]]
	[[ $(ip -n "$DOM0" route show 192.0.2.10 dev vif1.0-emu) == *'metric 1'* ]]
	vif_call 1 0 remove
	[ -z "$(ip -n "$DOM0" route show 192.0.2.10 dev vif1.0-emu)" ]
	[[ $(ip -n "$DOM0" route show 192.0.2.10 dev vif1.0) == *'metric 2'* ]]
}

@test "without ip= there is no route, and the interface is up" {
	backend vif 1 0
	vif_call 1 0 online
	[ -z "$(ip -n "$DOM0" route show dev vif1.0 proto 120)" ]
	[[ $(ip -n "$DOM0" link show vif1.0) == *'<BROADCAST,MULTICAST,UP'* ]]
}

@test "the gateway is gatewaydev's, eth0's, or the default route's interface's" {
	bridge_add br0
	ip -n "$DOM0" addr add 198.51.100.1/24 dev br0
	backend vif 1 0 ip=192.0.2.10 gatewaydev=br0
	vif_call 1 0 online
	[[ $(ip -n "$DOM0" addr show vif1.0) == *'inet 198.51.100.1/32'* ]]
	vif_call 1 0 offline
	backend vif 1 0 ip=192.0.2.10 gatewaydev=
	ip -n "$DOM0" link set eth0 down
	ip -n "$DOM0" link set eth0 name up0 up
	ip -n "$DOM0" route add default via 192.0.2.99
	vif_call 1 0 online
	[[ $(ip -n "$DOM0" addr show vif1.0) == *'inet 192.0.2.1/32'* ]]
	vif_call 1 0 offline
	# where what nobody uses is led nowhere
	ip -n "$DOM0" route add blackhole 203.0.113.0/24
	vif_call 1 0 online
	[[ $(ip -n "$DOM0" addr show vif1.0) == *'inet 192.0.2.1/32'* ]]
}

@test "a gateway without an address, and a missing one, are named" {
	bridge_add br0
	backend vif 1 0 ip=192.0.2.10 gatewaydev=br0
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[[ $output == *'br0 has no address that a guest could see as its router'* ]]
	backend vif 1 0 ip=192.0.2.10 gatewaydev=br7
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[[ $output == *'interface br7: No such device'* ]]
	[ "$(node vif 1 0 hotplug-status)" = error ]
}

@test "what is answered for on the uplink stays until the last of a guest's interfaces left" {
	tap_add vif1.0-emu
	backend vif 1 0 ip='192.0.2.10 2001:db8::10' type=vif_ioemu
	host_state >"$RIG/before"
	vif_call 1 0 online
	vif_call 1 0 add
	vif_call 1 0 remove
	[ -n "$(ip -n "$DOM0" neigh show proxy 192.0.2.10 dev eth0)" ]
	[ -n "$(ip -n "$DOM0" -6 neigh show proxy 2001:db8::10 dev eth0)" ]
	dom0 xen-hotplug check
	vif_call 1 0 add
	vif_call 1 0 offline
	[ -n "$(ip -n "$DOM0" neigh show proxy 192.0.2.10 dev eth0)" ]
	vif_call 1 0 remove
	host_state | diff "$RIG/before" -
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "pin = the guest's MAC: its addresses are pinned, and no other MAC comes in" {
	backend vif 1 0 ip='192.0.2.10 2001:db8::10'
	printf '%s\n' '[recipe]' '[use vif-route]' 'pin = ${mac}' \
		>"$RIG/etc-xen/hotplug/pinned.ini"
	RECIPE=pinned
	host_state >"$RIG/before"
	vif_call 1 0 online
	[ "$(dom0 ip neigh show dev vif1.0 nud permanent | grep -c 00:16:3e:01:01:00)" = 2 ]
	dom0 xen-hotplug check
	guest_up
	guest 1 0 ping -q -c 1 -w 60 192.0.2.99
	guest 1 0 ip link set eth0 address 00:16:3e:01:01:77
	! guest 1 0 ping -q -c 1 -W 1 192.0.2.99 || false
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "what somebody else answers for already is left as it is" {
	ip -n "$DOM0" neigh add proxy 192.0.2.10 dev eth0
	backend vif 1 0 ip=192.0.2.10
	host_state >"$RIG/before"
	vif_call 1 0 online
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "an address that another guest has is refused, and all is rolled back" {
	vif_add 2 0
	backend vif 1 0 ip=192.0.2.10
	backend vif 2 0 ip=192.0.2.10
	vif_call 1 0 online
	snapshot_kernel >"$RIG/before"
	run vif_call 2 0 online
	[ "$status" = 1 ]
	[[ $output == *'route to 192.0.2.10: File exists'* ]]
	snapshot_kernel | diff "$RIG/before" -
	vif_call 2 0 offline
	[[ $(ip -n "$DOM0" route show 192.0.2.10) == *'dev vif1.0'* ]]
}

@test "addresses that are none are refused, and nothing changes" {
	local what
	for what in '192.0.2.10/33|"192.0.2.10/33"' '2001:db8::1/129|"2001:db8::1/129"' \
		'192.0.2.300|"192.0.2.300"' 'fe80::x|"fe80::x"' \
		'0.0.0.0|0.0.0.0 is no address of a guest' '224.0.0.1|224.0.0.1 is multicast'; do
		backend vif 1 0 ip="${what%|*}"
		keep before
		run vif_call 1 0 online
		refused 1 0 "${what#*|}"
	done
}

# After an attach that failed, or was undone.
left_nothing() {
	reset_nodes
	host_state | diff "$RIG/host" - && [ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "each call of it fails, or is the last, and nothing is left" {
	local how
	backend vif 1 0 ip="192.0.2.10 2001:db8::10"
	host_state >"$RIG/host"
	for how in fail after; do
		each_call $how nj left_nothing
		[ "$hits" -ge 20 ]
	done
}

@test "twice online changes nothing, and what drifts is repaired" {
	backend vif 1 0 ip="192.0.2.10 2001:db8::10"
	vif_call 1 0 online
	snapshot_kernel >"$RIG/before"
	vif_call 1 0 online
	snapshot_kernel | diff "$RIG/before" -
	ip -n "$DOM0" route del 192.0.2.10
	ip -n "$DOM0" neigh del proxy 2001:db8::10 dev eth0
	dom0 sysctl -qw net.ipv4.conf.vif1/0.proxy_arp=0
	ip -n "$DOM0" addr del 192.0.2.1/32 dev vif1.0
	ip -n "$DOM0" addr del 2001:db8::1/128 dev vif1.0
	# some kernels have done that by now
	ip -n "$DOM0" -6 route replace 2001:db8::10 dev vif1.0 metric 2 proto 120
	ip -n "$DOM0" link set vif1.0 addrgenmode eui64
	run dom0 xen-hotplug check
	[ "$status" = 1 ]
	[ "$(grep -c drifted <<<"$output")" -ge 6 ]
	[[ $output == *'vif1.0 has not the address 2001:db8::1 any more'* ]]
	[[ $output == *'vif1.0 generates IPv6 addresses again'* ]]
	[[ $output == *'the route to 2001:db8::10, from 2001:db8::1, is gone'* ]]
	dom0 xen-hotplug repair
	dom0 xen-hotplug check
	snapshot_kernel | diff "$RIG/before" -
}

@test "an uplink that was made anew: check says so, the next online makes it right" {
	backend vif 1 0 ip="192.0.2.10 2001:db8::10"
	vif_call 1 0 online
	host_state >"$RIG/before"
	ip -n "$DOM0" link del eth0
	rig_netns_del "$NET"
	run dom0 xen-hotplug check
	[ "$status" = 1 ]
	[[ $output == *'nobody answers for 192.0.2.10'* || $output == *'No such device'* ]]
	uplink_make
	vif_call 1 0 online
	diff <(grep -v 'link eth0' "$RIG/before") <(host_state | grep -v 'link eth0')
	dom0 xen-hotplug check
}

@test "offline when the uplink and the netdev have gone" {
	backend vif 1 0 ip="192.0.2.10 2001:db8::10"
	vif_call 1 0 online
	ip -n "$DOM0" link del eth0
	vif_del 1 0
	vif_call 1 0 offline
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "forwarding that is switched off is warned about" {
	dom0 sysctl -qw net.ipv4.ip_forward=0
	backend vif 1 0 ip=192.0.2.10
	run vif_call 1 0 online
	[ "$status" = 0 ]
	[[ $output == *'warning: net/ipv4/ip_forward is 0'* ]]
}

@test "what the stock script attached is detached, without what it leaves" {
	dom0 test -x /etc/xen/scripts/vif-route || skip "no stock vif-route (xen-utils-common)"
	dom0 sh -c 'command -v ifconfig' || skip "no ifconfig (net-tools) for the stock script"
	backend vif 1 0 ip=192.0.2.10
	host_state >"$RIG/before"
	SCRIPT=/etc/xen/scripts/vif-route vif_call 1 0 online
	vif_call 1 0 offline
	dom0 nft delete table ip filter 2>/dev/null || :
	host_state | diff "$RIG/before" -
}

# The settings of IPv6 are not there: so it looks with ipv6.disable=1 on the command line.
@test "IPv6 switched off in the kernel: an error for an IPv6 address, and for nothing else" {
	mkdir "$RIG/empty"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	dom0 mount --bind "$RIG/empty" /proc/sys/net/ipv6
	backend vif 1 0 ip='192.0.2.10 2001:db8::10'
	snapshot_kernel >"$RIG/before"
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[[ $output == *'2001:db8::10: IPv6 is switched off in this kernel'* ]]
	snapshot_kernel | diff "$RIG/before" -
	xenstore-write /local/domain/0/backend/vif/1/0/ip 192.0.2.10
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	vif_call 1 0 offline
}

@test "what is left of a device does not touch the settings of the next of its name" {
	backend vif 1 0 ip=192.0.2.10 vifname=web
	vif_call 1 0 online
	vif_del 1 0
	vif_add 2 0
	backend vif 2 0 ip=192.0.2.11 vifname=web
	vif_call 2 0 online
	vif_call 1 0 offline
	[ "$(dom0 sysctl -n net.ipv4.conf.web.proxy_arp)" = 1 ]
	dom0 xen-hotplug check
	# after a renaming, it is still the same interface
	dom0 ip link set web down
	dom0 ip link set web name shop
	vif_call 2 0 offline
	[ "$(dom0 sysctl -n net.ipv4.conf.shop.proxy_arp)" = 0 ]
}
