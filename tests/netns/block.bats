#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# block: files and devices are attached and detached, and what cannot be is refused.

load lib
load scene
load disk

teardown() {
	[ -z "$MAPPER" ] || { rm -f "$MAPPER"; rmdir /dev/mapper 2>/dev/null; } || :
	disk_teardown
}

@test "a file: loop device, nodes, journal; and all away again" {
	disk_scene
	disk 1 51712 a
	keep before
	add 1
	attached 1
	[ "$(node vbd 1 51712 node)" = "$(node vbd 1 51712 physical-device-path)" ]
	losetup -nO BACK-FILE,RO,AUTOCLEAR "$(node vbd 1 51712 node)" |
		grep -E "^$IMAGES/a +0 +0$"
	xhp status | grep -E "^vbd-1-51712 .*block.ini .*attached"
	xhp check
	remove 1
	nothing_left
	keep now
	diff <(grep -v hotplug-status "$RIG/before") <(grep -v hotplug-status "$RIG/now")
}

@test "what one guest writes through it is in the file" {
	disk_scene
	disk 1 51712 a
	add 1
	echo hello | dd of="$(node vbd 1 51712 node)" conv=sync status=none
	remove 1
	[ "$(head -c 5 "$IMAGES/a")" = hello ]
}

@test "mode r: a read-only loop device; all ways to write a mode" {
	local mode
	disk_scene
	for mode in r ro w rw 'w!' 'rw!'; do
		disk 1 51712 a mode=$mode
		add 1
		attached 1
		losetup -nO RO "$(node vbd 1 51712 node)" |
			grep -w "$([[ $mode == r* && $mode != rw* ]] && echo 1 || echo 0)"
		remove 1
		nothing_left
	done
}

@test "a block device passes through: physical-device, no node, no loop device" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	ln -s "$dev" "$IMAGES/link"
	disk 1 51712 link
	add 1
	attached 1
	[ "$(node vbd 1 51712 physical-device-path)" = "$dev" ]
	[ -z "$(node vbd 1 51712 node)" ]
	remove 1
	loops_are "${dev#/dev/}"
	losetup -d "$dev"
	nothing_left
}

@test "add twice, remove twice, remove what was never there" {
	disk_scene
	disk 1 51712 a
	remove 1
	add 1
	keep first
	add 1
	keep now
	same first now
	[ "$(loops | wc -l)" = 1 ]
	remove 1
	remove 1
	nothing_left
}

@test "the backend has gone before remove: everything else goes, no ghost directory" {
	disk_scene
	disk 1 51712 a
	add 1
	backend_gone vbd 1 51712
	remove 1
	nothing_left
	! xenstore-exists /local/domain/0/backend/vbd/1/51712
}

@test "the image was moved, deleted or replaced: remove ends our loop device alone" {
	disk_scene
	disk 1 51712 a
	add 1
	mv "$IMAGES/a" "$IMAGES/b"
	image a
	other=$(as_disk "$IMAGES/a")
	remove 1
	loops_are "${other#/dev/}"
	losetup -d "$other"
	disk 1 51712 b
	add 1
	rm "$IMAGES/b"
	remove 1
	nothing_left
}

@test "somebody else's loop device has the number by now: it is left alone" {
	local dev tries
	disk_scene
	disk 1 51712 a
	image b
	# another test may be quicker to take the number
	for tries in {1..50}; do
		add 1
		dev=$(node vbd 1 51712 node)
		losetup -d "$dev"
		! losetup "$dev" "$IMAGES/b" || break
		remove 1
	done
	run xhp check
	says 'somebody else'
	run remove 1
	[ "$status" = 0 ]
	says 'left alone'
	loops_are "${dev#/dev/}"
	losetup -d "$dev"
	nothing_left
}

@test "somebody else's loop device of the same file has the number by now: it is left alone" {
	local loop
	disk_scene
	disk 1 51712 a
	add 1
	loop=$(loops)
	# one that we made has a mark of its own each time
	sed -i 's/ mark=[^ ]*/ mark=xen-hotplug%20another/' "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	run remove 1
	[ "$status" = 0 ]
	says "/dev/$loop shows something else than ours by now"
	loops_are "$loop"
}

@test "a loop device of ours without a journal is gc's, not a stock detach's" {
	disk_scene
	disk 1 51712 a
	add 1
	rm "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	rm -r "$RIG/run/xen-hotplug"/index-*
	run remove 1
	[ "$status" = 0 ]
	says 'it is left alone'
	[ -n "$(loops)" ]
	backend_gone vbd 1 51712
	xhp gc
	nothing_left
}

@test "a domid that is used again: the last guest's loop device goes first" {
	disk_scene
	image b
	disk 1 51712 a
	add 1
	backend_gone vbd 1 51712
	disk 1 51712 b
	xenstore-write /local/domain/1/vm /vm/another
	add 1
	attached 1
	[ "$(loops | wc -l)" = 1 ]
	grep "^$IMAGES/b\$" "/sys/block/$(loops)/loop/backing_file"
	remove 1
	nothing_left
}

@test "somebody ends our loop device: its number does not become another guest's disk" {
	disk_scene
	image b
	disk 1 51712 a
	disk 2 51712 b
	add 1
	losetup -d "$(node vbd 1 51712 node)"
	run add 2
	[ "$status" = 0 ]
	attached 2
	[ "$(node vbd 1 51712 node)" != "$(node vbd 2 51712 node)" ]
	run xhp check
	says "drifted: $(node vbd 1 51712 node)" # which another test may have by now
	remove 1
	attached 2
	remove 2
	nothing_left
}

@test "somebody ends our loop device: check tells, repair keeps it if it is open yet" {
	local dev
	disk_scene
	disk 1 51712 a
	add 1
	dev=$(node vbd 1 51712 node)
	exec 7<"$dev" # as blkback has it while the guest runs
	losetup -d "$dev"
	run xhp check 7<&-
	[ "$status" = 1 ]
	says "$dev ends when it is closed: somebody has detached it"
	keep before
	run xhp repair 7<&-
	[ "$status" = 0 ]
	unchanged
	exec 7<&-
	xhp check
	attached 1
	losetup -nO BACK-FILE,AUTOCLEAR "$dev" | grep -E "^$IMAGES/a +0$"
	# it is gone: nothing is made under another number
	losetup -d "$dev"
	run xhp repair
	[ "$status" = 1 ]
	says "$IMAGES/a" 'cannot be repaired' 'only a new attach gives the guest its disk'
	loops_are
	[ "$(node vbd 1 51712 physical-device-path)" = "$dev" ]
	remove 1
	nothing_left
}

@test "the device number is another disk by now: check says so, and repair gives it to nobody" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	disk 1 51712 "$dev"
	add 1
	xhp check vbd-1-51712
	# another test may be quicker to take the number: the journal's disk is the other one
	sed -i 's/ seq=[0-9]*/ seq=1/' "$RIG/run/xen-hotplug/devices/vbd-1-51712"
	run xhp check vbd-1-51712
	[ "$status" = 1 ]
	says "$dev is another disk than it was"
	xenstore-rm /local/domain/0/backend/vbd/1/51712/physical-device
	run xhp repair vbd-1-51712
	[ "$status" = 1 ]
	[ -z "$(node vbd 1 51712 physical-device)" ]
	remove 1
	losetup -d "$dev"
	nothing_left
}

@test "a device mapper's path that leads elsewhere is refused" {
	local dev
	disk_scene
	dev=$(as_disk "$IMAGES/a")
	mkdir -p /dev/mapper
	MAPPER=/dev/mapper/${RIG##*/}
	ln -s "$dev" "$MAPPER"
	disk 1 51712 "$MAPPER"
	run add 1
	refused error 1 "$MAPPER leads to ${dev#/dev/}, which the device mapper knows as no device of its"
	losetup -d "$dev"
	nothing_left
}

@test "what somebody else has written since, remove leaves" {
	local back=/local/domain/0/backend/vbd/1/51712 dev
	disk_scene
	image b
	dev=$(as_disk "$IMAGES/b")
	disk 1 51712 a
	add 1
	xenstore-write "$back/physical-device" "7:$(printf %x "${dev#/dev/loop}")" \
		"$back/physical-device-path" "$dev"
	remove 1
	[ "$(node vbd 1 51712 physical-device-path)" = "$dev" ]
	[ "$(node vbd 1 51712 physical-device)" = "7:$(printf %x "${dev#/dev/loop}")" ]
	[ -z "$(node vbd 1 51712 node)" ]
	losetup -d "$dev"
}

@test "physical-device is there already: somebody else has attached it, exit 0" {
	disk_scene
	disk 1 51712 a physical-device=7:9
	keep before
	add 1
	unchanged
}

@test "bad input: what is wrong is named, status error, nothing is left" {
	disk_scene
	mkdir "$IMAGES/dir"
	ln -s nowhere "$IMAGES/dangling"
	mkfifo "$IMAGES/pipe"
	while IFS='|' read -r params text; do
		disk 1 51712 "$params"
		run add 1
		echo "$params: $output"
		refused error 1 "$text"
		nothing_left
		backend_gone vbd 1 51712
	done <<-END
		$IMAGES/missing|there is no file or device "$IMAGES/missing"
		$IMAGES/dir|is a directory, neither a file nor a block device
		/dev/null|is a character device
		$IMAGES/dangling|is a symbolic link that leads to nothing
		$IMAGES/pipe|is a pipe
		$IMAGES/a/b|Not a directory
		$IMAGES/./$(printf 'x%.0s' {1..300})|File name too long
	END
	backend vbd 1 51712 params=images/a
	run add 1
	refused error 1 'is not an absolute path'
	backend vbd 1 51712 params=
	run add 1
	refused error 1 params
	disk 1 51712 a mode=q
	run add 1
	refused error 1 'mode' '"q"'
	disk 1 51712 a mode=
	run add 1
	refused error 1 'mode is not set'
	nothing_left
}

@test "names with blanks, quotes, backslashes, UTF-8 and shell characters are names" {
	local name
	disk_scene
	for name in 'a b' "it's" '"q"' 'back\slash' 'größe' '$(touch x)' ';x' '-r' '*' ' a'; do
		image "$name"
		disk 1 51712 "$IMAGES/${name//\\/\\\\}" # as xenstore-write takes it
		add 1
		attached 1
		[ "$(node vbd 1 51712 node)" != '' ]
		remove 1
		nothing_left
	done
	image $'new\nline'
	disk 1 51712 $'new\nline'
	run add 1
	refused error 1 'params'
	nothing_left
}

@test "w on what is read-only is refused: file, file system, device" {
	local dev
	disk_scene
	chmod 444 "$IMAGES/a"
	disk 1 51712 a
	run add 1
	refused error 1 'is read-only (mode 0444)'
	disk 1 51712 a mode=r
	add 1
	remove 1
	mkdir "$IMAGES/ro"
	dom0 mount -t tmpfs none "$IMAGES/ro"
	dom0 truncate -s 1M "$IMAGES/ro/b"
	dom0 mount -o remount,ro "$IMAGES/ro"
	disk 1 51712 ro/b
	run add 1
	refused error 1 'on a read-only file system'
	disk 1 51712 ro/b mode=r
	add 1
	remove 1
	dev=$(as_disk -r "$IMAGES/a")
	disk 1 51712 "$dev"
	run add 1
	refused error 1 "$dev is read-only"
	losetup -d "$dev"
	nothing_left
}

@test "the backend's state is not InitWait: nothing is published" {
	local state
	disk_scene
	for state in 1 4 5 6; do
		disk 1 51712 a state=$state
		run add 1
		refused error 1 "is in state \"$state\""
		nothing_left
		backend_gone vbd 1 51712
	done
}

@test "an old hotplug-error goes with success" {
	disk_scene
	disk 1 51712 a hotplug-error=old
	add 1
	attached 1
	! xenstore-exists /local/domain/0/backend/vbd/1/51712/hotplug-error || false
	remove 1
}

@test "who can swap the image is warned of" {
	disk_scene
	chmod 777 "$IMAGES"
	disk 1 51712 a
	run add 1
	says 'others than root can put another file in its place' "$IMAGES"
	remove 1
	chmod 755 "$IMAGES"
	run add 1
	[ -z "$output" ]
	remove 1
}

# big KEY=VALUE: a recipe of that name, with these keys of [loop].
big() {
	cat >"$RIG/etc-xen/hotplug/big.ini" <<-END
		[recipe]
		device = vbd
		[loop]
		file = \${params}
		mode = \${mode}
		$(printf '%s\n' "$@")
		[disk]
		device = \${loop.device}
		mode = \${mode}
	END
}

@test "block-size of a recipe" {
	local size
	disk_scene
	disk 1 51712 a
	for size in 512 1024 2048 4096; do
		big block-size=$size
		RECIPE=big add 1
		losetup -nO LOG-SEC "$(node vbd 1 51712 node)" | grep -w $size
		RECIPE=big remove 1
		nothing_left
	done
	big block-size=1000
	RECIPE=big run add 1
	refused error 1 'block-size 1000 is no power of two'
	big block-size=8192
	RECIPE=big run add 1
	[ "$status" = 2 ]
	says 'block-size: "8192" is not between 512 and 4096'
	nothing_left
}

@test "direct-io of a recipe; a file system that has none is an error, not silence" {
	disk_scene
	mkdir "$IMAGES/ext4" "$IMAGES/ramfs"
	image fs 16M
	mkfs.ext4 -q "$IMAGES/fs"
	dom0 mount -o loop "$IMAGES/fs" "$IMAGES/ext4"
	dom0 truncate -s 1M "$IMAGES/ext4/a"
	big direct-io=yes block-size=4096
	disk 1 51712 ext4/a
	RECIPE=big add 1
	attached 1
	losetup -nO DIO,LOG-SEC "$(node vbd 1 51712 node)" | grep -E '^ *1 +4096$'
	xhp check
	RECIPE=big remove 1
	add 1
	losetup -nO DIO "$(node vbd 1 51712 node)" | grep -w 0
	remove 1
	dom0 umount "$IMAGES/ext4"
	dom0 mount -t ramfs none "$IMAGES/ramfs"
	dom0 truncate -s 1M "$IMAGES/ramfs/a"
	disk 1 51712 ramfs/a
	RECIPE=big run add 1
	refused error 1 "$IMAGES/ramfs/a: its file system, or block size, allows no direct-io"
	nothing_left
	add 1
	attached 1
	remove 1
	nothing_left
}

@test "attached by the stock script, detached by us; and the other way round" {
	local other
	[ -x /etc/xen/scripts/block ] || skip "no xen-utils-common"
	disk_scene
	disk 1 51712 a
	stock_add 1
	[ "$(node vbd 1 51712 hotplug-status)" = connected ]
	other=$(as_disk "$IMAGES/a")
	losetup -d "$(node vbd 1 51712 node)"
	xenstore-write /local/domain/0/backend/vbd/1/51712/node "$other"
	remove 1
	loops_are
	backend_gone vbd 1 51712
	# its node names another file's loop device: the stock script would end that
	image b
	other=$(as_disk "$IMAGES/b")
	disk 1 51712 a node="$other"
	run remove 1
	says 'left alone'
	loops_are "${other#/dev/}"
	losetup -d "$other"
	backend_gone vbd 1 51712
	# the file is gone: the stock script would leave the loop device
	disk 1 51712 b
	stock_add 1
	rm "$IMAGES/b"
	remove 1
	loops_are
	backend_gone vbd 1 51712
	disk 1 51712 a
	add 1
	SCRIPT=/etc/xen/scripts/block remove 1
	loops_are
	remove 1
	nothing_left
}

@test "the same nodes as the stock script writes" {
	[ -x /etc/xen/scripts/block ] || skip "no xen-utils-common"
	disk_scene
	disk 1 51712 a
	stock_add 1
	xenstore-ls -fp /local/domain/0/backend/vbd >"$RIG/stock"
	SCRIPT=/etc/xen/scripts/block remove 1
	backend_gone vbd 1 51712
	disk 1 51712 a
	add 1
	xenstore-ls -fp /local/domain/0/backend/vbd >"$RIG/ours"
	# but for which loop device was free
	sed -i 's|/dev/loop[0-9]*|/dev/loopN|; s|"7:[0-9a-f]*"|"7:N"|' "$RIG/stock" "$RIG/ours"
	diff <(sort "$RIG/stock") <(sort "$RIG/ours")
	remove 1
}

@test "block-dummy: dummy:FILE, as the stock script takes it" {
	disk_scene
	disk 1 51712 a params="dummy:$IMAGES/a"
	disk 2 51712 a
	RECIPE=block-dummy add 1
	attached 1
	run add 2
	refused busy 2 'guest "guest1"'
	RECIPE=block-dummy remove 1
	nothing_left
	backend_gone vbd 1 51712
	for params in "file:$IMAGES/a" "$IMAGES/a" dummy: dummy:a; do
		disk 1 51712 a params="$params"
		RECIPE=block-dummy run add 1
		echo "$params: $output"
		[ "$status" = 1 ]
		[ "$(node vbd 1 51712 hotplug-status)" = error ]
		nothing_left
	done
}

@test "a recipe of which no [disk] step applies is an error, never connected" {
	disk_scene
	disk 1 51712 a mode=w
	cat >"$RIG/etc-xen/hotplug/block.ini" <<-'END'
		[recipe]
		device = vbd
		[loop]
		file = ${params}
		mode = ${mode}
		[disk]
		when   = ${mode} == r
		device = ${loop.device}
		mode   = ${mode}
	END
	run add 1
	refused error 1 'gives the guest no disk'
	nothing_left
}
