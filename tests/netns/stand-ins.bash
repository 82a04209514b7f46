# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that other programs bring, for lib.bash, scene.bash and tools.bash: stand-ins for
# these programs, which know the real ones' options and exit statuses.

IQN=iqn.2003-01.org.example:disk1
ISCSI="<-m><node><-T><$IQN><-p><192.0.2.1:3260>"

stand_ins_teardown() {
	[ -z "$LOOP" ] || losetup -d "$LOOP" || :
	[ -z "$OTHER" ] || losetup -d "$OTHER" || :
	rig_teardown
}

# disk_scene RECIPE PARAMS [KEY=VALUE...]: vbd1.51712, and a loop device for the tools.
disk_scene() {
	rig_kernel_has loop || skip "no loop devices"
	export RECIPE=$1
	CLASS=${CLASS:-vbd}
	rig_setup || return
	mkdir "$RIG/tools" "$RIG/run/things"
	dom0 mount --bind "$RIG/tools" /usr/local/sbin
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	truncate -s 1M "$RIG/image"
	LOOP=$(losetup --show -f "$RIG/image")
	echo "$LOOP" >"$RIG/run/loop"
	disk 1 "${@:2}"
}

disk() {
	local d=$1 params=$2
	shift 2
	backend "$CLASS" "$d" 51712 params="$params" "$@"
	keep before
}

add() { thing_call "${1:-1}" 51712 add; }
remove() { thing_call "${1:-1}" 51712 remove; }

attached() {
	[ "$(node "$CLASS" "${1:-1}" 51712 hotplug-status)" = connected ] &&
		[ "$(node "$CLASS" "${1:-1}" 51712 physical-device-path)" = "${2:-$LOOP}" ]
}

# Nothing but what an ordinary detach leaves.
left() {
	local mine='/(hotplug-(status|error)|physical-device(-path)?) = |/run/xen-hotplug/index-'
	[ -z "$(compgen -G "$RIG/run/xen-hotplug/[ds]*/*")" ] || { journals; return 1; }
	keep now
	diff <(grep -vE "$mine" "$RIG/before") <(grep -vE "$mine" "$RIG/now")
}

# refused TEXT...: the last `run` said that, also to the toolstack, and left nothing.
refused() {
	local text
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	says "$@" || return
	[ "$(node "$CLASS" 1 51712 hotplug-status)" = error ] || return
	for text; do
		[[ $(node "$CLASS" 1 51712 hotplug-error) == *"$text"* ]] || return
	done
	[ -z "$(node "$CLASS" 1 51712 physical-device)" ] && left
}

iscsi_tools() {
	mkdir -p "$RIG/dev/disk/by-path" "$RIG/dev/disk/by-id"
	tool iscsiadm <<-'END'
		printf 'iscsiadm ' >>/run/calls; printf '<%s>' "$@" >>/run/calls; echo >>/run/calls
		case " $* " in
		*' -o new '*) : >/run/things/node; echo 'New iSCSI node [tcp:[hw=,ip=,net_if=,iscsi_if=default] added' ;;
		*' -o delete '*) [ -e /run/things/node ] || exit 21; rm /run/things/node ;;
		*' -o update '*) [ -e /run/things/node ] || exit 21 ;;
		*' --login '*)
			[ -e /run/things/node ] || exit 21
			[ ! -e /run/things/session ] || exit 15
			: >/run/things/session
			ln -s "$(cat /run/loop)" "/run/disk/by-path/ip-$6-iscsi-$4-lun-${LUN:-0}"
			;;
		*' --logout '*)
			[ -e /run/things/session ] || exit 21
			rm /run/things/session /run/disk/by-path/*
			;;
		*) [ -e /run/things/node ] || exit 21; cat /run/things/node ;;
		esac
	END
	mkdir -p "$RIG/run/disk/by-path" "$RIG/run/disk/by-id"
	# /dev is the machine's own: what udev makes is looked for elsewhere
	sed 's|/dev/disk/|/run/disk/|' "$RIG_TOP/conf/block-iscsi.ini" >"$RIG/etc-xen/hotplug/block-iscsi.ini"
}
