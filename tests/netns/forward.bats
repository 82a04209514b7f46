#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [forward]: guests get through a firewall whose FORWARD chain drops, and only as long as
# they are attached. Each test runs with iptables' nftables and with its legacy tables.

load lib

setup() {
	rig_setup
	bridge_add br0
	vif_add 1 0
	vif_add 2 0
	guest_addresses 1 5
	guest_addresses 2 9
	ip -n "$DOM0" link set vif2.0 master br0 up
	dom0 sysctl -qw net.bridge.bridge-nf-call-iptables=1 \
		net.bridge.bridge-nf-call-ip6tables=1 || skip "no br_netfilter"
}

teardown() {
	rig_teardown
}

# guest_addresses D HOST
guest_addresses() {
	ip -n "$DOM0-$1.0" link set eth0 addrgenmode eui64 down
	ip -n "$DOM0-$1.0" link set eth0 up
	ip -n "$DOM0-$1.0" addr add "192.0.2.$2/24" dev eth0
	ip -n "$DOM0-$1.0" addr add "2001:db8::$2/64" dev eth0 nodad
}

tables() {
	dom0 "$1-$FORM" "${@:2}"
}

# What Docker makes of both FORWARD chains.
docker() {
	local t
	FORM=$1
	for t in iptables ip6tables; do
		tables $t -N DOCKER
		tables $t -N DOCKER-ISOLATION-STAGE-1
		tables $t -N DOCKER-ISOLATION-STAGE-2
		tables $t -N DOCKER-USER
		tables $t -A FORWARD -j DOCKER-USER
		tables $t -A FORWARD -j DOCKER-ISOLATION-STAGE-1
		tables $t -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED \
			-j ACCEPT
		tables $t -A FORWARD -o docker0 -j DOCKER
		tables $t -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
		tables $t -A FORWARD -i docker0 -o docker0 -j ACCEPT
		tables $t -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 \
			-j DOCKER-ISOLATION-STAGE-2
		tables $t -A DOCKER-ISOLATION-STAGE-1 -j RETURN
		tables $t -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
		tables $t -A DOCKER-ISOLATION-STAGE-2 -j RETURN
		tables $t -A DOCKER-USER -j RETURN
		tables $t -P FORWARD DROP
	done
	firewall >"$RIG/docker"
}

firewall() {
	tables iptables -S
	tables ip6tables -S
}

reaches() {
	ports_forward || return
	guest 1 0 ping -q -c 1 -i 0.3 -w "${2:-60}" "$1" >/dev/null
}

guest_online() {
	backend vif 1 0 bridge=br0 "$@"
	vif_call 1 0 online
}

guest_offline() {
	backend_closing vif 1 0
	vif_call 1 0 offline
}

# recipe LINE...: what follows the header of a recipe in the place of vif-bridge.
recipe() {
	RECIPE=own
	printf '%s\n' '[recipe]' 'device = vif' "$@" >"$RIG/etc-xen/hotplug/own.ini"
}

through_docker() {
	docker "$1"
	dom0 ip link set vif1.0 master br0 up
	not reaches 192.0.2.9 1
	not reaches 2001:db8::9 1
	guest_online
	reaches 192.0.2.9
	reaches 2001:db8::9
	[ "$(firewall | grep -c 'physdev.*xen-hotplug vif-1-0')" = 4 ]
	# the second time changes nothing
	firewall >"$RIG/attached"
	vif_call 1 0 online
	firewall | diff "$RIG/attached" -
	guest_offline
	firewall | diff "$RIG/docker" -
	dom0 ip link set vif1.0 master br0 up
	not reaches 192.0.2.9 1
	not reaches 2001:db8::9 1
}

@test "through Docker's firewall, iptables-nft" {
	through_docker nft
}

@test "through Docker's firewall, iptables-legacy" {
	through_docker legacy
	[ -z "$(dom0 nft list ruleset)" ]
}

listed() {
	docker "$1"
	guest_online ip='192.0.2.5 198.51.100.0/25 2001:db8::5'
	reaches 192.0.2.9
	reaches 2001:db8::9
	firewall | diff "$RIG/docker" - >"$RIG/diff" || :
	sed -n 's/^> -A FORWARD //p' "$RIG/diff" >"$RIG/rules"
	diff "$RIG/rules" - <<-'END'
		-s 192.0.2.5/32 -m physdev --physdev-in vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-s 198.51.100.0/25 -m physdev --physdev-in vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-p udp -m physdev --physdev-in vif1.0 --physdev-is-bridged -m udp --sport 68 --dport 67 -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-m physdev --physdev-out vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-s 2001:db8::5/128 -m physdev --physdev-in vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-s fe80::/10 -m physdev --physdev-in vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-s ::/128 -m physdev --physdev-in vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
		-m physdev --physdev-out vif1.0 --physdev-is-bridged -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT
	END
	guest_offline
	firewall | diff "$RIG/docker" -
}

@test "only the listed addresses, iptables-nft" {
	listed nft
}

@test "only the listed addresses, iptables-legacy" {
	listed legacy
}

@test "a list without IPv6 leaves ip6tables alone" {
	docker nft
	guest_online ip=192.0.2.5
	reaches 192.0.2.9
	not reaches 2001:db8::9 1
	tables ip6tables -S >"$RIG/ip6"
	not grep xen-hotplug "$RIG/ip6"
}

@test "other addresses than the listed ones do not pass, even without [filter]" {
	recipe '[forward]' 'via = bridge' 'ip = ${ip}' '[bridge]' 'name = br0' '[up]'
	docker nft
	guest_online ip=192.0.2.6
	not reaches 192.0.2.9 1
	guest_offline
	guest_online ip=192.0.2.5
	reaches 192.0.2.9
}

routed() {
	docker "$1"
	recipe '[forward]' 'via = route' 'ip = ${ip}' '[up]'
	dom0 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	dom0 ip link set vif2.0 nomaster
	dom0 ip addr add 192.0.2.1/30 dev vif2.0
	dom0 ip addr add 192.0.2.1/32 dev vif1.0
	dom0 ip -6 addr add fe80::1/64 dev vif1.0 nodad
	dom0 ip -6 addr add fe80::1/64 dev vif2.0 nodad
	guest_online ip='192.0.2.5 2001:db8::5'
	dom0 ip route add 192.0.2.5 dev vif1.0
	dom0 ip route add 192.0.2.9 dev vif2.0
	dom0 ip -6 route add 2001:db8::5 dev vif1.0
	dom0 ip -6 route add 2001:db8::9 dev vif2.0
	for d in 1 2; do
		guest $d 0 ip addr flush dev eth0 scope global
		guest $d 0 ip addr add 192.0.2.$((4 * d + 1))/32 dev eth0
		guest $d 0 ip addr add 2001:db8::$((4 * d + 1))/128 dev eth0 nodad
		guest $d 0 ip route add 192.0.2.1 dev eth0
		guest $d 0 ip route add default via 192.0.2.1
		guest $d 0 ip route add default via fe80::1 dev eth0
	done
	reaches 192.0.2.9
	reaches 2001:db8::9
	firewall | grep -e '-i vif1.0 -m comment --comment "xen-hotplug vif-1-0" -j ACCEPT'
	guest_offline
	firewall | diff "$RIG/docker" -
	dom0 ip link set vif1.0 up
	dom0 ip route replace 192.0.2.5 dev vif1.0
	not reaches 192.0.2.9 1
}

@test "a routed guest, iptables-nft" {
	routed nft
}

@test "a routed guest, iptables-legacy" {
	routed legacy
}

@test "no firewall: nothing is made" {
	guest_online
	[ -z "$(dom0 nft list ruleset)" ]
	[ -z "$(dom0 cat /proc/net/ip_tables_names /proc/net/ip6_tables_names)" ]
	guest_offline
}

@test "a firewall that comes later is noticed by the second attach" {
	guest_online
	docker nft
	not reaches 192.0.2.9 1
	vif_call 1 0 online
	reaches 192.0.2.9
	guest_offline
	firewall | diff "$RIG/docker" -
}

@test "a rule that somebody took out is put back, and one added is left alone" {
	docker nft
	guest_online
	tables iptables -D FORWARD 1
	tables iptables -I FORWARD -m physdev --physdev-in vif1.0 --physdev-is-bridged -j ACCEPT
	vif_call 1 0 online
	[ "$(firewall | grep -c 'xen-hotplug vif-1-0')" = 4 ]
	guest_offline
	[ "$(firewall | grep -c 'physdev-in vif1.0')" = 1 ]
}

@test "when-needed = never, and always" {
	recipe '[forward]' 'via = bridge' 'when-needed = never' '[bridge]' 'name = br0' '[up]'
	docker nft
	guest_online
	firewall | diff "$RIG/docker" -
	guest_offline
	sed -i s/never/always/ "$RIG/etc-xen/hotplug/own.ini"
	dom0 nft flush ruleset
	guest_online
	[ "$(firewall | grep -c 'physdev.*xen-hotplug vif-1-0')" = 4 ]
	[ "$(dom0 nft list chain ip filter FORWARD | grep -c 'hook forward')" = 1 ]
	dom0 nft flush ruleset
	run dom0 xen-hotplug check
	[[ $output == *'ip/filter/FORWARD is gone'* ]]
	dom0 xen-hotplug repair
	dom0 xen-hotplug check
	[ "$(firewall | grep -c 'physdev.*xen-hotplug vif-1-0')" = 4 ]
	guest_offline
	[ -z "$(dom0 nft list ruleset)" ]
}

@test "a chain that always = yes made goes with its last user, unless others use it" {
	recipe '[forward]' 'via = route' 'when-needed = always' '[up]'
	backend vif 2 0
	dom0 nft flush ruleset
	guest_online
	vif_call 2 0 online
	guest_offline
	dom0 nft list chain ip filter FORWARD | grep 'xen-hotplug vif-2-0'
	vif_call 2 0 offline
	[ -z "$(dom0 nft list ruleset)" ]
	vif_call 2 0 online
	dom0 nft add rule ip filter FORWARD counter
	dom0 nft add table ip6 filter '{ chain FORWARD { policy drop; }; }'
	run vif_call 2 0 offline
	[[ $output == *'others use the chain ip/filter/FORWARD'* ]]
	[[ $output == *'others use the chain ip6/filter/FORWARD'* ]]
	[ "$(dom0 nft list ruleset | grep -c 'hook forward.*policy')" = 2 ]
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "detach after the chains and the interface have gone" {
	docker nft
	guest_online
	dom0 nft flush ruleset
	vif_del 1 0
	guest_offline
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
}

# What vif-common.sh makes, where handle_iptable is not switched off.
stock_rules() {
	local source
	for source in "-s 192.0.2.5" "-s 198.51.100.0/24" "-p udp --sport 68 --dport 67"; do
		tables iptables -I FORWARD -m physdev --physdev-is-bridged --physdev-in vif1.0 \
			$source -j ACCEPT
		tables iptables -I FORWARD -m physdev --physdev-is-bridged --physdev-out vif1.0 \
			-j ACCEPT
	done
}

stock() {
	docker "$1"
	tables iptables -I FORWARD -m physdev --physdev-is-bridged --physdev-in vif1.00 -j ACCEPT
	tables iptables -I FORWARD -m physdev --physdev-is-bridged --physdev-in vif1.0 -j DROP
	firewall >"$RIG/docker"
	stock_rules
	backend vif 1 0 bridge=br0 ip='192.0.2.5 198.51.100.0/24'
	guest_offline
	firewall | diff "$RIG/docker" -
}

@test "rules of the stock script go at detach, iptables-nft" {
	stock nft
}

@test "rules of the stock script go at detach, iptables-legacy" {
	stock legacy
}

# lost nft|legacy: gc removes what has no journal, once its interface is gone too.
lost() {
	docker "$1"
	guest_online
	rm "$RIG"/run/xen-hotplug/devices/*
	xenstore-rm /local/domain/0/backend/vif/1/0
	firewall >"$RIG/attached"
	dom0 xen-hotplug gc
	firewall | diff "$RIG/attached" -
	vif_del 1 0
	run dom0 xen-hotplug gc --dry-run
	[[ $output == *'vif-1-0: what [forward] made would be removed'* ]]
	firewall | diff "$RIG/attached" -
	dom0 xen-hotplug gc
	firewall | diff "$RIG/docker" -
}

@test "gc removes the rules of a guest that is gone without a journal, iptables-nft" {
	lost nft
}

@test "gc removes the rules of a guest that is gone without a journal, iptables-legacy" {
	lost legacy
}

@test "without iptables' library its legacy tables stay as they are, and that is said" {
	local verb
	docker legacy
	mkdir "$RIG/run/none"
	touch "$RIG"/run/none/libip{4,6}tc.so.2
	backend vif 1 0 bridge=br0 ip='192.0.2.5 2001:db8::5'
	# first of what the stock script is said to have attached
	for verb in offline online offline; do
		run libxl_call vif 1 0 env LD_LIBRARY_PATH=/run/none \
			/usr/sbin/xen-hotplug run vif-bridge $verb type_if=vif
		[ "$status" = 0 ]
		firewall | diff "$RIG/docker" -
		echo "$output" >>"$RIG/output"
	done
	[ "$(grep -c 'cannot be changed without libip4tc.so.2' "$RIG/output")" = 2 ]
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "twenty guests at once, legacy tables" {
	local i pids=()
	docker legacy
	for i in $(seq 11 30); do
		vif_add "$i" 0
		backend vif "$i" 0 bridge=br0
	done
	for i in $(seq 11 30); do
		vif_call "$i" 0 online &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[ "$(firewall | grep -c 'physdev.*xen-hotplug')" = 80 ]
	pids=()
	for i in $(seq 11 30); do
		backend_closing vif "$i" 0
		vif_call "$i" 0 offline &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	firewall | diff "$RIG/docker" -
}
