#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# block, for what is neither file nor device: the recipe or script block-TYPE serves it.

load lib
load scene
load tools
load disk

BACK=/local/domain/0/backend/vbd/1/51712

teardown() {
	disk_teardown
}

# of_type TYPE [PARAMS]: guest 1's disk.
of_type() {
	disk 1 51712 x type="$1" params="${2-mine:a}"
}

# script NAME: a script in /etc/xen/scripts, from standard input.
script() {
	mkdir -p "$RIG/etc-xen/scripts"
	cat >"$RIG/etc-xen/scripts/$1"
	chmod 755 "$RIG/etc-xen/scripts/$1"
}

# What others wrote for Xen: it tells the toolstack itself.
mine() {
	DEV=$(as_disk "$IMAGES/a")
	script block-mine <<-END
		#!/bin/bash
		. /usr/lib/xen-hotplug/scripts/block-common.sh
		echo "\$command \$(xenstore_read_default "\$XENBUS_PATH/params" gone)" >>/run/calls
		env >/run/env
		[ ! -e /run/fail ] || fatal "no such thing as \$(xenstore_read "\$XENBUS_PATH/params")"
		[ "\$command" = remove ] || write_dev $DEV
	END
}

# called LINE...: was the script called so since the last time?
called() {
	diff <([ $# = 0 ] || printf '%s\n' "$@") <(cat "$RIG/run/calls" 2>/dev/null) || return
	rm -f "$RIG/run/calls"
}

# What a script wrote is its own; it leaves physical-device as Xen's do.
gone() {
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a recipe of ours: it attaches, and the journal alone detaches" {
	disk_scene
	of_type dummy "dummy:$IMAGES/a"
	run libxl_call vbd 1 51712 /usr/sbin/xen-hotplug plan block add
	says 'not for this recipe, but for /usr/share/xen-hotplug/block-dummy.ini' '[loop]' "$IMAGES/a"
	add 1
	attached 1
	grep 'recipe=/usr/share/xen-hotplug/block-dummy.ini' "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	xhp status | grep 'block-dummy.ini'
	keep first
	add 1
	keep now
	same first now
	xhp check
	# by the script's old name, and whatever the nodes say by now
	xenstore-write $BACK/type phy $BACK/params /nowhere
	SCRIPT=/usr/lib/xen-hotplug/scripts/block remove 1
	nothing_left
	# its own words are what is said of a failure
	of_type dummy "dummy:$IMAGES/none"
	run add 1
	refused error 1 "there is no file or device" block-dummy.ini
	nothing_left
}

@test "the administrator's recipe, also as a program" {
	disk_scene
	disk_recipe() {
		printf '%s\n' '[recipe]' 'device = vbd' '[split]' 'text = ${params}' 'format = mine:{file}' \
			'[loop]' "file = $IMAGES/\${split.file}" 'mode = ${mode}' '[disk]' 'device = ${loop.device}' 'mode = ${mode}'
	}
	of_type mine
	disk_recipe >"$RIG/etc-xen/hotplug/block-mine.ini"
	add 1
	attached 1
	remove 1
	nothing_left
	rm "$RIG/etc-xen/hotplug/block-mine.ini"
	{ echo '#!/usr/sbin/xen-hotplug run'; disk_recipe; } | script block-mine
	add 1
	attached 1
	remove 1
	nothing_left
	# another class's
	printf '%s\n' '[recipe]' 'device = vif' '[up]' >"$RIG/etc-xen/hotplug/block-mine.ini"
	run add 1
	refused error 1 'block-mine.ini is for a vif, the device is a vbd'
	nothing_left
}

@test "an optional step that is left out calls nobody" {
	disk_scene
	mine
	of_type mine /nowhere
	printf '%s\n' '[recipe]' 'device = vbd' 'requires = other.value' '[loop]' 'optional = yes' 'file = ${params}' \
		'mode = ${mode}' 'otherwise = block-${type}' '[lookup other]' 'key = ${mode}' 'missing = empty' 'table =' \
		'  x y' '[disk]' "device = $DEV" 'mode = ${mode}' >"$RIG/etc-xen/hotplug/block.ini"
	run add 1
	refused error 1 'other.value is required, and not set'
	called
	gone
}

@test "another's script: called as libxl would, and for detach from the journal" {
	disk_scene
	mine
	of_type mine
	BASH_ENV=/run/evil FOO=bar add 1
	[ "$(node vbd 1 51712 hotplug-status)" = connected ]
	[ "$(node vbd 1 51712 physical-device-path)" = "$DEV" ]
	called 'add mine:a'
	grep -x 'XENBUS_PATH=backend/vbd/1/51712' "$RIG/run/env"
	grep -x 'XENBUS_TYPE=vbd' "$RIG/run/env"
	grep -x 'XENBUS_BASE_PATH=backend' "$RIG/run/env"
	grep -x 'script=/etc/xen/scripts/block-mine' "$RIG/run/env"
	not grep -E 'BASH_ENV|FOO' "$RIG/run/env"
	run xhp status
	says ' block-mine ' attached
	[[ $output != *changed* ]]
	add 1
	called
	xenstore-write $BACK/type phy $BACK/params "$IMAGES/a"
	remove 1
	called "remove $IMAGES/a"
	gone
	# its disk counts as anybody's
	xenstore-rm $BACK/physical-device
	of_type mine
	add 1
	disk 2 51712 a
	run add 2
	refused busy 2 'guest "guest1"'
	backend_gone vbd 1 51712
	run xhp gc
	[ "$status" = 0 ]
	called 'add mine:a' 'remove gone'
	gone
	losetup -d "$DEV"
}

@test "another's script fails: its words are told, and it is not asked to take back" {
	disk_scene
	mine
	touch "$RIG/run/fail"
	of_type mine
	run add 1
	refused error 1 '/etc/xen/scripts/block-mine ended with status 1: "no such thing as mine:a"'
	called 'add mine:a'
	gone
	# one that gives the guest no disk
	script block-mine <<<'#!/bin/true'
	of_type mine
	run add 1
	refused error 1 'gives the guest no disk'
	# one that hangs
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	script block-mine <<<'#!/bin/bash
		[ "$1" = remove ] || sleep 1000'
	run add 1
	refused error 1 '/etc/xen/scripts/block-mine: not done in time'
	[ -z "$(rig_strays)" ]
	losetup -d "$DEV"
	nothing_left
}

@test "without a journal: remove calls the script for what is attached" {
	disk_scene
	mine
	of_type mine
	remove 1
	called
	xenstore-write $BACK/hotplug-status connected $BACK/physical-device 7:7
	remove 1
	called 'remove mine:a'
	losetup -d "$DEV"
}

@test "what is a file or a device is never TYPE's, nor what cannot be had" {
	disk_scene
	mine
	disk 1 51712 a type=mine
	add 1
	attached 1
	remove 1
	disk 1 51712 "$DEV" type=mine
	add 1
	remove 1
	chmod 444 "$IMAGES/a"
	disk 1 51712 a type=mine
	run add 1
	refused error 1 'is read-only (mode 0444)'
	called
	gone
	losetup -d "$DEV"
}

@test "a hostile TYPE names nothing: the first error stands" {
	local type
	disk_scene
	mine
	cp "$RIG/etc-xen/scripts/block-mine" "$RIG/etc-xen/evil"
	mkdir "$RIG/etc-xen/scripts/block-"
	for type in ../evil x/../../evil '../../../etc/xen/evil' 'mine x' ' mine' 'mine;x' '$(mine)' \
		'' - -mine .mine mine.dpkg-old 'm*' 'mine\n' 'mine\x01' 'mïne' "$(printf 'm%.0s' {1..99})" none; do
		of_type none
		xenstore-write -- $BACK/type "$type"
		run add 1
		echo "$type: $output"
		refused error 1 '"mine:a" is not an absolute path' block.ini
		run remove 1
		[ "$status" = 0 ]
		called
		gone
		disk 1 51712 a
		xenstore-write -- $BACK/type "$type"
		add 1
		attached 1
		remove 1
	done
	losetup -d "$DEV"
}

@test "a script that others can write to, or that cannot be run" {
	disk_scene
	mine
	of_type mine
	chmod 777 "$RIG/etc-xen/scripts/block-mine"
	run add 1
	refused error 1 'others than root can write to /etc/xen/scripts/block-mine'
	chmod 755 "$RIG/etc-xen/scripts/block-mine"
	chown 1000 "$RIG/etc-xen/scripts/block-mine"
	run add 1
	refused error 1 'belongs to user 1000'
	chown 0 "$RIG/etc-xen/scripts/block-mine"
	chmod 644 "$RIG/etc-xen/scripts/block-mine"
	run add 1
	refused error 1 'is not an absolute path'
	called
	gone
	losetup -d "$DEV"
}
