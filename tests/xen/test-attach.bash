# SPDX-License-Identifier: LGPL-2.1-or-later
# Vifs that come to, and go from, a running guest.

setup_file() {
	guest_create shared 'vif = []'
	in_guest shared true
}

teardown() {
	detach_all
}

# network-attach, network-detach.
test_attach() {
	xl network-attach shared bridge=xenbr0 ip=192.0.2.10
	[ "$(master_of "$(vif_of shared)")" = xenbr0 ]
	wait_until in_guest shared test -e /sys/class/net/eth0
	guest_up shared
	pings shared
	xl network-detach shared 0
	xen_clean
}

# With a vifname.
test_vifname() {
	xl network-attach shared bridge=xenbr0 vifname=db0
	[ "$(master_of db0)" = xenbr0 ]
}

# A bridge that is not there: xl network-attach fails, and shows our message.
test_no_bridge() {
	if xl network-attach shared bridge=nosuch >said 2>&1; then
		return 1
	fi
	cat said
	grep 'vif-bridge.*nosuch' said
}

# The handler is killed: gc takes back what it had done.
test_killed() {
	local call d
	d=$(xl domid shared)
	cat >/usr/local/bin/killed-vif <<-'END'
		#!/bin/sh
		[ "$1" = online ] || exec /usr/sbin/xen-hotplug run vif-bridge "$@"
		read -r call </tmp/kill-at
		exec strace -o /tmp/killed.log -e trace=sendmsg \
			-e inject=sendmsg:signal=KILL:when=$call /usr/sbin/xen-hotplug run vif-bridge "$@"
	END
	chmod 755 /usr/local/bin/killed-vif
	for call in 4 6 7; do
		echo $call >/tmp/kill-at
		if xl network-attach shared bridge=xenbr0 ip=192.0.2.10 \
			script=/usr/local/bin/killed-vif; then
			echo "not killed at $call"
			cat /tmp/killed.log
			return 1
		fi
		tail -n 3 /tmp/killed.log
		xen-hotplug status
		xen-hotplug gc
		xen-hotplug status
		[ -z "$(find /run/xen-hotplug -type f)" ]
		[ -z "$(nft list tables)" ]
		[ ! -e "/sys/class/net/vif$d.0/master" ]
		teardown
		xen_clean
	done
}

# The handler is killed: the guest's end takes back what it had done, and the next starts.
test_killed_detach() {
	echo 5 >/tmp/kill-at
	! xl network-attach shared bridge=xenbr0 ip=192.0.2.10 \
		script=/usr/local/bin/killed-vif || return 1
	teardown
	xen_clean
	xl network-attach shared bridge=xenbr0 ip=192.0.2.10
}
