# SPDX-License-Identifier: LGPL-2.1-or-later
# xl create with vif-bridge.

# Three vifs: bridges, MTUs and a vifname; pings pass both ways, with IPv4 and IPv6; a disk.
test_three() {
	local d
	bridge_add jumbo 4000
	truncate -s 8M /root/three.img
	guest_start g 'vif = ["bridge=xenbr0,vifname=web0", "bridge=jumbo",
		"bridge=xenbr0,mtu=1400"]' \
		'disk = ["format=raw,vdev=xvda,access=rw,target=/root/three.img"]'
	d=$(xl domid g)
	[ "$(master_of web0)" = xenbr0 ]
	[ ! -e "/sys/class/net/vif$d.0" ]
	xen-hotplug status | grep "^vif-$d-0 *web0 "
	[ "$(master_of "vif$d.1")" = jumbo ]
	[ "$(cat "/sys/class/net/vif$d.1/mtu")" = 4000 ]
	[ "$(xenstore-read "/local/domain/$d/device/vif/1/mtu")" = 4000 ]
	[ "$(master_of "vif$d.2")" = xenbr0 ]
	[ "$(cat "/sys/class/net/vif$d.2/mtu")" = 1400 ]
	[ "$(xenstore-read "/local/domain/$d/device/vif/2/mtu")" = 1400 ]
	[ "$(cat "/sys/class/net/web0/address")" = fe:ff:ff:ff:ff:ff ]
	pings g
	if has_ipv6; then
		reaches 2001:db8::10
		guest_reaches g 2001:db8::1
	fi
	xen-hotplug status | grep "^vif-$d-0 .*UNFILTERED"
	[ "$(guest_reads g device/vif/1/mtu)" = 4000 ]
	[ "$(guest_reads g device/vif/2/mtu)" = 1400 ]
	# a frame of that size passes
	ip addr add 198.18.0.1/24 dev jumbo
	in_guest g ip addr add 198.18.0.10/24 dev eth1
	in_guest g ip link set eth1 mtu 4000 up
	reaches 198.18.0.10 -M do -s 3972
	in_guest g 'ip addr flush dev eth0; ip addr add 192.0.2.10/24 dev eth2; ip link set eth2 up'
	pings g
	in_guest g 'echo from-guest | dd of=/dev/xvda bs=512 conv=sync,fsync'
	xl destroy g
	ip link del jumbo
	xen_clean
	xen-hotplug status | grep 'nothing is attached'
	grep -a from-guest /root/three.img
}

# A bridge that is not there: xl create fails, and shows our message.
test_no_bridge() {
	if guest_create g 'vif = ["bridge=xenbr0", "bridge=nosuch"]' >said 2>&1; then
		return 1
	fi
	cat said
	grep 'nosuch.*no such' said || grep 'no.*nosuch' said
	grep 'vif-bridge' said
	[ -z "$(guests)" ]
}

# Two guests with ten vifs each, at the same time.
test_twenty() {
	local i vifs=
	for i in {1..10}; do
		vifs+='"bridge=xenbr0,ip=192.0.2.10",'
	done
	guest_create g1 "vif = [$vifs]" >said1 2>&1 &
	guest_create g2 "vif = [$vifs]" >said2 2>&1 || { cat said2; wait; return 1; }
	wait $! || { cat said1; return 1; }
	xen-hotplug status
	[ "$(xen-hotplug status | grep -c '^vif-.* xenbr0 .* attached ')" = 20 ]
	nft list tables
	[ "$(nft list tables netdev | wc -l)" = 20 ]
}
