#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A kernel that lacks something: the error names it and what to do, and nothing changes.
# tests/shim/fault.c asks the real kernel for what no kernel has.

load lib
load scene

teardown() {
	rig_teardown
}

# lacking PART WORD...: vif1.0 is refused, with these words.
lacking() {
	local part=$1
	shift
	reset_nodes
	keep before
	run shimmed FAULT_LACKS="$part"
	refused 1 0 "$@"
}


@test "nftables, or its family for ingress: who is to be filtered is refused" {
	scene ip=192.0.2.1
	lacking nf_tables 'the kernel has no nftables' 'modprobe -a nf_tables' CONFIG_NF_TABLES
	lacking netdev 'no nftables netdev family' CONFIG_NF_TABLES_NETDEV
}

@test "the nat chain, and masquerading" {
	scene
	vif_recipe '[masquerade]' 'source = 192.0.2.1' 'out = br0'
	lacking nat 'modprobe -a nft_chain_nat' CONFIG_NFT_NAT
	lacking masq 'modprobe -a nft_masq' CONFIG_NFT_MASQ
}

@test "iptables' match for bridged frames" {
	scene
	vif_recipe '[forward]' 'via = bridge' 'when-needed = always'
	lacking match 'modprobe -a nft_compat xt_physdev' CONFIG_NFT_COMPAT
	lacking physdev 'modprobe -a nft_compat xt_physdev' \
		CONFIG_NETFILTER_XT_MATCH_PHYSDEV
}

@test "a match of iptables-legacy" {
	scene
	dom0 iptables-legacy -P FORWARD DROP
	vif_recipe '[forward]' 'via = route'
	lacking comment "iptables' legacy chain FORWARD" \
		'modprobe -a xt_physdev xt_comment' CONFIG_NETFILTER_XT_MATCH_COMMENT
}

@test "tbf, for what is shaped" {
	scene
	vif_recipe '[shape]' 'rate = 1mbit'
	lacking tbf 'qdisc tbf' 'modprobe -a sch_tbf' CONFIG_NET_SCH_TBF
}

@test "clsact, u32 and mirred, for what is redirected" {
	scene
	tap_add other
	vif_recipe '[redirect]' 'to = other' 'traffic = from-guest'
	lacking clsact 'qdisc clsact' 'modprobe -a sch_ingress' CONFIG_NET_SCH_INGRESS
	lacking u32 'tc filter' 'modprobe -a cls_u32 act_mirred' CONFIG_NET_CLS_U32
	lacking mirred 'tc filter' 'modprobe -a cls_u32 act_mirred' CONFIG_NET_ACT_MIRRED
}

@test "ifb and plug, for Remus" {
	local part
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	bridge_add br0
	vif_add 1 0
	ip -n "$DOM0" link set vif1.0 addrgenmode none master br0 up
	xenstore-write /libxl/1/type pv
	keep before
	for part in ifb plug; do
		run dom0 env vifname=vif1.0 XENBUS_PATH=/libxl/1/remus/netbuf/0 FAULT_LACKS=$part \
			LD_PRELOAD="$RIG_BUILD/fault.so" \
			/usr/sbin/xen-hotplug run remus-netbuf-setup setup </dev/null
		[ "$status" = 1 ]
		case $part in
		ifb) says 'the ifb interface ifb1.0' 'modprobe -a ifb' CONFIG_IFB ;;
		plug) says 'qdisc plug' 'modprobe -a sch_plug' CONFIG_NET_SCH_PLUG ;;
		esac
		xenstore-rm /libxl/1/remus
		unchanged
	done
}

@test "bridges" {
	scene
	vif_recipe '[bridge]' 'name = br7' 'create = yes'
	lacking bridge 'cannot make the bridge br7' 'modprobe -a bridge' CONFIG_BRIDGE
	vif_recipe '[bridge]' 'name = br7' 'create = yes' 'vlan-filtering = enable'
	lacking bridge 'cannot make the bridge br7' 'modprobe -a bridge' CONFIG_BRIDGE
}
