#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Many runs at once: of one device, of many, and beside the stock scripts' locks.

load lib
load scene

teardown() {
	rig_teardown
}

times() {
	local i
	for ((i = 0; i < $1; i++)); do echo "$2"; done
}

@test "20 onlines of one device at once are one attach; 20 offlines one detach" {
	scene ip=192.0.2.1
	vif_call 1 0 online
	keep attached
	vif_call 1 0 offline
	reset_nodes
	[ -z "$(at_once online $(times 20 1) 2>&1)" ]
	keep now
	same attached now
	[ "$(grep -c '^head' "$RIG/run/xen-hotplug/devices/vif-1-0")" = 1 ]
	[ -z "$(at_once offline $(times 20 1) 2>&1)" ]
	detached
}

@test "online and offline race: the device is attached or it is not" {
	local i
	scene ip=192.0.2.1
	vif_call 1 0 online
	keep attached
	vif_call 1 0 offline
	keep_kernel off
	for ((i = 0; i < 10; i++)); do
		{ at_once online 1 1 1; at_once offline 1 1 1; } >"$RIG/said" 2>&1 &
		at_once offline 1 1 1 >"$RIG/said2" 2>&1
		at_once online 1 1 >>"$RIG/said2" 2>&1
		wait $!
		cat "$RIG/said" "$RIG/said2"
		[ ! -s "$RIG/said" ]
		[ ! -s "$RIG/said2" ]
		keep_kernel now
		if [ -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]; then
			diff <(grep -v ^store "$RIG/attached") "$RIG/now"
		else
			same off now
		fi
	done
	vif_call 1 0 offline
	detached
}

@test "200 vifs at once onto one bridge, and away again: none fails, nothing stays" {
	scene
	many br0 ip
	keep before
	[ -z "$(at_once online $(seq 101 300) 2>&1)" ]
	[ "$(xenstore-ls -f | grep -c 'hotplug-status = "connected"')" = 200 ]
	[ "$(xenstore-ls -f | grep -c 'device/vif/0/mtu = "1400"')" = 200 ]
	[ "$(dom0 ip -o link show master br0 up | wc -l)" = 200 ]
	[ "$(dom0 nft list tables | wc -l)" = 200 ]
	[ -z "$(at_once offline $(seq 101 300) 2>&1)" ]
	detached
}

# stock: takes the device's lock as the stock scripts do, until it may go.
stock() {
	dom0 bash -c '
		. /etc/xen/scripts/locking.sh
		claim_lock devices/vif-1-0
		touch /run/stock-has-it
		until [ -e /run/stock-may-go ]; do sleep 0.05; done
		release_lock devices/vif-1-0' 3>&-
}

@test "the stock scripts' lock protocol: they wait for us, and we for them" {
	[ -r /etc/xen/scripts/locking.sh ] || skip "no xen-utils-common"
	local lock pids
	scene
	lock=$RIG/run/xen-hotplug/devices/vif-1-0
	stock &
	pids=($!)
	wait_until test -e "$RIG/run/stock-has-it"
	keep before
	vif_call 1 0 online 3>&- &
	pids+=($!)
	wait_until awaited "$lock"
	unchanged
	touch "$RIG/run/stock-may-go"
	wait "${pids[0]}"
	wait "${pids[1]}"
	status_is connected
	vif_call 1 0 offline
	rm "$RIG"/run/stock-*
	mkdir "$RIG/etc-xen/scripts/vif-post.d"
	echo 'touch /run/we-have-it; until [ -e /run/we-may-go ]; do sleep 0.05; done' \
		>"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	vif_call 1 0 online 3>&- &
	wait_until test -e "$RIG/run/we-have-it"
	pids=($!)
	stock &
	pids+=($!)
	wait_until awaited "$lock"
	[ ! -e "$RIG/run/stock-has-it" ]
	touch "$RIG/run/we-may-go" "$RIG/run/stock-may-go"
	wait "${pids[0]}"
	wait "${pids[1]}"
	[ -e "$RIG/run/stock-has-it" ]
	link_is vif1.0 'master br0'
}
