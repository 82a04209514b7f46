# SPDX-License-Identifier: LGPL-2.1-or-later
# Each way to wire a vif, with a guest behind it. "outside" is a network namespace at the
# other end of dom0's uplink up0.

setup_file() {
	guest_create shared 'vif = []'
	in_guest shared true
}

uplink() {
	echo 1 >/proc/sys/net/ipv4/ip_forward
	ip netns add outside
	ip link add up0 type veth peer name eth0 netns outside
	ip addr add 198.51.100.1/24 dev up0
	ip link set up0 up
	ip -n outside addr add 198.51.100.2/24 dev eth0
	ip -n outside link set eth0 up
}

teardown() {
	local pid
	detach_all
	rm -f /etc/xen/hotplug/vif-nat.ini
	for pid in $(cat /run/dnsmasq.pid /tmp/ovs/ovsdb-server.pid 2>/dev/null); do
		kill "$pid"
	done
	rm -rf /run/dnsmasq.* /run/dhcp-hosts
	! ip netns del outside 2>/dev/null || wait_until test ! -e /sys/class/net/up0
}

# attach OPTION...: and the guest's eth0 is there.
attach() {
	xl network-attach shared mac=00:16:3e:00:00:10 "$@" &&
		wait_until in_guest shared test -e /sys/class/net/eth0
}

# eth0_has ADDRESS/LEN: from there on in_guest shared, too.
eth0_has() {
	in_guest shared "ip addr add $1 dev eth0 && ip link set eth0 up"
}

# vif-route: an address of the uplink's network behind the vif; outside finds it.
test_route() {
	uplink
	attach script=vif-route gatewaydev=up0 ip=198.51.100.10
	eth0_has 198.51.100.10/32
	in_guest shared 'ip route add 198.51.100.1 dev eth0 &&
		ip route add default via 198.51.100.1'
	guest_reaches shared 198.51.100.2
	wait_until ip netns exec outside ping -c 1 -W 10 198.51.100.10
	# another address would come back here, were it let through
	ip -n outside route add 198.51.100.66/32 via 198.51.100.10
	in_guest shared 'ip addr add 198.51.100.66/32 dev lo'
	! in_guest shared ping -c 2 -W 2 -I 198.51.100.66 198.51.100.2 || return 1
	in_guest shared 'ip addr del 198.51.100.66/32 dev lo'
}

# vif-nat: the guest asks dnsmasq for its address, and comes out behind the uplink's.
test_nat() {
	uplink
	mkdir /run/dhcp-hosts
	printf '%s\n' '[defaults]' hostsdir=/run/dhcp-hosts pidfile=/run/dnsmasq.pid \
		uplink=up0 '[use vif-nat]' >/etc/xen/hotplug/vif-nat.ini
	dnsmasq --conf-file=/dev/null --port=0 --user=root --no-ping \
		--pid-file=/run/dnsmasq.pid --dhcp-leasefile=/run/dnsmasq.leases \
		--interface='vif*' --bind-dynamic --dhcp-hostsdir=/run/dhcp-hosts \
		--dhcp-range=10.0.0.0,static,255.0.0.0
	attach script=vif-nat
	in_guest shared 'printf "%s\n" "#!/bin/sh" "[ \$1 = bound ] || exit 0" \
		"ip addr add \$ip/\$mask dev \$interface" \
		"ip route add default via \$router" >/bin/lease && chmod 755 /bin/lease &&
		ip link set eth0 up && udhcpc -i eth0 -s /bin/lease -n -q -f -t 60 -T 3'
	in_guest shared ip addr show dev eth0 | grep "inet 10\.$(($(xl domid shared) / 256))\."
	# outside has no route to 10.0.0.0/8
	guest_reaches shared 198.51.100.2
}

# vif-bridge with a VLAN: the guest is in this one, and in no other.
test_vlan() {
	local vid
	ip link add brv type bridge vlan_filtering 1 vlan_default_pvid 0 stp_state 0 forward_delay 0
	ip link set brv addrgenmode none up
	for vid in 5 6; do
		bridge vlan add dev brv vid $vid self
		ip link add link brv name brv.$vid type vlan id $vid
		ip addr add 198.18.$vid.1/24 dev brv.$vid
		ip link set brv.$vid addrgenmode none up
	done
	attach bridge=brv.5 'ip=198.18.5.2 198.18.6.2'
	bridge vlan show dev "$(vif_of shared)" | grep '5 PVID Egress Untagged'
	eth0_has 198.18.5.2/24
	in_guest shared ip addr add 198.18.6.2/24 dev eth0
	guest_reaches shared 198.18.5.1
	reaches 198.18.5.2
	! in_guest shared ping -c 2 -W 2 198.18.6.1 || return 1
	detach_all
	ip link del brv
}

# vif-openvswitch: a tagged port of the kernel's datapath.
test_ovs() {
	modprobe openvswitch
	mkdir -p /run/openvswitch
	ovsdb-tool create /tmp/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server /tmp/conf.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach
	ovs-vsctl --no-wait init
	ovs-vswitchd --pidfile --detach
	ovs-vsctl add-br ovsbr0 -- add-port ovsbr0 five tag=5 -- \
		set interface five type=internal -- add-port ovsbr0 six tag=6 -- \
		set interface six type=internal
	ip addr add 198.18.5.1/24 dev five
	ip link set five up
	ip addr add 198.18.6.1/24 dev six
	ip link set six up
	attach script=vif-openvswitch bridge=ovsbr0.5 'ip=198.18.5.2 198.18.6.2'
	[ "$(ovs-vsctl get port "$(vif_of shared)" tag)" = 5 ]
	eth0_has 198.18.5.2/24
	in_guest shared 'ip addr add 198.18.6.2/24 dev eth0; ip addr add 198.18.5.66/24 dev eth0'
	guest_reaches shared 198.18.5.1
	reaches 198.18.5.2
	! in_guest shared ping -c 2 -W 2 198.18.6.1 || return 1
	! in_guest shared ping -c 2 -W 2 -I 198.18.5.66 198.18.5.1 || return 1
	detach_all
	! ovs-vsctl list-ports ovsbr0 | grep vif || return 1
	ovs-appctl -t ovs-vswitchd exit --cleanup
	ovs-appctl -t ovsdb-server exit
	rm /tmp/conf.db
	wait_until eval '! ip link show ovs-system'
}
