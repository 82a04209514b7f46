#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The recipes for disks that other programs bring: what these are called with, and what is
# made of what they say. The programs are stand-ins that know the real ones' options and
# exit statuses; make check-xen runs some with the real ones (disk-real.bats, disk-mapped.bats).

load lib
load scene
load tools
load stand-ins

teardown() {
	stand_ins_teardown
}

rbd_tool() {
	tool rbd <<-'END'
		printf 'rbd ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case "$2" in
		map) echo "warning: something" >&2; cat /run/loop ;;
		unmap) ! ls -l "/proc/$PPID/fd" | grep -q "$(cat /run/loop)" || exit 16 ;;&
		unmap) [ ! -e /run/busy ] || { rm /run/busy; echo 'rbd: sysfs write failed' >&2; exit 16; } ;;
		esac
	END
}

@test "block-rbd: map and unmap, also of a busy device" {
	disk_scene block-rbd pool/vm-1
	rbd_tool
	add
	attached
	called 'rbd <device><map><pool/vm-1>'
	touch "$RIG/run/busy"
	remove
	called "rbd <device><unmap><$LOOP>" "rbd <device><unmap><$LOOP>"
	left
	disk 1 pool/vm-1 mode=r
	printf '[defaults]\nuser = xen\n[use block-rbd]\n' >"$RIG/etc-xen/hotplug/block-rbd.ini"
	add
	called 'rbd <device><map><--id><xen><--read-only><pool/vm-1>'
	remove
	disk 1 pool/vm-1 'mode=w!'
	rm "$RIG/run/calls"
	run add
	[ "$status" = 1 ]
	says 'does not list "w!"'
	called
}

# A tool that brings another device each time has two guests on one disk, if they may.
@test "block-rbd, block-nbd: two guests want one image" {
	local tool first second
	disk_scene block-rbd pool/vm-1
	rbd_tool
	nbd_tool
	truncate -s 1M "$RIG/image2"
	OTHER=$(losetup --show -f "$RIG/image2")
	while read -r tool first second; do
		RECIPE=block-$tool
		echo "$LOOP" >"$RIG/run/loop"
		disk 1 "$first"
		disk 2 "$second"
		add
		attached
		echo "$OTHER" >"$RIG/run/loop"
		run add 2
		[ "$status" = 1 ]
		says 'guest "guest1" (domain 1) has it for writing'
		[ "$(node vbd 2 51712 hotplug-status)" = busy ]
		remove
		add 2
		attached 2 "$OTHER"
		remove 2
		backend_gone vbd 1 51712
		backend_gone vbd 2 51712
	done <<-END
		rbd pool/vm-1 pool/vm-1
		nbd host=192.0.2.1 host=192.0.2.1
		nbd host=192.0.2.1,export=a export=a,port=10809,host=192.0.2.1
	END
	losetup -d "$OTHER"
	OTHER=
}

@test "a disk that is refused is not open any more when its program takes it back" {
	disk_scene block-rbd pool/vm-1
	rbd_tool
	add
	disk 2 pool/vm-2
	rm "$RIG/run/calls"
	run add 2
	[ "$status" = 1 ]
	says 'guest "guest1"'
	called 'rbd <device><map><pool/vm-2>' "rbd <device><unmap><$LOOP>"
	remove
	[ -z "$(compgen -G "$RIG/run/xen-hotplug/[ds]*/*")" ]
}

nbd_tool() {
	tool nbd-client <<-'END'
		printf 'nbd-client ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case $1 in
		-d) ;;
		*) echo "Negotiation: ..size = 1MB"; echo "Connected $(cat /run/loop)" ;;
		esac
	END
}

@test "block-nbd and block-enbd: TCP, unix, exports by name" {
	local params expected
	disk_scene block-nbd x
	nbd_tool
	for RECIPE in block-nbd /usr/lib/xen-hotplug/scripts/block-enbd; do
		while read -r params mode expected; do
			disk 1 "$params" mode="$mode"
			add
			attached
			remove
			called "nbd-client $expected" "nbd-client <-d><$LOOP>"
			left
		done <<-'END'
			host=192.0.2.1 w <192.0.2.1><10809>
			host=nbd.example,port=10810 r <-R><nbd.example><10810>
			host=::1,export=vm1 w <-N><vm1><::1><10809>
			unix=/run/nbd,export=a/b r <-N><a/b><-R><-unix></run/nbd>
		END
	done
}

drbd_tools() {
	tool drbdadm <<-'END'
		printf 'drbdadm ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case $1 in
		sh-resources) echo r0 r1 ;;
		sh-dev) [ "$2" = r0 ] || { echo "'$2' not defined in your config." >&2; exit 10; }; cat /run/loop ;;
		role) if [ -e /run/things/primary ]; then echo Primary/Secondary; else echo Secondary/Secondary; fi ;;
		primary) [ ! -e /run/things/refuse ] || { echo 'State change failed: (-1) Multiple primaries not allowed by config' >&2; exit 11; }; : >/run/things/primary ;;
		secondary) [ ! -e /run/busy ] || { rm /run/busy; echo 'Device is held open by someone' >&2; exit 11; }; rm /run/things/primary ;;
		cstate) cat /run/cstate ;;
		esac
	END
}

@test "block-drbd: promoted while a guest has it" {
	disk_scene block-drbd r0
	drbd_tools
	add
	attached
	called 'drbdadm <sh-dev><r0>' 'drbdadm <role><r0>' 'drbdadm <primary><r0>'
	touch "$RIG/run/busy"
	remove
	called 'drbdadm <secondary><r0>' 'drbdadm <secondary><r0>'
	left
	# a secondary cannot be read; and who is primary already stays so
	disk 1 r0 mode=r
	add
	remove
	called 'drbdadm <sh-dev><r0>' 'drbdadm <role><r0>' 'drbdadm <primary><r0>' \
		'drbdadm <secondary><r0>'
	: >"$RIG/run/things/primary"
	disk 1 r0
	add
	remove
	called 'drbdadm <sh-dev><r0>' 'drbdadm <role><r0>'
	rm "$RIG/run/things/primary"
	: >"$RIG/run/things/refuse"
	run add
	[ "$status" = 1 ]
	says 'Multiple primaries not allowed by config'
	disk 1 r9
	run add
	[ "$status" = 1 ]
	says "'r9' not defined in your config"
	left
}

@test "block-drbd-probe: its exit statuses, without an environment" {
	local probe=/usr/lib/xen-hotplug/scripts/block-drbd-probe
	disk_scene block-drbd r0
	drbd_tools
	sed -i 's/^\(\s*\)sh-dev).*/\1sh-dev) if [ "$2" = r0 ]; then cat \/run\/loop; else echo \/dev\/drbd1; fi ;;/' "$RIG/tools/drbdadm"
	tool drbdsetup <<-'END'
		[ "$1" = show ] && [ "$2" = r0 ] || exit 20
		cat /run/drbd-settings
	END
	: >"$RIG/run/things/primary"
	echo Connected >"$RIG/run/cstate"
	echo 'net { protocol D; }' >"$RIG/run/drbd-settings"
	# probe STATUS [DEVICE]
	probe() {
		run dom0 env -i "$probe" "${@:2}"
		[ "$status" = "$1" ]
	}
	probe 0 "$LOOP"
	probe 1 /dev/sda
	probe 1
	echo 'net { protocol C; }' >"$RIG/run/drbd-settings"
	probe 3 "$LOOP"
	echo 'net { protocol D; }' >"$RIG/run/drbd-settings"
	echo WFConnection >"$RIG/run/cstate"
	probe 4 "$LOOP"
	echo Connected >"$RIG/run/cstate"
	rm "$RIG/run/things/primary"
	probe 4 "$LOOP"
	rm "$RIG/tools/drbdadm"
	[ -e /usr/sbin/drbdadm ] || probe 2 "$LOOP"
}

lvm_tools() {
	sed 's|/dev/\${|/run/vgs/${|' "$RIG_TOP/conf/block-lvm.ini" >"$RIG/etc-xen/hotplug/block-lvm.ini"
	mkdir -p "$RIG/run/vgs/vg"
	tool lvs <<-'END'
		printf 'lvs ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		cat /run/things/active 2>/dev/null || echo '  '
	END
	tool lvchange <<-'END'
		printf 'lvchange ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case $1 in -an) rm /run/things/active ;; *) echo '  active ' >/run/things/active; ln -sfn "$(cat /run/loop)" /run/vgs/vg/lv ;; esac
	END
}

@test "block-lvm: active while a guest uses it" {
	disk_scene block-lvm vg/lv
	lvm_tools
	add
	attached
	remove
	called 'lvs <--noheadings><-o><lv_active><vg/lv>' 'lvchange <-aey><vg/lv>' 'lvchange <-an><vg/lv>'
	left
	echo '  active exclusively ' >"$RIG/run/things/active"
	add
	remove
	called 'lvs <--noheadings><-o><lv_active><vg/lv>'
}

zfs_tool() {
	mkdir -p "$RIG/run/zvol/tank/vm"
	ln -s "$LOOP" "$RIG/run/zvol/tank/vm/disk1"
	sed 's|/dev/zvol|/run/zvol|' "$RIG_TOP/conf/block-zvol.ini" >"$RIG/etc-xen/hotplug/block-zvol.ini"
	tool zfs <<-'END'
		printf 'zfs ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		[ "$7" = tank/vm/disk1 ] || { echo "cannot open '$7': dataset does not exist" >&2; exit 1; }
		echo "$7"
	END
}

@test "block-zvol: the volume that zfs names" {
	disk_scene block-zvol tank/vm/disk1
	zfs_tool
	add
	attached
	remove
	called 'zfs <list><-H><-o><name><-t><volume><tank/vm/disk1>'
	disk 1 ../../etc
	run add
	[ "$status" = 1 ]
	says "cannot open '../../etc': dataset does not exist"
}

tap_tool() {
	tool tap-ctl <<-'END'
		printf 'tap-ctl ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case $1 in
		allocate) echo /run/blktap-control/tapdisk/tapdisk-4 ;;
		spawn) setsid sleep 1000 >/dev/null 2>&1 & echo $! | tee /run/tapdisk ;;
		esac
	END
}

# tap_sockets: the tapdisk of tap_tool has its NBD socket.
tap_sockets() {
	truncate -s 1M "$RIG/run/image"
	mkdir "$RIG/run/blktap-control"
	sed -i 's|echo \$! . tee /run/tapdisk|& ; : >/run/blktap-control/nbd$!.4|' "$RIG/tools/tap-ctl"
}

@test "block-tap: tapback is told of the socket, and the tapdisk ends with the disk" {
	local pid
	CLASS=vbd3
	disk_scene block-tap aio:/run/image
	tap_tool
	tap_sockets
	add
	pid=$(cat "$RIG/run/tapdisk")
	attached 1 "/run/blktap-control/nbd$pid.4"
	[ -z "$(node vbd3 1 51712 physical-device)" ]
	[ "$(node vbd3 1 51712 pid)" = "$pid" ] && [ "$(node vbd3 1 51712 minor)" = 4 ]
	called 'tap-ctl <allocate>' 'tap-ctl <spawn>' "tap-ctl <attach><-p><$pid><-m><4>" \
		"tap-ctl <open><-p><$pid><-m><4><-a><aio:/run/image>"
	remove
	called "tap-ctl <close><-p><$pid><-m><4>" "tap-ctl <detach><-p><$pid><-m><4>" 'tap-ctl <free><-m><4>'
	not alive "$pid"
	left
}

@test "every recipe: plan, attach by the old name, twice, check, detach; refused if busy" {
	local script params kind whole
	disk_scene block-nbd x
	iscsi_tools
	nbd_tool
	rbd_tool
	drbd_tools
	lvm_tools
	zfs_tool
	tap_tool
	tap_sockets
	while read -r script kind whole params; do
		echo "$script"
		CLASS=$kind
		RECIPE=/usr/lib/xen-hotplug/scripts/$script
		disk 1 "$params"
		run thing_plan 1 51712 add
		[ "$status" = 0 ]
		says "by $RECIPE" '[disk' 'last: '
		left
		[ ! -e "$RIG/run/things/primary" ] && [ ! -e "$RIG/run/things/session" ]
		rm -f "$RIG/run/calls"
		add
		[ "$(node "$kind" 1 51712 hotplug-status)" = connected ]
		run xhp check
		echo "$output"
		[ "$status" = 0 ]
		keep first
		rm -f "$RIG/run/calls"
		add
		keep now
		same first now
		remove
		remove
		left
		# another guest has what is behind it: the tools take back what they did
		backend_gone "$kind" 1 51712
		CLASS=vbd RECIPE=block backend vbd 9 51712 params="$whole"
		CLASS=vbd RECIPE=block thing_call 9 51712 add
		disk 1 "$params"
		run add
		echo "$output"
		[ "$status" = 1 ]
		says 'is in use: guest "guest9"'
		[ "$(node "$kind" 1 51712 hotplug-status)" = busy ]
		[ -z "$(node "$kind" 1 51712 physical-device)" ]
		[ "$(cd "$RIG/run/xen-hotplug" && ls -d [ds]*/*)" = devices/vbd-9-51712 ]
		[ ! -e "$RIG/run/things/primary" ] && [ ! -e "$RIG/run/things/session" ]
		CLASS=vbd RECIPE=block thing_call 9 51712 remove
		backend_gone vbd 9 51712
		backend_gone "$kind" 1 51712
	done <<-END
		block        vbd  $LOOP      $RIG/image
		block-dummy  vbd  $LOOP      dummy:$RIG/image
		block-iscsi  vbd  $LOOP      iqn=$IQN,portal=192.0.2.1:3260
		block-nbd    vbd  $LOOP      host=192.0.2.1
		block-enbd   vbd  $LOOP      unix=/run/nbd
		block-rbd    vbd  $LOOP      pool/x
		block-drbd   vbd  $LOOP      r0
		block-lvm    vbd  $LOOP      vg/lv
		block-zvol   vbd  $LOOP      tank/vm/disk1
		block-tap    vbd3 /run/image aio:/run/image
	END
}

# What stands in for a tool: RECIPE PARAMS TOOL.
EACH="
	block-iscsi iqn=$IQN,portal=192.0.2.1:3260 iscsiadm
	block-nbd   host=192.0.2.1,export=x        nbd-client
	block-rbd   pool/x                         rbd
	block-drbd  r0                             drbdadm
	block-lvm   vg/x                           lvchange
	block-zvol  tank/x                         zfs
	block-tap   aio:/run/image                 tap-ctl
"

@test "a tool that is not installed is named, with its package" {
	local recipe params tool package
	disk_scene block-nbd x
	while read -r recipe params tool; do
		[ -n "$recipe" ] || continue
		type -P "$tool" >/dev/null && continue # make check-xen has all of them
		RECIPE=$recipe disk 1 "$params"
		RECIPE=$recipe run add
		echo "$recipe: $output"
		package=$(sed -n "s/^\t{ \"$tool\", \"\(.*\)\" },$/\1/p" "$RIG_TOP/actions/program.c")
		[ "$tool" = tap-ctl ] || [ -n "$package" ]
		refused "the program $tool is not installed${package:+ (in Debian: package $package)}" \
			"$recipe.ini:"
		RECIPE=$recipe remove
		left
	done <<<"$EACH"
}

@test "a server that cannot be reached, or does not answer: what the tool says, in time" {
	local recipe params tool how text
	disk_scene block-nbd x
	tool lvs <<<'echo "  "'
	while read -r recipe params tool; do
		[ -n "$recipe" ] || continue
		for how in 'echo "$0: no route to host" >&2; exit 113' '[ "$1" != -an ] || exit 0; sleep 1000'; do
			tool "$tool" <<<"$how"
			text='ended with status 113: '
			rm -f "$RIG/etc-xen/hotplug.conf"
			if [[ $how = *sleep* ]]; then
				text='not done in time'
				echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
			fi
			RECIPE=$recipe disk 1 "$params"
			RECIPE=$recipe run add
			echo "$recipe, $how: $output"
			refused "$tool" "$text" "$recipe.ini:"
			[[ $output != *roll-back* ]]
			[ -z "$(rig_strays)" ]
			RECIPE=$recipe remove
			left
		done
	done <<<"$EACH"
}

@test "vscsi: the toolstack is told" {
	CLASS=vscsi
	rig_setup
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	RECIPE=vscsi
	backend vscsi 1 0
	thing_call 1 0 add
	[ "$(node vscsi 1 0 hotplug-status)" = connected ]
	xhp status | grep -E '^vscsi-1-0 +- +- +vscsi.ini +guest1 \(1\) .* attached +-$'
	xhp status guest1/vscsi0 | head -1 | grep '^vscsi-1-0: attached, guest guest1 (1)$'
	xhp status vscsi/1/0 | head -1 | grep '^vscsi-1-0: attached'
	thing_call 1 0 remove
}

# What a guest's configuration says is never an option, and no shell sees it.
@test "hostile values are one word, or refused, in every recipe" {
	local value name params=/local/domain/0/backend/vbd/1/51712/params
	local ours='<-(m|T|p|o|n|v|N|R|d|a|H|t|an|aey|unix|-login|-logout|-noheadings|-read-only)>'
	disk_scene block-rbd x
	iscsi_tools
	rbd_tool
	nbd_tool
	drbd_tools
	tap_tool
	for name in zfs lvs lvchange; do
		tool "$name" <<<"printf '<%s>' \"\$@\" >>/run/calls; echo >>/run/calls"
	done
	for RECIPE in block-{rbd,nbd,iscsi,drbd,lvm,zvol,tap}; do
		while IFS= read -r value; do
			echo "$RECIPE $value"
			xenstore-write -- "$params" "$value"
			run add
			[ "$status" = 0 ] || [ "$status" = 1 ]
			run remove
			[ -z "$(ls "$RIG/run/xen-hotplug/devices")" ]
		done <<-'END'
			a b/c d
			$(touch /run/pwned)/`touch /run/pwned`
			;touch /run/pwned;/|touch /run/pwned
			-X/--config
			x/-X
			"/'
			../../../x
			ä/x\xff
			host=-X
			host=a,export=--config
			unix=-X
			iqn=$(touch /run/pwned),portal=;touch /run/pwned
			iqn=--config,portal=-X
			iqn=a/../b,portal=1,lun=*
			aio:-X
			-X:a
		END
		xenstore-write "$params" x
		left
	done
	[ ! -e "$RIG/run/pwned" ]
	grep -q touch "$RIG/run/calls"
	grep -oE '<-[^>]*>' "$RIG/run/calls" >"$RIG/options"
	not grep -vE "^$ours\$" "$RIG/options"
}
