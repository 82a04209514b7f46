#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL in and after every call of an attach and of a detach, and what the next run makes
# of it.

load lib
load scene

teardown() {
	rig_teardown
}

# killed HOW KINDS CHECK: runs CHECK after a kill at each call in turn.
killed() {
	local n
	kills=0
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW="$1" FAULT_KINDS="$2" FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 137 ]
		kills=$((kills + 1))
		echo "killed $1 call $n"
		"$3"
		reset_nodes
	done
	[ "$status" = 0 ]
}

# A run that got as far as the last record but one has attached all there is.
attached_before() {
	grep -qs '^done ' "$RIG/run/xen-hotplug/devices/vif-1-0"
}

next_online() {
	vif_call 1 0 online
	keep now
	same attached now
	vif_call 1 0 offline
	full_reset
}

# Without a journal, offline does what the stock script did: it takes the interface down.
# What an ordinary detach leaves by design, full_reset makes as it was.
next_offline() {
	local how=unchanged
	! attached_before || how=full_reset
	[ -s "$RIG/run/xen-hotplug/devices/vif-1-0" ] || how=stopped
	vif_call 1 0 offline
	reset_nodes
	$how
	full_reset
	unchanged
}

stopped() {
	keep now
	same down now
}

next_gc() {
	if attached_before; then
		xhp gc
		vif_call 1 0 online
		keep now
		same attached now
		vif_call 1 0 offline
		full_reset
	else
		xhp gc
		reset_nodes
		unchanged
	fi
}

@test "killed at each call: the next online is a whole attach" {
	full_scene
	killed after nj next_online
	[ "$kills" -ge 25 ]
}

@test "killed at each call: the next offline leaves no trace" {
	full_scene
	dom0 ip link set vif1.0 down
	keep down
	full_reset
	killed after nj next_offline
	[ "$kills" -ge 25 ]
}

@test "killed at each call: gc leaves no trace" {
	full_scene
	killed after njs next_gc
	[ "$kills" -ge 40 ]
}

@test "killed in the middle of each write to the journal" {
	full_scene
	killed torn j next_gc
	[ "$kills" -ge 10 ]
	killed torn j next_online
}

@test "a detach is killed after each call: the next offline, or gc, does the rest" {
	local next n
	full_scene
	for next in 'vif_call 1 0 offline' 'xhp gc'; do
		for ((n = 1; ; n++)); do
			rm -f "$RIG/run/calls"
			vif_call 1 0 online
			SHIM_VERB=offline run shimmed FAULT_AT=$n FAULT_HOW=after \
				FAULT_LOG=/run/calls
			[ "$status" = 137 ] || break
			$next
			! attached_before || vif_call 1 0 offline
			full_reset
			unchanged
		done
		[ "$status" = 0 ]
		[ $n -ge 15 ]
		full_reset
	done
}
