#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The old scripts' names lead to our wrappers, and back.

load lib

SCRIPTS=/etc/xen/scripts

# This host's dpkg has no part in it.
setup() {
	rig_setup
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	mkdir -p "$RIG/etc-xen/scripts"
	rm -f "$RIG"/etc-xen/scripts/vif-*
	echo stock >"$RIG/etc-xen/scripts/vif-bridge"
}

teardown() {
	rig_teardown
}

xhp() {
	dom0 /usr/sbin/xen-hotplug "$@"
}

original() {
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge")" = stock ] &&
		[ "$(ls "$RIG/etc-xen/scripts" | grep -c '^vif-')" = 1 ]
}

ours() {
	[ "$(readlink "$RIG/etc-xen/scripts/vif-bridge")" = \
		/usr/lib/xen-hotplug/scripts/vif-bridge ]
}

@test "a name is taken over and given back; twice is once" {
	for i in 1 2; do
		xhp enable vif-bridge
		ours
		[ "$(cat "$RIG/etc-xen/scripts/vif-bridge.stock")" = stock ]
	done
	for i in 1 2; do
		xhp disable vif-bridge
		original
	done
}

@test "what somebody else put there is not lost" {
	echo other >"$RIG/etc-xen/scripts/vif-bridge.stock"
	run xhp enable vif-bridge
	[ "$status" = 1 ]
	[[ $output == *'one of them would be lost'* ]]
	run xhp disable vif-bridge
	[ "$status" = 1 ]
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge")" = stock ]
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge.stock")" = other ]
}

@test "an enable that was cut short is finished, or taken back" {
	dom0 ln $SCRIPTS/vif-bridge $SCRIPTS/vif-bridge.stock
	xhp disable vif-bridge
	original
	dom0 ln $SCRIPTS/vif-bridge $SCRIPTS/vif-bridge.stock
	xhp enable vif-bridge
	ours
	xhp disable vif-bridge
	original
}

@test "a name without a wrapper is refused" {
	run xhp enable vif-none
	[ "$status" = 2 ]
	[[ $output == *'has no wrapper "vif-none"'* ]]
}
