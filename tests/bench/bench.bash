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

# As on a real host; the rig's own /run is on a disk.
run_in_memory() {
	dom0 mount -t tmpfs -o mode=755 tmpfs /run
	dom0 mkdir -m 755 /run/lock
	dom0 mkdir -m 700 /run/xen-hotplug
}
run_in_memory

rounds=${1:-40}
[ -x "$XHP" ] || echo "$XHP: not built, not measured"
dom0 test -d /etc/xen/scripts || echo "stock: not installed (xen-utils-common), not measured"

# ours RECIPE [FLOOR...]: the floor and we, in the array "programs".
ours() {
	local recipe=$1
	shift
	programs=(-- floor "$RIG_BUILD/floor" "$@")
	[ ! -x "$XHP" ] ||
		programs+=(-- xen-hotplug /usr/sbin/xen-hotplug run "$recipe")
}

# after_each COMMAND...: what is run, and not measured, behind each of them.
after_each() {
	local word all=()
	for word in "${programs[@]}" --; do
		[ "$word" != -- ] || [ ${#all[@]} = 0 ] || all+=(-- .after "$@")
		all+=("$word")
	done
	unset 'all[-1]'
	programs=("${all[@]}")
}

# all RECIPE [FLOOR...]: the stock script, too.
all() {
	local recipe=$1
	ours "$@"
	! dom0 test -x "/etc/xen/scripts/$recipe" ||
		programs+=(-- stock "/etc/xen/scripts/$recipe")
}

# left_by COMMAND...: what is left of its work in the kernel, but for our marks.
left_by() {
	libxl_call vif 1 0 "$@" online type_if=vif >&2
	dom0 "$RIG_TOP/tests/netns/snapshot" | sed '/xen-hotplug/d; s/ xen-vif-1-0 / vif1.0 /
		s/ comment "ifindex [0-9]*"//'
	libxl_call vif 1 0 "$@" offline type_if=vif >&2
}

# A floor that does less than we do would be none.
same_work() {
	[ -x "$XHP" ] || return 0
	left_by "$RIG_BUILD/floor" "$@" >"$RIG/floor"
	left_by /usr/sbin/xen-hotplug run "$recipe" >"$RIG/ours"
	diff "$RIG/floor" "$RIG/ours" >&2
}

# measure RECIPE TITLE [NODE=VALUE...]
measure() {
	local recipe=$1 title=$2 programs floor=()
	shift 2
	case $recipe in
	vif-bridge) ;;
	vif-openvswitch) floor=(ovs) ;;
	*) floor=("${recipe#vif-}") ;;
	esac
	all "$recipe" "${floor[@]}"
	# the stock vif-nat and vif-route leave their address, and fail when it is there
	[ "$recipe" = vif-bridge ] ||
		programs+=(-- .reset /bin/sh -c 'ip addr flush dev vif1.0')
	# the next one is not to wait until ovs-vswitchd has done with a port that went
	[ "$recipe" != vif-openvswitch ] || after_each /bin/sh -c \
		'ovs-vsctl --timeout=10 set open_vswitch . other_config:bench="$$"'
	vif_add 1 0
	backend vif 1 0 bridge=br0 "$@"
	[[ $recipe = vif-openvswitch || $title = *floor* ]] || same_work "${floor[@]}"
	libxl_call vif 1 0 "$RIG_BUILD/bench" "$title" "$rounds" \
		"online type_if=vif" "offline type_if=vif" "${programs[@]}" 2>&1
	backend_gone vif 1 0
	vif_del 1 0 # at once; with its namespace it goes some time later
	rig_netns_del "$DOM0-1.0"
}

bridge_add br0
measure vif-bridge "vif-bridge"
measure vif-bridge "vif-bridge with ip= (stock: no filter)" ip=192.0.2.10
measure vif-bridge "vif-bridge with ip=, IPv6 too (floor: IPv4's filter; stock: no filter)" \
	ip="192.0.2.10 2001:db8::10"
dom0 sysctl -qw net.ipv4.ip_forward=1
ip -n "$DOM0" link add eth0 type veth peer name net0
ip -n "$DOM0" addr add 192.0.2.1/24 dev eth0
ip -n "$DOM0" link set eth0 up
measure vif-route "vif-route (stock: no filter)" ip=192.0.2.10 gatewaydev=eth0
measure vif-nat "vif-nat (stock: no filter, nothing translated)"
printf '%s\n' '[defaults]' uplink=eth0 '[use vif-nat]' >"$RIG/etc-xen/hotplug/vif-nat.ini"
measure vif-nat "vif-nat with masquerading (floor, stock: none)"

# measure_setup RECIPE FLOOR TITLE NAME=VALUE...: what libxl calls for Remus and COLO.
measure_setup() {
	local recipe=$1 floor=$2 title=$3 programs
	shift 3
	ours "$recipe" "$floor"
	dom0 env vifname=vif1.0 "$@" "$RIG_BUILD/bench" "$title" "$rounds" setup teardown \
		"${programs[@]}" 2>&1
}

vif_add 1 0
vif_add 2 0
ip -n "$DOM0" link set vif1.0 master br0
ip -n "$DOM0" link set vif2.0 up
measure_setup colo-proxy-setup colo \
	"colo-proxy-setup, primary (stock: fails without xt_PMYCOLO, which no kernel has)" \
	forwarddev=vif2.0 mode=primary index=0 bridge=br0
xenstore-write /libxl/1/type pv
if ! rig_kernel_has sch-plug; then
	without=", without the plug, for which this kernel has no sch_plug"
	sed '/^\[plug\]/,/^$/d' ../../conf/remus-netbuf-setup.ini \
		>"$RIG/etc-xen/hotplug/remus-netbuf-setup.ini"
fi
measure_setup remus-netbuf-setup remus \
	"remus-netbuf-setup$without (stock: not in Debian, not measured)" \
	XENBUS_PATH=/libxl/1/remus/netbuf/0

rig_teardown
. ../netns/ovs.bash
rig_setup
run_in_memory
ovs_start
measure vif-openvswitch "vif-openvswitch (the servers' own time is in both)" bridge=br0
