# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest's life: save, restore, reboot, its own end, migration.

new_domid() {
	local now
	now=$(xl domid "$1") && [ "$now" != "$2" ] && [ -d "/sys/class/net/vif$now.0" ] &&
		[ "$(xenstore-read "/local/domain/0/backend/vif/$now/0/hotplug-status")" = connected ]
}

# wired: g has its vif and its disk, and uses both.
wired() {
	[ "$(xen-hotplug status | grep -c '^vif-.* attached \|^vbd-.* attached ')" = 2 ]
	[ "$(loops | wc -l)" = 1 ]
	pings g
	in_guest g 'dd if=/dev/xvda bs=512 count=1 iflag=direct 2>/dev/null | head -n 1' | grep -x kept
}

# Saved, restored, rebooted, ended by itself: vif and disk are wired, and nothing is left.
test_life() {
	local d
	truncate -s 8M /root/life.img
	guest_start g 'vif = ["bridge=xenbr0,ip=192.0.2.10"]' \
		'disk = ["format=raw,vdev=xvda,access=rw,target=/root/life.img"]'
	in_guest g 'echo kept | dd of=/dev/xvda bs=512 conv=sync,fsync 2>/dev/null'
	wired
	xl save g /var/tmp/g.saved
	xen_clean
	xl restore /var/tmp/g.saved
	rm /var/tmp/g.saved
	wired
	d=$(xl domid g)
	type_in_guest g reboot -f
	wait_until new_domid g "$d"
	wait_until in_guest g true
	guest_up g
	wired
	type_in_guest g poweroff -f
	xen_clean
	xen-hotplug status | grep 'nothing is attached'
}

hvm_wired() {
	xen-hotplug status
	[ "$(master_of "vif$1.0")" = xenbr0 ]
	[ "$(master_of "vif$1.0-emu")" = xenbr0 ]
	xen-hotplug status | grep "^tap-$1-0 *vif$1.0-emu .* attached "
	[ "$(xen-hotplug status | grep -c '^vif-\|^tap-\|^vbd-')" = 3 ]
	[ "$(xen-hotplug status | grep -c "^vbd-$1-.* attached ")" = 1 ]
	[ "$(loops | wc -l)" = 1 ]
}

# An HVM guest: its emulated NIC is on the bridge, too, also after live migration to this host.
test_hvm() {
	local d before
	truncate -s 8M /root/life.img
	guest_create g 'type = "hvm"' 'vif = ["bridge=xenbr0,model=e1000,ip=192.0.2.10"]' \
		'disk = ["format=raw,vdev=xvdb,access=rw,target=/root/life.img"]' >said 2>&1 ||
		{ cat said /var/log/xen/qemu-dm-g.log; return 1; }
	before=$(xl domid g)
	hvm_wired "$before"
	# two guests have its disk meanwhile
	xl migrate -s '' g 'xl migrate-receive'
	d=$(xl domid g)
	[ "$d" != "$before" ]
	hvm_wired "$d"
}

# Live migration of a PV guest.
test_migrate_pv() {
	xl info | grep -q '^virt_caps.* shadow' || skip "Debian's Xen is built without shadow paging"
	guest_start g 'vif = ["bridge=xenbr0,ip=192.0.2.10"]'
	xl migrate -s '' g 'xl migrate-receive'
	pings g
	[ "$(xen-hotplug status | grep -c '^vif-')" = 1 ]
}
