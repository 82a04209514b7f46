#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures us against the stock scripts and the floor: tests/bench/bench.bash [ROUNDS]

set -e
cd "$(dirname "$0")"

skip() {
	echo "not measured: $*" >&2
	exit 77
}

. ../netns/lib.bash
trap rig_teardown EXIT
rig_setup

rounds=${1:-40}

# contestants NAME: the recipe of that name, and the stock script.
contestants() {
	local stock=/etc/xen/scripts/$1
	programs=()
	if [ -x "$XHP" ]; then
		programs+=(-- xen-hotplug /usr/sbin/xen-hotplug run "$1")
	else
		echo "$XHP: not built, not measured"
	fi
	if dom0 test -x "$stock"; then
		programs+=(-- stock "$stock")
	else
		echo "stock: not installed (xen-utils-common), not measured"
	fi
}

# measure TITLE [NODE=VALUE...]
measure() {
	local title=$1
	shift
	vif_add 1 0
	backend vif 1 0 bridge=br0 "$@"
	libxl_call vif 1 0 "$RIG_BUILD/bench" "$title" "$rounds" \
		"online type_if=vif" "offline type_if=vif" "${programs[@]}" 2>&1
	backend_gone vif 1 0
	rig_netns_del "$DOM0-1.0"
}

contestants vif-bridge
programs=(-- floor "$RIG_BUILD/floor" "${programs[@]}")
bridge_add br0
measure "vif-bridge"
measure "vif-bridge with ip= (floor: an empty chain; stock: no filter)" \
	ip="192.0.2.10 2001:db8::10"

rig_teardown
. ../netns/ovs.bash
ovs_setup
contestants vif-openvswitch
measure "vif-openvswitch (the servers' own time is in both)" bridge=br0
