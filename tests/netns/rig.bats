#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Does the test rig itself hold what the other tests rely on?

load lib

setup() {
	rig_setup
}

teardown() {
	rig_teardown
}

@test "two snapshots of an unchanged system are equal" {
	bridge_add br0
	vif_add 1 0
	ip -n "$DOM0" link set vif1.0 master br0 addrgenmode none up
	backend vif 1 0 bridge=br0
	snapshot >"$RIG/before"
	sleep 0.3
	snapshot >"$RIG/after"
	diff "$RIG/before" "$RIG/after"
}

@test "a snapshot shows links, addresses, routes, sysctls, nft, tc, store and files" {
	local word
	vif_add 1 0
	snapshot >"$RIG/before"
	dom0 bash -e <<-END
		ip link set vif1.0 alias changed-link
		ip addr add 192.0.2.1/32 dev vif1.0
		ip link set vif1.0 up
		ip route add 192.0.2.10 dev vif1.0
		sysctl -qw net.ipv4.conf.vif1/0.proxy_arp=1
		ip neigh add proxy 2001:db8::10 dev vif1.0
		nft add table netdev changed-nft
		tc qdisc add dev vif1.0 ingress
		touch /run/xen-hotplug/changed-file
	END
	backend vif 1 0
	snapshot >"$RIG/after"
	diff "$RIG/before" "$RIG/after" >"$RIG/diff" || :
	for word in 'changed-link' 'address vif1.0 .*192.0.2.1/32' 'route4 192.0.2.10 ' \
		'vif1.0/proxy_arp:1' 'proxy6 2001:db8::10' changed-nft \
		'tc qdisc ingress' 'backend/vif/1/0/mac' changed-file; do
		grep -- "^> .*$word" "$RIG/diff"
	done
}

@test "nothing that dom0 does to its directories reaches the host" {
	local path
	for path in /run/xen-hotplug /run/lock /etc/xen /var/log/xen; do
		dom0 touch "$path/rig-was-here"
		[ ! -e "$path/rig-was-here" ]
	done
	run dom0 touch /usr/rig-was-here
	[ "$status" != 0 ]
	run dom0 touch /etc/rig-was-here
	[ "$status" != 0 ]
}

@test "the store keeps a guest's nodes apart, as libxl's permissions say" {
	backend vif 5 0 ip=192.0.2.10
	[ "$(xenstore-read domid)" = 0 ]
	xenstore-ls -p /local/domain/0/backend/vif/5 | grep 'ip = "192.0.2.10".*(n0,r5)'
	xenstore-ls -p /local/domain/5/device/vif/0 | grep 'mac = .*(n5,r0)'
	xenstore-ls -p /local/domain/5/device/vif/0 | grep 'mtu = "1500".*(n0,r5)'
}

@test "a script is called as libxl calls it" {
	cat >"$RIG/etc-xen/scripts/show" <<-'END'
		#!/bin/sh
		echo "$0 $*" >/run/call
		env | grep -E '^(script|XENBUS_.*|netdev|vif|INTERFACE)=' | sort \
			>>/run/call
		readlink /proc/self/fd/0 >>/run/call
	END
	chmod +x "$RIG/etc-xen/scripts/show"
	SCRIPT=/etc/xen/scripts/show
	backend vif 1 0 type=vif_ioemu
	vif_call 1 0 online
	diff "$RIG/run/call" - <<-END
		/etc/xen/scripts/show online type_if=vif
		INTERFACE=vif1.0-emu
		XENBUS_BASE_PATH=backend
		XENBUS_PATH=backend/vif/1/0
		XENBUS_TYPE=vif
		netdev=
		script=/etc/xen/scripts/show
		vif=vif1.0
		/dev/null
	END
	vif_call 1 0 add
	head -n 1 "$RIG/run/call" | grep 'add type_if=tap'
}

@test "the stock vif-bridge runs" {
	[ -x /etc/xen/scripts/vif-bridge ] || skip "no xen-utils-common"
	SCRIPT=/etc/xen/scripts/vif-bridge
	bridge_add br0 1400
	vif_add 1 0
	backend vif 1 0 bridge=br0
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	[ "$(xenstore-read /local/domain/1/device/vif/0/mtu)" = 1400 ]
	dom0 test -e /sys/class/net/br0/brif/vif1.0
	backend_closing vif 1 0
	vif_call 1 0 offline
	dom0 test ! -e /sys/class/net/br0/brif/vif1.0
}

@test "the floor of the benchmark does attach and detach" {
	bridge_add br0 1400
	vif_add 1 0
	backend vif 1 0 bridge=br0 vifname=web ip=192.0.2.10
	libxl_call vif 1 0 "$RIG_BUILD/floor" online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	[ "$(xenstore-read /local/domain/1/device/vif/0/mtu)" = 1400 ]
	dom0 ip -d link show web >"$RIG/web"
	grep 'mtu 1400 .* master br0 .*UP' "$RIG/web"
	grep 'ether fe:ff:ff:ff:ff:ff' "$RIG/web"
	grep 'addrgenmode none' "$RIG/web"
	dom0 nft list ruleset | grep 'hook ingress device "web"'
	libxl_call vif 1 0 "$RIG_BUILD/floor" offline
	dom0 ip -o link show web >"$RIG/web"
	! grep -E 'master|UP' "$RIG/web" || false
	[ -z "$(dom0 nft list ruleset)" ]
}

@test "the floor of the benchmark does vif-route and vif-nat" {
	local kind
	ip -n "$DOM0" link add eth0 type veth peer name net0
	ip -n "$DOM0" addr add 192.0.2.1/24 dev eth0
	ip -n "$DOM0" link set eth0 up
	vif_add 1 0
	backend vif 1 0 gatewaydev=eth0 ip=192.0.2.10
	snapshot_kernel | grep -v inet6_addr_gen >"$RIG/before"
	for kind in route nat; do
		libxl_call vif 1 0 "$RIG_BUILD/floor" $kind online
		[ "$(node vif 1 0 hotplug-status)" = connected ]
		dom0 ip route show 192.0.2.10 | grep vif1.0
		[ "$(dom0 sysctl -n net.ipv4.conf.vif1/0.proxy_arp)" = 1 ]
		[ $kind = nat ] || dom0 ip neigh show proxy 192.0.2.10 dev eth0 | grep proxy
		libxl_call vif 1 0 "$RIG_BUILD/floor" $kind offline
	done
	snapshot_kernel | grep -vE 'inet6_addr_gen' >"$RIG/after"
	! diff "$RIG/before" "$RIG/after" | grep -vE 'sysctl|^[0-9,acd]+$|^---'
}

@test "what a killed test left is swept up" {
	local left=xhp-999999999-${RIG: -6}
	ip netns add "$left"
	mkdir "/tmp/$left"
	rig_sweep
	# Another test's setup may be sweeping at the same time.
	wait_until test ! -e "/run/netns/$left"
	[ ! -e "/tmp/$left" ]
	[ -e "/run/netns/$DOM0" ]
	[ -d "$RIG" ]
}

@test "every frame of the table arrives where there is no filter" {
	local d
	bridge_add br0
	bridge_open br0
	for d in 1 2; do
		vif_add $d 0
		ip -n "$DOM0" link set "vif$d.0" addrgenmode none master br0 up
	done
	frames_table --unfiltered
}

# bats test_tags=kernel:bridge-vlan
@test "a test that wants VLANs on a bridge runs where the kernel has them" {
	ip -n "$DOM0" link add br0 type bridge vlan_filtering 1
	dom0 bridge vlan show dev br0 | grep -w 1
}
