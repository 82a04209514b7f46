#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [bridge]: VLANs of a port. Most of it needs a kernel that knows them: make check-xen.

load lib
load scene

teardown() {
	rig_teardown
}

# vlan_scene [KEY=VALUE...]: scene, with a bridge that filters.
vlan_scene() {
	scene "$@"
	ip -n "$DOM0" link set br0 type bridge vlan_filtering 1
	dom0 ip link set vif1.0 down
	keep before
}

set_vlan() {
	xenstore-write /local/domain/0/backend/vif/1/0/vlan "$1"
}

# vlans_of DEV: 10pu 20 21 22, or nothing.
vlans_of() {
	bridge -n "$DOM0" -j vlan show dev "$1" | jq -r '[.[].vlans[] | .flags as $f |
		range(.vlan; (.vlanEnd // .vlan) + 1) | tostring +
		(if $f | index("PVID") then "p" else "" end) +
		(if $f | index("Egress Untagged") then "u" else "" end)] | join(" ")'
}

vlans_are() {
	local got
	got=$(vlans_of "$1")
	[ "$got" = "$2" ] || { echo "$1 has the VLANs $got"; return 1; }
}

@test "a kernel whose bridges know no VLANs: nobody is let in without his VLAN" {
	scene
	! rig_kernel_has bridge-vlan || skip "this kernel's bridges know VLANs"
	set_vlan 10
	keep before
	run vif_call 1 0 online
	refused 1 0 'no port of br0 can be held to a VLAN' CONFIG_BRIDGE_VLAN_FILTERING
	xenstore-rm /local/domain/0/backend/vif/1/0/vlan
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br0.10
	xenstore-rm /local/domain/0/backend/vif/1/0/hotplug-error
	xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status ''
	keep before
	run vif_call 1 0 online
	refused 1 0 CONFIG_BRIDGE_VLAN_FILTERING
	vif_recipe '[bridge]' 'name = br7.10' 'create = yes' 'vlan-filtering = enable'
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says CONFIG_BRIDGE_VLAN_FILTERING
	! dom0 ip link show br7 || false
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a tag or trunks behind the bridge's name, and vlan= contradict each other" {
	local spec
	for spec in br0.5 br0:7:8 br0.5:7; do
		scene bridge=$spec vlan=10
		run vif_call 1 0 online
		refused 1 0 'vlan= goes with a plain bridge: what stands behind br0 says already'
		rig_teardown
	done
}

@test "a bridge whose name has a dot is that one, if no number follows" {
	scene bridge=br0.lan
	bridge_add br0.lan
	vif_call 1 0 online
	link_is vif1.0 'master br0.lan'
}

@test "VLANs that are none are refused before anything is changed" {
	local vlan
	scene
	for vlan in 0 4095 10/20 10p/20p 10-20p 20-10 10p/20+5 10p/20+5x1000 1p/x '10;id' '-1' '10p/' \
		10p//20 99999999999999999999 '10p 20'; do
		xenstore-write -- /local/domain/0/backend/vif/1/0/vlan "$vlan"
		run vif_call 1 0 online
		[ "$status" = 1 ] || { echo "vlan=$vlan is taken"; false; }
		says '[bridge] vlan = ${vlan}'
		! dom0 ip -o link show vif1.0 | grep master || false
		[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	done
}

# bats test_tags=kernel:bridge-vlan
@test "xl's whole syntax: PVID, untagged, ranges and steps; the default PVID goes" {
	local want vlan
	vlan_scene
	while read -r vlan want; do
		set_vlan "$vlan"
		vif_call 1 0 online
		status_is connected
		vlans_are vif1.0 "$want"
		xhp check
		vif_call 1 0 online
		vif_call 1 0 offline
		vlans_are vif1.0 ''
		reset_nodes
	done <<-END
		10 10pu
		10p 10pu
		1 1pu
		10p/20 10pu 20
		10p/20u 10pu 20u
		10p/20-22/30u 10pu 20 21 22 30u
		10p/20-22u 10pu 20u 21u 22u
		10p/100+10x4 10pu 100 110 120 130 140
		2-4/5p/6-7 2 3 4 5pu 6 7
		4094p/1 1 4094pu
	END
	xenstore-rm /local/domain/0/backend/vif/1/0/vlan
	detached
}

# bats test_tags=kernel:bridge-vlan
@test "thousands of VLANs are two messages" {
	local n
	for n in 1p/2-4094 1p/2+2x2046; do
		vlan_scene
		vif_recipe '[bridge]' 'name = br0'
		shimmed FAULT_LOG=/run/calls
		vif_call 1 0 offline
		grep -c netlink "$RIG/run/calls" >"$RIG/plain"
		vif_recipe '[bridge]' 'name = br0' "vlan = $n"
		rm "$RIG/run/calls"
		reset_nodes
		shimmed FAULT_LOG=/run/calls
		# two looks at the bridge, and the VLANs; 1 is the default PVID
		[ "$(grep -c netlink "$RIG/run/calls")" -le $(($(cat "$RIG/plain") + 4)) ]
		xhp check
		case $n in
		*x*) [ "$(vlans_of vif1.0 | wc -w)" = 2048 ] ;;
		*) [ "$(vlans_of vif1.0 | wc -w)" = 4094 ] ;;
		esac
		vif_call 1 0 offline
		rig_teardown
	done
}

# bats test_tags=kernel:bridge-vlan
@test "bridge=NAME.TAG is that VLAN, unless a bridge has this very name" {
	vlan_scene bridge=br0.5
	vif_call 1 0 online
	vlans_are vif1.0 5pu
	link_is vif1.0 'master br0 '
	vif_call 1 0 offline
	detached
	bridge_add br0.5
	vif_call 1 0 online
	link_is vif1.0 'master br0.5'
	vif_call 1 0 offline
}

# bats test_tags=kernel:bridge-vlan
@test "trunks behind the bridge's name: these VLANs with a tag, as vif-openvswitch reads them" {
	local spec want
	vlan_scene
	while read -r spec want; do
		xenstore-write /local/domain/0/backend/vif/1/0/bridge "$spec"
		vif_call 1 0 online
		vlans_are vif1.0 "$want"
		link_is vif1.0 'master br0 '
		xhp check
		vif_call 1 0 offline
		vlans_are vif1.0 ''
		reset_nodes
	done <<-END
		br0:7 7
		br0:7:8:4094 7 8 4094
		br0.5:7:9 5pu 7 9
		br0.5:5:6 5pu 6
	END
	bridge_add br0.5
	ip -n "$DOM0" link set br0.5 type bridge vlan_filtering 1
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br0.5:7
	vif_call 1 0 online
	link_is vif1.0 'master br0.5'
	vlans_are vif1.0 7
}

# bats test_tags=kernel:bridge-vlan
@test "a bridge that does not filter: an error, or it is turned on, for good" {
	scene vlan=10
	dom0 ip link set vif1.0 down
	keep before
	run vif_call 1 0 online
	refused 1 0 'br0 does not filter VLANs' 'ip link set br0 type bridge vlan_filtering 1' \
		'vlan-filtering = enable'
	vif_recipe '[bridge]' 'name = br0' 'vlan = ${vlan}' 'vlan-filtering = enable'
	run vif_call 1 0 online
	[ "$status" = 0 ]
	says 'br0 filters VLANs from now on'
	vlans_are vif1.0 10pu
	link_is br0 'vlan_filtering 1'
	ip -n "$DOM0" link set br0 type bridge vlan_filtering 0
	run xhp check
	[ "$status" = 1 ]
	says 'br0 does not filter VLANs any more'
	xhp repair
	xhp check
	vif_call 1 0 offline
	link_is br0 'vlan_filtering 1'
	# without a VLAN, it is none of our business
	ip -n "$DOM0" link set br0 type bridge vlan_filtering 0
	xenstore-write /local/domain/0/backend/vif/1/0/vlan ''
	vif_recipe '[bridge]' 'name = br0' 'vlan-filtering = enable'
	vif_call 1 0 online
	link_is br0 'vlan_filtering 0'
}

# bats test_tags=kernel:bridge-vlan
@test "guests of a VLAN reach each other, and nobody of another" {
	local d vlan
	vlan_scene
	for d in 2 3; do vif_add $d 0; done
	for d in 1 2 3; do
		vlan=10
		[ $d != 3 ] || vlan=20p/10
		backend vif $d 0 bridge=br0 vlan=$vlan
		vif_call $d 0 online
		guest $d 0 ip addr add 192.0.2.$d/24 dev eth0
	done
	ports_forward
	guest 1 0 ping -q -c 1 -w 60 192.0.2.2
	! guest 3 0 ping -q -c 1 -W 1 192.0.2.1 || false
	# guest 3 is in VLAN 10 with a tag
	guest 3 0 ip link add link eth0 name eth0.10 type vlan id 10 || skip "no 802.1Q here"
	guest 3 0 ip link set eth0.10 up
	guest 3 0 ip addr flush dev eth0
	guest 3 0 ip addr add 192.0.2.3/24 dev eth0.10
	guest 3 0 ping -q -c 1 -w 60 192.0.2.1
}

# bats test_tags=kernel:bridge-vlan
@test "what drifts of the VLANs is found and repaired" {
	vlan_scene vlan=10p/20-22
	vif_call 1 0 online
	keep attached
	bridge -n "$DOM0" vlan add dev vif1.0 vid 30
	bridge -n "$DOM0" vlan del dev vif1.0 vid 21
	run xhp check
	[ "$status" = 1 ]
	says 'the VLANs of vif1.0 are 10pu,20,22,30, not 10pu,20-22'
	xhp repair
	keep now
	same attached now
	bridge -n "$DOM0" vlan add dev vif1.0 vid 20 pvid untagged
	xhp repair
	keep now
	same attached now
	ip -n "$DOM0" link set vif1.0 nomaster
	xhp repair
	keep now
	same attached now
	ip -n "$DOM0" link set br0 type bridge vlan_filtering 0
	run xhp repair
	[ "$status" = 1 ]
	says 'ip link set br0 type bridge vlan_filtering 1'
	# nor is it let into a bridge of that name that does not hold it to them
	ip -n "$DOM0" link del br0
	bridge_add br0 1400
	run xhp repair
	[ "$status" = 1 ]
	not sh -c "ip -n $DOM0 -o link show vif1.0 | grep master"
	ip -n "$DOM0" link set br0 type bridge vlan_filtering 1
	xhp repair
	link_is vif1.0 'master br0' ',UP'
	vlans_are vif1.0 '10pu 20 21 22'
	xhp check
}

# bats test_tags=kernel:bridge-vlan
@test "the filter and VLANs with a tag: said, for it drops them" {
	vlan_scene vlan=10p/20-22 ip=192.0.2.1
	run vif_call 1 0 online
	[ "$status" = 0 ]
	says 'drops what the guest sends with a VLAN tag: its VLANs 20-22'
}

# bats test_tags=kernel:bridge-vlan
@test "a port that was in the bridge gets its own VLANs back; one that is up is not let in" {
	vlan_scene
	tap_add trunk
	ip -n "$DOM0" link set trunk master br0 up
	bridge -n "$DOM0" vlan add dev trunk vid 7 pvid untagged
	bridge -n "$DOM0" vlan add dev trunk vid 100-200
	tap_add other
	ip -n "$DOM0" link set other up
	keep before
	vif_recipe '[bridge]' 'dev = trunk' 'name = br0' 'vlan = 10p/150-160'
	vif_call 1 0 online
	[ "$(vlans_of trunk | wc -w)" = 12 ]
	vif_call 1 0 offline
	detached
	vif_call 1 0 online
	bridge -n "$DOM0" vlan add dev trunk vid 11
	run vif_call 1 0 offline
	says 'the VLANs of trunk are 10-11' || says 'the VLANs of trunk are 10pu,11'
	vif_recipe '[bridge]' 'dev = other' 'name = br0' 'vlan = 10p'
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'other is up: frames would pass in another VLAN'
	! dom0 ip -o link show other | grep master
}

# bats test_tags=kernel:bridge-vlan
@test "another default PVID, and none" {
	local pvid
	for pvid in 0 10 33; do
		vlan_scene vlan=10p/20
		ip -n "$DOM0" link set br0 type bridge vlan_default_pvid $pvid
		vif_call 1 0 online
		vlans_are vif1.0 '10pu 20'
		xhp check
		vif_call 1 0 offline
		rig_teardown
	done
}

# bats test_tags=kernel:bridge-vlan
@test "a bridge that is made for a VLAN filters" {
	scene
	dom0 ip link set vif1.0 down
	keep before
	vif_recipe '[bridge]' 'name = br7.10' 'create = yes'
	vif_call 1 0 online
	link_is br7 'vlan_filtering 1'
	vlans_are vif1.0 10pu
	vif_call 1 0 offline
	detached
}

# bats test_tags=kernel:bridge-vlan
@test "VLANs: each message fails, or is the last, and nothing is left" {
	vlan_scene vlan=10p/20-22/30u
	dom0 sysctl -qw net.ipv6.conf.vif1/0.accept_dad=0
	vif_recipe '[bridge]' 'name = br0' 'vlan = ${vlan}' 'isolated = yes'
	keep before
	each_call fail n
	[ "$hits" -ge 7 ]
	each_call after n
}
