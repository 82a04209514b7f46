#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-nat: a private address per guest, hidden behind dom0's, and told by DHCP.

load lib
load scene

# dom0's eth0 leads to "net", which knows nothing but dom0's address there.
setup() {
	rig_setup
	RECIPE=vif-nat
	HOSTS=$RIG/run/dhcp-hosts
	mkdir "$HOSTS"
	uplink_add
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	site uplink=eth0 hostsdir=/run/dhcp-hosts pidfile=
	vif_add 1 0
}

teardown() {
	rig_teardown
}

# site NAME=VALUE...: the administrator's defaults.
site() {
	printf '%s\n' '[defaults]' "$@" '[use vif-nat]' >"$RIG/etc-xen/hotplug/vif-nat.ini"
}

# guest_up D N: configured by hand.
guest_up() {
	local last=$(($2 + 1))
	guest $1 $2 ip addr add 10.0.$1.$last/32 dev eth0
	guest $1 $2 ip route add 10.0.$1.$((last + 127)) dev eth0
	guest $1 $2 ip route add default via 10.0.$1.$((last + 127))
}

reaches() {
	guest "$1" "$2" ping -q -c 1 -w "${4:-60}" "$3" >/dev/null
}

# What belongs to a device that stays is left at an ordinary detach.
host_state() {
	snapshot_kernel | grep -vE '^link vif[^ ]* inet6_addr_gen|^file|accept_r|addr_gen_mode'
	(cd "$HOSTS" && tail -n +1 .[!.]* *) 2>/dev/null || :
}

nat_rules() {
	dom0 nft list table ip xen-nat 2>/dev/null | grep -c masquerade
}

no_nat_table() {
	! dom0 nft list tables | grep nat
}

# stock_addresses D N [IP]: what the stock script derives, "GUEST ROUTER".
stock_addresses() {
	local functions
	functions=$(sed -n '/^\(ip_from_dom\|routing_ip\)()/,/^}/p' /etc/xen/scripts/vif-nat)
	bash -c "$functions"'
		domid=$1 vifid=$(($2 + 1)) ip=$3
		[ -n "$ip" ] || ip=$(ip_from_dom)
		echo "${ip%%/*} $(routing_ip "$ip")"' stock "$@"
}

# planned D N: the same, by us.
planned() {
	XENBUS_TYPE=vif XENBUS_PATH=backend/vif/$1/$2 vif=vif$1.$2 \
		dom0 xen-hotplug plan vif-nat online |
		awk '$2 == "guest" { g = $3 } $2 == "router" { r = $3 } END { print g, r }'
}

@test "the derived addresses are the stock script's" {
	local dn ip
	[ -r /etc/xen/scripts/vif-nat ] || skip "no stock vif-nat (xen-utils-common)"
	for dn in 1.0 1.10 255.0 256.0 257.3 1000.126 32751.0; do
		ip -n "$DOM0" link add vif$dn type veth peer name p$dn 2>/dev/null || :
		backend vif ${dn%.*} ${dn#*.}
		echo "$dn: $(planned ${dn%.*} ${dn#*.})"
		[ "$(planned ${dn%.*} ${dn#*.})" = "$(stock_addresses ${dn%.*} ${dn#*.})" ]
	done
	for ip in 192.0.2.10 192.0.2.10/24 198.51.100.127; do
		backend vif 1 0 ip=$ip
		[ "$(planned 1 0)" = "$(stock_addresses 1 0 $ip)" ]
	done
	[ "$(planned 1 0)" = '198.51.100.127 198.51.100.254' ]
}

@test "a pool of the administrator's" {
	site uplink=eth0 pool=172.16.0.0/12
	ip -n "$DOM0" link add vif4095.1 type veth peer name p1
	ip -n "$DOM0" link add vif4096.0 type veth peer name p2
	backend vif 4095 1
	backend vif 4096 0
	[ "$(planned 4095 1)" = '172.31.255.2 172.31.255.129' ]
	run planned 4096 0
	[[ $output == *'domain 4096 has no addresses in the pool 172.16.0.0/12, which has some for domains 0 to 4095'* ]]
	site pool=172.16.0.0/25
	run planned 4095 1
	[[ $output == *'the pool 172.16.0.0/25 is not one IPv4 prefix of /1 to /24'* ]]
}

@test "an address that does not work is named, and nothing changes" {
	local what
	ip -n "$DOM0" link add vif1.127 type veth peer name p1
	backend vif 1 127
	keep before
	run vif_call 1 127 online
	refused 1 127 'device 127 has no address in the pool 10.0.0.0/8, which has some for devices 0 to 126'
	ip -n "$DOM0" link set vif1.127 name vif1.4294967295
	backend vif 1 4294967295
	keep before
	run vif_call 1 4294967295 online
	refused 1 4294967295 'device 4294967295 has no address in the pool'
	for what in '192.0.2.128|192.0.2.128 leaves no address for its router' \
		'2001:db8::7|2001:db8::7: only an IPv4 address can be translated' \
		'192.0.2.7 192.0.2.8|192.0.2.7 and 192.0.2.8: expected one address'; do
		backend vif 1 0 ip="${what%|*}"
		keep before
		run vif_call 1 0 online
		refused 1 0 "${what#*|}"
	done
}

@test "a guest reaches the net, which sees dom0's address only" {
	backend vif 1 0
	host_state >"$RIG/before"
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	guest_up 1 0
	reaches 1 0 192.0.2.99
	not ip netns exec "$NET" ping -q -c 1 -W 1 10.0.1.1
	dom0 xen-hotplug check
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "with a FORWARD policy of DROP, and another address is not let in" {
	dom0 nft -f - <<-'END'
		table ip filter {
			chain FORWARD { type filter hook forward priority 0; policy drop; }
		}
	END
	backend vif 1 0
	host_state >"$RIG/before"
	vif_call 1 0 online
	guest_up 1 0
	reaches 1 0 192.0.2.99
	guest 1 0 ip addr add 10.0.2.1/32 dev eth0
	not guest 1 0 ping -q -c 1 -W 1 -I 10.0.2.1 192.0.2.99
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "without an uplink nothing is translated, and without a directory no DHCP" {
	rm "$RIG/etc-xen/hotplug/vif-nat.ini"
	backend vif 1 0
	vif_call 1 0 online
	guest_up 1 0
	reaches 1 0 10.0.1.128
	not reaches 1 0 192.0.2.99 1
	no_nat_table
	[ -z "$(ls -A "$HOSTS")" ]
}

@test "the emulated NIC: its route wins, and both share what is the guest's" {
	tap_add vif1.0-emu
	backend vif 1 0 type=vif_ioemu
	vif_call 1 0 online
	host_state >"$RIG/before"
	vif_call 1 0 add
	[[ $(ip -n "$DOM0" route show 10.0.1.1 dev vif1.0) == *'metric 2'* ]]
	[[ $(ip -n "$DOM0" route show 10.0.1.1 dev vif1.0-emu) == *'metric 1'* ]]
	[ "$(nat_rules)" = 1 ]
	[ "$(ls -A "$HOSTS")" = xen-vif-1-0 ]
	vif_call 1 0 remove
	diff <(grep -v vif1.0-emu "$RIG/before") <(host_state | grep -v vif1.0-emu)
}

@test "two guests share the table, and the last removes it" {
	vif_add 10 0
	backend vif 1 0
	backend vif 10 0
	host_state >"$RIG/before"
	vif_call 1 0 online
	host_state >"$RIG/one"
	vif_call 10 0 online
	[ "$(nat_rules)" = 2 ]
	[ "$(dom0 nft list tables | grep -c nat)" = 1 ]
	vif_call 10 0 offline
	host_state | diff "$RIG/one" -
	vif_call 10 0 online
	vif_call 1 0 offline
	[ "$(nat_rules)" = 1 ]
	grep -q ',10.0.10.1,dom10$' "$HOSTS/xen-vif-10-0"
	guest_up 10 0
	reaches 10 0 192.0.2.99
	vif_call 10 0 offline
	host_state | diff "$RIG/before" -
}

@test "vif1.1 is not taken for vif1.10, nor dom1 for dom10" {
	vif_add 1 1
	vif_add 1 10
	vif_add 10 0
	local dn
	for dn in '1 0' '1 1' '1 10' '10 0'; do
		backend vif $dn
		vif_call $dn online
	done
	[ "$(cat "$HOSTS"/* | grep -v '^#' | cut -d, -f2- | sort)" = \
		"$(printf '%s\n' 10.0.1.11,dom1-11 10.0.1.1,dom1 10.0.1.2,dom1-2 10.0.10.1,dom10 | sort)" ]
	vif_call 1 1 offline
	vif_call 1 0 offline
	[ "$(nat_rules)" = 2 ]
	[ "$(ls "$HOSTS" | xargs)" = 'xen-vif-1-10 xen-vif-10-0' ]
	guest_up 1 10
	reaches 1 10 192.0.2.99
	guest_up 10 0
	reaches 10 0 192.0.2.99
	dom0 xen-hotplug check
}

@test "online twice changes nothing" {
	backend vif 1 0
	vif_call 1 0 online
	snapshot_kernel >"$RIG/before"
	host_state >"$RIG/files"
	vif_call 1 0 online
	snapshot_kernel | diff "$RIG/before" -
	host_state | diff "$RIG/files" -
}

@test "what was flushed or deleted is told by check and put back by repair" {
	vif_add 2 0
	backend vif 1 0
	backend vif 2 0
	vif_call 1 0 online
	vif_call 2 0 online
	host_state >"$RIG/before"
	dom0 nft flush ruleset
	rm "$HOSTS/xen-vif-1-0"
	run dom0 xen-hotplug check
	[ "$status" = 1 ]
	[[ $output == *'0 of 1 rules are in the chain ip/xen-nat/postrouting'* ]]
	[[ $output == *'xen-vif-1-0: No such file'* ]]
	dom0 xen-hotplug repair
	host_state | diff <(sort "$RIG/before") <(host_state | sort)
	dom0 nft flush chain ip xen-nat postrouting
	dom0 nft add rule ip xen-nat postrouting ip saddr 10.0.1.1 accept comment '"xen-hotplug vif-1-0"'
	run dom0 xen-hotplug check vif-1-0
	[ "$status" = 1 ]
	dom0 xen-hotplug repair
	dom0 xen-hotplug check
	host_state | diff <(sort "$RIG/before") <(host_state | sort)
	dom0 nft flush ruleset
	vif_call 1 0 offline
	vif_call 2 0 offline
	no_nat_table
}

@test "a rule of the administrator's keeps the table, and a table that is not ours stays" {
	backend vif 1 0
	vif_call 1 0 online
	dom0 nft add rule ip xen-nat postrouting oifname eth1 masquerade
	vif_call 1 0 offline
	[ "$(nat_rules)" = 1 ]
	dom0 nft flush chain ip xen-nat postrouting
	dom0 nft add chain ip xen-nat own
	vif_call 1 0 online
	vif_call 1 0 offline
	[ "$(nat_rules)" = 0 ]
	dom0 nft list chain ip xen-nat own
	dom0 nft delete table ip xen-nat
	dom0 nft add table ip xen-nat
	xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status ''
	keep before
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'there is a table ip/xen-nat that is not ours'
	dom0 nft list tables | grep xen-nat
	[ -z "$(ls -A "$HOSTS")" ]
}

@test "a file of somebody else's is neither replaced nor removed" {
	backend vif 1 0
	echo 00:16:3e:01:01:00,10.0.1.77 >"$HOSTS/xen-vif-1-0"
	keep before
	run vif_call 1 0 online
	refused 1 0 'there is a file xen-vif-1-0 that is not ours'
	rm "$HOSTS/xen-vif-1-0"
	vif_call 1 0 online
	echo mine >"$HOSTS/xen-vif-1-0"
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	says 'was changed by somebody else'
	[ "$(cat "$HOSTS/xen-vif-1-0")" = mine ]
	# a link there leads nowhere
	ln -sf /run/victim "$HOSTS/xen-vif-1-0"
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[ ! -e "$RIG/run/victim" ]
}

@test "the file is for dnsmasq's eyes, whatever our umask" {
	backend vif 1 0
	(umask 077 && vif_call 1 0 online)
	[ "$(stat -c %a "$HOSTS/xen-vif-1-0")" = 644 ]
	[ "$(cat "$HOSTS/xen-vif-1-0")" = $'# xen-hotplug vif-1-0\n00:16:3e:01:01:00,10.0.1.1,dom1' ]
}

@test "a directory that is missing, and an uplink that is" {
	site uplink=eth0 hostsdir=/run/nowhere
	backend vif 1 0
	keep before
	run vif_call 1 0 online
	refused 1 0 "/run/nowhere: No such file or directory"
	site uplink=ppp7
	run vif_call 1 0 online
	[ "$status" = 0 ]
	says 'warning: there is no interface ppp7 now'
	[ "$(nat_rules)" = 1 ]
}

@test "a step that fails takes all back" {
	backend vif 1 0
	ip -n "$DOM0" route add 10.0.1.1 dev eth0 metric 2
	keep before
	run vif_call 1 0 online
	refused 1 0 'route to 10.0.1.1: File exists'
	[ -z "$(ls -A "$HOSTS")" ]
	no_nat_table
}

@test "each netlink message and each write to the journal fails in turn: all is rolled back" {
	local how n failed=0
	ip -n "$DOM0-1.0" link set eth0 down # a carrier brings more in its own time
	backend vif 1 0
	host_state >"$RIG/before"
	for how in fail lost; do
		for ((n = 1; ; n++)); do
			rm -f "$RIG/run/calls"
			run shimmed FAULT_AT=$n FAULT_HOW=$how FAULT_KINDS=nj \
				FAULT_LOG=/run/calls
			grep -q FAULT "$RIG/run/calls" || break
			rm -f "$RIG/run/calls"
			echo "$how call $n: $status $output"
			failed=$((failed + status))
			[ "$status" = 1 ] || vif_call 1 0 offline
			host_state | diff "$RIG/before" -
		done
		vif_call 1 0 offline
	done
	[ "$failed" -ge 25 ]
}

@test "killed at each call: gc leaves no trace" {
	local n kills=0
	ip -n "$DOM0-1.0" link set eth0 down # a carrier brings more in its own time
	backend vif 1 0
	host_state >"$RIG/before"
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW=after FAULT_KINDS=nj FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		rm -f "$RIG/run/calls"
		[ "$status" = 137 ]
		kills=$((kills + 1))
		if grep -qs '^done ' "$RIG/run/xen-hotplug/devices/vif-1-0"; then
			vif_call 1 0 offline
		else
			xhp gc
		fi
		echo "killed after call $n"
		host_state | diff "$RIG/before" -
	done
	[ "$status" = 0 ]
	[ "$kills" -ge 25 ]
	vif_call 1 0 offline
	host_state | diff "$RIG/before" -
}

@test "gc removes the rule of a device that has lost its journal, and no other's" {
	vif_add 10 0
	backend vif 1 0
	backend vif 10 0
	vif_call 1 0 online
	vif_call 10 0 online
	rm "$RIG/run/xen-hotplug/devices/vif-1-0"
	xhp gc
	[ "$(nat_rules)" = 2 ]
	backend_gone vif 1 0
	xhp gc
	[ "$(nat_rules)" = 2 ]
	vif_del 1 0
	xhp gc
	[ "$(nat_rules)" = 1 ]
	dom0 nft list table ip xen-nat | grep 'comment "xen-hotplug vif-10-0"'
}

# at_once VERB D...: a run for each vifD.0 at the same time; prints those that failed.
at_once() {
	dom0 bash -s "$@" <<-'END'
		verb=$1
		shift
		for d; do
			XENBUS_TYPE=vif XENBUS_PATH=backend/vif/$d/0 vif=vif$d.0 \
				/usr/sbin/xen-hotplug run vif-nat $verb type_if=vif \
				</dev/null || echo "vif$d.0: $verb failed" &
		done
		wait
	END
}

@test "30 guests come at once, and go at once: the last one takes the table" {
	local d i
	for d in $(seq 101 130); do
		ip -n "$DOM0" link add vif$d.0 type veth peer name p$d
		backend vif $d 0
	done
	host_state >"$RIG/before"
	[ -z "$(at_once online $(seq 101 130) 2>&1)" ]
	[ "$(nat_rules)" = 30 ]
	[ "$(ls "$HOSTS" | wc -l)" = 30 ]
	xhp check
	[ -z "$(at_once offline $(seq 101 130) 2>&1)" ]
	host_state | diff "$RIG/before" -
}

two() {
	vif_add 2 0
	backend vif 1 0
	backend vif 2 0
}

@test "the last guest leaves, and at any point another comes: its rule stays" {
	local n
	two
	for ((n = 1; ; n++)); do
		vif_call 1 0 online
		paused offline $n || break
		vif_call 2 0 online
		goes_on
		[ "$(nat_rules)" = 1 ]
		xhp check
		vif_call 2 0 offline
		no_nat_table
	done
	[ $n -gt 8 ]
}

@test "a guest leaves, and at any point another does: the table goes" {
	local n
	two
	for ((n = 1; ; n++)); do
		vif_call 1 0 online
		vif_call 2 0 online
		paused offline $n || break
		vif_call 2 0 offline
		goes_on
		no_nat_table
	done
	[ $n -gt 8 ]
}

@test "a guest comes, and at any point the last other leaves: its rule is there" {
	local n
	two
	for ((n = 1; ; n++)); do
		vif_call 2 0 online
		paused online $n || break
		vif_call 2 0 offline
		goes_on
		[ "$(nat_rules)" = 1 ]
		xhp check
		vif_call 1 0 offline
		no_nat_table
	done
	[ $n -gt 9 ]
}

@test "what the stock script attached is detached, without what it leaves" {
	dom0 test -x /etc/xen/scripts/vif-nat || skip "no stock vif-nat (xen-utils-common)"
	backend vif 1 0
	host_state >"$RIG/before"
	SCRIPT=/etc/xen/scripts/vif-nat vif_call 1 0 online
	[[ $(ip -n "$DOM0" addr show vif1.0) == *'inet 10.0.1.128/32'* ]]
	vif_call 1 0 offline
	dom0 nft delete table ip filter 2>/dev/null || :
	host_state | diff "$RIG/before" -
}

@test "offline when the netdev, the uplink and the directory have gone" {
	backend vif 1 0
	vif_call 1 0 online
	ip -n "$DOM0" link del eth0
	vif_del 1 0
	rm -r "$HOSTS"
	vif_call 1 0 offline
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	no_nat_table
}
