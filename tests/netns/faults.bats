#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every call of an attach fails, or is the last before SIGKILL, one after the other.

load lib
load scene

teardown() {
	rig_teardown
}

# faults HOW KINDS: each call in turn; what was tolerated must be a whole attach.
faults() {
	local n
	failed=0
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW="$1" FAULT_KINDS="$2" FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		echo "call $n: $status $output"
		if [ "$status" = 0 ]; then
			keep now
			same attached now
			vif_call 1 0 offline
			full_reset
		else
			[ "$status" = 1 ]
			failed=$((failed + 1))
			status_is error
			[ -n "$(node vif 1 0 hotplug-error)" ]
			reset_nodes
			unchanged
		fi
	done
	[ "$status" = 0 ]
}

@test "each netlink message fails in turn: all is rolled back" {
	full_scene
	faults fail n
	[ "$failed" -ge 12 ]
}

@test "each netlink message is done, but fails, in turn: all is rolled back" {
	full_scene
	faults lost n
	[ "$failed" -ge 12 ]
}

@test "each write to the journal fails in turn: all is rolled back" {
	full_scene
	faults fail j
	[ "$failed" -ge 10 ]
}

@test "each request to xenstored is refused in turn: all is rolled back" {
	full_scene
	faults fail s
	[ "$failed" -ge 10 ]
}

# No call after the N-th succeeds, not even those that would undo: gc does it later.
@test "netlink fails for good at each message in turn: gc finishes the roll-back" {
	local n unfinished=0
	full_scene
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n+ FAULT_HOW=fail FAULT_KINDS=n FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 1 ]
		if [ -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]; then
			unfinished=$((unfinished + 1))
			says 'the roll-back is not complete'
			[[ $(node vif 1 0 hotplug-error) == *"roll-back is not complete"* ]]
			xhp gc
		fi
		reset_nodes
		unchanged
	done
	[ "$unfinished" -ge 6 ]
}

# Its records would be there twice, if what the first dump told were not forgotten.
@test "a dump that a change overtook is asked for again" {
	local n
	full_scene
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW=intr FAULT_KINDS=n FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		echo "message $n: $status $output"
		[ "$status" = 0 ]
		keep now
		same attached now
		[ "$(grep -c 'link address-removed' "$RIG/run/xen-hotplug/devices/vif-1-0")" = 2 ]
		vif_call 1 0 offline
		full_reset
		unchanged
	done
	[ "$n" -ge 12 ]
}
