#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is attached: the names that people have for it, its steps, and --json.

load lib
load scene
load disk

teardown() {
	[ -z "$STOPPED" ] || kill -CONT "$STOPPED" || :
	disk_teardown
}

# two guests, the first one's vif renamed and filtered
two() {
	scene vifname=web ip=192.0.2.1 mac=00:16:3e:aa:bb:cc
	vif_call 1 0 online
	vif_add 2 0
	GUEST_NAME=db:main backend vif 2 0 bridge=br0
	vif_call 2 0 online
}

# named TEXT DEVICE: status finds that one
named() {
	[ "$(xhp status "$1" | sed -n '1s/:.*//p')" = "$2" ] || { echo "$1"; xhp status "$1"; return 1; }
}

@test "a device is found by each of its names" {
	local name
	two
	for name in vif-1-0 web vif1.0 vif/1/0 backend/vif/1/0 /local/domain/0/backend/vif/1/0 guest1/eth0 \
		guest1:eth0 guest1/vif0 guest1/web guest1:0 1/eth0 "$(guest_uuid 1)/eth0" guest1 \
		00:16:3e:aa:bb:cc 00:16:3E:AA:BB:CC; do
		named "$name" vif-1-0
	done
	for name in vif-2-0 vif2.0 db:main/eth0 db:main:eth0 db:main; do
		named "$name" vif-2-0
	done
	ip -n "$DOM0" link set web down name elsewhere
	named elsewhere vif-1-0
	named vif1.0 vif-1-0
}

@test "a disk, too: by its device, its guest, its number" {
	local name
	disk_scene
	GUEST_NAME=web1 disk 1 51712 a
	add 1
	for name in vbd-1-51712 xvda web1:xvda web1/xvda web1/51712 1/xvda web1 backend/vbd/1/51712; do
		named "$name" vbd-1-51712
	done
	image b
	GUEST_NAME=db disk 2 51712 b
	add 2
	run xhp status xvda
	[ "$status" = 1 ]
	says '"xvda" may be any of' 'vbd-1-51712 (web1 (1))' 'vbd-2-51712 (db (2))'
	named db:xvda vbd-2-51712
	named web1:xvda vbd-1-51712
	remove 1
	named xvda vbd-2-51712
}

@test "a MAC address is found, also where no step asked for it" {
	two
	not grep 'var mac' "$RIG/run/xen-hotplug/devices/vif-2-0"
	named 00:16:3e:01:02:00 vif-2-0
	run xhp status 00:16:3e:01:02:01
	[ "$status" = 1 ]
}

# shown TEXT: a line of the last `run`, in which no byte is a control character.
shown() {
	grep -xF -- "$1" <<<"$output" || { echo "no \"$1\" in: $output"; return 1; }
	[[ $output != *[$'\x01'-$'\x09\x0b'-$'\x1f\x7f']* ]]
}

@test "hostile texts are shown as texts, and words in one line" {
	scene
	GUEST_NAME=$'we\e[2Jb\nx' backend vif 1 0 bridge=br0 color=$'re\e[31md\nx'
	printf '%s\n' '[recipe]' 'device = vif' '[defaults]' 'color = ${backend/color}' '[bridge]' 'name = ${bridge}' \
		'when = ${color} != blue' '[up]' '[exec]' 'attach = true "a b" c' 'detach =' 'check = test -e /run/there' \
		>"$RIG/etc-xen/hotplug/mine.ini"
	RECIPE=mine vif_call 1 0 online
	run xhp status vif-1-0
	shown '  backend/color "re\x1b[31md\x0ax"'
	shown '      asked   attach=true "a b" c check=test -e /run/there retry=0 timeout=20'
	[[ ${lines[0]} == 'vif-1-0: DRIFTED, guest "we\x1b[2Jb\x0ax" (1), '* ]]
	run xhp tree
	shown '`- vif1.0  "we\x1b[2Jb\x0ax" (1) eth0, UNFILTERED, DRIFTED'
	run xhp check
	[ "$status" = 1 ]
	shown '    repair: makes it again: run attach=true "a b" c check=test -e /run/there retry=0 timeout=20  (/etc/xen/hotplug/mine.ini:9)'
	run vif_call 1 0 offline
	xhp status --json | as_schema status
	xhp log --json | as_schema log
}

@test "texts that are no UTF-8 are in --json, too" {
	scene
	GUEST_NAME=$'we\xff' backend vif 1 0 bridge=br0 color=$'re\xff'
	printf '%s\n' '[recipe]' 'device = vif' '[defaults]' 'color = ${backend/color}' '[bridge]' 'name = ${bridge}' \
		'when = ${color} != blue' '[up]' >"$RIG/etc-xen/hotplug/mine.ini"
	RECIPE=mine vif_call 1 0 online
	xhp status --json | as_schema status
	jq -e '.[0].variables["backend/color"] == "\"re\\xff\"" and .[0].guest == "\"we\\xff\""' "$RIG/json"
	xhp check --json | as_schema check
	jq -e '.[0].guest == "\"we\\xff\""' "$RIG/json"
}

@test "one guest whose name cannot be read hides no other's; columns are as wide as they look" {
	scene
	xenstore-write /local/domain/1/name 'a\x00b'
	vif_call 1 0 online
	vif_add 2 0
	GUEST_NAME=böse backend vif 2 0 bridge=br0
	vif_call 2 0 online
	run xhp status
	[[ ${lines[1]} =~ ^vif-1-0\ .*\ 1\ +20 && ${lines[2]} == *' böse (2) 20'* ]]
	# their dates stand one below the other
	local LC_ALL=C.UTF-8 first=${lines[1]%% 20*} second=${lines[2]%% 20*}
	[ "${#first}" = "${#second}" ]
}

@test "what cannot be looked at is unknown, not drifted" {
	disk_scene
	disk 1 51712 a
	add 1
	XENSTORED_PATH=/nonexistent run xhp status
	says ' unknown '
	XENSTORED_PATH=/nonexistent run xhp check
	[ "$status" = 1 ]
	says 'vbd-1-51712: [disk] unknown: ' 'xenstored'
	XENSTORED_PATH=/nonexistent run xhp tree
	says ', unknown'
	xhp check
}

@test "what may be several is refused, and all of them are named" {
	two
	run xhp status eth0
	[ "$status" = 1 ]
	says '"eth0" may be any of' 'vif-1-0 (guest1 (1))' 'vif-2-0 (db:main (2))'
	vif_call 2 0 offline
	named eth0 vif-1-0
	run xhp status vif1.1
	[ "$status" = 1 ]
	says 'nothing is attached as "vif1.1"; did you mean "vif-1-0"?'
}

@test "a vif is meant where its tap has the same name" {
	scene type=vif_ioemu
	tap_add vif1.0-emu
	vif_call 1 0 online
	vif_call 1 0 add
	named guest1/eth0 vif-1-0
	named vif1.0-emu tap-1-0
	named tap-1-0 tap-1-0
}

@test "status says where, since when, how long, whose, and whether it is as it was made" {
	two
	run xhp status
	[ "$status" = 0 ]
	[[ ${lines[0]} == DEVICE*NAME*WHERE*RECIPE*GUEST*SINCE*TOOK*STATE*FILTER ]]
	grep -E '^vif-1-0 +web +br0 +vif-bridge.ini +guest1 \(1\) +[-0-9]+ [:0-9]+ +[0-9.]+ ms +attached +192.0.2.1$' \
		<<<"$output"
	ip -n "$DOM0" link set web nomaster
	xhp status | grep '^vif-1-0 .* DRIFTED '
	run xhp status web
	says 'vif-1-0: DRIFTED' '[bridge]  /usr/share/xen-hotplug/vif-bridge.ini:' \
		'asked   ' bridge=br0 'before  master=0 mtu=1500' \
		'now     drifted: web is not in br0 any more' 'now     in place'
}

@test "without xenstored, status shows what it knows" {
	local XENSTORED_PATH=$XENSTORED_PATH
	two
	XENSTORED_PATH=/nonexistent run xhp status
	[ "$status" = 0 ]
	grep -E '^vif-1-0 +web +br0 +vif-bridge.ini +1 ' <<<"$output"
}

@test "a xenstored that does not answer keeps nobody waiting for long" {
	local command pids=()
	two
	STOPPED=$(cat "$RIG/xs/pid")
	kill -STOP "$STOPPED"
	wait_until grep -q '^State:.T' "/proc/$STOPPED/status"
	for command in 'status web' tree 'log guest1' 'complete status v' 'check web'; do
		{ dom0 timeout 60 xen-hotplug $command && echo 0 || echo "$?"; } >"$RIG/said-${command%% *}" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	kill -CONT "$STOPPED"
	[[ $(<$RIG/said-status) == 'vif-1-0: attached, guest 1,'*0 ]]
	[[ $(<$RIG/said-tree) == *'web  1 eth0'*0 ]]
	[[ $(<$RIG/said-log) == *'no run of "guest1" is remembered'*1 ]]
	[[ $(<$RIG/said-complete) == vif-1-0$'\t'1*0 ]]
	[ "$(<$RIG/said-check)" = 0 ]
	[[ $(xhp status web) == 'vif-1-0: attached, guest guest1 (1),'* ]]
}

@test "a journal that cannot be read hides no other, and is an error" {
	two
	echo nonsense >"$RIG/run/xen-hotplug/devices/vif-2-0"
	run xhp status
	[ "$status" = 1 ]
	says vif-2-0 'vif-1-0 ' '1 journals cannot be read'
}

@test "--json is as the schema says: status, check, repair" {
	two
	xhp status --json | as_schema status
	[ "$(jq -r '.[1].guest, .[0].inside, .[0].interface' "$RIG/json" | xargs)" = "db:main eth0 web" ]
	xhp check --json | as_schema check
	jq -e 'map(.healthy) | all' "$RIG/json"
	ip -n "$DOM0" link set web nomaster
	xhp status web --json | as_schema status
	jq -e 'length == 1 and (.[0].healthy | not) and
		(.[0].changes[] | select(.kind == "port") | .state == "drifted" and .before.mtu == "1500")' \
		"$RIG/json"
	run xhp check web --json
	[ "$status" = 1 ]
	xhp check web --json 2>/dev/null | as_schema check
	jq -e '.[0].differences | length == 1 and .[0].repairable and (.[0].repaired | not)' "$RIG/json"
	xhp repair --json | as_schema check
	jq -e '.[0].differences[0].repaired' "$RIG/json"
	dom0 xen-hotplug check
	sed -i '/^done/d' "$RIG/run/xen-hotplug/devices/vif-2-0"
	xhp status --json | as_schema status
	jq -e '.[1].state == "incomplete" and .[1].healthy == false' "$RIG/json"
}

@test "the schema's checker sees what is not as it says" {
	local wrong
	two
	xhp status --json >"$RIG/good"
	as_schema status <"$RIG/good"
	for wrong in '.[0].domid = "1"' 'del(.[0].path)' '.[0].more = 1' '.[0].state = "fine"' \
		'.[1].changes[0].asked.x = 1' '{}'; do
		run as_schema status < <(jq "$wrong" "$RIG/good")
		[ "$status" = 1 ] && [[ $output == status* ]] || { echo "$wrong: $output"; return 1; }
	done
}
