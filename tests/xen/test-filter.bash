# SPDX-License-Identifier: LGPL-2.1-or-later
# ip= holds a guest to its addresses. The guest's eth0 has it, eth1 has not: what is
# dropped from the one must arrive from the other, or the test shows nothing.

MAC=00:16:3e:00:00:10
SPOOFED_MAC=00:16:3e:00:00:66

setup_file() {
	guest_start shared \
		"vif = [\"bridge=xenbr0,ip=192.0.2.10 2001:db8::10,mac=$MAC\", \"bridge=xenbr0\"]"
	in_guest shared "ip link set eth1 address $SPOOFED_MAC;
		echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_dad; ip link set eth1 up;
		ip addr add 198.51.100.66/24 dev eth1; ip addr add 2001:db8:1::66/64 dev eth1;
		ip addr add 192.0.2.77/32 dev lo;
		ip addr add 2001:db8::77/128 dev eth0; ip addr add 2001:db8::77/128 dev eth1;
		arp -s 198.51.100.1 -i eth1 $SPOOFED_MAC"
}

# arrives N MATCH COMMAND: does what the guest sends by ethN come to the bridge? netback
# counts a frame before the filter sees it.
arrives() {
	local vif count received before
	vif=$(vif_of shared "$1")
	received=/sys/class/net/$vif/statistics/rx_packets
	nft "add table bridge spy; flush table bridge spy;
		add chain bridge spy in { type filter hook prerouting priority -400; };
		add rule bridge spy in iifname $vif $2 counter"
	before=$(cat "$received")
	in_guest shared "$3" || :
	wait_until eval '[ $(cat $received) -gt $before ]' || return 2
	count=$(nft list table bridge spy | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	nft delete table bridge spy
	echo "$vif $2: $count packets"
	[ "$count" -gt 0 ]
}

# lost N MATCH COMMAND: it is sent, and does not arrive.
lost() {
	local status=0
	arrives "$@" || status=$?
	[ "$status" = 1 ]
}

# dropped MATCH COMMAND: in it, ETH, NET4 and NET6 lead to the one or the other.
dropped() {
	local free=${2//ETH/eth1}
	free=${free//NET4/198.51.100}
	wait_until arrives 1 "$1" "${free//NET6/2001:db8:1:}"
	lost 0 "$1" "$(sed 's/ETH/eth0/; s/NET4/192.0.2/; s/NET6/2001:db8:/' <<<"$2")"
}

# Its own addresses pass, with ip= set.
test_own() {
	pings shared
	reaches 2001:db8::10
	guest_reaches shared 2001:db8::1 -I 2001:db8::10
	wait_until arrives 0 "ether saddr $MAC ip saddr 192.0.2.10" "ping -c 1 -W 1 -I eth0 192.0.2.1"
	xen-hotplug status | grep "^vif-$(xl domid shared)-0 .*192.0.2.10"
}

# Another IPv4 source is dropped.
test_ipv4() {
	guest_reaches shared 192.0.2.1
	dropped "ip saddr 192.0.2.77" "ping -c 2 -W 1 -I 192.0.2.77 NET4.1"
}

# Another IPv6 source is dropped.
test_ipv6() {
	dropped "ip6 saddr 2001:db8::77" "ping -c 2 -W 1 -I 2001:db8::77 NET6:1"
}

# ARP for another address is dropped.
test_arp() {
	dropped "arp saddr ip 192.0.2.77" "arping -c 2 -w 2 -I ETH -s 192.0.2.77 NET4.1"
}

# Debian's nftables.service flushes the filter: what our unit runs then puts it back.
test_flush() {
	local unit=/usr/lib/systemd/system/xen-hotplug-repair.service command
	for command in ExecStart ExecReload; do
		$(sed -n "s/^$command=//p" /lib/systemd/system/nftables.service)
		wait_until arrives 0 "ip saddr 192.0.2.77" "ping -c 2 -W 1 -I 192.0.2.77 192.0.2.1"
		! xen-hotplug check || return 1
		$(sed -n "s/^$command=//p" $unit)
		xen-hotplug check
		lost 0 "ip saddr 192.0.2.77" "ping -c 2 -W 1 -I 192.0.2.77 192.0.2.1"
	done
	nft delete table inet filter
	pings shared
}

# Frames with another MAC address are dropped.
test_mac() {
	in_guest shared "ip link set eth0 down; ip link set eth0 address $SPOOFED_MAC;
		ip link set eth0 up; ip addr"
	dropped "ether saddr $SPOOFED_MAC" "ping -c 2 -W 1 NET4.1"
}
