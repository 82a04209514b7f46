#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Events of the kernel's: xen-hotplug udev, the rule that asks for it, and the units.

load lib
load scene

teardown() {
	rig_teardown
}

# served CLASS...: hotplug.conf's udev-devices, and a root for exports.
served() {
	mkdir -p "$RIG/run/guests"
	printf '%s\n' "udev-devices = $*" 'export-roots =' '  /run/guests' \
		>"$RIG/etc-xen/hotplug.conf"
}

p9_backend() {
	backend 9pfs "$1" 0 state=1 security_model=none "path=$2"
	xenstore-rm "/local/domain/0/backend/9pfs/$1/0/script"
}

@test "udev: an event for a 9pfs export, once for all that come, and its end" {
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	served 9pfs
	p9_backend 1 /run/guests/web
	xhp udev 9pfs-1-0:add:1
	[ -d "$RIG/run/guests/web" ]
	[ "$(node 9pfs 1 0 xen-hotplug)" = attached ]
	[ "$(node 9pfs 1 0 hotplug-status)" = connected ]
	keep before
	xhp udev 9pfs-1-0:add:2
	# as old as the device before it
	xhp udev 9pfs-1-0:remove:3
	unchanged
	backend_gone 9pfs 1 0
	xhp udev 9pfs-1-0:add:4
	[ -e "$RIG/run/xen-hotplug/devices/9pfs-1-0" ]
	xhp udev 9pfs-1-0:remove:5
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	xhp udev 9pfs-1-0:remove:6
	[ -z "$(xenstore-list /local/domain/0/backend/9pfs/1 2>/dev/null)" ]
	# what is closed is libxl's to remove, in dom0
	p9_backend 2 /run/guests/web
	xhp udev 9pfs-2-0:add:7
	backend_closing 9pfs 2 0
	xhp udev 9pfs-2-0:remove:8
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	xenstore-exists /local/domain/0/backend/9pfs/2/0
}
@test "udev: what is said in the environment, as a rule's own program gets it" {
	rig_setup
	served 9pfs
	p9_backend 1 /run/guests/web
	dom0 env ACTION=add SUBSYSTEM=xen-backend DEVPATH=/devices/9pfs-1-0 XENBUS_TYPE=9pfs \
		XENBUS_PATH=backend/9pfs/1/0 XENBUS_BASE_PATH=backend /usr/sbin/xen-hotplug udev
	[ "$(node 9pfs 1 0 xen-hotplug)" = attached ]
	backend_gone 9pfs 1 0
	dom0 env ACTION=remove DEVPATH=/devices/9pfs-1-0 /usr/sbin/xen-hotplug udev
	[ ! -e "$RIG/run/xen-hotplug/devices/9pfs-1-0" ]
	run dom0 env -u ACTION /usr/sbin/xen-hotplug udev
	[ "$status" = 2 ]
	says 'no event: expected DEVICE:ACTION'
}
@test "udev: only the classes that hotplug.conf names, and no event that is none" {
	local event
	scene
	served 9pfs
	keep before
	for event in vif-1-0:online:1 vif-1-0:offline:1 vbd-1-51712:add:2 9pfs-7-0:change:1 \
		9pfs-7-0:bind:1 9pfs-7-0:add:1; do
		xhp udev "$event"
	done
	unchanged
	for event in 9pfs 9pfs-1:add 9pfs-1-x:add -1-0:add '9pfs-1-0 ' ':' '9pfs-1-0:' a/b-1-0:add \
		'$(id)-1-0:add' $'9\n-1-0:add'; do
		run xhp udev "$event"
		echo "$event: $status $output"
		[[ $status = 2 || ( $event = 9pfs-1-0: && $status = 0 ) || $status = 1 ]]
	done
	unchanged
	xhp udev --served 9pfs-1-0
	xhp udev --served xen_9pfs-1-0
	run xhp udev --served vif-1-0
	[ "$status" = 1 ] && [ -z "$output" ]
}
@test "udev: vif's online and offline, with the recipe that the toolstack names" {
	scene -hotplug-status ip=192.0.2.7
	dom0 rm -rf /etc/xen/scripts
	served vif
	# the device's own event comes before its interface is there
	xhp udev vif-1-0:add:1
	[ -z "$(node vif 1 0 hotplug-status)" ]
	xhp udev vif-1-0:online:2
	link_is vif1.0 'master br0' ',UP'
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	xhp status | grep 'vif-bridge.ini'
	backend_closing vif 1 0
	xhp udev vif-1-0:offline:3
	! link_is vif1.0 'master br0' || return 1
	[ ! -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
	# a script that is a recipe itself
	mkdir "$RIG/etc-xen/scripts"
	printf '%s\n' '#!/usr/sbin/xen-hotplug run' '[use vif-bridge]' 'ip = ' \
		>"$RIG/etc-xen/scripts/vif-own"
	chmod 755 "$RIG/etc-xen/scripts/vif-own"
	backend vif 1 0 bridge=br0 script=/etc/xen/scripts/vif-own
	xhp udev vif-1-0:online:4
	xhp status | grep 'vif-own .*UNFILTERED'
	# one that is neither that, nor called as a recipe is
	backend vif 2 0 bridge=br0 script=/etc/xen/scripts/vif-nosuch
	vif_add 2 0
	run xhp udev vif-2-0:online:5
	[ "$status" = 2 ]
	says vif-nosuch
	[ "$(node vif 2 0 xen-hotplug)" = failed ]
	[ "$(node vif 2 0 hotplug-status)" = error ]
}
@test "udev: the tap of an emulated NIC" {
	scene type=vif_ioemu
	served vif
	tap_add vif1.0-emu
	xhp udev vif-1-0:online:1
	xhp udev vif1.0-emu:add:2
	link_is vif1.0-emu 'master br0' ',UP'
	[ -e "$RIG/run/xen-hotplug/devices/tap-1-0" ]
	ip -n "$DOM0" link del vif1.0-emu
	xhp udev vif1.0-emu:remove:3
	[ ! -e "$RIG/run/xen-hotplug/devices/tap-1-0" ]
	[ -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
}
@test "udev: twenty events at once for one device, and for twenty" {
	local d pids=()
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	served 9pfs
	for d in {1..20}; do
		p9_backend "$d" "/run/guests/g$d"
	done
	for d in {1..20}; do
		xhp udev "9pfs-$d-0:add:$d" 3>&- &
		pids+=($!)
		xhp udev "9pfs-1-0:add:$((d + 100))" 3>&- &
		pids+=($!)
	done
	for d in "${pids[@]}"; do
		wait "$d"
	done
	for d in {1..20}; do
		[ "$(node 9pfs "$d" 0 xen-hotplug)" = attached ]
		[ -d "$RIG/run/guests/g$d" ]
	done
	xhp check
}

# rule_runs NAME ACTION: what udev would run for an interface of that name in dom0.
rule_runs() {
	dom0 udevadm test --action="$2" "/sys/class/net/$1" 2>&1 |
		sed -n "s/^run: '\(.*\)'$/\1/p; s/^ *RUN{program} : //p"
}

rules_scene() {
	rig_setup
	served vif
	mkdir -p "$RIG/udev/rules.d"
	cp "$RIG_TOP/conf/xen-hotplug.rules" "$RIG/udev/rules.d/"
	[ -d "$RIG/run/udev" ] || mkdir "$RIG/run/udev"
	dom0 mount --bind "$RIG/udev" /run/udev
}

@test "udev: the rule asks systemd for an instance, or runs it where there is none" {
	type -P udevadm >/dev/null || skip "no udevadm"
	rules_scene
	tap_add vif1.0-emu
	tap_add vif1.0x
	rule_runs vif1.0-emu add >"$RIG/runs"
	cat "$RIG/runs"
	grep -qE '^/usr/sbin/xen-hotplug udev vif1.0-emu:add:[0-9]*$' "$RIG/runs"
	mkdir -p "$RIG/run/systemd/system"
	rule_runs vif1.0-emu remove >"$RIG/runs"
	cat "$RIG/runs"
	grep -qE '^/bin/systemctl --no-block start xen-hotplug@vif1.0-emu:remove:[0-9]*.service$' \
		"$RIG/runs"
	[ "$(grep -c xen-hotplug "$RIG/runs")" = 1 ]
	! rule_runs vif1.0-emu change | grep xen-hotplug || return 1
	! rule_runs vif1.0x add | grep xen-hotplug || return 1
}
@test "udev: the rule leaves alone what hotplug.conf does not serve" {
	type -P udevadm >/dev/null || skip "no udevadm"
	[ "$(udevadm --version)" -lt 256 ] || skip "this udevadm test runs no PROGRAM"
	rules_scene
	tap_add vif1.0-emu
	rule_runs vif1.0-emu add | grep xen-hotplug
	served 9pfs
	! rule_runs vif1.0-emu add | grep xen-hotplug || return 1
}
@test "udev: systemd finds no fault in the units" {
	local unit
	type -P systemd-analyze >/dev/null || skip "no systemd-analyze"
	rig_setup
	for unit in xen-hotplug-watch.service xen-hotplug@.service xen-hotplug-repair.service; do
		run dom0 systemd-analyze verify --man=no "/usr/share/xen-hotplug/$unit"
		echo "$unit: $output"
		[ "$status" = 0 ]
		[[ $output != *"$unit"* ]]
	done
}
@test "udev: the init script starts, knows, and stops watch" {
	local init=/usr/share/xen-hotplug/xen-hotplug-watch.init
	rig_setup
	served 9pfs
	run dom0 "$init" status
	[ "$status" = 3 ]
	dom0 "$init" start 3>&-
	dom0 "$init" status
	dom0 "$init" start
	[ "$(pgrep -fc '^/usr/sbin/xen-hotplug watch' --ns "$RIG_HOLDER" --nslist net)" = 1 ]
	p9_backend 1 /run/guests/web
	wait_until prints attached node 9pfs 1 0 xen-hotplug
	[ -d "$RIG/run/guests/web" ]
	dom0 "$init" restart 3>&-
	dom0 "$init" stop
	run dom0 "$init" status
	[ "$status" = 3 ]
	dom0 "$init" stop
	run dom0 "$init" nonsense
	[ "$status" = 2 ]
}
