#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [filter]: which frames of a guest come in, and that its table comes and goes as a whole.

load lib

V4='192.0.2.10 198.51.100.0/28'
V6='2001:db8::10 2001:db8:1::/64'

setup() {
	rig_setup
	bridge_add br0
	bridge_open br0
	vif_add 1 0
	vif_add 2 0
	ip -n "$DOM0" link set vif2.0 master br0 up
}

teardown() {
	rig_teardown
}

# guest_online KEY=VALUE...: attaches the guest whose frames are sent.
guest_online() {
	backend vif 1 0 bridge=br0 mac=00:16:3e:01:02:03 "$@"
	vif_call 1 0 online
}

# recipe LINE...: what the [filter] of the recipe in $RECIPE says.
recipe() {
	RECIPE=filtered
	{
		printf '[recipe]\ndevice = vif\n[filter]\n'
		printf '%s\n' "$@" '[bridge]' 'name = ${bridge}' '[up]'
	} >"$RIG/etc-xen/hotplug/$RECIPE.ini"
}

table() {
	dom0 nft list table netdev xen-vif-1-0 2>/dev/null
}

journal() {
	cat "$RIG/run/xen-hotplug/devices/vif-1-0"
}

# All is found in place: a second attach writes nothing into the journal.
holds() {
	journal >"$RIG/journal"
	vif_call 1 0 online
	journal | diff "$RIG/journal" -
}

@test "IPv4 and IPv6 addresses: the table of frames" {
	guest_online ip="$V4 $V6"
	frames_table
}

@test "only IPv4 addresses: no IPv6 at all" {
	guest_online ip="$V4"
	frames_table --v4
}

@test "only IPv6 addresses: no IPv4 and no ARP at all" {
	guest_online ip="$V6"
	frames_table --v6
}

@test "addresses with any MAC" {
	recipe 'ip = ${ip}' 'mac = any'
	guest_online ip="$V4 $V6"
	frames_table --mac any
}

@test "the link-local address can be given" {
	recipe 'ip = ${ip}' 'link-local = fe80::216:3eff:fe01:203' 'mac = 00:16:3e:01:02:03'
	guest_online ip="$V4 $V6" mac=00:16:3e:00:00:01
	frames_table
}

@test "neither addresses nor MAC: no table, and all passes" {
	guest_online
	not table
	frames_table --unfiltered
}

@test "any address, one MAC: another MAC is refused in all places" {
	recipe 'ip = any'
	guest_online
	frames_table >/dev/null || :
	not grep -x '# it did not arrive' "$RIG/frames"
	# Of what the table wants dropped, these arrive: addresses that are not listed.
	sed -n '/^# it arrived/{x;s/.*dropped: //p;d};h' "$RIG/frames" >"$RIG/arrived"
	[ -s "$RIG/arrived" ]
	not grep -E 'MAC|Ethernet|^(NS|NA|RS), .*foreign address|802|^RA|^redirect|^MLD query' \
		"$RIG/arrived"
	not grep -E 'server|ICMP (redirect|router)|fragment .*(without|ends)|length|shorter' \
		"$RIG/arrived"
}

@test "overlapping, touching and repeated prefixes, and all addresses" {
	guest_online ip='10.0.0.5 10.0.0.4/30 10.0.0.0/24 10.0.1.0/24 10.0.0.5 2001:db8::/32 2001:db8::5'
	table | tr -d '\n\t' | grep 'elements = { 10.0.0.0/23 }'
	holds
	backend_closing vif 1 0
	vif_call 1 0 offline
	guest_online ip='0.0.0.0/0 ::/0'
	table | tr -d '\n\t' | grep 'elements = { 0.0.0.0/0 }'
	holds
}

@test "hundreds of addresses" {
	guest_online ip="$(printf '10.1.0.%d ' $(seq 0 2 254)) $(printf '10.1.1.%d ' $(seq 0 2 254)) $(printf '10.1.2.%d ' $(seq 0 2 120))"
	[ "$(table | grep -o '10\.1\.[0-9.]*' | wc -l)" = 317 ]
	holds
}

@test "addresses that no guest can have are refused" {
	local ip
	for ip in 224.0.0.1 0.0.0.0 ff02::1 :: 127.0.0.1 ::1 255.255.255.255; do
		run guest_online ip="192.0.2.10 $ip"
		[ "$status" = 1 ]
		[[ $(node vif 1 0 hotplug-error) == *"$ip"* ]]
		not table
	done
}

@test "detach leaves nothing, and twice is as good as once" {
	guest_online ip="$V4 $V6"
	table
	vif_call 1 0 online
	holds
	backend_closing vif 1 0
	vif_call 1 0 offline
	vif_call 1 0 offline
	[ -z "$(dom0 nft list ruleset)" ]
}

@test "detach after the interface has gone, and after the table has" {
	guest_online ip="$V4"
	dom0 nft flush ruleset
	vif_del 1 0
	backend_closing vif 1 0
	vif_call 1 0 offline
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
}

@test "each change of the table is noticed, and a second attach puts it back" {
	local change
	guest_online ip="$V4 $V6"
	holds
	table >"$RIG/table"
	for change in 'flush ruleset' 'flush chain netdev xen-vif-1-0 icmp6' \
		'add rule netdev xen-vif-1-0 ingress accept' \
		'insert rule netdev xen-vif-1-0 ingress accept' \
		'add element netdev xen-vif-1-0 guest4 { 10.9.9.9 }' \
		'delete element netdev xen-vif-1-0 guest6 { 2001:db8::10 }' \
		'chain netdev xen-vif-1-0 ingress { policy accept; }'; do
		dom0 nft "$change"
		vif_call 1 0 online
		table | diff "$RIG/table" -
	done
	frames_table
}

@test "a table left over does not filter the next device of that name" {
	guest_online ip="$V4"
	vif_del 1 0
	rm "$RIG"/run/xen-hotplug/devices/*
	table
	ip -n "$DOM0" link add vif1.0 type veth peer name eth0 netns "$DOM0-1.0"
	ip -n "$DOM0-1.0" link set eth0 addrgenmode none up
	ip -n "$DOM0" link set vif1.0 master br0 addrgenmode none up
	frames_table --unfiltered
	# and a new attach takes its place
	guest_online ip="$V4 $V6"
	frames_table
}

@test "a table of somebody else is left alone" {
	dom0 nft add table netdev xen-vif-1-0
	run guest_online ip="$V4"
	[ "$status" = 1 ]
	[[ $(node vif 1 0 hotplug-error) == *"not ours"* ]]
	table
	vif_call 1 0 offline
	table
}

@test "each device has its own table" {
	guest_online ip="$V4"
	backend vif 2 0 bridge=br0 ip=192.0.2.77
	vif_call 2 0 online
	backend_closing vif 1 0
	vif_call 1 0 offline
	not table
	dom0 nft list table netdev xen-vif-2-0
}
