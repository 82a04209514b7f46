#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# log: the last runs, from a ring of a bounded size.

load lib
load scene

teardown() {
	rig_teardown
}

@test "a run, its steps, its error and its warnings are remembered" {
	scene
	vif_call 1 0 online
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br9
	run vif_call 1 0 online
	RECIPE=nonesuch run vif_call 1 0 online
	vif_call 1 0 offline
	run xhp log
	[ "$status" = 0 ]
	says 'vif-1-0 online by vif-bridge: done' ' bridge ' ' tell ' \
		'vif-1-0 online by vif-bridge: FAILED' 'undo:bridge' \
		'vif-bridge.ini:' 'there is no bridge br9' \
		'backend/vif/1/0 online by nonesuch: FAILED' 'there is no recipe "nonesuch"' \
		'vif-1-0 offline by vif-bridge: done'
	[ "$(stat -c %a "$RIG/run/xen-hotplug.log")" = 600 ]
	xhp log --json | as_schema log
	jq -e 'map(.does) == ["attach", "attach", "fail", "detach"] and (.[1].at | contains("vif-bridge.ini:")) and
		(.[0].steps | map(.[0]) | index("bridge")) and .[2].path == "backend/vif/1/0"' "$RIG/json"
	run as_schema log < <(jq '.[0].us = "1"' "$RIG/json")
	[ "$status" = 1 ]
}

@test "log DEVICE takes the names that status takes, of what is attached" {
	local name
	scene vifname=web mac=00:16:3e:aa:bb:cc
	vif_call 1 0 online
	for name in web vif1.0 vif-1-0 guest1/eth0 guest1:eth0 guest1 eth0 00:16:3e:aa:bb:cc \
		/local/domain/0/backend/vif/1/0; do
		xhp log "$name" --json | jq -e 'map(.device) == ["vif-1-0"]' || { echo "$name"; return 1; }
	done
	run xhp log nonesuch
	[ "$status" = 1 ]
	run xhp log vif-1-0 web
	[ "$status" = 2 ]
}

@test "log DEVICE shows that device's, also when it is gone; --json is JSON" {
	local name
	scene
	vif_call 1 0 online
	vif_add 2 0
	backend vif 2 0 bridge=br0
	vif_call 2 0 online
	vif_call 2 0 offline
	for name in vif-2-0 vif2.0 backend/vif/2/0; do
		xhp log "$name" --json | jq -e 'map(.device) == ["vif-2-0", "vif-2-0"] and
			map(.does) == ["attach", "detach"]'
	done
	xhp log guest1/eth0 --json | jq -e 'map(.device) == ["vif-1-0"]'
	run xhp log vif-9-9
	[ "$status" = 1 ]
	says 'no run of "vif-9-9" is remembered'
}

@test "log DEVICE: of several that are called so all, and of runs that knew no device its own" {
	scene
	vif_call 1 0 online
	RECIPE=nonesuch run vif_call 1 0 online
	vif_add 2 0
	backend vif 2 0 bridge=br0
	RECIPE=nonesuch run vif_call 2 0 online
	xhp log vif1.0 --json | jq -e 'map(.does) == ["attach", "fail"]'
	xhp log guest1 --json | jq -e 'map(.does) == ["attach", "fail"]'
	xhp log vif-2-0 --json | jq -e 'map(.path) == ["backend/vif/2/0"]'
	xhp log eth0 --json | jq -e 'length == 3'
	run xhp log vif-9-9
	[ "$status" = 1 ]
	says 'no run of "vif-9-9" is remembered'
	run xhp log vif1.0x
	[ "$status" = 1 ]
}

@test "a guest that failed and is gone is found by its name; any by its UUID" {
	local name
	scene
	vif_call 1 0 online
	vif_call 1 0 offline
	GUEST_NAME=db:main backend vif 2 0 bridge=br9
	vif_add 2 0
	run vif_call 2 0 online
	[ "$status" = 1 ]
	# a second interface of a guest that is still there
	vif_add 1 1
	backend vif 1 1 bridge=br0
	vif_call 1 1 online
	vif_call 1 1 offline
	xhp log guest1/eth1 --json | jq -e 'map(.device) == ["vif-1-1", "vif-1-1"]'
	xenstore-rm /local/domain/1
	xenstore-rm /local/domain/2
	xhp log db:main/eth0 --json | as_schema log
	jq -e 'length == 1 and .[0].guest == "db:main" and (.[0].error | contains("br9"))' "$RIG/json"
	for name in db:main "$(guest_uuid 2)" "$(guest_uuid 2)/eth0"; do
		xhp log "$name" --json | jq -e 'map(.device) == ["vif-2-0"]' || { echo "$name"; return 1; }
	done
	xhp log "$(guest_uuid 1)/eth0" --json | jq -e 'map(.does) == ["attach", "detach"]'
	# its number is another guest's now
	GUEST_NAME=other backend vif 1 0 bridge=br0
	xenstore-write /local/domain/1/vm "/vm/$(guest_uuid 3)"
	run xhp log other/eth0
	[ "$status" = 1 ]
	says 'no run of "other/eth0" is remembered'
}

@test "a guest's name costs an attach no question, nor does a detach ask for it" {
	scene
	libxl_call vif 1 0 xen-hotplug run --trace vif-bridge online 2>"$RIG/trace"
	grep 'xenstore read /local/domain/1/vm' "$RIG/trace"
	not grep '/name' "$RIG/trace"
	libxl_call vif 1 0 xen-hotplug run --trace vif-bridge offline 2>"$RIG/trace"
	grep RTM_SETLINK "$RIG/trace"
	not grep xenstore "$RIG/trace"
	xhp log --json | jq -e "map(.uuid) == [\"$(guest_uuid 1)\", \"$(guest_uuid 1)\"]"
}

@test "a verb that is not for the device is no run; nothing remembered is no error" {
	scene
	run xhp log
	[ "$status" = 0 ] && [ "$output" = "no run is remembered" ]
	vif_call 1 0 add type_if=vif
	[ ! -e "$RIG/run/xen-hotplug.log" ]
}

@test "runs that end at once do not mix" {
	local i pids=()
	scene
	for i in {1..24}; do
		RECIPE=nonesuch vif_call 1 0 online 2>/dev/null &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		! wait "$i" || return 1
	done
	[ "$(jq -s length "$RIG/run/xen-hotplug.log")" = 24 ]
	xhp log --all --json | jq -e 'length == 24 and (map(.pid) | unique | length == 24)'
	xhp log --json | jq -e 'length == 20'
}

@test "the ring is bounded, and what falls out of it is still counted" {
	local log line i
	scene
	log=$RIG/run/xen-hotplug.log
	vif_call 1 0 online
	line=$(<"$log")
	for i in 1 2 3; do
		yes "$line" | head -c 262144 | sed '$d' >"$log"
		echo "$line" >>"$log"
		vif_call 1 0 online
		[ -e "$log.1" ]
		[ "$(stat -c %s "$log")" -lt 4096 ]
	done
	grep -c '"before"' "$log"
	jq -e '.before["vif attach"].runs > 500' <(head -n 1 "$log")
	xhp log --all --json | jq -e 'length > 100'
}

@test "a ring that cannot be written, or is another's file, keeps nothing from its work" {
	scene
	mkdir "$RIG/run/xen-hotplug.log"
	vif_call 1 0 online
	vif_call 1 0 offline
	rmdir "$RIG/run/xen-hotplug.log"
	echo mine >"$RIG/run/other"
	ln -s other "$RIG/run/xen-hotplug.log"
	vif_call 1 0 online
	[ "$(<"$RIG/run/other")" = mine ]
	link_is vif1.0 'master br0'
}
