# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest's life: reboot, shutdown, save, restore, migration.

new_domid() {
	local now
	now=$(xl domid "$1") && [ "$now" != "$2" ] && [ -d "/sys/class/net/vif$now.0" ] &&
		[ "$(xenstore-read "/local/domain/0/backend/vif/$now/0/hotplug-status")" = connected ]
}

# Reboot: the vif is on the bridge again. Then it switches itself off: nothing is left.
test_reboot() {
	local d
	guest_start g 'vif = ["bridge=xenbr0,ip=192.0.2.10"]'
	d=$(xl domid g)
	type_in_guest g reboot -f
	wait_until new_domid g "$d"
	wait_until in_guest g true
	guest_up g
	pings g
	[ "$(xen-hotplug status | grep -c '^vif-')" = 1 ]
	type_in_guest g poweroff -f
	xen_clean
}

# xl save, xl restore, xl destroy.
test_save() {
	guest_start g 'vif = ["bridge=xenbr0,ip=192.0.2.10"]'
	xl save g /var/tmp/g.saved
	xen_clean
	xl restore /var/tmp/g.saved
	rm /var/tmp/g.saved
	pings g
	xl destroy g
	xen_clean
	xen-hotplug status | grep 'nothing is attached'
}

# Live migration to the same host, of an HVM guest: its disk has two users meanwhile.
test_migrate() {
	local d
	truncate -s 8M /root/life.img
	guest_create g 'type = "hvm"' 'vif = ["bridge=xenbr0,model=e1000,ip=192.0.2.10"]' \
		'disk = ["format=raw,vdev=xvdb,access=rw,target=/root/life.img"]'
	d=$(xl domid g)
	xl migrate -s '' g 'xl migrate-receive'
	[ "$(xl domid g)" != "$d" ]
	d=$(xl domid g)
	xen-hotplug status
	[ "$(master_of "vif$d.0")" = xenbr0 ]
	[ "$(master_of "vif$d.0-emu")" = xenbr0 ]
	[ "$(xen-hotplug status | grep -c '^vif-\|^tap-\|^vbd-')" = 3 ]
	[ "$(xen-hotplug status | grep -c "^vbd-$d-.* attached ")" = 1 ]
	[ "$(loops | wc -l)" = 1 ]
}

# Live migration of a PV guest.
test_migrate_pv() {
	xl info | grep -q '^virt_caps.* shadow' || skip "Debian's Xen is built without shadow paging"
	guest_start g 'vif = ["bridge=xenbr0,ip=192.0.2.10"]'
	xl migrate -s '' g 'xl migrate-receive'
	pings g
	[ "$(xen-hotplug status | grep -c '^vif-')" = 1 ]
}
