#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# [split], [store], [wait] and [udev].

load lib
load scene
load tools

BACK=/local/domain/0/backend/thing/1/0

teardown() {
	[ -z "$LOOP" ] || losetup -d "$LOOP" || :
	rig_teardown
}

# params VALUE: what the guest's configuration says, also if it has a backslash in it
params() {
	xenstore-write -- "$BACK/params" "${1//\\/\\\\}"
	keep before
}

@test "split: pairs in any order, with defaults" {
	local text expected
	tool_scene
	recipe mine <<-'END'
		[split target]
		text  = ${backend/params}
		pairs = iqn portal lun=0 multipath=n
		[exec]
		attach = mk make "${target.iqn}|${target.portal}|${target.lun}|${target.multipath}"
		detach = mk drop "${target.iqn}|${target.portal}|${target.lun}|${target.multipath}"
	END
	while IFS='>' read -r text expected; do
		params "$text"
		thing_call 1 0 add
		called "<make><$expected>"
		thing_call 1 0 remove
		rm "$RIG/run/calls"
		nothing_left
	done <<-'END'
		iqn=i,portal=p>i|p|0|n
		portal=p:1,lun=12,iqn=i>i|p:1|12|n
		multipath=y,iqn=a=b,portal=[::1]:3260,>a=b|[::1]:3260|0|y
		iqn=a b,portal=$(x),lun=>a b|$(x)|0|n
	END
	while IFS='>' read -r text expected; do
		params "$text"
		run thing_call 1 0 add
		failed "$expected" 'mine.ini:3'
		called
	done <<-'END'
		iqn=i,portal=p,lum=1>"lum=1" is none of its pairs; did you mean "lun"?
		iqn=i,iqn=j>iqn stands there twice
		iqn=i,portal>"portal" is none of its pairs
		iqn=i,,portal=p>"" is none of its pairs
		x>"x" is none of its pairs
		iqn=i, portal=p>" portal=p" is none of its pairs
	END
}

@test "split: a pattern" {
	tool_scene
	recipe mine <<-'END'
		[split image]
		text   = ${backend/params}
		format = {pool}/{name}[@{snapshot}]
		[exec]
		attach = mk make "${image.pool}|${image.name}|${image.snapshot}"
		detach = mk drop "${image.pool}|${image.name}|${image.snapshot}"
		[exec snap]
		when   = ${image.snapshot}
		attach = mk make snap
		detach = mk drop snap
	END
	params 'rbd/vm 1'
	thing_call 1 0 add
	called '<make><rbd|vm 1|>'
	thing_call 1 0 remove
	rm "$RIG/run/calls"
	params 'rbd/vm@s'
	thing_call 1 0 add
	called '<make><rbd|vm|s>' '<make><snap>'
	thing_call 1 0 remove
	rm "$RIG/run/calls"
	params rbd
	run thing_call 1 0 add
	failed '"rbd" is not of the form "{pool}/{name}[@{snapshot}]"'
	# nothing to split, nothing found
	params ''
	run thing_call 1 0 add
	[ "$status" = 0 ]
	called '<make><||>'
}

@test "store: written together, and put back" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		output = {number} made {name}
		detach = mk drop ${make.name}
		[store]
		nodes =
		  backend/number=${make.number}
		  backend/params=${make.name}-changed
		  frontend/hint=ä b
		  backend/empty=${backend/none}
	END
	thing_call 1 0 add
	[ "$(node thing 1 0 number)" = 7 ]
	[ "$(node thing 1 0 params)" = disk1-changed ]
	[ "$(xenstore-read /local/domain/1/device/thing/0/hint)" = "$(printf '\\xc3\\xa4 b')" ] ||
		[ "$(xenstore-read /local/domain/1/device/thing/0/hint)" = 'ä b' ]
	not xenstore-exists "$BACK/empty"
	thing_call 1 0 remove
	nothing_left
}

@test "store: what others wrote since stays, and a backend that has gone does not come back" {
	tool_scene
	recipe mine <<-'END'
		[store]
		nodes =
		  backend/one=1
		  backend/two=2
	END
	thing_call 1 0 add
	xenstore-write "$BACK/one" other
	run xhp check
	[ "$status" = 1 ]
	says 'is "other", not "1"'
	thing_call 1 0 remove
	[ "$(node thing 1 0 one)" = other ]
	not xenstore-exists "$BACK/two"
	xenstore-rm "$BACK/one"
	thing_call 1 0 add
	backend_gone thing 1 0
	thing_call 1 0 remove
	not xenstore-exists "$BACK"
	run thing_call 1 0 add
	[ "$status" = 1 ]
	not xenstore-exists "$BACK"
	not xenstore-exists /local/domain/1/device/thing/0
}

@test "store: without a journal, a node gives back what a step had found out" {
	tool_scene
	recipe mine <<-'END'
		[exec make]
		attach = mk make ${backend/params}
		output = {number} made {name}
		detach = mk drop ${make.name} ${make.number}
		[store]
		nodes =
		  backend/x-name=${make.name}
		  backend/x-number=${make.number}
		  backend/x=v${make.number}
	END
	thing_call 1 0 add
	rm "$RIG"/run/xen-hotplug/devices/*
	thing_call 1 0 remove
	called '<make><disk1>' '<drop><disk1><7>'
	things
}

@test "wait: for a node's value, and not for ever" {
	tool_scene
	recipe mine <<-'END'
		[wait]
		node    = self/tool/state
		value   = running
		timeout = 20
		[exec]
		attach = mk make ${backend/params}
		detach = mk drop ${backend/params}
	END
	XEN_HOTPLUG_TRACE=1 thing_call 1 0 add 2>"$RIG/trace" 3>&- &
	later=$!
	wait_until shows 1 'read tool/state = No such file' "$RIG/trace"
	xenstore-write /local/domain/0/tool/state starting
	wait_until shows 1 'read tool/state = starting' "$RIG/trace"
	xenstore-write /local/domain/0/tool/state running
	wait "$later"
	called '<make><disk1>'
	thing_call 1 0 remove
	xenstore-write /local/domain/0/tool/state stopped
	rm "$RIG/run/calls"
	sed -i 's/= 20/= 1/' "$RIG/etc-xen/hotplug/mine.ini"
	keep before
	run thing_call 1 0 add
	failed 'tool/state is "stopped", not "running", after 1 s'
	called
	xenstore-rm /local/domain/0/tool
	keep before
	run thing_call 1 0 add
	failed 'tool/state is not set, not "running"'
}

# A loop device stands for what udev makes links to.
udev_scene() {
	tool_scene
	rig_kernel_has loop || skip "no loop devices"
	truncate -s 1M "$RIG/image"
	LOOP=$(losetup --show -f "$RIG/image")
	mkdir "$RIG/run/by-path"
	recipe mine <<-'END'
		[udev path]
		link    = /run/by-path/ip-*-iscsi-${backend/params}-lun-0
		timeout = 20
		[exec]
		attach = mk make ${path.device}[${path.serial}]
		detach = mk drop ${path.device}[${path.serial}]
	END
}

@test "udev: the device that a link leads to, when it comes" {
	udev_scene
	XEN_HOTPLUG_TRACE=1 thing_call 1 0 add 2>"$RIG/trace" 3>&- &
	later=$!
	wait_until shows 1 'is not there yet' "$RIG/trace"
	ln -s /nowhere "$RIG/run/by-path/ip-1-iscsi-disk1-lun-0"
	# one look may be under way
	looks=$(grep -c 'is not there yet' "$RIG/trace")
	wait_until shows $((looks + 2)) 'is not there yet' "$RIG/trace"
	ln -sf "$LOOP" "$RIG/run/by-path/ip-1-iscsi-disk1-lun-0"
	wait "$later"
	called "<make><$LOOP[]>"
	thing_call 1 0 remove
	rm "$RIG/run/calls"
	# a second path to the same device
	ln -s "$LOOP" "$RIG/run/by-path/ip-2-iscsi-disk1-lun-0"
	thing_call 1 0 add
	called "<make><$LOOP[]>"
	thing_call 1 0 remove
	rm "$RIG/run/calls"
	# and one to another
	truncate -s 1M "$RIG/image2"
	local other
	other=$(losetup --show -f "$RIG/image2")
	ln -sf "$other" "$RIG/run/by-path/ip-2-iscsi-disk1-lun-0"
	run thing_call 1 0 add
	losetup -d "$other"
	failed 'lead to different devices' "$LOOP" "$other"
}

@test "udev: a link that does not come, or is no block device, and a stranger's star" {
	udev_scene
	sed -i 's/= 20/= 1/' "$RIG/etc-xen/hotplug/mine.ini"
	ln -s /dev/null "$RIG/run/by-path/ip-1-iscsi-disk1-lun-0"
	run thing_call 1 0 add
	failed 'no /run/by-path/ip-*-iscsi-disk1-lun-0 after 1 s'
	ln -s "$LOOP" "$RIG/run/by-path/ip-1-iscsi-disk2-lun-0"
	params 'disk*'
	run thing_call 1 0 add
	failed 'after 1 s'
	ln -s "$LOOP" "$RIG/run/by-path/ip-1-iscsi-disk*-lun-0"
	run thing_call 1 0 add
	[ "$status" = 0 ]
	thing_call 1 0 remove
	for bad in a/b .. '' ; do
		params "$bad"
		run thing_call 1 0 add
		[ "$status" = 1 ]
		case $bad in ?*/*) says 'which is not one component of a path' ;; esac
	done
}
