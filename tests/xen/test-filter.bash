# SPDX-License-Identifier: LGPL-2.1-or-later
# ip= holds a guest to its addresses. The guest's eth0 has it, eth1 has not: what is
# dropped from the one must arrive from the other, or the test shows nothing.

MAC=00:16:3e:00:00:10
SPOOFED_MAC=00:16:3e:00:00:66
DOM0_MAC=00:16:3e:00:00:01

setup_file() {
	guest_start shared \
		"vif = [\"bridge=xenbr0,ip=192.0.2.10 2001:db8::10,mac=$MAC\", \"bridge=xenbr0\"]"
	ip link set xenbr0 address $DOM0_MAC
	in_guest shared "ip neigh add 192.0.2.1 lladdr $DOM0_MAC dev eth0;
		ip neigh add 2001:db8::1 lladdr $DOM0_MAC dev eth0;
		ip link set eth1 address $SPOOFED_MAC; ip link set eth1 up;
		ip addr add 192.0.2.66/24 dev eth1; ip addr add 2001:db8::66/64 dev eth1;
		ip neigh add 192.0.2.1 lladdr $DOM0_MAC dev eth1;
		ip neigh add 2001:db8::1 lladdr $DOM0_MAC dev eth1"
}

# arrives N MATCH COMMAND: does what the guest sends by ethN come to the bridge?
arrives() {
	local vif count
	vif=$(vif_of shared "$1")
	nft "add table bridge spy; flush table bridge spy;
		add chain bridge spy in { type filter hook prerouting priority -400; };
		add rule bridge spy in iifname $vif $2 counter"
	in_guest shared "$3" || :
	count=$(nft list table bridge spy | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	nft delete table bridge spy
	echo "$vif $2: $count packets"
	[ "$count" -gt 0 ]
}

dropped() {
	if arrives 0 "$1" "${2//ETH/eth0}"; then
		return 1
	fi
	arrives 1 "$1" "${2//ETH/eth1}"
}

# Its own addresses pass, with ip= set.
test_own() {
	pings shared
	ping -c 1 -W 10 2001:db8::10
	in_guest shared ping -c 1 -W 10 -I eth0 2001:db8::1
	arrives 0 "ether saddr $MAC ip saddr 192.0.2.10" "ping -c 1 -W 1 -I eth0 192.0.2.1"
	xen-hotplug status | grep "^vif-$(xl domid shared)-0 .*192.0.2.10"
}

# Another IPv4 source is dropped.
test_ipv4() {
	in_guest shared ip addr add 192.0.2.77/32 dev eth0
	in_guest shared ip addr add 192.0.2.77/32 dev eth1
	dropped "ip saddr 192.0.2.77" "ping -c 2 -W 1 -I ETH -I 192.0.2.77 192.0.2.1"
	in_guest shared 'ip addr del 192.0.2.77/32 dev eth0; ip addr del 192.0.2.77/32 dev eth1'
}

# Another IPv6 source is dropped.
test_ipv6() {
	arrives 1 "ip6 saddr 2001:db8::66" "ping -c 1 -W 1 -I eth1 2001:db8::1"
	in_guest shared 'ip addr del 2001:db8::10/64 dev eth0; ip addr add 2001:db8::77/64 dev eth0;
		ip neigh add 2001:db8::1 lladdr $DOM0_MAC dev eth0'
	! arrives 0 "ip6 saddr 2001:db8::77" "ping -c 2 -W 1 -I eth0 2001:db8::1" || return 1
	in_guest shared 'ip addr del 2001:db8::77/64 dev eth0; ip addr add 2001:db8::10/64 dev eth0'
}

# ARP for another address is dropped.
test_arp() {
	dropped "arp saddr ip 192.0.2.66" "arping -c 2 -w 2 -I ETH -s 192.0.2.66 192.0.2.1"
}

# Frames with another MAC address are dropped.
test_mac() {
	in_guest shared "ip link set eth0 down; ip link set eth0 address $SPOOFED_MAC;
		ip link set eth0 up; ip neigh replace 192.0.2.1 lladdr $DOM0_MAC dev eth0"
	dropped "ether saddr $SPOOFED_MAC" "ping -c 2 -W 1 -I ETH 192.0.2.1"
}
