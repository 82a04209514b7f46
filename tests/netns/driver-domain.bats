#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Backends in a driver domain, with its own rights in xenstore: other domains' nodes cannot
# be read, and nothing outside of it can be written but what is its own.

load lib
load scene
load disk
load ovs

teardown() {
	disk_teardown
}

# driver_scene [KEY=VALUE...]: domain 7 serves vif1.0, which is to join br0.
driver_scene() {
	rig_setup || return
	driver_domain 7
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	bridge_add br0 1400
	vif_add 1 0
	backend vif 1 0 bridge=br0 "$@"
	keep before
}

@test "driver domain: its rights are a domain's, not a toolstack's" {
	local node
	driver_scene
	[ "$(dom0 xenstore-read domid)" = 7 ]
	[ "$(dom0 xenstore-read backend/vif/1/0/bridge)" = br0 ]
	for node in /local/domain/1/name /local/domain/1/vm "/vm/$(guest_uuid 1)/uuid" \
		/local/domain/0/name; do
		xenstore-exists "$node"
		run dom0 xenstore-read "$node"
		[ "$status" = 1 ]
	done
	run dom0 xenstore-write /libxl/x 1
	[ "$status" = 1 ]
	run dom0 xenstore-write /local/domain/1/device/vif/0/new 1
	[ "$status" = 1 ]
	dom0 xenstore-write libxl/x 1
	dom0 xenstore-write /local/domain/1/device/vif/0/mtu 1500
}
@test "driver domain: a vif by vif-bridge, as xl devd calls it, filter and MTU with it" {
	driver_scene ip=192.0.2.7 script=/etc/xen/scripts/vif-bridge
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	link_is vif1.0 'master br0' ',UP'
	[ "$(mtu_node 1 0)" = 1400 ]
	dom0 nft list tables | grep -q vif
	grep -q 'head .*self=7' "$RIG/run/xen-hotplug/devices/vif-1-0"
	! grep -q uuid= "$RIG/run/xen-hotplug/devices/vif-1-0" || return 1
	vif_call 1 0 online
	xhp check
	xhp gc
	[ -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
	vif_call 1 0 offline
	detached
}
@test "driver domain: a failure is told where it may be, for its own eyes" {
	driver_scene
	backend vif 1 0 bridge=nosuch
	run vif_call 1 0 online
	[ "$status" = 1 ]
	[ "$(node vif 1 0 hotplug-status)" = error ]
	[[ $(node vif 1 0 hotplug-error) == *nosuch* ]]
	xenstore-ls -p /local/domain/7/backend/vif/1/0 | grep -q 'hotplug-error = .*(n7)'
}
@test "driver domain: what a recipe asks of other domains is an error with its name" {
	driver_scene
	printf '%s\n' '[lookup]' 'table =' '  guest1  br0' 'key = ${vm/name}' '[use vif-bridge]' \
		'bridge = ${lookup.value}' >"$RIG/etc-xen/hotplug/vif-own.ini"
	RECIPE=vif-own
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'this domain may not'
	[ "$(node vif 1 0 hotplug-status)" = error ]
	keep_kernel now
	diff <(grep -v '^store' "$RIG/before") "$RIG/now"
}
@test "driver domain: gc takes what is gone there, and nothing that dom0's numbers say" {
	driver_scene
	vif_call 1 0 online
	# domain 0 has a device of the same numbers; that is another one
	xenstore-write /local/domain/0/backend/vif/1/0/state 4
	vif_del 1 0
	backend_gone vif 1 0
	xhp gc
	[ ! -e "$RIG/run/xen-hotplug/devices/vif-1-0" ]
}
@test "driver domain: a disk by block, and nobody's name is needed for it" {
	driver_scene
	truncate -s 1M "$RIG/run/disk"
	backend vbd 1 51712 params=/run/disk
	disk_call 1 51712 add
	[ "$(node vbd 1 51712 hotplug-status)" = connected ]
	[ -n "$(node vbd 1 51712 physical-device)" ]
	backend vbd 2 51712 params=/run/disk
	run disk_call 2 51712 add
	[ "$status" = 1 ]
	[ "$(node vbd 2 51712 hotplug-status)" = busy ]
	disk_call 1 51712 remove
	wait_until prints '' dom0 losetup -j /run/disk
}
@test "driver domain: 9pfs by udev, and refused by the directory alone" {
	driver_scene
	mkdir "$RIG/run/guests"
	printf 'export-roots = /run/guests\n' >"$RIG/etc-xen/hotplug.conf"
	backend 9pfs 1 0 state=1 security_model=none path=/run/guests/a
	xenstore-rm /local/domain/7/backend/9pfs/1/0/script
	xhp udev 9pfs-1-0:add:1
	[ "$(node 9pfs 1 0 xen-hotplug)" = attached ]
	[ -d "$RIG/run/guests/a" ]
	backend 9pfs 2 0 state=4 security_model=none path=/etc
	xenstore-rm /local/domain/7/backend/9pfs/2/0/script
	run xhp udev 9pfs-2-0:add:2
	[ "$status" = 1 ]
	says "was exported before it was refused"
	! xenstore-exists /local/domain/7/backend/9pfs/2/0 || return 1
	# the guest's name cannot be read here
	printf '[defaults]\nwithin = /run/guests/${guest}\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	backend 9pfs 3 0 state=1 security_model=none path=/run/guests/guest3
	xenstore-rm /local/domain/7/backend/9pfs/3/0/script
	run xhp udev 9pfs-3-0:add:3
	[ "$status" = 1 ]
	says 'guest: ' 'this domain may not'
	[ ! -e "$RIG/run/guests/guest3" ]
}
@test "driver domain: xen-9pfsd says that it runs in its own domain" {
	driver_scene
	mkdir "$RIG/run/guests"
	printf 'export-roots = /run/guests\n' >"$RIG/etc-xen/hotplug.conf"
	install "$RIG_BUILD/xen-9pfsd" "$RIG/run/xen-9pfsd"
	printf '[use 9pfs]\ndaemon = /run/xen-9pfsd\n' >"$RIG/etc-xen/hotplug/9pfs.ini"
	backend xen_9pfs 1 0 state=1 security_model=none path=/run/guests/a max-space=0 \
		max-files=0 max-open-files=0 auto-delete=0
	xenstore-rm /local/domain/7/backend/xen_9pfs/1/0/script
	xhp udev xen_9pfs-1-0:add:1
	[ "$(xenstore-read /local/domain/7/libxl/xen-9pfs/state)" = running ]
	[ "$(node xen_9pfs 1 0 xen-hotplug)" = attached ]
}
@test "driver domain: watch sees what comes and goes, and marks its own store" {
	local i watch
	driver_scene
	mkdir "$RIG/run/guests"
	printf 'export-roots = /run/guests\n' >"$RIG/etc-xen/hotplug.conf"
	rig_start_wait env "XENSTORED_PATH=$RIG/xs/domain-7" nsenter -t "$RIG_HOLDER" -n -m \
		"$RIG_BUILD/notify" "$RIG/run/notify" /usr/sbin/xen-hotplug watch
	watch=$!
	for i in {1..12}; do
		backend 9pfs "$i" 0 state=1 security_model=none "path=/run/guests/g$i"
	done
	for i in {1..12}; do
		xenstore-rm "/local/domain/7/backend/9pfs/$i/0/script"
		wait_until prints attached node 9pfs "$i" 0 xen-hotplug
		[ -d "$RIG/run/guests/g$i" ]
	done
	[ -n "$(xenstore-read /local/domain/7/data/xen-hotplug-watch)" ]
	xenstore-rm /local/domain/7/backend/9pfs
	wait_until prints '' ls "$RIG/run/xen-hotplug/devices"
	kill "$watch"
	wait "$watch"
}
@test "driver domain: vif-route, vif-nat and Open vSwitch have all that they need" {
	ovs_setup
	driver_domain 7
	tap_add eth0
	ip -n "$DOM0" addr add 192.0.2.1/24 dev eth0
	ip -n "$DOM0" link set eth0 up
	dom0 sysctl -qw net.ipv4.ip_forward=1
	vif_add 1 0
	backend vif 1 0 bridge=br0 ip=192.0.2.10
	for RECIPE in vif-route vif-nat; do
		vif_call 1 0 online
		[ "$(node vif 1 0 hotplug-status)" = connected ]
		dom0 ip route show dev vif1.0 | grep '^192.0.2.10'
		xhp check
		vif_call 1 0 offline
		[ -z "$(dom0 ip route show dev vif1.0; dom0 nft list ruleset)" ]
		[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	done
	# its filter is refused on the userspace datapath that there is here
	RECIPE=vif-openvswitch
	xenstore-rm /local/domain/7/backend/vif/1/0/ip
	ports >"$RIG/ports"
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	[ "$(mark)" = vif-1-0 ]
	# the guest's name and UUID only inform
	[ "$(vsctl --columns=external_ids --bare find interface name=vif1.0)" = \
		"attached-mac=$(node vif 1 0 mac)" ]
	vif_call 1 0 offline
	ports | diff "$RIG/ports" -
	# the logical port is more than that
	printf '%s\n' '[defaults]' 'iface-id = ${vm/uuid}-${devid}' '[use vif-openvswitch]' \
		>"$RIG/etc-xen/hotplug/vif-ovn.ini"
	RECIPE=vif-ovn
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'vif-ovn.ini:2:12: [ovs] external-ids: xenstore-read /local/domain/1/vm: this domain may not'
	[ "$(node vif 1 0 hotplug-status)" = error ]
	ports | diff "$RIG/ports" -
}
@test "driver domain: block devices; nobody is taken for the same guest" {
	local dev
	disk_scene
	driver_domain 7
	dev=$(losetup -f --show "$IMAGES/a")
	disk 1 51712 "$dev" script=/etc/xen/scripts/block
	add 1
	[ "$(node vbd 1 51712 physical-device-path)" = "$dev" ]
	# a second disk of what may be the same guest, and may be not
	disk 1 51728 "$IMAGES/a"
	run add 1 51728
	[ "$status" = 1 ]
	[ "$(node vbd 1 51728 hotplug-status)" = busy ]
	[[ $(node vbd 1 51728 hotplug-error) == *"domain 1, whose name cannot be read,"* ]]
	disk 2 51712 "$dev"
	run add 2
	[ "$status" = 1 ]
	[ "$(node vbd 2 51712 hotplug-status)" = busy ]
	disk_call 1 51712 remove
	add 2
	disk_call 2 51712 remove
}
@test "driver domain: Remus, whose state dom0 alone can read, says so and changes nothing" {
	driver_scene
	vif_call 1 0 online
	xenstore-write /libxl/1/type pv
	keep before
	run dom0 env vifname=vif1.0 XENBUS_PATH=/libxl/1/remus/netbuf/0 \
		/usr/sbin/xen-hotplug run remus-netbuf-setup setup
	[ "$status" = 1 ]
	says '/libxl/1' 'this domain may not'
	unchanged
}
@test "driver domain: a closed backend's directory is removed, for which libxl waits" {
	local dir=/local/domain/7/backend/9pfs watch
	driver_scene
	mkdir "$RIG/run/guests"
	printf 'export-roots = /run/guests\n' >"$RIG/etc-xen/hotplug.conf"
	backend 9pfs 1 0 state=1 security_model=none path=/run/guests/a
	xenstore-rm $dir/1/0/script
	xhp udev 9pfs-1-0:add:1
	xenstore-write $dir/1/0/online 0 $dir/1/0/state 5
	xhp udev 9pfs-1-0:remove:2
	[ ! -e "$RIG/run/xen-hotplug/devices/9pfs-1-0" ]
	xenstore-exists $dir/1/0
	xenstore-write $dir/1/0/state 6
	xhp udev 9pfs-1-0:remove:3
	! xenstore-exists $dir/1/0 || return 1
	# watch: one that closes by and by, one that failed, one that nobody attached
	rig_start_wait env "XENSTORED_PATH=$RIG/xs/domain-7" nsenter -t "$RIG_HOLDER" -n -m \
		"$RIG_BUILD/notify" "$RIG/run/notify" /usr/sbin/xen-hotplug watch
	watch=$!
	backend 9pfs 1 0 state=1 security_model=none path=/run/guests/a
	backend 9pfs 2 0 state=1 security_model=none path=/run/guests/b script=/no/such
	backend 9pfs 3 0 state=6 online=0 security_model=none path=/run/guests/c
	xenstore-rm $dir/1/0/script
	wait_until prints attached node 9pfs 1 0 xen-hotplug
	wait_until prints failed node 9pfs 2 0 xen-hotplug
	wait_until prints '' xenstore-list $dir/3
	xenstore-write $dir/1/0/online 0 $dir/1/0/state 5 $dir/2/0/online 0 $dir/2/0/state 6
	wait_until prints '' xenstore-list $dir/2
	xenstore-exists $dir/1/0
	xenstore-write $dir/1/0/state 6
	wait_until prints '' xenstore-list $dir/1
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
	kill "$watch"
	wait "$watch"
}

@test "driver domain: a disk of which nothing can be read is not taken for another one" {
	disk_scene
	driver_domain 7
	backend qdisk 1 51712 params="raw:$IMAGES/other" mode=w
	disk 2 51712 "$IMAGES/a" script=/etc/xen/scripts/block
	xenstore-chmod /local/domain/7/backend/qdisk/1/51712/params n0
	run add 2
	[ "$status" = 1 ]
	says 'backend/qdisk/1/51712/params: this domain may not'
	[ "$(node vbd 2 51712 hotplug-status)" = error ]
	[ -z "$(node vbd 2 51712 physical-device)" ]
	xenstore-chmod /local/domain/7/backend/qdisk/1/51712/params n7
	add 2
	remove 2
}

@test "driver domain: what may not be read is not gone for gc" {
	disk_scene
	driver_domain 7
	disk 1 51712 "$IMAGES/a" script=/etc/xen/scripts/block
	add 1
	xenstore-chmod /local/domain/7/backend/vbd/1/51712/state n0
	run xhp gc --dry-run
	says 'vbd-1-51712: stays'
	xhp gc
	[ -n "$(loops)" ]
	xenstore-chmod /local/domain/7/backend/vbd/1/51712/state n7
	remove 1
	nothing_left
}
