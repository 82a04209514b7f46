#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# run --trace: what is asked of the kernel and of xenstore, and no secrets.

load lib
load scene

teardown() {
	rig_teardown
}

traced() {
	libxl_call vif 1 0 /usr/sbin/xen-hotplug run --trace "${RECIPE:-vif-bridge}" "$@"
}

@test "every netlink message and xenstore request of an attach is shown" {
	scene ip=192.0.2.1
	dom0 sysctl -qw net.ipv4.ip_forward=1
	run traced online type_if=vif
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	says 'xenstore read backend/vif/1/0/mac = 00:16:3e:01:01:00' \
		'xenstore write backend/vif/1/0/hotplug-status = connected' \
		'xenstore ends the transaction' \
		'rtnetlink -> RTM_GETLINK ifindex=0 name=vif1.0' 'rtnetlink <- RTM_NEWLINK ifindex=' \
		'rtnetlink -> RTM_SETLINK' 'address=fe:ff:ff:ff:ff:ff' ' up' 'rtnetlink <- ok' \
		'nftables -> NFT_MSG_NEWTABLE' 'NFT_MSG_NEWRULE netdev table=xen-vif-1-0 chain=ingress: ' 'nftables <- ok'
	link_is vif1.0 'master br0' ',UP'
	run traced offline type_if=vif
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	says 'nftables -> NFT_MSG_DELTABLE' 'master=0'
}

@test "an error of the kernel is in the trace, and nothing else is when it is off" {
	scene
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br9
	run traced online type_if=vif
	[ "$status" = 1 ]
	says 'rtnetlink <- No such device'
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br0
	run vif_call 1 0 online
	[ "$status" = 0 ] && [[ $output != *rtnetlink* ]]
	vif_call 1 0 offline
	XEN_HOTPLUG_TRACE=1 run vif_call 1 0 online
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	says 'rtnetlink -> RTM_SETLINK'
}

@test "a secret is not shown" {
	scene
	install -m 600 /dev/stdin "$RIG/etc-xen/secrets" <<<"guest1 hunter-two"
	cat >"$RIG/etc-xen/hotplug/secretive.ini" <<-'END'
		[recipe]
		device = vif
		[lookup]
		file = /etc/xen/secrets
		key = ${vm/name}
		secret = yes
		[exec]
		attach = /bin/echo password=${lookup.value}
		detach = /bin/true
		[use vif-bridge]
	END
	RECIPE=secretive run traced online type_if=vif
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	says 'program /bin/echo password=(secret)' 'program /bin/echo: status 0'
	[[ $output != *hunter* ]]
	! grep -r hunter "$RIG/run" || false
}
