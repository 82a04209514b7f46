#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [exec]: what is shared, and SIGKILL at each record and while a program runs.

load lib
load scene
load tools

teardown() {
	rig_teardown
}

shared_recipe() {
	recipe mine <<-'END'
		[exec session]
		shared = session ${backend/params}
		check  = mk has s-${backend/params}
		attach = mk make s-${backend/params}
		output =
		  {number} made {name}
		  it is {name}
		detach = mk drop s-${backend/params}
		gone   = 21
		[exec own]
		attach = mk make d${domid}-${session.name}
		detach = mk drop d${domid}-${session.name}
		gone   = 21
	END
}

@test "the first makes it, the others have its results, the last one drops it" {
	local d
	tool_scene
	shared_recipe
	for d in 2 3; do thing $d 0 params=disk1; done
	thing 4 0 params=disk2
	keep before
	thing_call 1 0 add
	called '<has><s-disk1>' '<make><s-disk1>' '<make><d1-s-disk1>'
	thing_call 2 0 add
	called '<make><d2-s-disk1>'
	thing_call 4 0 add
	called '<has><s-disk2>' '<make><s-disk2>' '<make><d4-s-disk2>'
	thing_call 1 0 remove
	called '<drop><d1-s-disk1>'
	thing_call 3 0 add
	thing_call 2 0 remove
	called '<make><d3-s-disk1>' '<drop><d2-s-disk1>'
	thing_call 3 0 remove
	called '<drop><d3-s-disk1>' '<drop><s-disk1>'
	thing_call 4 0 remove
	nothing_left
}

@test "what was there before the first user stays after the last" {
	tool_scene
	shared_recipe
	thing 2 0 params=disk1
	echo s-disk1 >"$RIG/run/things/$(printf s-disk1 | md5sum | cut -c1-8)"
	thing_call 1 0 add
	thing_call 2 0 add
	thing_call 1 0 remove
	thing_call 2 0 remove
	things s-disk1
	not grep -q '<s-disk1>.*drop\|<drop><s-disk1>' "$RIG/run/calls"
}

@test "a recipe by two paths shares one thing" {
	tool_scene
	shared_recipe
	thing 2 0 params=disk1
	ln -s mine.ini "$RIG/etc-xen/hotplug/yours.ini"
	thing_call 1 0 add
	RECIPE=/etc/xen/hotplug/../hotplug/yours.ini thing_call 2 0 add
	[ "$(grep -c '<make><s-disk1>' "$RIG/run/calls")" = 1 ]
	thing_call 1 0 remove
	RECIPE=yours thing_call 2 0 remove
	keep before
	nothing_left
}

@test "twenty at once: one session, and none is left" {
	local d pids=()
	tool_scene
	shared_recipe
	for d in {2..20}; do thing "$d" 0 params=disk1; done
	keep before
	for d in {1..20}; do thing_call "$d" 0 add & pids+=($!); done
	for d in "${pids[@]}"; do wait "$d"; done
	[ "$(grep -c '<make><s-disk1>' "$RIG/run/calls")" = 1 ]
	things s-disk1 $(printf 'd%d-s-disk1\n' {1..20})
	pids=()
	for d in {1..20}; do thing_call "$d" 0 remove & pids+=($!); done
	for d in "${pids[@]}"; do wait "$d"; done
	[ "$(grep -c '<drop><s-disk1>' "$RIG/run/calls")" = 1 ]
	nothing_left
}

shimmed_thing() {
	libxl_call thing 1 0 env "$@" LD_PRELOAD="$RIG_BUILD/fault.so" \
		/usr/sbin/xen-hotplug run mine "${SHIM_VERB:-add}"
}

# killed_at_each HOW CHECK
killed_at_each() {
	local n
	for ((n = 1; n < 60; n++)); do
		rm -f "$RIG/run/calls.shim"
		run shimmed_thing FAULT_AT=$n FAULT_HOW="$1" FAULT_KINDS=j FAULT_LOG=/run/calls.shim
		grep -q FAULT "$RIG/run/calls.shim" || break
		[ "$status" = 137 ]
		echo "killed $1 write $n"
		"$2"
		xenstore-rm /local/domain/0/backend/thing/1/0/hotplug-status 2>/dev/null || :
	done
	[ "$status" = 0 ]
	[ "$n" -ge "${LEAST:-15}" ]
}

then_add() {
	thing_call 1 0 add
	things s-disk1 d1-s-disk1
	thing_call 1 0 remove
	nothing_left
}

then_remove() {
	thing_call 1 0 remove
	nothing_left
}

then_gc() {
	xhp gc
	if [ -e "$RIG/run/xen-hotplug/devices/thing-1-0" ]; then
		things s-disk1 d1-s-disk1 # it got as far as the last record
		thing_call 1 0 remove
	fi
	nothing_left
}

@test "killed after each record of an attach: add" {
	tool_scene
	shared_recipe
	killed_at_each after then_add
}

@test "killed before each record of an attach: remove" {
	tool_scene
	shared_recipe
	killed_at_each before then_remove
}

@test "killed in each record of an attach: gc" {
	tool_scene
	shared_recipe
	killed_at_each torn then_gc
}

# killed_leaving FUNCTION: what a detach leaves that is killed, the function finishes.
killed_leaving() {
	local how
	for how in before after torn; do
		thing_call 1 0 add
		SHIM_VERB=remove LEAST=5 killed_at_each "$how" "$1"
		nothing_left
	done
}

@test "killed at each record of a detach" {
	tool_scene
	shared_recipe
	again() {
		thing_call 1 0 remove
		nothing_left
		thing_call 1 0 add
	}
	killed_leaving again
}

@test "killed while the last one leaves: nobody joins what may be gone" {
	tool_scene
	shared_recipe
	thing 2 0 params=disk1
	keep before
	join() {
		thing_call 2 0 add
		[ -e "$RIG/run/things/$(printf s-disk1 | md5sum | cut -c1-8)" ]
		thing_call 2 0 remove
		thing_call 1 0 remove
		nothing_left
		thing_call 1 0 add
	}
	killed_leaving join
}

@test "killed in the middle of a line, while another one holds the same thing" {
	tool_scene
	shared_recipe
	thing 2 0 params=disk1
	keep before
	thing_call 2 0 add
	still() {
		thing_call 1 0 remove
		things s-disk1 d2-s-disk1
		xhp check thing-2-0
	}
	LEAST=8 killed_at_each torn still
	again() {
		still
		thing_call 1 0 add
	}
	thing_call 1 0 add
	SHIM_VERB=remove LEAST=3 killed_at_each torn again
	thing_call 2 0 remove
	nothing_left
}

@test "a holder whose journal was lost keeps nothing" {
	tool_scene
	shared_recipe
	thing 2 0 params=disk1
	keep before
	thing_call 1 0 add
	thing_call 2 0 add
	rm "$RIG/run/xen-hotplug/devices/thing-2-0"
	thing_call 1 0 remove
	things d2-s-disk1
}

# A program that ends us when it is half-way, and is then ended by the kernel.
half_way() {
	tool half <<-'END'
		mk make "$1"
		[ ! -e /run/kill ] || { rm /run/kill; kill -KILL $PPID; sleep 10; }
		echo "7 made $1"
	END
	recipe mine <<-END
		[exec above]
		attach = mk make above
		detach = mk drop above
		[exec]
		attach = half half
		$*
	END
}

@test "killed while a program runs: what it may have made is taken back" {
	local next
	tool_scene
	half_way 'detach = mk drop half'
	for next in add remove gc; do
		touch "$RIG/run/kill"
		run thing_call 1 0 add
		[ "$status" = 137 ]
		things above half
		case $next in
		add) thing_call 1 0 add; things above half; thing_call 1 0 remove ;;
		remove) thing_call 1 0 remove ;;
		gc) xhp gc ;;
		esac
		nothing_left
	done
}

@test "killed before a program could tell what it made: the next run says so" {
	tool_scene
	half_way $'output = {number} made {name}\ndetach = mk drop ${exec.name}'
	touch "$RIG/run/kill"
	run thing_call 1 0 add
	[ "$status" = 137 ]
	run thing_call 1 0 remove
	[ "$status" = 0 ]
	says '[exec] (/etc/xen/hotplug/mine.ini:6) was cut short: what half made, if it did, is not known'
	things half
}
