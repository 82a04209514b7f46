#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# block-iscsi: what iscsiadm, a stand-in, is called with, and what is made of what it says.

load lib
load scene
load tools
load stand-ins

teardown() {
	stand_ins_teardown
}

@test "block-iscsi: node, login, disk; and back" {
	disk_scene block-iscsi "iqn=$IQN,portal=192.0.2.1:3260"
	iscsi_tools
	add
	attached
	called "iscsiadm $ISCSI" "iscsiadm $ISCSI<-o><new>" "iscsiadm $ISCSI<--login>"
	remove
	called "iscsiadm $ISCSI<--logout>" "iscsiadm $ISCSI<-o><delete>"
	left
}

@test "block-iscsi: another portal, whose address begins with the same digits" {
	disk_scene block-iscsi "iqn=$IQN,portal=192.0.2.1"
	iscsi_tools
	truncate -s 1M "$RIG/image2"
	OTHER=$(losetup --show -f "$RIG/image2")
	ln -s "$OTHER" "$RIG/run/disk/by-path/ip-192.0.2.10:3260-iscsi-$IQN-lun-0"
	keep before
	add
	attached
	rm "$RIG/run/disk/by-path/ip-192.0.2.10:3260-iscsi-$IQN-lun-0"
	remove
	losetup -d "$OTHER"
	OTHER=
}

@test "block-iscsi: two disks of one target share the session; the last one logs out" {
	local portal
	disk_scene block-iscsi "iqn=$IQN,portal=192.0.2.1:3260" mode=r
	iscsi_tools
	# a portal without its port is the same portal
	for portal in 192.0.2.1:3260 192.0.2.1; do
		disk 2 "iqn=$IQN,portal=$portal" mode=r
		add 1
		add 2
		attached 2
		called "iscsiadm $ISCSI" "iscsiadm $ISCSI<-o><new>" "iscsiadm $ISCSI<--login>"
		remove 1
		called
		remove 2
		called "iscsiadm $ISCSI<--logout>" "iscsiadm $ISCSI<-o><delete>"
		left
	done
}

@test "block-iscsi: dom0's own session is not logged out of" {
	disk_scene block-iscsi "iqn=$IQN,portal=192.0.2.1:3260"
	iscsi_tools
	: >"$RIG/run/things/node"
	: >"$RIG/run/things/session"
	ln -s "$LOOP" "$RIG/run/disk/by-path/ip-192.0.2.1:3260-iscsi-$IQN-lun-0"
	add
	attached
	remove
	called "iscsiadm $ISCSI" "iscsiadm $ISCSI<--login>"
	[ -e "$RIG/run/things/session" ] && [ -e "$RIG/run/things/node" ]
}

@test "block-iscsi: CHAP from a private file, and a LUN" {
	disk_scene block-iscsi "iqn=$IQN,portal=192.0.2.1:3260,lun=3"
	iscsi_tools
	sed -i '2i LUN=3' "$RIG/tools/iscsiadm"
	echo "$IQN alice wonder land" >"$RIG/etc-xen/iscsi-secrets"
	run add
	[ "$status" = 1 ]
	says 'others than root can read it'
	called
	chmod 600 "$RIG/etc-xen/iscsi-secrets"
	add
	attached
	called "iscsiadm $ISCSI" "iscsiadm $ISCSI<-o><new>" \
		"iscsiadm $ISCSI<-o><update><-n><node.session.auth.authmethod><-v><CHAP>" \
		"iscsiadm $ISCSI<-o><update><-n><node.session.auth.username><-v><alice>" \
		"iscsiadm $ISCSI<-o><update><-n><node.session.auth.password><-v><wonder land>" \
		"iscsiadm $ISCSI<--login>"
	not grep -r -e alice -e wonder "$RIG/run/xen-hotplug" "$RIG/log"
	remove
	left
}

@test "block-iscsi: what is missing or unknown is named" {
	local params expected
	disk_scene block-iscsi x
	iscsi_tools
	while IFS='>' read -r params expected; do
		xenstore-write /local/domain/0/backend/vbd/1/51712/params "$params"
		keep before
		run add
		[ "$status" = 1 ]
		says "$expected"
		[ "$(node vbd 1 51712 hotplug-status)" = error ]
		called
		left
	done <<-END
		iqn=$IQN>target.portal is required
		portal=192.0.2.1>target.iqn is required
		iqn=$IQN,portal=1,multipath=maybe>does not list "maybe"
		iqn=$IQN,portal=1,auth=chap>"auth=chap" is none of its pairs
	END
	rm "$RIG/tools/iscsiadm"
	xenstore-write /local/domain/0/backend/vbd/1/51712/params "iqn=$IQN,portal=192.0.2.1"
	run add
	[ "$status" = 1 ]
	says 'the program iscsiadm is not installed (in Debian: package open-iscsi)'
}
