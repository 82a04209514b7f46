#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks attached at the same instant: one image goes to one guest, and none fails else.

load lib
load scene
load disk

teardown() {
	disk_teardown
}

# at_once VERB D...: a run for each domain's disk 51712 at the same time; prints "ok D".
at_once() {
	dom0 bash -s "$@" <<-'END'
		verb=$1
		shift
		for d; do
			(XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/$d/51712 \
				/usr/sbin/xen-hotplug run block $verb </dev/null && echo "ok $d") &
		done
		wait
	END
}

# contend ROUNDS PARAMS...: as many guests as there are paths, and one of them wins.
contend() {
	local rounds=$1 round d=0 path won
	shift
	for path; do disk $((++d)) 51712 "$path"; done
	for ((round = 0; round < rounds; round++)); do
		at_once add $(seq $d) >"$RIG/out" 2>"$RIG/err"
		won=$(grep -c '^ok' "$RIG/out")
		[ "$won" = 1 ] || { echo "round $round: $won won"; cat "$RIG/out" "$RIG/err"; return 1; }
		[ "$(xenstore-ls -f /local/domain/0/backend | grep -c '/physical-device = ')" = 1 ]
		[ "$(grep -c 'is in use' "$RIG/err")" = $((d - 1)) ]
		at_once remove $(seq $d) >"$RIG/out" 2>"$RIG/err"
		[ "$(grep -c '^ok' "$RIG/out")" = $d ] || { cat "$RIG/err"; return 1; }
		nothing_left
	done
}

@test "two guests want one file at the same instant: one wins, 200 times" {
	disk_scene
	ln "$IMAGES/a" "$IMAGES/b"
	contend 200 a b
}

@test "two guests want one device at the same instant: one wins, 100 times" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	nothing_left() { [ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]; }
	contend 100 "$dev" "$dev"
	losetup -d "$dev"
}

@test "eight guests want one file, once by a loop device: one wins" {
	disk_scene
	contend 10 a a a a a a a a
}

# many N: N guests with a file each; xenstore is written directly, for speed.
many() {
	local d args=()
	for ((d = 1; d <= $1; d++)); do
		image "disk$d" 64K
		args+=("/local/domain/0/backend/vbd/$d/51712/frontend" "/local/domain/$d/device/vbd/51712"
			"/local/domain/0/backend/vbd/$d/51712/state" 2
			"/local/domain/0/backend/vbd/$d/51712/mode" w
			"/local/domain/0/backend/vbd/$d/51712/params" "$IMAGES/disk$d")
	done
	xenstore-write "${args[@]}"
}

@test "200 files at once, and away again: none fails, nothing stays" {
	disk_scene
	many 200
	at_once add $(seq 200) >"$RIG/out" 2>"$RIG/err"
	cat "$RIG/err"
	[ "$(grep -c '^ok' "$RIG/out")" = 200 ]
	[ ! -s "$RIG/err" ]
	[ "$(xenstore-ls -f /local/domain/0/backend | grep -c 'hotplug-status = "connected"')" = 200 ]
	[ "$(xenstore-ls -f /local/domain/0/backend | sed -n 's/.*physical-device = //p' | sort -u | wc -l)" = 200 ]
	xhp check
	at_once remove $(seq 200) >"$RIG/out" 2>"$RIG/err"
	cat "$RIG/err"
	[ "$(grep -c '^ok' "$RIG/out")" = 200 ]
	nothing_left
}

@test "20 adds of one disk at once are one attach; adds and removes race" {
	local i
	disk_scene
	disk 1 51712 a
	at_once add $(printf '1 %.0s' {1..20}) >"$RIG/out" 2>"$RIG/err"
	[ "$(grep -c '^ok' "$RIG/out")" = 20 ]
	[ "$(loops | wc -l)" = 1 ]
	attached 1
	for i in {1..10}; do
		at_once remove 1 1 >"$RIG/out1" 2>&1 &
		at_once add 1 1 1 >"$RIG/out2" 2>&1
		wait $!
		cat "$RIG/out1" "$RIG/out2"
		[ "$(cat "$RIG/out1" "$RIG/out2" | grep -vc '^ok')" = 0 ]
		[ "$(loops | wc -l)" = "$(find "$RIG/run/xen-hotplug/devices" -type f | wc -l)" ]
	done
	remove 1
	nothing_left
}

@test "ours and the stock script want one device at once: never both" {
	local dev i won
	[ -x /etc/xen/scripts/block ] || skip "no xen-utils-common"
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	for i in {1..20}; do
		disk 1 51712 "$dev"
		disk 2 51712 "$dev"
		(SCRIPT=/etc/xen/scripts/block add 1 >"$RIG/stock" 2>&1) &
		[ $((i % 2)) = 0 ] || sleep 0.03
		add 2 >"$RIG/ours" 2>&1 || :
		wait $! || :
		won=$(xenstore-ls -f /local/domain/0/backend | grep -c '/physical-device = ')
		[ "$won" = 1 ] || { cat "$RIG/stock" "$RIG/ours"; return 1; }
		remove 2
		backend_gone vbd 1 51712
		backend_gone vbd 2 51712
	done
	losetup -d "$dev"
}
