#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-openvswitch where a server is missing, elsewhere, slow, or ends.

load lib
load scene
load ovs

setup() {
	ovs_scene
}

teardown() {
	ovs_teardown
}

@test "no database: an error that names the socket, nothing changed" {
	ovs_stop ovs-vswitchd
	ovs_stop ovsdb-server
	keep before
	run vif_call 1 0 online
	refused 1 0 /run/openvswitch/db.sock 'is ovsdb-server running?'
	[[ $output != *'roll-back is not complete'* ]]
	run vif_call 1 0 offline
	[ "$status" = 0 ]
}

@test "a database elsewhere" {
	cat >"$RIG/etc-xen/hotplug/vif-other.ini" <<-'END'
		[recipe]
		device = vif
		[ovs]
		bridge   = ${bridge}
		database = /run/other.sock
	END
	dom0 ovs-appctl -t ovsdb-server ovsdb-server/add-remote punix:/run/other.sock
	mv "$RIG/run/openvswitch/db.sock" "$RIG/run/openvswitch/away"
	RECIPE=vif-other vif_call 1 0 online
	mv "$RIG/run/openvswitch/away" "$RIG/run/openvswitch/db.sock"
	[ "$(mark)" = vif-1-0 ]
	RECIPE=vif-other vif_call 1 0 offline
	no_ports
}

@test "a database that does not answer: an error after the timeout, nothing changed" {
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	keep before
	ovs_freeze ovsdb-server
	run timeout 120 nsenter -t "$RIG_HOLDER" -n -m env XENBUS_TYPE=vif \
		XENBUS_PATH=backend/vif/1/0 vif=vif1.0 XENSTORED_PATH="$XENSTORED_PATH" \
		/usr/sbin/xen-hotplug run vif-openvswitch online type_if=vif
	refused 1 0 'ovsdb-server does not answer' 'given up'
	ovs_thaw
	no_ports
}

@test "ovs-vswitchd is not running: an error at once" {
	local asked
	ovs_stop ovs-vswitchd
	keep before
	XEN_HOTPLUG_TRACE=1 run vif_call 1 0 online
	# which is asked twenty times a second, and for one second
	asked=$(grep -c 'ovsdb -> .*"unlock"' <<<"$output")
	[ "$asked" -gt 0 ] && [ "$asked" -lt 30 ]
	refused 1 0 'ovs-vswitchd is not running'
	no_ports
}

@test "ovs-vswitchd does not answer: rolled back after the timeout" {
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	ovs_freeze ovs-vswitchd
	keep before
	run vif_call 1 0 online
	refused 1 0 'ovs-vswitchd does not answer'
	no_ports
	ovs_thaw
	vif_call 1 0 online
}

@test "ovs-vswitchd ends while it is waited for: rolled back, long before the deadline" {
	ovs_freeze ovs-vswitchd
	keep before
	vif_call 1 0 online 2>"$RIG/err" 3>&- &
	call=$!
	wait_until vsctl get port vif1.0 name
	kill -KILL "$STOPPED"
	STOPPED=
	! wait "$call" || false
	grep 'ovs-vswitchd is not running' "$RIG/err"
	no_ports
	ovs_daemon
	vif_call 1 0 online
}

@test "a restart of ovs-vswitchd meanwhile is waited for" {
	local at
	# as above: it asks whether somebody is there now, and again
	ovs_freeze ovs-vswitchd
	XEN_HOTPLUG_TRACE=1 vif_call 1 0 online 2>"$RIG/trace" 3>&- &
	call=$!
	wait_until vsctl get port vif1.0 name
	kill -KILL "$STOPPED"
	! wait "$call" || false
	ovs_daemon
	vsctl set open . external_ids:is=there
	at=$(grep 'ovsdb ->' "$RIG/trace" | grep -n -m 1 '"unlock"')
	# the one who comes does so before the second time
	ovs_freeze ovs-vswitchd
	shimmed FAULT_AT=$((${at%%:*} + 1)) FAULT_HOW=wait FAULT_KINDS=d FAULT_LOG=/run/calls 3>&- &
	call=$!
	wait_until vsctl get port vif1.0 name
	kill -KILL "$STOPPED"
	STOPPED=
	wait_until grep -qs FAULT "$RIG/run/calls"
	ovs_daemon
	vsctl set open . external_ids:is=back
	touch "$RIG/run/calls.go"
	wait "$call"
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	[ "$(mark)" = vif-1-0 ]
}

@test "the database stops answering with the change on its way: gc removes what comes" {
	local at
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	XEN_HOTPLUG_TRACE=1 vif_call 1 0 online 2>"$RIG/trace"
	at=$(grep 'ovsdb ->' "$RIG/trace" | grep -n -m 1 next_cfg)
	vif_call 1 0 offline
	no_ports
	shimmed FAULT_AT="${at%%:*}" FAULT_HOW=wait FAULT_KINDS=d FAULT_LOG=/run/calls \
		2>"$RIG/err" 3>&- &
	call=$!
	wait_until grep -qs FAULT "$RIG/run/calls"
	grep '^rec .* ovs port' "$RIG/run/xen-hotplug/devices/vif-1-0"
	ovs_freeze ovsdb-server
	touch "$RIG/run/calls.go"
	! wait "$call" || false
	grep 'ovsdb-server does not answer' "$RIG/err"
	grep 'roll-back is not complete (xen-hotplug gc tries again)' "$RIG/err"
	ovs_thaw
	wait_until vsctl get port vif1.0 name
	xhp gc
	no_ports
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "offline without ovs-vswitchd deletes the port; ovs-vswitchd finds it so later" {
	vif_call 1 0 online
	ovs_stop ovs-vswitchd
	vif_call 1 0 offline
	no_ports
}

@test "offline of a device that goes does not wait for ovs-vswitchd" {
	vif_call 1 0 online
	ovs_freeze ovs-vswitchd
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	[ -z "$output" ]
	no_ports
	ovs_thaw
	vif_call 1 0 online
	[ "$(mark)" = vif-1-0 ]
}

@test "offline without the database: the rest is undone, and gc removes the port later" {
	vif_call 1 0 online
	ovs_stop ovs-vswitchd
	ovs_stop ovsdb-server
	run vif_call 1 0 offline
	[ "$status" = 1 ]
	says 'is ovsdb-server running?'
	link_is vif1.0 'state DOWN'
	ovs_server
	[ "$(mark)" = vif-1-0 ]
	vif_call 1 0 offline
	no_ports
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
