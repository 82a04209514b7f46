# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks for lib.bash's dom0. Loop devices are this machine's, not the namespace's: what a
# test made shows a file below $RIG/images, and by that it is found and ended.

# disk_scene: a dom0 with $IMAGES, and an image a in it.
disk_scene() {
	rig_setup || return
	[ -e /dev/loop-control ] || skip "no loop devices"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared} \
		"/run/xen-hotplug/index-$(cat /proc/sys/kernel/random/boot_id)"
	IMAGES=$RIG/images
	mkdir "$IMAGES"
	image a
}

disk_teardown() {
	local top=$RIG loop
	[ -z "$RIG" ] || loops_end "$RIG"
	rig_teardown
	RIG=$top
	[ -z "$RIG" ] || loops_end "$RIG" # what was in use until then
	RIG=
}

# image NAME [SIZE]: a file for a guest.
image() {
	truncate -s "${2:-1M}" "$IMAGES/$1"
}

# disk D N IMAGE [KEY=VALUE...]: its backend nodes.
disk() {
	local d=$1 n=$2 params=$3
	[[ $params == /* ]] || params=$IMAGES/$params
	shift 3
	backend "${CLASS:-vbd}" "$d" "$n" params="$params" "$@"
}

add() {
	disk_call "$1" "${2:-51712}" add
}

# The stock script; losetup's free loop device may be another test's by the time it is used.
stock_add() {
	local tries back=/local/domain/0/backend/vbd/$1/51712
	for ((tries = 50; tries; tries--)); do
		SCRIPT=/etc/xen/scripts/block add "$1" >&2 && return
		xenstore-rm "$back/hotplug-error" "$back/hotplug-status" || return
	done
	return 1
}

remove() {
	disk_call "$1" "${2:-51712}" remove
}

# attached D [N]: the nodes, the loop device and the journal are there and agree?
attached() {
	local d=$1 n=${2:-51712} loop=$(node vbd "$1" "${2:-51712}" physical-device-path)
	[ "$(node vbd "$d" "$n" hotplug-status)" = connected ] &&
		[ "$(node vbd "$d" "$n" physical-device)" = "$(stat -c %t:%T "$loop")" ] &&
		grep -q '^done ' "$RIG/run/xen-hotplug/devices/vbd-$d-$n"
}

# loops_are [NAME]: are these all that there are? One that was ended goes when the last one
# closes it, who may be another test that looks at all of them.
loops_are() {
	wait_until prints "$1" loops
}

# nothing_left: no loop device, journal, index or node of ours is there, apart from what the toolstack has in xenstore.
nothing_left() {
	local left
	loops_are
	left=$(loops; find "$RIG/run/xen-hotplug" -type f
		xenstore-ls -f /local/domain/0/backend | grep -E '/(physical-device.*|node) =' || :)
	[ -z "$left" ] || { echo "left: $left"; return 1; }
}

# index_number NUMBER: as the index of disks writes it in its lists.
index_number() {
	local shift
	for ((shift = 0; shift < 64; shift += 8)); do
		printf "\\x$(printf %02x $(($1 >> shift & 255)))"
	done
}

# refused STATUS D TEXT...: the last `run` failed, and told the toolstack why.
refused() {
	local want=$1 d=$2 text
	shift 2
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	says "$@" || return
	[ "$(node vbd "$d" 51712 hotplug-status)" = "$want" ] || return
	for text; do
		[[ $(node vbd "$d" 51712 hotplug-error) == *"$text"* ]] || return
	done
	[ -z "$(node vbd "$d" 51712 physical-device)" ]
}

# as_disk IMAGE: a loop device that is not ours, as a stand-in for a disk of the host's.
as_disk() {
	losetup --find --show "$@"
}
