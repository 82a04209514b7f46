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

# killing: a vif-bridge that is killed when it sends its message number /tmp/kill-at.
killing() {
	cat >/usr/local/bin/killed-vif <<-'END'
		#!/bin/sh
		[ "$1" = online ] || exec /usr/sbin/xen-hotplug run vif-bridge "$@"
		read -r message </tmp/kill-at
		exec strace -o /tmp/killed.log -e trace=sendmsg \
			-e inject=sendmsg:signal=KILL:when=$message /usr/sbin/xen-hotplug run vif-bridge "$@"
	END
	chmod 755 /usr/local/bin/killed-vif
}

# killed_at MESSAGE: the attach fails, and what it had done until then is there.
killed_at() {
	echo "$1" >/tmp/kill-at
	if xl network-attach shared bridge=xenbr0 ip=192.0.2.10 script=/usr/local/bin/killed-vif; then
		echo "not killed at message $1"
		return 1
	fi
	xen-hotplug status
	xen-hotplug status | grep '^vif-.* incomplete '
	[ -n "$(nft list tables netdev)" ]
}

# The handler is killed: gc, or the guest's end, takes back what it had done.
test_killed() {
	local messages
	killing
	# the last messages: the filter, the bridge, up
	echo 1000 >/tmp/kill-at
	xl network-attach shared bridge=xenbr0 ip=192.0.2.10 script=/usr/local/bin/killed-vif
	messages=$(grep -c '^sendmsg(' /tmp/killed.log)
	detach_all
	killed_at "$messages"
	[ "$(master_of "$(vif_of shared)")" = xenbr0 ]
	xen-hotplug gc
	[ -z "$(find /run/xen-hotplug -type f)" ]
	[ -z "$(nft list tables)" ]
	! master_of "$(vif_of shared)" || return 1
	detach_all
	killed_at $((messages - 1))
	! master_of "$(vif_of shared)" || return 1
	detach_all
	xen_clean
	xl network-attach shared bridge=xenbr0 ip=192.0.2.10
}
