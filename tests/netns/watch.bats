#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# xen-hotplug watch: each device that comes and goes, once.

load lib
load scene

teardown() {
	cat "$RIG/run/runs" "$RIG/watch.log" 2>/dev/null || : # shown if the test failed
	rig_teardown
}

# A class of the administrator's own: a directory for each device, and a hook that writes
# down each run, waits while there is a file wait-D-N, and fails if there is fail-D-N.
watch_scene() {
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	mkdir "$RIG/run/guests" "$RIG/run/hooks"
	printf '%s\n' 'export-roots =' '  /run/guests' 'watch-devices = robot 9pfs' \
		>"$RIG/etc-xen/hotplug.conf"
	cat >"$RIG/etc-xen/hotplug/robot.ini" <<-'END'
		[recipe]
		device = robot
		[directory]
		path      = /run/guests/${backend/arm}
		create    = yes
		on-detach = remove-empty
		[hooks]
		dir = /run/hooks
	END
	cat >"$RIG/run/hooks/count.hook" <<-'END'
		id=${XENBUS_PATH#*/*/}
		echo "$command $id" >>/run/runs
		while [ -e "/run/wait-$command-${id/\//-}" ]; do sleep 0.05; done
		[ ! -e "/run/fail-$command-${id/\//-}" ]
	END
	chmod 755 "$RIG/run/hooks/count.hook"
	: >"$RIG/run/runs"
}

watch_start() {
	rig_start_wait nsenter -t "$RIG_HOLDER" -n -m "$RIG_BUILD/notify" "$RIG/run/notify" \
		/usr/sbin/xen-hotplug watch 2>>"$RIG/watch.log"
	WATCH=$!
}

watch_stop() {
	kill "$WATCH"
	wait "$WATCH"
}

# robot D [KEY=VALUE...]: libxl writes a device's directory in one transaction; here, the
# state, which makes it one, comes last.
robot() {
	local d=$1
	shift
	backend robot "$d" 0 -state "arm=arm$d" "$@"
	xenstore-write "/local/domain/0/backend/robot/$d/0/state" 1
}

robot_gone() {
	xenstore-rm "/local/domain/0/backend/robot/$1/0"
}

# ran N VERB D: so often so far
ran() {
	[ "$(grep -cx "$2 $3/0" "$RIG/run/runs")" = "$1" ]
}

mark() {
	[ "$(node robot "$1" 0 xen-hotplug)" = "$2" ]
}

idle() {
	! pgrep -P "$WATCH" -f 'xen-hotplug udev'
}

# nothing_runs: whatever is to be done has been done, and a device that comes last is, too.
settled() {
	robot 99 arm=last
	wait_until mark 99 attached
	robot_gone 99
	wait_until test ! -e "$RIG/run/guests/last"
	wait_until idle
}

@test "watch: forty devices come and go, each is attached and detached once" {
	local d
	watch_scene
	watch_start
	for d in {1..40}; do
		robot "$d"
	done
	for d in {1..40}; do
		wait_until mark "$d" attached
		[ -d "$RIG/run/guests/arm$d" ]
	done
	settled
	for d in {1..40}; do
		xenstore-write "/local/domain/0/backend/robot/$d/0/state" 4
		robot_gone "$d"
	done
	for d in {1..40}; do
		wait_until test ! -e "$RIG/run/xen-hotplug/devices/robot-$d-0"
	done
	settled
	[ -z "$(ls "$RIG/run/guests")" ]
	[ "$(grep -v '99/0' "$RIG/run/runs" | sort | uniq -d)" = "" ]
	[ "$(grep -cv '99/0' "$RIG/run/runs")" = 80 ]
	watch_stop
	cat "$RIG/run/notify.log"
	[ "$(head -n 1 "$RIG/run/notify.log")" = READY=1 ]
	wait_until grep -q STOPPING=1 "$RIG/run/notify.log"
}
@test "watch: what is there at the start is attached, and what was done is not done again" {
	watch_scene
	robot 1
	robot 2
	watch_start
	wait_until mark 1 attached
	wait_until mark 2 attached
	watch_stop
	# missed: 1 goes, 3 comes
	robot_gone 1
	robot 3
	watch_start
	wait_until mark 3 attached
	wait_until test ! -e "$RIG/run/xen-hotplug/devices/robot-1-0"
	settled
	ran 1 add 1
	ran 1 add 2
	ran 1 add 3
	ran 1 remove 1
	ran 0 remove 2
	watch_stop
	[ -d "$RIG/run/guests/arm2" ]
}
@test "watch: a device that is there again is another one" {
	watch_scene
	watch_start
	robot 1
	wait_until mark 1 attached
	xenstore-rm /local/domain/0/backend/robot/1/0
	robot 1 arm=other
	wait_until mark 1 attached
	wait_until test -d "$RIG/run/guests/other"
	wait_until test ! -e "$RIG/run/guests/arm1"
	watch_stop
}
@test "watch: a store that has lost all is no reason to detach" {
	watch_scene
	watch_start
	robot 1
	robot 2
	wait_until mark 1 attached
	wait_until mark 2 attached
	rig_xenstored_kill
	wait_until grep -q 'xenstored has gone' "$RIG/watch.log"
	rig_xenstored_start
	# nothing is in it, not even our own number
	sleep 1.5
	xenstore-write /local/domain/0/domid 0 domid 0
	wait_until grep -q '2 devices are not in xenstore' "$RIG/watch.log"
	robot 3
	wait_until mark 3 attached
	settled
	ran 0 remove 1
	ran 0 remove 2
	[ -d "$RIG/run/guests/arm1" ]
	# the guest is there again, and then it goes
	robot 1
	wait_until mark 1 attached
	robot_gone 1
	wait_until ran 1 remove 1
	settled
	ran 0 remove 2
	watch_stop
}
@test "watch: nor is it for one that is started then" {
	watch_scene
	watch_start
	robot 1
	wait_until mark 1 attached
	watch_stop
	rig_xenstored_kill
	rig_xenstored_start
	xenstore-write /local/domain/0/domid 0 domid 0
	watch_start
	wait_until grep -q '1 devices are not in xenstore' "$RIG/watch.log"
	settled
	ran 0 remove 1
	[ -d "$RIG/run/guests/arm1" ]
	watch_stop
}
@test "watch: a store that has kept its content tells what went meanwhile" {
	local boot
	watch_scene
	watch_start
	robot 1
	robot 2
	wait_until mark 1 attached
	wait_until mark 2 attached
	boot=$(xenstore-read /local/domain/0/data/xen-hotplug-watch)
	rig_xenstored_kill
	rig_xenstored_start
	robot 2 xen-hotplug=attached
	robot 3
	xenstore-write /local/domain/0/data/xen-hotplug-watch "$boot" \
		/local/domain/0/domid 0 domid 0
	wait_until ran 1 remove 1
	wait_until mark 3 attached
	settled
	ran 1 add 2
	ran 0 remove 2
	watch_stop
}
@test "watch: xenstored is away for a while at the start, and READY waits for it" {
	watch_scene
	rig_xenstored_kill
	rig_start nsenter -t "$RIG_HOLDER" -n -m "$RIG_BUILD/notify" "$RIG/run/notify" \
		/usr/sbin/xen-hotplug watch 2>>"$RIG/watch.log"
	WATCH=$!
	sleep 1.2
	[ ! -s "$RIG/run/notify.log" ]
	rig_xenstored_start
	xenstore-write /local/domain/0/domid 0 domid 0
	wait_until grep -q READY=1 "$RIG/run/notify.log"
	robot 1
	wait_until mark 1 attached
	watch_stop
}
@test "watch: a device that fails is told of, left alone, and tried again when it is another" {
	watch_scene
	watch_start
	: >"$RIG/run/fail-add-1-0"
	robot 1
	robot 2
	wait_until mark 1 failed
	wait_until mark 2 attached
	[ "$(node robot 1 0 hotplug-status)" = error ]
	xenstore-write /local/domain/0/backend/robot/1/0/state 2
	settled
	ran 1 add 1
	wait_until grep -q 'robot-1-0: the attach has failed' "$RIG/watch.log"
	[ ! -e "$RIG/run/guests/arm1" ]
	rm "$RIG/run/fail-add-1-0"
	robot_gone 1
	robot 1
	wait_until mark 1 attached
	watch_stop
}
@test "watch: a detach that fails is left to gc" {
	watch_scene
	watch_start
	: >"$RIG/run/fail-remove-1-0"
	robot 1
	wait_until mark 1 attached
	robot_gone 1
	wait_until grep -q 'robot-1-0: the detach has failed' "$RIG/watch.log"
	settled
	ran 1 remove 1
	rm "$RIG/run/fail-remove-1-0"
	xhp gc
	ran 2 remove 1
	[ ! -e "$RIG/run/guests/arm1" ]
	watch_stop
}
@test "watch: a worker that is killed is followed by another" {
	local worker
	watch_scene
	watch_start
	: >"$RIG/run/wait-add-1-0"
	robot 1
	wait_until ran 1 add 1
	worker=$(pgrep -P "$WATCH" -f 'xen-hotplug udev robot-1-0:add')
	kill -KILL "$worker"
	wait_until grep -q 'the attach was ended by signal 9' "$RIG/watch.log"
	rm "$RIG/run/wait-add-1-0"
	wait_until mark 1 attached
	[ -d "$RIG/run/guests/arm1" ]
	watch_stop
}
@test "watch: a device that goes while its worker is at work leaves nothing" {
	watch_scene
	watch_start
	: >"$RIG/run/wait-add-1-0"
	robot 1
	wait_until ran 1 add 1
	robot_gone 1
	rm "$RIG/run/wait-add-1-0"
	wait_until ran 1 remove 1
	settled
	[ ! -e "$RIG/run/guests/arm1" ]
	[ ! -e "$RIG/run/xen-hotplug/devices/robot-1-0" ]
	[ -z "$(xenstore-list /local/domain/0/backend/robot/1 2>/dev/null)" ]
	watch_stop
}
@test "watch: SIGTERM waits for its workers, and the next one goes on" {
	watch_scene
	watch_start
	: >"$RIG/run/wait-add-1-0"
	robot 1
	wait_until ran 1 add 1
	kill "$WATCH"
	wait_until grep -q STOPPING=1 "$RIG/run/notify.log"
	robot 2
	kill -0 "$WATCH"
	rm "$RIG/run/wait-add-1-0"
	wait "$WATCH"
	mark 1 attached
	ran 0 add 2
	watch_start
	wait_until mark 2 attached
	ran 1 add 1
	watch_stop
}
@test "watch: SIGKILL, and the next one goes on" {
	watch_scene
	watch_start
	: >"$RIG/run/wait-add-1-0"
	robot 1
	robot 2
	wait_until ran 1 add 1
	wait_until mark 2 attached
	kill -KILL "$WATCH"
	wait "$WATCH" || :
	watch_start
	rm "$RIG/run/wait-add-1-0"
	wait_until mark 1 attached
	settled
	ran 1 add 1
	ran 1 add 2
	watch_stop
}
# export_path TYPE D PATH: a backend of libxl's, all of it at once.
export_path() {
	backend "$1" "$2" 0 state=1 script= security_model=none "path=$3" max-space=0 \
		max-files=0 max-open-files=0 auto-delete=0
}

is_attached() {
	[ "$(node "${1%/*}" "${1#*/}" 0 xen-hotplug)" = attached ]
}

is_closed() {
	! xenstore-exists "/local/domain/0/backend/$1/0"
}

# The stand-in's process.
daemon() {
	local pid
	for pid in $(ip netns pids "$DOM0"); do
		[ "$(cat "/proc/$pid/comm")" != xen-9pfsd ] || echo "$pid"
	done
}

# has_open PATH: below /run
has_open() {
	[ -n "$(find "/proc/$(daemon)/fd" -lname "*/run/$1")" ]
}

@test "watch: 9pfs exports of both backends, the refused one closed" {
	local d
	watch_scene
	install "$RIG_BUILD/xen-9pfsd" "$RIG/run/xen-9pfsd"
	printf '[use 9pfs]\ndaemon = /run/xen-9pfsd\n' >"$RIG/etc-xen/hotplug/9pfs.ini"
	xenstore-write /local/domain/0/libxl ''
	watch_start
	export_path 9pfs 1 /run/guests/g1
	export_path 9pfs 2 /run/guests/g2
	export_path 9pfs 3 /etc
	export_path xen_9pfs 4 /run/guests/g4
	for d in 9pfs/1 9pfs/2 xen_9pfs/4; do
		wait_until is_attached "$d"
		[ -d "$RIG/run/guests/g${d#*/}" ]
	done
	wait_until is_closed 9pfs/3
	wait_until grep -q '9pfs/3/0 is refused before' "$RIG/watch.log"
	# the daemon makes the path, and opens it, before anybody could refuse it
	kill -STOP "$WATCH"
	export_path xen_9pfs 5 /run/out
	wait_until prints 2 node xen_9pfs 5 0 state
	has_open out
	kill -CONT "$WATCH"
	wait_until grep -q 'xen_9pfs/5/0 .*its backend is closed' "$RIG/watch.log"
	is_closed xen_9pfs/5
	wait_until not has_open out
	has_open guests/g4
	watch_stop
}
@test "watch: xen-9pfsd that has died is started again, once for all who wait for it" {
	local d pid
	watch_scene
	install "$RIG_BUILD/xen-9pfsd" "$RIG/run/xen-9pfsd"
	printf '[use 9pfs]\ndaemon = /run/xen-9pfsd\n' >"$RIG/etc-xen/hotplug/9pfs.ini"
	xenstore-write /local/domain/0/libxl '' /local/domain/0/libxl/xen-9pfs/state running \
		/local/domain/0/libxl/xen-9pfs/pid $$
	: >"$RIG/run/9pfsd.delay"
	watch_start
	for d in 1 2 3; do
		export_path xen_9pfs $d /run/guests/g$d
	done
	wait_until grep -q 'xen-9pfsd is not running: it is started' "$RIG/watch.log"
	rm "$RIG/run/9pfsd.delay"
	for d in 1 2 3; do
		wait_until is_attached xen_9pfs/$d
		[ "$(node xen_9pfs $d 0 versions)" = 1 ]
	done
	pid=$(daemon)
	[ "$(wc -w <<<"$pid")" = 1 ]
	# it is the daemon of all: it stays when they go, and watch with them
	for d in 1 2 3; do
		xenstore-rm /local/domain/0/backend/xen_9pfs/$d
	done
	settled
	watch_stop
	kill -0 "$pid"
}
@test "watch: a daemon that ends at once is an error, and the device is closed" {
	watch_scene
	install "$RIG_BUILD/xen-9pfsd" "$RIG/run/xen-9pfsd"
	printf '[use 9pfs]\ndaemon = /run/xen-9pfsd\n' >"$RIG/etc-xen/hotplug/9pfs.ini"
	echo 'timeout = 8' >>"$RIG/etc-xen/hotplug.conf"
	xenstore-write /local/domain/0/libxl ''
	: >"$RIG/run/9pfsd.fail"
	watch_start
	export_path xen_9pfs 1 /run/guests/g1
	wait_until is_closed xen_9pfs/1
	wait_until grep -q 'xen-9pfsd has ended at once, and libxl/xen-9pfs/state is not running' "$RIG/watch.log"
	[ ! -e "$RIG/run/guests/g1" ]
	watch_stop
}
@test "watch: a vif, where nobody else does it, once netback has made it" {
	watch_scene
	echo 'watch-devices = vif' >"$RIG/etc-xen/hotplug.conf"
	bridge_add br0
	watch_start
	backend vif 1 0 bridge=br0
	vif_add 1 0
	wait_until is_attached vif/1
	link_is vif1.0 'master br0' ',UP'
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	backend_closing vif 1 0
	wait_until test ! -e "$RIG/run/xen-hotplug/devices/vif-1-0"
	watch_stop
}
@test "watch: vscsi, by a recipe of the administrator's with the backend's own nodes" {
	watch_scene
	printf '%s\n' 'export-roots =' '  /run/guests' 'watch-devices = vscsi' \
		>"$RIG/etc-xen/hotplug.conf"
	cat >"$RIG/etc-xen/hotplug/vscsi.ini" <<-'END'
		[recipe]
		device   = vscsi
		requires = backend/p-dev
		[directory]
		path      = /run/guests/${class}-${domid}-${backend/p-dev}
		create    = yes
		on-detach = remove-empty
	END
	watch_start
	backend vscsi 1 0 state=1 p-dev=8:0:2:1
	wait_until is_attached vscsi/1
	[ -d "$RIG/run/guests/vscsi-1-8:0:2:1" ]
	backend vscsi 2 0 state=1 p-dev=../x
	wait_until is_failed vscsi/2
	backend vscsi 3 0 state=1
	wait_until is_failed vscsi/3
	[[ $(node vscsi 3 0 hotplug-error) == *'backend/p-dev is required'* ]]
	xenstore-rm /local/domain/0/backend/vscsi/1
	wait_until test ! -e "$RIG/run/guests/vscsi-1-8:0:2:1"
	watch_stop
}

is_failed() {
	[ "$(node "${1%/*}" "${1#*/}" 0 xen-hotplug)" = failed ]
}
