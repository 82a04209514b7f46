#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [dhcp]: a real dnsmasq gives guests of vif-nat their addresses, and a real client asks.

load lib

setup() {
	rig_setup
	command -v dnsmasq >/dev/null || skip "no dnsmasq (dnsmasq-base)"
	busybox udhcpc --help >/dev/null 2>&1 || skip "no udhcpc (busybox-static)"
	RECIPE=vif-nat
	HOSTS=$RIG/run/dhcp-hosts
	mkdir "$HOSTS"
	uplink_add
	site hostsdir=/run/dhcp-hosts pidfile=/run/dnsmasq.pid uplink=eth0
	cat >"$RIG/udhcpc" <<-'END'
		#!/bin/sh
		[ "$1" = bound ] || exit 0
		ip addr flush dev "$interface"
		ip addr add "$ip/$mask" dev "$interface"
		ip route add default via "$router"
		echo "$ip/$mask $router $hostname"
	END
	chmod +x "$RIG/udhcpc"
	# as the manual page says; the rest keeps it in the test's own dom0
	rig_start nsenter -t "$RIG_HOLDER" -n -m dnsmasq --keep-in-foreground \
		--conf-file=/dev/null --port=0 --user=root --no-ping \
		--pid-file=/run/dnsmasq.pid --dhcp-leasefile=/run/leases \
		--log-facility=/run/dnsmasq.log \
		--interface='vif*' --bind-dynamic --dhcp-hostsdir=/run/dhcp-hosts \
		--dhcp-range=10.0.0.0,static,255.0.0.0
	log_has 'DHCP, static leases only'
}

teardown() {
	rig_teardown
}

site() {
	printf '%s\n' '[defaults]' "$@" '[use vif-nat]' >"$RIG/etc-xen/hotplug/vif-nat.ini"
}

said() {
	[ "$(grep -cs -- "$1" "$RIG/run/dnsmasq.log")" -ge "$2" ]
}

# log_has TEXT [COUNT]: waits until dnsmasq has said that.
log_has() {
	wait_until said "$1" "${2:-1}" || { cat "$RIG/run/dnsmasq.log"; return 1; }
}

# online D N [NODE=VALUE...]: and dnsmasq has heard of it.
online() {
	local d=$1 n=$2 seen
	shift 2
	seen=$(grep -c "xen-vif-$d-$n new" "$RIG/run/dnsmasq.log" || :)
	backend vif $d $n "$@"
	vif_call $d $n online && log_has "xen-vif-$d-$n new" $((seen + 1))
}

# offline D N: and dnsmasq reads its directory again before it answers anybody.
offline() {
	vif_call $1 $2 offline
	wait_until no_sighup
}

# Is none on its way to dnsmasq?
no_sighup() {
	local pending
	pending=$(sed -n 's/^ShdPnd:\t//p' "/proc/$(cat "$RIG/run/dnsmasq.pid")/status")
	[ $((0x$pending & 1)) = 0 ]
}

# lease D N [ARGUMENT...]: what the guest is given.
lease() {
	local d=$1 n=$2
	shift 2
	guest $d $n busybox udhcpc -i eth0 -n -q -f -t 30 -T 1 -s "$RIG/udhcpc" "$@" \
		2>/dev/null
}

# guest_mac D N MAC
guest_mac() {
	guest $1 $2 ip link set eth0 down
	guest $1 $2 ip link set eth0 address "$3" up
}

@test "guests are given their derived addresses through the filter, and reach the net" {
	local d
	for d in 1 10; do
		vif_add $d 0
		online $d 0
	done
	vif_add 1 9
	online 1 9
	[ "$(lease 1 0)" = '10.0.1.1/8 10.0.1.128 dom1' ]
	[ "$(lease 1 9)" = '10.0.1.10/8 10.0.1.137 dom1-10' ]
	[ "$(lease 10 0)" = '10.0.10.1/8 10.0.10.128 dom10' ]
	guest 1 0 ping -q -c 1 -w 60 192.0.2.99
	guest 10 0 ping -q -c 1 -w 60 192.0.2.99
	# one is on the other's network, by its netmask: dom0 answers for it
	guest 10 0 ping -q -c 1 -w 60 10.0.1.1
	offline 1 0
	[ "$(lease 10 0)" = '10.0.10.1/8 10.0.10.128 dom10' ]
	[ "$(lease 1 9)" = '10.0.1.10/8 10.0.1.137 dom1-10' ]
	# each file was read once, before a guest asked for the first time
	! grep duplicate "$RIG/run/dnsmasq.log"
}

@test "an address of ip=, and a name of the administrator's" {
	cat >"$RIG/etc-xen/hotplug/own.ini" <<-'END'
		[recipe]
		device = vif
		[dhcp]
		hostsdir = /run/dhcp-hosts
		mac = ${mac}
		ip = ${ip}
		name = ${vm/name}
		[link]
		addresses = 10.0.0.200
		[up]
		[route]
		to = ${ip}
	END
	vif_add 1 0
	export RECIPE=own
	GUEST_NAME=web online 1 0 ip=10.0.0.73
	[ "$(lease 1 0)" = '10.0.0.73/8 10.0.0.200 web' ]
	vif_call 1 0 offline
	local name
	for name in ignore 1h infinite -a under_score; do
		GUEST_NAME=$name backend vif 1 0 ip=10.0.0.73
		run vif_call 1 0 online
		[ "$status" = 1 ]
		[ -z "$(ls -A "$HOSTS")" ]
	done
}

@test "a guest that has left is forgotten: its MAC gets its new address, or none" {
	vif_add 1 0
	vif_add 2 0
	online 1 0
	[ "$(lease 1 0)" = '10.0.1.1/8 10.0.1.128 dom1' ]
	offline 1 0
	guest_mac 2 0 00:16:3e:01:01:00
	online 2 0 mac=00:16:3e:01:01:00
	[ "$(lease 2 0)" = '10.0.2.1/8 10.0.2.128 dom2' ]
	offline 2 0
	online 1 0
	[ "$(lease 1 0)" = '10.0.1.1/8 10.0.1.128 dom1' ]
	offline 1 0
	site uplink=eth0
	vif_call 1 0 online
	run lease 1 0 -t 3
	[ "$status" != 0 ]
}

@test "without its pid dnsmasq remembers the guest, which is why we send it SIGHUP" {
	site hostsdir=/run/dhcp-hosts pidfile=
	vif_add 1 0
	online 1 0
	offline 1 0
	site
	vif_call 1 0 online
	[ "$(lease 1 0)" = '10.0.1.1/8 10.0.1.128 dom1' ]
}

@test "only dnsmasq gets a signal, and one that is not there is a warning" {
	vif_add 1 0
	rig_start sleep 300
	local other=$!
	site hostsdir=/run/dhcp-hosts pidfile=/run/other.pid
	echo $other >"$RIG/run/other.pid"
	online 1 0
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	[[ $output == *"other.pid: process $other is not dnsmasq"* ]]
	rm "$RIG/run/other.pid"
	vif_call 1 0 online
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	[[ $output == *'dnsmasq is not told that the address has gone: /run/other.pid: No such file'* ]]
}
