#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-bridge: which bridge, which name, and what is refused.

load lib
load scene

teardown() {
	rig_teardown
}

@test "no bridge is named: the only one is taken" {
	scene -bridge
	vif_call 1 0 online
	link_is vif1.0 'master br0'
}

@test "no bridge is named, and there is none, or several: an error lists them" {
	scene -bridge
	bridge_add br1
	keep before
	run vif_call 1 0 online
	refused 1 0 'no bridge is named' 'br0, br1'
	ip -n "$DOM0" link del br0
	ip -n "$DOM0" link del br1
	keep before
	run vif_call 1 0 online
	refused 1 0 'no bridge is named' 'there is none'
}

@test "a bridge that is not there, or is none, is refused with the list of bridges" {
	scene bridge=brX
	run vif_call 1 0 online
	refused 1 0 'there is no bridge brX' 'br0' 'vif-bridge.ini:'
	xenstore-write /local/domain/0/backend/vif/1/0/bridge eth9
	tap_add eth9
	keep before
	run vif_call 1 0 online
	refused 1 0 'eth9 is not a bridge but a tun' br0
}

@test "xenbrN is ethN where that is the bridge; another name is not translated" {
	scene bridge=xenbr7
	run vif_call 1 0 online
	refused 1 0 'no bridge xenbr7'
	bridge_add eth7
	vif_call 1 0 online
	link_is vif1.0 'master eth7'
	vif_call 1 0 offline
	vif_add 2 0
	backend vif 2 0 bridge=xenbr8
	tap_add eth8
	keep before
	run vif_call 2 0 online
	refused 2 0 'no bridge xenbr8'
}

@test "VLANs are refused clearly, and NAME:TRUNK too, where the bridge does not filter" {
	local spec
	scene vlan=10
	run vif_call 1 0 online
	refused 1 0 'can be held to'
	xenstore-rm /local/domain/0/backend/vif/1/0/vlan
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br0.10
	keep before
	run vif_call 1 0 online
	refused 1 0 'can be held to'
	for spec in br0:10:20 br0.10:20; do
		xenstore-write /local/domain/0/backend/vif/1/0/bridge $spec
		keep before
		run vif_call 1 0 online
		refused 1 0 'can be held to'
	done
}

@test "a vifname that another device has: refused, and that is never touched" {
	scene vifname=web
	tap_add web
	ip -n "$DOM0" link set web master br0 up
	keep before
	run vif_call 1 0 online
	refused 1 0 'vif1.0 cannot be called web' 'already'
	keep before
	vif_call 1 0 offline
	unchanged
}

@test "two guests with one vifname: the second is refused, the first stays" {
	scene vifname=web
	vif_call 1 0 online
	vif_add 2 0
	backend vif 2 0 bridge=br0 vifname=web
	keep before
	run vif_call 2 0 online
	refused 2 0 'vif2.0 cannot be called web'
	keep before
	vif_call 2 0 offline
	unchanged
	link_is web 'master br0' ',UP'
}

@test "a blank ip, mac or vlan node fails the attach; other blank nodes are unset" {
	local key value
	scene
	for key in ip mac vlan; do
		for value in '' ' ' $'\t ,'; do
			backend vif 1 0 bridge=br0 ip=192.0.2.1 "$key=$value"
			keep before
			run vif_call 1 0 online
			refused 1 0 "$key: the node backend/vif/1/0/$key is there, but blank"
		done
		xenstore-rm "/local/domain/0/backend/vif/1/0/$key"
	done
	xenstore-rm /local/domain/0/backend/vif/1/0/ip
	backend vif 1 0 bridge=br0 mtu= vifname=
	vif_call 1 0 online
	link_is vif1.0 'mtu 1400 .*master br0'
}

@test "an address that is to be held to a MAC needs one" {
	scene -mac ip=192.0.2.1
	run vif_call 1 0 online
	refused 1 0 'mac is not set: no node backend/vif/1/0/mac'
}

@test "require-filter = yes refuses what nothing filters" {
	scene
	echo 'require-filter = yes' >"$RIG/etc-xen/hotplug.conf"
	run vif_call 1 0 online
	refused 1 0 'require-filter = yes' 'vif-1-0'
	xenstore-write /local/domain/0/backend/vif/1/0/ip 192.0.2.1
	vif_call 1 0 online
	status_is connected
}

@test "require-filter = yes: a filter on another interface is none" {
	scene ip=192.0.2.1
	echo 'require-filter = yes' >"$RIG/etc-xen/hotplug.conf"
	tap_add other
	cat >"$RIG/etc-xen/hotplug/else.ini" <<-'END'
		[recipe]
		device = vif
		[filter]
		dev = other
		ip = ${ip}
		[up]
	END
	keep before
	RECIPE=else run vif_call 1 0 online
	refused 1 0 'require-filter = yes'
	sed -i 's/= other/= vif1.0/' "$RIG/etc-xen/hotplug/else.ini"
	RECIPE=else vif_call 1 0 online
	status_is connected
}

@test "no interface: refused; it is named, and so is its new name" {
	scene vifname=web
	vif_del 1 0
	keep before
	run vif_call 1 0 online
	refused 1 0 'there is no interface vif1.0' 'new name web'
}

@test "a guest that is gone gets no ghost nodes" {
	scene bridge=brX
	backend_gone vif 1 0
	keep before
	run vif_call 1 0 online
	[ "$status" = 1 ]
	unchanged
}

@test "a backend whose state alone is gone gets no nodes, and the attach is undone" {
	scene
	xenstore-rm /local/domain/0/backend/vif/1/0/state
	keep before
	run vif_call 1 0 online
	[ "$status" = 1 ]
	unchanged
}

# In a driver domain xenstored is not ours to ask about everything: a socket that is not
# privileged is not to be had here, so a fault stands for it.
@test "a node that cannot be read fails the attach" {
	scene ip=192.0.2.1
	run shimmed FAULT_KINDS=s FAULT_AT=2 FAULT_HOW=fail FAULT_LOG=/run/calls
	grep -A 1 FAULT "$RIG/run/calls" | grep 'vif/1/0/ip'
	refused 1 0 'backend/vif/1/0/ip'
}

@test "a bridge with a dot in its name is meant literally, where there is one" {
	scene bridge=br0.5
	run vif_call 1 0 online
	refused 1 0 'can be held to'
	bridge_add br0.5
	vif_call 1 0 online
	link_is vif1.0 'master br0.5'
}

@test "a kernel without nftables: who is to be filtered is refused, the others are not" {
	scene ip=192.0.2.1
	run shimmed FAULT_NO_NETFILTER=1
	refused 1 0 'the kernel has no nftables'
	xenstore-rm /local/domain/0/backend/vif/1/0/ip
	reset_nodes
	keep before
	shimmed FAULT_NO_NETFILTER=1
	status_is connected
	SHIM_VERB=offline shimmed FAULT_NO_NETFILTER=1
	detached
	printf '%s\n' '[recipe]' 'device = vif' '[masquerade]' 'source = 10.0.0.1' 'out = lo' \
		>"$RIG/etc-xen/hotplug/nat.ini"
	reset_nodes
	keep before
	RECIPE=nat run shimmed FAULT_NO_NETFILTER=1
	refused 1 0 'the kernel has no nftables'
}
