#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What wires a network interface starts no other process.

load lib
load scene

teardown() {
	rig_teardown
}

# alone COMMAND...: does it succeed, and call fork nowhere? tests/shim/fault.c tells.
alone() {
	rm -f "$RIG/run/calls"
	"$@" || return
	grep -q netlink "$RIG/run/calls" && not grep fork "$RIG/run/calls"
}

# vif_alone RECIPE: online, again, and offline of vif1.0.
vif_alone() {
	local verb
	export RECIPE=$1
	for verb in online online offline offline; do
		SHIM_VERB=$verb alone shimmed FAULT_LOG=/run/calls || return
	done
	reset_nodes
}

# setup_alone RECIPE NAME=VALUE...: what libxl calls for Remus and COLO.
setup_alone() {
	local recipe=$1 verb
	shift
	for verb in setup teardown; do
		alone dom0 env vifname=vif1.0 "$@" FAULT_LOG=/run/calls \
			LD_PRELOAD="$RIG_BUILD/fault.so" /usr/sbin/xen-hotplug run "$recipe" \
			$verb </dev/null || return
	done
}

@test "vif-bridge, vif-route, vif-nat with masquerading and DHCP: no child process" {
	scene ip=192.0.2.10
	uplink_add
	dom0 sysctl -qw net.bridge.bridge-nf-call-iptables=1 || :
	dom0 nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
	vif_alone vif-bridge
	vif_alone vif-route
	mkdir "$RIG/run/hosts"
	printf '%s\n' '[defaults]' uplink=eth0 hostsdir=/run/hosts pidfile= '[use vif-nat]' \
		>"$RIG/etc-xen/hotplug/vif-nat.ini"
	vif_alone vif-nat
}

@test "remus-netbuf-setup, colo-proxy-setup: no child process" {
	scene
	tap_add fwd0
	xenstore-write /libxl/1/type pv
	if ! rig_kernel_has sch-plug; then
		sed '/^\[plug\]/,/^$/d' "$RIG_TOP/conf/remus-netbuf-setup.ini" \
			>"$RIG/etc-xen/hotplug/remus-netbuf-setup.ini"
	fi
	setup_alone remus-netbuf-setup XENBUS_PATH=/libxl/1/remus/netbuf/0
	setup_alone colo-proxy-setup forwarddev=fwd0 mode=primary index=0 bridge=br0
	setup_alone colo-proxy-setup forwarddev=fwd0 mode=secondary index=0 bridge=br0
}
