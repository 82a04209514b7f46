#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# compat-scripts/MIGRATION.md: home-made scripts and the recipes that they become leave the
# host in the same state; and the way back to Xen's scripts.

load cook

GUIDE=$RIG_TOP/compat-scripts/MIGRATION.md

setup() {
	[ -f /etc/xen/scripts/vif-common.sh ] || skip "no Xen scripts (xen-utils-common)"
}

teardown() {
	cook_teardown
}

# What the guide says of all of them: the journal, a filter where the guest has addresses,
# and no link-local address of dom0's on a port.
OURS='^(file |nft |link vif[0-9.]+ inet6_addr_gen_mode=|sysctl ipv6/conf/vif[0-9.]+/addr_gen_mode:)'
OURS+='|^address vif[0-9.]+ +inet6 fe80::fcff:ffff:feff:ffff/64|^route6 fe80::/64 dev vif'
# The kernel adds these when it has looked for a duplicate, in its own time.
OURS+='|^route6 (anycast|local) fe80::[0-9a-f:]* dev vif'

# compare SECTION [ALLOWED]: the lines that may differ besides.
compare() {
	COOK_KEEP=$BATS_TEST_TMPDIR/script COOK_KIND=bash cook "$GUIDE" "$1" || return
	cook_teardown
	COOK_KEEP=$BATS_TEST_TMPDIR/recipe COOK_KIND=ini cook "$GUIDE" "$1" || return
	diff <(grep -vE "$OURS${2:+|$2}" "$BATS_TEST_TMPDIR/script") \
		<(grep -vE "$OURS${2:+|$2}" "$BATS_TEST_TMPDIR/recipe")
}

@test "every home-made script of the guide has its test here" {
	diff <(cook_sections "$GUIDE" | grep -E "^(vif|block)-") \
		<(sed -n 's/^@test "migration: \(.*\)" {$/\1/p' "$BATS_TEST_FILENAME")
}

@test "migration: vif-vlan" {
	compare vif-vlan
}

@test "migration: vif-route6" {
	compare vif-route6 "^route6 (local fe80|2001:db8::1)|^sysctl .*/vif1.0/accept_(ra|redirects):"
}

@test "migration: vif-dhcp" {
	compare vif-dhcp
}

@test "migration: vif-ovs-tag" {
	COOK_OVS=1 compare vif-ovs-tag '^link ovs[^ ]* address='
}

@test "migration: vif-rate" {
	compare vif-rate
}

@test "migration: block-image" {
	compare block-image
}

@test "a guest of the script's is detached by ours after enable, one of ours by the script after disable" {
	local verb
	scene ip=192.0.2.1
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	SCRIPT=/etc/xen/scripts/vif-bridge
	vif_call 1 0 online
	link_is vif1.0 'master br0' ',UP'
	xhp enable
	vif_call 1 0 offline
	! link_is vif1.0 'master br0|,UP' || false
	vif_call 1 0 online
	xhp status | grep '^vif-1-0 .* 192.0.2.1$'
	xhp disable
	[ ! -L "$RIG/etc-xen/scripts/vif-bridge" ]
	xhp status | grep '^vif-1-0 .* 192.0.2.1$'
	backend_closing vif 1 0
	vif_call 1 0 offline
	! link_is vif1.0 'master br0|,UP' || false
	vif_del 1 0
	backend_gone vif 1 0
	xhp gc
	[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
	! dom0 nft list ruleset | grep . || false
}

@test "both kinds serve guests on one bridge at the same time" {
	scene ip=192.0.2.1
	vif_add 2 0
	SCRIPT=/etc/xen/scripts/vif-bridge backend vif 2 0 bridge=br0
	SCRIPT=/etc/xen/scripts/vif-bridge vif_call 2 0 online
	vif_call 1 0 online
	link_is vif1.0 'master br0' ',UP'
	link_is vif2.0 'master br0' ',UP'
	SCRIPT=/etc/xen/scripts/vif-bridge vif_call 2 0 offline
	link_is vif1.0 'master br0' ',UP'
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	vif_call 1 0 offline
}

@test "a script that starts vif-bridge, and one that sources it, after enable" {
	scene
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	xhp enable >/dev/null
	printf '%s\n' '#!/bin/bash' 'exec "$(dirname "$0")/vif-bridge" "$@"' >"$RIG/etc-xen/scripts/one"
	printf '%s\n' '#!/bin/bash' '. "$(dirname "$0")/vif-bridge.stock"' >"$RIG/etc-xen/scripts/two"
	chmod +x "$RIG"/etc-xen/scripts/{one,two}
	for SCRIPT in /etc/xen/scripts/{one,two}; do
		xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status ''
		vif_call 1 0 online type_if=vif
		link_is vif1.0 'master br0' ',UP'
		status_is connected
		vif_call 1 0 offline type_if=vif
		! link_is vif1.0 'master br0|,UP' || false
	done
}
