# SPDX-License-Identifier: LGPL-2.1-or-later
# A PV guest as driver domain, with a domain's own rights in xenstore and with systemd: it
# serves a second guest's vif and disk. They are the guests "shared" and "shared-user".
#
# libxl gives a driver domain 10 s for what it has to do, and then says that it has failed,
# with all left in xenstore: on a slow machine, what becomes of the device is what counts.

PROM=/var/lib/prometheus/node-exporter/xen-hotplug.prom

setup_file() {
	PV=${PV/guest.initrd/driver.initrd} guest_create shared 'memory = 448' \
		'driver_domain = 1' "disk = ['phy:/dev/vdc,xvda,r', 'phy:/dev/vdb,xvdb,r']"
	guest_create shared-user
	booted
	driver 'grep systemd /proc/1/comm &&
		modprobe -a xen-netback xen-blkback xen-privcmd loop bridge nf_tables &&
		ip link add xenbr0 type bridge stp_state 0 forward_delay 0 &&
		ip addr add 192.0.2.2/24 dev xenbr0 && ip link set xenbr0 addrgenmode none up &&
		truncate -s 8M /root/disk'
	# for some minutes
	driver 'within() { i=300; until "$@"; do [ $i != 0 ] || return; sleep 1; i=$((i - 1)); done; }'
}

# The driver domain reads its console; what is typed before is lost.
booted() {
	local tty line
	tty=$(xenstore-read "/local/domain/$(xl domid shared)/console/tty")
	exec {tty}<>"$tty"
	while read -r -t "$PATIENCE" -u "$tty" line; do
		echo "$line"
		[[ $line != *'guest is up'* ]] || break
	done
	exec {tty}>&-
	[[ $line == *'guest is up'* ]]
}

teardown() {
	[ -z "$(xenstore-ls "/libxl/$(xl domid shared-user)/device" | grep frontend)" ] || lose || :
	driver 'systemctl stop xen-hotplug-check.timer nftables xen-hotplug-watch;
		[ ! -e /run/devd.pid ] || kill $(cat /run/devd.pid); rm -f /etc/xen/hotplug.conf'
}

# driver COMMAND...: runs it there.
driver() {
	in_guest shared "$@"
}

# settings LINE...: the driver domain's.
settings() {
	driver "printf '%s\\n' $(printf '"%s" ' "$@") >/etc/xen/hotplug.conf"
}

# A vif and a disk of the driver domain's come to the guest, and it uses them.
attach() {
	xl network-attach shared-user backend=shared bridge=xenbr0 ip=192.0.2.10 || :
	xl block-attach shared-user backend=shared format=raw vdev=xvda access=rw \
		script=block target=/root/disk || :
	wait_until connected
	guest_up shared-user
	guest_reaches shared-user 192.0.2.2
	wait_until in_guest shared-user test -b /dev/xvda
	in_guest shared-user 'echo from-guest | dd of=/dev/xvda bs=512 conv=sync count=1 && sync'
	driver 'xen-hotplug status && xen-hotplug check && grep from-guest /root/disk' >said
	cat said
	[ "$(grep -c ' attached ' said)" = 2 ]
}

connected() {
	local back
	back=/local/domain/$(xl domid shared)/backend/vif/$(xl domid shared-user)/0
	[ "$(xenstore-read "$back/hotplug-status")" = connected ]
}

# Once more, where libxl did not wait, takes away what it left.
lose() {
	xl network-detach shared-user 0 || wait_until xl network-detach shared-user 0 &
	xl block-detach shared-user xvda || wait_until xl block-detach shared-user xvda
	wait $!
}

# They go, and nothing of them is left in the driver domain.
detach() {
	lose
	driver 'left() {
			ls /run/xen-hotplug/devices; ls /sys/class/net | grep vif; losetup;
			nft list tables netdev; xenstore-ls -f backend 2>/dev/null | grep state;
		}; nothing() { [ -z "$(left)" ]; }; within nothing || { left; false; }'
}

# By watch as a service of systemd, without any tool of Xen's.
test_driver_watch() {
	settings 'watch-devices = vif vbd' 'udev-devices = none'
	driver "mkdir -p ${PROM%/*} && systemctl start xen-hotplug-check.timer xen-hotplug-watch"
	attach
	services
	detach
	driver 'systemctl is-active xen-hotplug-watch && systemctl stop xen-hotplug-watch'
}

# The other units, while something is attached.
services() {
	driver 'systemd-analyze verify --man=no /lib/systemd/system/xen-hotplug* 2>&1' >said || :
	cat said
	[ ! -s said ]
	# the timer has started the service once
	driver "within test -e $PROM"
	driver 'waits() { systemctl list-timers --no-legend | grep "^[^-].* xen-hotplug-check.timer"; };
		within waits && systemctl stop xen-hotplug-check.timer xen-hotplug-check'
	# Debian's service flushes all that nftables has; check says who did it
	driver "systemctl start nftables; xen-hotplug check;
		systemctl start xen-hotplug-check && cat $PROM" >said
	cat said
	grep '\[filter\] drifted' said
	grep 'known: nftables.service was started' said
	grep -x 'xen_hotplug_differences{class="vif"} 1' said
	# and our unit, once enabled, puts back what it flushes, be it started or reloaded
	driver 'systemctl enable xen-hotplug-repair && systemctl restart nftables &&
		within xen-hotplug check &&
		ip link set $(ls /sys/class/net | grep vif) nomaster && systemctl reload nftables &&
		within xen-hotplug check'
	driver "systemctl start xen-hotplug-check && cat $PROM" >said
	cat said
	grep -x 'xen_hotplug_differences{class="vif"} 0' said
	grep -x 'xen_hotplug_devices{class="vbd"} 1' said
}

# By udev's rule, which asks systemd for an instance of the service.
test_driver_udev() {
	settings 'udev-devices = vif vbd'
	attach
	driver 'journalctl -b -o cat' >journal
	grep 'Finished xen-hotplug@vif-.*:online:' journal
	grep 'Finished xen-hotplug@vbd-.*:add:' journal
	detach
}

# By xl devd, which calls us by the old scripts' names.
test_driver_devd() {
	settings 'udev-devices = none'
	driver 'xen-hotplug enable vif-bridge block &&
		xl devd --pidfile=/run/devd.pid'
	attach
	detach
}
