#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-bridge: what attach and detach do, seen from the kernel and the store.

load lib
load scene

teardown() {
	rig_teardown
}

@test "online changes exactly this, and offline takes it back" {
	scene
	vif_call 1 0 online
	keep attached
	diff - <(differences before attached) <<-'END'
		> fdb fe:ff:ff:ff:ff:ff dev vif1.0 master br0 permanent
		> file -rw------- root /run/xen-hotplug/devices/vif-1-0
		< link vif1.0 address="02:00:00:00:01:00"
		> link vif1.0 address="fe:ff:ff:ff:ff:ff"
		< link vif1.0 flags=BROADCAST,MULTICAST
		> link vif1.0 flags=BROADCAST,MULTICAST,UP
		< link vif1.0 inet6_addr_gen_mode="eui64"
		> link vif1.0 inet6_addr_gen_mode="none"
		> link vif1.0 master="br0"
		> link vif1.0 mtu=1400
		< link vif1.0 mtu=1500
		< link vif1.0 promiscuity=0
		> link vif1.0 promiscuity=1
		< store /local/domain/0/backend/vif/1/0/hotplug-status = ""   (n0,r1)
		> store /local/domain/0/backend/vif/1/0/hotplug-status = "connected"   (n0,r1)
		> store /local/domain/1/device/vif/0/mtu = "1400"   (n0,r1)
		< store /local/domain/1/device/vif/0/mtu = "1500"   (n0,r1)
		< sysctl ipv6/conf/vif1.0/addr_gen_mode:0
		> sysctl ipv6/conf/vif1.0/addr_gen_mode:1
		> sysctl ipv6/conf/vif1.0/mtu:1400
		< sysctl ipv6/conf/vif1.0/mtu:1500
	END
	vif_call 1 0 offline
	detached
	link_is vif1.0 'ether fe:ff:ff:ff:ff:ff'
}

@test "addresses go, none is generated; up comes last, and after it only the store" {
	scene hotplug-error='from before'
	dom0 ip addr add 192.0.2.1/24 dev vif1.0
	dom0 ip link set vif1.0 up
	shimmed FAULT_LOG=/run/calls
	[ -z "$(dom0 ip -o addr show vif1.0)" ]
	link_is vif1.0 ',UP' 'addrgenmode none'
	# requests: 1 list, 6 and 7 a transaction, 11 write, 13 remove
	sed '1,/^rec [0-9]* host up up/d; s/done .*/done/; s/ *$//' "$RIG/run/calls" \
		>"$RIG/last"
	echo >>"$RIG/last"
	diff - "$RIG/last" <<-'END'
		netlink
		journal done
		store 6
		store 1 backend/vif/1/0
		store 11 /local/domain/1/device/vif/0/mtu 1400
		store 13 backend/vif/1/0/hotplug-error
		store 11 backend/vif/1/0/hotplug-status connected
		store 7 T
	END
	status_is connected
	[ -z "$(node vif 1 0 hotplug-error)" ]
}

@test "addresses that went come back with all that belongs to them" {
	scene
	dom0 ip addr add 192.0.2.1 peer 192.0.2.2/32 label vif1.0:x scope link dev vif1.0
	dom0 ip addr add 192.0.2.1/24 broadcast 192.0.2.7 metric 77 dev vif1.0
	dom0 ip addr add 2001:db8::1/64 noprefixroute nodad dev vif1.0
	dom0 ip addr add 198.51.100.1/24 valid_lft 5000 preferred_lft 4000 dev vif1.0
	dom0 ip link set vif1.0 down
	keep before
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	echo '[ "$command" != online ] || fatal fails' >"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	run vif_call 1 0 online
	refused 1 0 a.hook
	dom0 ip -o addr show vif1.0 | grep -E '198.51.100.1/24 .*valid_lft (5000|4[89]..)sec preferred_lft (4000|3[89]..)sec'
}

@test "the MTU is the guest configuration's, else the bridge's; also with vifname" {
	scene vifname=web mtu=1280
	run vif_call 1 0 online
	[[ $output == *'MTU 1280 of vif1.0 is below that of br0'* ]]
	link_is web 'mtu 1280 .*master br0'
	[ "$(mtu_node 1 0)" = 1280 ]
	vif_add 2 0
	backend vif 2 0 bridge=br0 vifname=db
	vif_call 2 0 online
	link_is db 'mtu 1400 '
	[ "$(mtu_node 2 0)" = 1400 ]
}

@test "vifname: the interface is renamed, and offline finds it under that name" {
	scene vifname=web
	vif_call 1 0 online
	link_is web 'master br0 .*,UP|,UP.* master br0'
	! dom0 ip link show vif1.0 || false
	vif_call 1 0 offline
	link_is web 'state DOWN'
	! grep master "$RIG/link" || false
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "tap: add and remove do the same for the emulated NIC, and tell nobody" {
	scene type=vif_ioemu
	tap_add vif1.0-emu
	keep before
	vif_call 1 0 add
	link_is vif1.0-emu 'mtu 1400 .*master br0' ',UP' 'ether fe:ff:ff:ff:ff:ff' \
		'addrgenmode none'
	status_is ''
	[ "$(mtu_node 1 0)" = 1500 ]
	vif_call 1 0 online
	[ "$(find "$RIG/run/xen-hotplug" -type f | wc -l)" = 2 ]
	vif_call 1 0 remove
	link_is vif1.0 'master br0'
	vif_call 1 0 offline
	detached
}

@test "tap: with vifname its name is NAME-emu" {
	scene type=vif_ioemu vifname=web
	tap_add vif1.0-emu
	vif_call 1 0 add
	link_is web-emu 'master br0'
	vif_call 1 0 remove
	! link_is web-emu 'master br0' || false
}

@test "what the old script ignores is ignored" {
	scene type=vif_ioemu
	tap_add vif1.0-emu
	keep before
	vif_call 1 0 online type_if=tap
	vif_call 1 0 offline type_if=tap
	vif_call 1 0 add type_if=vif
	vif_call 1 0 remove type_if=vif
	unchanged
	vif_call 1 0 online
	keep before
	vif_call 1 0 offline type_if=tap
	unchanged
}

@test "without type_if it is a vif" {
	scene
	libxl_call vif 1 0 /usr/sbin/xen-hotplug run vif-bridge online
	link_is vif1.0 'master br0'
}

@test "online twice and offline twice: the second changes nothing" {
	scene
	vif_call 1 0 online
	keep attached
	vif_call 1 0 online
	keep again
	same attached again
	vif_call 1 0 offline
	keep_kernel detached
	vif_call 1 0 offline
	keep_kernel again
	same detached again
}

@test "online again tells the toolstack again, and mends what drifted" {
	scene
	vif_call 1 0 online
	keep attached
	xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status '' \
		/local/domain/1/device/vif/0/mtu 1500
	vif_call 1 0 online
	keep again
	same attached again
	dom0 ip link set vif1.0 nomaster
	vif_call 1 0 online
	keep again
	same attached again
}

@test "offline of what was never attached succeeds and changes nothing" {
	scene
	vif_call 1 0 offline
	unchanged
}

@test "offline when bridge, interface or nodes have gone leaves nothing" {
	scene
	vif_call 1 0 online
	ip -n "$DOM0" link del br0
	vif_call 1 0 offline
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	bridge_add br0 1400
	vif_call 1 0 online
	vif_del 1 0
	vif_call 1 0 offline
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	vif_add 2 0
	backend vif 2 0 bridge=br0
	vif_call 2 0 online
	backend_gone vif 2 0
	xenstore-ls -f >"$RIG/store"
	vif_call 2 0 offline
	link_is vif2.0 'state DOWN'
	! grep master "$RIG/link" || false
	diff "$RIG/store" <(xenstore-ls -f)
}

@test "what somebody else did meanwhile is left to him" {
	scene
	bridge_add br1
	vif_call 1 0 online
	dom0 ip link set vif1.0 master br1
	vif_call 1 0 offline
	link_is vif1.0 'master br1'
}

@test "offline of what the stock script attached; its offline after our online" {
	[ -x /etc/xen/scripts/vif-bridge ] || skip "no xen-utils-common"
	scene
	SCRIPT=/etc/xen/scripts/vif-bridge vif_call 1 0 online
	link_is vif1.0 'master br0' ',UP'
	vif_call 1 0 offline
	detached
	vif_call 1 0 online
	SCRIPT=/etc/xen/scripts/vif-bridge vif_call 1 0 offline
	vif_del 1 0
	backend_gone vif 1 0
	xhp gc
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
