#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What hangs ends with an error in time, and is rolled back.

load lib
load scene

teardown() {
	[ -z "$STOPPED" ] || kill -CONT "$STOPPED"
	rig_teardown
}

# impatient: for a run that gets as far as it is to hang also where all is slow.
impatient() {
	scene ip=192.0.2.1
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
}

# online [NAME=VALUE...]: vif_call reads the store itself, which would hang too.
online() {
	dom0 env XENBUS_TYPE=vif XENBUS_PATH=backend/vif/1/0 vif=vif1.0 "$@" \
		timeout 120 /usr/sbin/xen-hotplug run vif-bridge online type_if=vif </dev/null
}

hook() {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	cat >"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	keep before
}

@test "a hook that hangs is killed with its children, and all is rolled back" {
	impatient
	hook <<-'END'
		[ "$command" = online ] || return 0
		touch /run/hook-ran
		(sleep 1000 & sleep 1001)
	END
	run online
	[ -e "$RIG/run/hook-ran" ]
	refused 1 0 'not done in time'
	[ -z "$(rig_strays)" ]
}

@test "what a hook leaves in the background is not waited for, and lives on" {
	scene ip=192.0.2.1
	hook <<-'END'
		if [ "$command" = online ]; then
			(exec -a left-behind sleep 1000) &
		fi
	END
	(trap '' CHLD && vif_call 1 0 online)
	[ -n "$(rig_strays)" ]
	vif_call 1 0 offline
	[ -n "$(rig_strays)" ]
	[ ! -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
}

@test "somebody else holds the device's lock: an error after the timeout" {
	impatient
	rig_start_wait dom0 flock /run/xen-hotplug/devices/vif-1-0 sh -c 'echo held; exec sleep 1000'
	keep before
	run online
	refused 1 0 'holds the lock vif-1-0' 'given up after 8 s'
}

@test "xenstored does not answer: exit by itself" {
	impatient
	keep before
	STOPPED=$(cat "$RIG/xs/pid")
	kill -STOP "$STOPPED"
	run online
	kill -CONT "$STOPPED"
	STOPPED=
	[ "$status" = 1 ]
	says 'xenstored does not answer'
	unchanged
}

@test "xenstored stops answering when all is done: the kernel's state is rolled back" {
	impatient
	hook <<-END
		[ "\$command" = online ] || return 0
		kill -STOP $(cat "$RIG/xs/pid")
	END
	STOPPED=$(cat "$RIG/xs/pid")
	run online
	kill -CONT "$STOPPED"
	STOPPED=
	[ "$status" = 1 ]
	says 'xenstored does not answer'
	unchanged
}

@test "xenstored answers again by the time that the error is told: it is told" {
	impatient
	keep before
	STOPPED=$(cat "$RIG/xs/pid")
	kill -STOP "$STOPPED"
	online LD_PRELOAD="$RIG_BUILD/fault.so" FAULT_LOG=/run/calls >"$RIG/said" 2>&1 3>&- &
	wait_until shows 2 store "$RIG/run/calls" # the second is to tell
	kill -CONT "$STOPPED"
	STOPPED=
	status=0
	wait $! || status=$?
	output=$(cat "$RIG/said")
	refused 1 0 'xenstored does not answer'
}
