# SPDX-License-Identifier: LGPL-2.1-or-later
# Devices that xl calls no script for: 9pfs exports, and what udev and watch bring.

# libxl calls its scripts whatever xl.conf's run_hotplug_scripts says: here they do nothing.
NO_SCRIPTS=/usr/local/lib/no-scripts
VIF=bridge=xenbr0,script=$NO_SCRIPTS/vif-bridge

hotplug_conf() {
	printf '%s\n' 'export-roots =' '  /srv/guests' "$@" >/etc/xen/hotplug.conf
}

no_scripts() {
	local name
	mkdir -p $NO_SCRIPTS
	for name in vif-bridge block; do
		printf '#!/bin/sh\nexit 0\n' >$NO_SCRIPTS/$name
		chmod 755 $NO_SCRIPTS/$name
	done
}

teardown() {
	watch_stop || :
	xl list | awk 'NR > 2 { print $1 }' | xargs -r -n 1 xl destroy
	rm -rf /srv/guests /etc/xen/hotplug.conf $NO_SCRIPTS
	xenstore-rm /local/domain/0/data/xen-hotplug-watch 2>/dev/null || :
}

watch_start() {
	xen-hotplug watch >/dev/null 2>>watch.log </dev/null &
	echo $! >watch.pid
}

# The test's shell is its parent, teardown's is not.
watch_stop() {
	local pid
	[ -e watch.pid ] || return 0
	pid=$(cat watch.pid)
	rm watch.pid
	kill "$pid" && wait_until test ! -e "/proc/$pid"
}

P9='tag=share,security_model=none'

# mounted GUEST: mounts the export, writes to it, and reads what dom0 wrote.
mounted() {
	in_guest "$1" 'mkdir -p /mnt && mount -t 9p -o trans=xen,version=9p2000.L share /mnt'
	echo from-dom0 >/srv/guests/g/there
	in_guest "$1" 'cat /mnt/there' | grep from-dom0
	in_guest "$1" 'echo from-guest >/mnt/here && sync'
	grep from-guest /srv/guests/g/here
}

backend_of() {
	echo "/local/domain/0/backend/$2/$(xl domid "$1")/0"
}

attached_by_us() {
	[ "$(xenstore-read "$(backend_of "$1" "$2")/xen-hotplug")" = attached ]
}

no_journal() {
	[ -z "$(ls /run/xen-hotplug/devices)" ]
}

# A p9 export by QEMU: udev attaches it, the guest mounts it and writes.
test_p9_udev() {
	hotplug_conf
	mkdir -p /srv/guests
	guest_create g "p9 = ['$P9,path=/srv/guests/g']"
	wait_until attached_by_us g 9pfs
	[ "$(stat -c %a /srv/guests/g)" = 700 ]
	xen-hotplug status | grep "^9pfs-$(xl domid g)-0 .*attached"
	mounted g
	xl destroy g
	wait_until no_journal
	# the guest's data stays
	grep from-guest /srv/guests/g/here
}

# The same by watch, which was there before it, and by prepare, before both.
test_p9_watch() {
	hotplug_conf 'udev-devices = none'
	mkdir -p /srv/guests
	watch_start
	xen-hotplug run 9pfs prepare path=/srv/guests/g guest=g
	guest_create g "p9 = ['$P9,path=/srv/guests/g']"
	wait_until attached_by_us g 9pfs
	[ "$(ls /run/xen-hotplug/devices)" = "9pfs-$(xl domid g)-0" ]
	mounted g
	xl destroy g
	wait_until no_journal
	watch_stop
	cat watch.log
}

# A path that is not to be exported: prepare says so; udev closes the backend.
test_p9_refused() {
	local back
	hotplug_conf
	mkdir -p /srv/guests
	! xen-hotplug run 9pfs prepare path=/etc guest=g 2>said || return 1
	cat said
	grep "not below any of hotplug.conf's export-roots" said
	guest_create g "p9 = ['$P9,path=/etc']" >said 2>&1 || :
	cat said
	back=$(backend_of g 9pfs)
	wait_until eval "! xenstore-exists $back"
	sleep 2
	! xenstore-exists "$back" || return 1
	! in_guest g 'mkdir -p /mnt && timeout 10 mount -t 9p -o trans=xen,version=9p2000.L share /mnt' ||
		return 1
	xl list
}

# Many guests' devices come and go while watch is there, and while it is not.
test_watch_many() {
	local i
	hotplug_conf 'udev-devices = none' 'watch-devices = vif'
	no_scripts
	watch_start
	guest_create g "vif = ['$VIF', '$VIF', '$VIF']"
	for i in 0 1 2; do
		wait_until eval "[ \"\$(master_of \$(vif_of g $i))\" = xenbr0 ]"
	done
	xl network-detach g 1
	wait_until test ! -e "/run/xen-hotplug/devices/vif-$(xl domid g)-1"
	watch_stop
	xl network-detach g 2
	xl network-attach g bridge=xenbr0 script=$NO_SCRIPTS/vif-bridge
	[ -e "/run/xen-hotplug/devices/vif-$(xl domid g)-2" ]
	watch_start
	wait_until eval "[ \"\$(master_of \$(vif_of g 1))\" = xenbr0 ]"
	wait_until test ! -e "/run/xen-hotplug/devices/vif-$(xl domid g)-2"
	xl destroy g
	wait_until no_journal
	cat watch.log
}

# A vif and a disk by udev alone, xl's own calls out of the way.
test_udev_vif_vbd() {
	local back
	hotplug_conf 'udev-devices = vif vbd'
	no_scripts
	mkdir -p /srv/guests
	truncate -s 8M /srv/guests/disk
	guest_create g "vif = ['$VIF']" \
		"disk = ['format=raw,vdev=xvda,access=rw,script=$NO_SCRIPTS/block,target=/srv/guests/disk']"
	wait_until eval '[ "$(master_of $(vif_of g))" = xenbr0 ]'
	guest_up g
	pings g
	back=/local/domain/0/backend/vbd/$(xl domid g)/51712
	wait_until xenstore-exists "$back/physical-device"
	wait_until in_guest g test -b /dev/xvda
	in_guest g 'echo from-guest | dd of=/dev/xvda bs=512 conv=sync count=1 && sync'
	grep from-guest /srv/guests/disk
	xl destroy g
	wait_until no_journal
}
