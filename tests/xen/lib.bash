# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests on a real Xen, for the tests that dom0-run runs.
#
# A test ends with all guests destroyed but "shared" and such, which belong to the file; it
# fails if anything of the others is left in dom0.

. "${BASH_SOURCE%/*}/../wait.bash"
shopt -s globstar nullglob
PATIENCE=600
PV='kernel = "/xen-test/vmlinux"
	ramdisk = "/xen-test/guest.initrd"
	extra = "console=hvc0 quiet mitigations=off"'

# Once, before all tests: xl finds our scripts under the old names.
xen_start() {
	xen-hotplug enable >/dev/null &&
		bridge_add xenbr0 &&
		ip addr add 192.0.2.1/24 dev xenbr0 &&
		{ ! has_ipv6 || ip addr add 2001:db8::1/64 dev xenbr0 nodad; }
}

has_ipv6() {
	[ -d /proc/sys/net/ipv6 ]
}

xen_setup() {
	left >before
}

xen_teardown() {
	local name
	for name in $(guests); do
		[[ $name == shared* ]] || xl destroy "$name" || :
	done
	xen_clean
}

xen_clean() {
	wait_until nothing_left && return
	diff before after | grep -v '/.*/.*/.*/.*/.*/' | head -n 60
	return 1
}

skip() {
	echo "$*" >skip
	exit 77
}

guests() {
	xl list | awk 'NR > 2 { print $1 }'
}

# All that a guest can leave behind; it is asked for often, and a fork takes 10 ms.
left() {
	local file
	for file in /run/xen-hotplug/** /var/lib/xen/*; do
		[ -d "$file" ] || [[ $file == */userdata-d.0.* ]] || echo "$file"
	done
	printf '%s\n' /sys/class/net/* /sys/block/loop*/loop
	grep -v ' xenbr0$' /proc/net/ipv6_route
	cat /proc/net/route
	nft list ruleset
	xenstore-ls -f /local/domain/0/backend | grep -v '/backend\(/[a-z]*\)\? = ""'
	xenstore-ls -f /libxl | grep -v '^/libxl = ""'
	xenstore-list -p /local/domain /vm
} 2>/dev/null

nothing_left() {
	left >after
	cmp before after
}

bridge_add() {
	ip link add "$1" type bridge stp_state 0 forward_delay 0 &&
		{ ! has_ipv6 || ip link set "$1" addrgenmode none; } &&
		ip link set "$1" ${2:+mtu "$2"} up
}

# guest_create NAME LINE...: xl create, with these lines in its configuration.
guest_create() {
	local name=$1 kind=$PV
	shift
	[[ "$*" != *'type ='* ]] || kind=
	printf '%s\n' "name = \"$name\"" "memory = 128" "$kind" "$@" >"$name.cfg"
	xl create "$name.cfg"
}

# guest_start NAME LINE...: the same, and eth0 is up.
guest_start() {
	guest_create "$@" && guest_up "$1"
}

guest_up() {
	in_guest "$1" 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad &&
		ip addr add 192.0.2.10/24 dev eth0 && ip addr add 2001:db8::10/64 dev eth0 &&
		ip link set eth0 up'
}

# in_guest NAME COMMAND...: types it at the guest's console, and prints the answer.
in_guest() {
	local domid tty token=t$RANDOM line on= status=255
	domid=$(xl domid "$1") && tty=$(xenstore-read "/local/domain/$domid/console/tty") ||
		return
	shift
	exec {tty}<>"$tty" || return
	echo "$token ${*//$'\n'/ }" >&"$tty"
	while read -r -t 240 -u "$tty" line; do
		line=${line%$'\r'}
		case $line in
		"<$token") on=1 ;;
		">$token "*) status=${line##* }; break ;;
		*) [ -z "$on" ] || echo "$line" ;;
		esac
	done
	exec {tty}>&-
	return "$status"
}

# For a command that has no answer, because the guest is gone.
type_in_guest() {
	local tty
	tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty") || return
	shift
	echo "x ${*//$'\n'/ }" >"$tty"
}

# guest_reads NAME NODE: the guest asks xenstore itself.
guest_reads() {
	local length
	length=$(printf '\\%o' $((${#2} + 1)))
	# a request's type, id, transaction and length: 4 bytes each; the answer's: the same
	in_guest "$1" "exec 3<>/dev/xen/xenbus;
		printf '\\2\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0$length\\0\\0\\0$2\\0' >&3;
		dd bs=4096 count=1 <&3 2>/dev/null | tail -c +17; exec 3>&-; echo"
}

# Whatever xl attached to the shared guest goes.
detach_all() {
	local devices n
	devices=/libxl/$(xl domid shared)/device
	for n in $(xenstore-list "$devices/vif" 2>/dev/null || :); do
		xl network-detach shared "$n"
	done
	for n in $(xenstore-list "$devices/vbd" 2>/dev/null || :); do
		xl block-detach shared "$n"
	done
}

# The loop devices that have a file.
loops() {
	local dir
	for dir in /sys/block/loop*/loop; do
		[ ! -e "$dir/backing_file" ] || echo "$dir" | cut -d/ -f4
	done
}

# vif_of NAME [N]: what netback calls a guest's interface.
vif_of() {
	echo "vif$(xl domid "$1").${2:-0}"
}

master_of() {
	local master
	master=$(readlink "/sys/class/net/$1/master") && echo "${master##*/}"
}

# reaches ADDRESS [OPTION...]: dom0 pings it. A slow machine's neighbour discovery may fail
# at first.
reaches() {
	wait_until ping -c 1 -W 10 "$@"
}

# guest_reaches NAME ADDRESS [OPTION...]
guest_reaches() {
	wait_until in_guest "$1" ping -c 1 -W 10 "${@:2}"
}

# The guest is reached, and reaches dom0.
pings() {
	reaches 192.0.2.10 && guest_reaches "$1" 192.0.2.1
}
