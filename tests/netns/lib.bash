# SPDX-License-Identifier: LGPL-2.1-or-later
# A private dom0 for one test: network and mount namespace, xenstored, libxl's calls.
#
#   setup() { load lib; rig_setup; }
#   teardown() { rig_teardown; }
#
# $RIG       the test's directory; etc-xen, run and log are its /etc/xen, /run, /var/log
# $DOM0      the name of dom0's network namespace
# $XHP       the program; inside it is /usr/sbin/xen-hotplug
# $RECIPE    what vif_call and disk_call run: xen-hotplug run $RECIPE ...
# $SCRIPT    or, if set, a script of that path instead, inside the namespace

RIG_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
RIG_BUILD=${RIG_BUILD:-$RIG_TOP/build/tests}
XHP=$(realpath -m "${XHP:-$RIG_TOP/build/xen-hotplug}")

. "$RIG_TOP/tests/wait.bash"

# Whoever starts it: files are others' to read, and there is a standard input.
umask 022
[ -e /proc/self/fd/0 ] || exec </dev/null

# prints TEXT COMMAND...: does it print that, and nothing else?
prints() {
	[ "$("${@:2}")" = "$1" ]
}

# not COMMAND...: "! COMMAND" would not fail a test.
not() {
	! "$@"
}

# jq 1.6 with -e is content where nothing comes out of it, for nothing came in.
jq() {
	local out status=0
	[ "$1" = -e ] || { command jq "$@"; return; }
	out=$(command jq "$@") || status=$?
	echo "$out"
	[ "$status" = 0 ] && [ -n "$out" ]
}

rig_setup() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	RIG_XENSTORED=$(compgen -G '/usr/lib/xen-*/bin/xenstored' | tail -n 1) ||
		skip "no C xenstored (package xen-utils)"
	rig_sweep
	rig_kernel
	RIG=$(mktemp -d "/tmp/xhp-$$-XXXXXX")
	DOM0=${RIG##*/}
	RIG_PIDS=()
	RIG_SELF=0
	rig_holder_env=()
	declare -gA RIG_NETNS=()
	rig_xenstored
	rig_dom0
}

# A test with the line "# bats test_tags=kernel:WHAT" above it is skipped where the kernel
# has no WHAT; "make check-xen" runs it in a virtual machine whose kernel has it.
rig_kernel() {
	local tag
	[ -n "$BATS_TEST_FILENAME" ] || return 0
	grep -q '^# bats test_tags=.*kernel:' "$BATS_TEST_FILENAME" || return 0
	for tag in $(awk -v test="@test \"$BATS_TEST_DESCRIPTION\"" '
		index($0, test) == 1 { gsub(/[^ ,]*=|#|,/, " ", tags); print tags }
		{ tags = /^# bats test_tags=/ ? $0 : "" }' "$BATS_TEST_FILENAME"); do
		[[ $tag != kernel:* ]] || rig_kernel_has "${tag#kernel:}" ||
			skip "no ${tag#kernel:} in this kernel: make check-xen"
	done
}

rig_kernel_has() {
	case $1 in
	bridge-vlan) rig_link_works bridge vlan_filtering 1 ;;
	dummy | ifb | vxlan) rig_link_works "$1" ;;
	prjquota) rig_prjquota_works ;;
	openvswitch) [ -d /sys/module/openvswitch ] || modprobe -q openvswitch ;;
	*) [ -d "/sys/module/${1//-/_}" ] || modprobe -q "$1" ;;
	esac
}

# rig_link_works KIND [OPTION...]: tried in a network namespace that ends with it.
rig_link_works() {
	unshare -n ip link add name rig0 type "$@" 2>/dev/null
}

# An ext4 that holds to project quotas: mounted where nobody else sees it.
rig_prjquota_works() {
	local file status
	file=$(mktemp /tmp/xhp-ext4-XXXXXX)
	truncate -s 16M "$file"
	mkfs.ext4 -q -O project,quota "$file" &&
		unshare -m mount -o loop,prjquota "$file" /mnt 2>/dev/null
	status=$?
	rm "$file"
	return "$status"
}

rig_teardown() {
	local name
	[ -n "$RIG" ] || return 0
	kill -KILL $(rig_strays) 2>/dev/null || :
	rig_stop "${RIG_PIDS[@]}"
	for name in "${RIG_NETNS[@]}"; do
		rig_netns_del "$name"
	done
	rm -rf "$RIG"
	RIG=
}

# What a test left that was killed without its teardown; its daemons died with it.
rig_sweep() {
	local left
	for left in /run/netns/xhp-* /tmp/xhp-*; do
		[[ $left =~ /xhp-([0-9]+)-[A-Za-z0-9]{6}(-[0-9.]+)?$ ]] || continue
		! kill -0 "${BASH_REMATCH[1]}" 2>/dev/null || continue
		case $left in
		/tmp/*)
			awk -v dir="$left/" 'index($2, dir) == 1 { print $2 }' /proc/mounts |
				tac | xargs -r umount -l 2>/dev/null || :
			loops_end "$left"
			rm -rf --one-file-system "$left" || :
			;;
		*) ip netns del "${left##*/}" 2>/dev/null || : ;; # swept by another test
		esac
	done
}

# loops [DIR]: the names of the loop devices that show files below it; this test's.
loops() {
	local f
	for f in /sys/block/loop*/loop/backing_file; do
		! grep -qs "^${1:-$RIG}/" "$f" || basename "${f%/loop/*}"
	done
}

# loops_end DIR
loops_end() {
	local loop tries
	for loop in $(loops "$1"); do
		for ((tries = 200; tries; tries--)); do
			losetup -d "/dev/$loop" 2>/dev/null || :
			[ -e "/sys/block/$loop/loop" ] || break
			sleep 0.05
		done
	done
}

# rig_start COMMAND...: what lives until the test ends, or rig_stop; its pid is $!. Bats
# waits for whoever holds its descriptor 3.
rig_start() {
	"$@" 3>&- </dev/null &
	RIG_PIDS+=($!)
}

# The same, for a program that prints a line when it is ready.
rig_start_wait() {
	local line
	mkfifo "$RIG/ready" && exec {line}<>"$RIG/ready" && rm "$RIG/ready" || return
	rig_start "$@" >&"$line" {line}>&-
	read -r -t 120 -u "$line"
	set -- $? "$@"
	exec {line}>&-
	return "$1"
}

# rig_stop PID...: bash reports no process that SIGTERM ended.
rig_stop() {
	local pid
	kill "$@" 2>/dev/null || :
	for pid; do
		wait "$pid" || :
	done
}

# What still runs in the test's namespaces, apart from what rig_start knows.
rig_strays() {
	local name pid
	for name in "${RIG_NETNS[@]}"; do
		for pid in $(ip netns pids "$name"); do
			[[ " ${RIG_PIDS[*]} " == *" $pid "* ]] || echo "$pid"
		done
	done
}

rig_netns() {
	ip netns add "$1" || return
	RIG_NETNS[$1]=$1
}

rig_netns_del() {
	ip netns del "$1"
	unset "RIG_NETNS[$1]"
}

# A store of our own; the daemon tells once it accepts connections (tests/shim/xenstored.c).
rig_xenstored() {
	export XENSTORED_RUNDIR=$RIG/xs XENSTORED_PATH=$RIG/xs/socket
	mkdir "$RIG/xs"
	rig_xenstored_start || return
	xenstore-write /local/domain/0/domid 0 /local/domain/0/name Domain-0 domid 0
}

# Alone, after rig_xenstored_kill: one that has lost all that was in it.
rig_xenstored_start() {
	rig_start_wait env LD_PRELOAD="$RIG_BUILD/xenstored.so" setpriv --pdeathsig KILL \
		"$RIG_XENSTORED" -N -F "$RIG/xs/pid"
}

rig_xenstored_kill() {
	local pid
	pid=$(cat "$RIG/xs/pid")
	kill -KILL "$pid"
	wait "$pid" || :
	rm -f "$RIG/xs"/{pid,socket*}
}

# driver_domain D: from here on, what runs in "dom0" is domain D, with its rights and no
# others; backends are there. What libxl__domain_make writes for a driver domain.
driver_domain() {
	local d=$1 dir=/local/domain/$1 name
	RIG_SELF=$d
	xenstore-write "$dir" '' && xenstore-chmod "$dir" n0 "r$d" &&
		xenstore-write "$dir/domid" "$d" "$dir/name" driver "$dir/vm" "/vm/$(guest_uuid "$d")" \
			"$dir/libxl" '' "$dir/data" '' "$dir/device-model" '' &&
		for name in libxl data device-model; do
			xenstore-chmod "$dir/$name" "n$d" || return
		done &&
		"$RIG_BUILD/introduce" "$d" &&
		rig_holder_env=("XENSTORED_PATH=$RIG/xs/domain-$d")
}

rig_dom0() {
	local binds=("$RIG/run:/run" "$RIG/log:/var/log" "$RIG/etc-xen:/etc/xen"
		"$RIG_TOP/conf:/usr/share/xen-hotplug"
		"$RIG_TOP/compat-scripts:/usr/lib/xen-hotplug/scripts"
		"$XHP:/usr/sbin/xen-hotplug")
	mkdir -p "$RIG"/{run/lock,run/xen-hotplug,log/xen,etc-xen/hotplug} \
		"$RIG"/root/{etc/xen,usr/{sbin,share/xen-hotplug,lib/xen-hotplug/scripts}}
	chmod 755 "$RIG"
	chmod 700 "$RIG/run/xen-hotplug"
	: >"$RIG/root/usr/sbin/xen-hotplug"
	[ ! -d /etc/xen/scripts ] || cp -r /etc/xen/scripts "$RIG/etc-xen/"
	if [ -d /run/udev ]; then # first: afterwards, /run is another
		mkdir "$RIG/run/udev"
		binds=("/run/udev:$RIG/run/udev" "${binds[@]}")
	fi
	rig_netns "$DOM0" || return
	rig_start_wait "$RIG_BUILD/holder" "$DOM0" "$RIG/root" \
		$(rig_existing "${binds[@]}") || return
	RIG_HOLDER=$!
	ip -n "$DOM0" link set lo up
}

rig_existing() {
	local bind
	for bind; do
		[ ! -e "${bind%%:*}" ] || echo "$bind"
	done
}

# Runs a command in dom0. The working directory is /, as under the daemonised xl.
dom0() {
	env "${rig_holder_env[@]}" nsenter -t "$RIG_HOLDER" -n -m "$@"
}

# rig_hung DIR: dom0's DIR is a file system that never answers.
rig_hung() {
	[ -e /dev/fuse ] || skip "no /dev/fuse"
	rig_start_wait dom0 "$RIG_BUILD/hung" "$1"
}

# awaited FILE: does somebody wait for its lock, which another one holds?
awaited() {
	grep -q -- "-> FLOCK .*:$(stat -c %i "$1") " /proc/locks
}

# shows N TEXT FILE: does it stand there in so many lines, or more?
shows() {
	[ "$(grep -cF -- "$2" "$3")" -ge "$1" ]
}

# guest D N COMMAND...: runs a command where the other end of vifD.N is, as eth0.
guest() {
	local netns=$DOM0-$1.$2
	shift 2
	nsenter --net="/run/netns/$netns" "$@"
}

# bridge_add NAME [MTU]: without one, the bridge follows the smallest of its ports.
bridge_add() {
	ip -n "$DOM0" link add "$1" address 02:00:00:00:ff:01 type bridge stp_state 0 \
		forward_delay 0 &&
		ip -n "$DOM0" link set "$1" addrgenmode none ${2:+mtu "$2"} up
}

# Makes a bridge pass on whatever comes: no snooping, all link-local groups, no netfilter.
bridge_open() {
	local call
	ip -n "$DOM0" link set "$1" type bridge mcast_snooping 0 group_fwd_mask 0xfff8
	for call in iptables ip6tables arptables; do
		dom0 sysctl -qew "net.bridge.bridge-nf-call-$call=0"
	done
}

# ports_forward: waits until all bridge ports that are up forward frames. The kernel tells
# a bridge of a carrier once a second at most.
ports_forward() {
	wait_until all_forward || { bridge -n "$DOM0" link show; return 1; }
}

all_forward() {
	not grep -qv 'state forwarding' \
		<(bridge -n "$DOM0" link show | grep '[<,]UP[,>]')
}

# frames_table [OPTION...]: sends the table of frames from vif1.0's guest and looks what
# reaches vif2.0's. Says what is wrong, and fails.
frames_table() {
	ports_forward || return
	"$RIG_BUILD/frames" table "$@" "$DOM0-1.0" eth0 "$DOM0-2.0" eth0 >"$RIG/frames" ||
		{ sed '/^ok/d' "$RIG/frames"; return 1; }
}

# uplink_add: dom0's eth0, 192.0.2.1/24, leads to the namespace $NET, which has .99 there.
uplink_add() {
	NET=$DOM0-9.9
	rig_netns "$NET" &&
		ip -n "$DOM0" link add eth0 type veth peer name eth0 netns "$NET" &&
		ip -n "$DOM0" addr add 192.0.2.1/24 dev eth0 &&
		ip -n "$DOM0" link set eth0 addrgenmode none up &&
		ip -n "$NET" addr add 192.0.2.99/24 dev eth0 &&
		ip -n "$NET" link set eth0 addrgenmode none up &&
		dom0 sysctl -qw net.ipv4.ip_forward=1
}

# vif_add D N [NAME]: stands in for netback. The MAC is not netback's fe:ff:ff:ff:ff:ff,
# so that a test can see who sets that. The guest's end says nothing of its own accord.
vif_add() {
	local netns=$DOM0-$1.$2 name=${3:-vif$1.$2} tail
	printf -v tail '%02x:%02x' $(($1 & 255)) $(($2 & 255))
	rig_netns "$netns" || return
	ip -n "$DOM0" link add "$name" address "02:00:00:00:$tail" type veth \
		peer name eth0 address "00:16:3e:01:$tail" netns "$netns" &&
		ip -n "$netns" link set eth0 addrgenmode none up
}

# vif_del D N: the guest is gone, and netback's device with it.
vif_del() {
	ip -n "$DOM0-$1.$2" link del eth0
}

tap_add() {
	ip -n "$DOM0" tuntap add dev "$1" mode tap &&
		ip -n "$DOM0" link set "$1" address 02:00:00:00:fe:01
}

guest_uuid() {
	printf '00000000-0000-4000-8000-%012d' "$1"
}

# backend CLASS D N [KEY=VALUE...]: what libxl writes before it calls the script, with the
# permissions that it gives. KEY= is an empty node, -KEY leaves the node out.
backend() {
	local class=$1 d=$2 n=$3 kind=${1/%vbd3/vbd} pair key uuid
	local back=/local/domain/$RIG_SELF/backend/$1/$2/$3 front=/local/domain/$2/device/$kind/$3
	local -A node=([frontend-id]=$d [online]=1 [state]=2)
	local args recipe=$class
	shift 3
	[ "$kind" = xen_9pfs ] && front=/local/domain/$d/device/9pfs/$n
	case $class in
	vif)
		recipe=vif-bridge
		node+=([type]=vif [bridge]=xenbr0 [handle]=$n [hotplug-status]='')
		printf -v 'node[mac]' '00:16:3e:01:%02x:%02x' $((d & 255)) $((n & 255))
		;;
	vbd*)
		recipe=block
		node+=([type]=phy [removable]=0 [bootable]=1 [dev]=xvda [mode]=w
			[device-type]=disk [discard-enable]=1)
		;;
	esac
	node[script]=${SCRIPT:-/etc/xen/scripts/${RECIPE:-$recipe}}
	for pair; do
		case $pair in
		-*) unset "node[${pair#-}]" ;;
		*) node[${pair%%=*}]=${pair#*=} ;;
		esac
	done
	uuid=$(guest_uuid "$d")
	xenstore-write "/vm/$uuid" '' "/local/domain/$d" '' "$back" '' "$front" '' &&
		xenstore-chmod "/vm/$uuid" n0 "r$d" &&
		xenstore-chmod "/local/domain/$d" n0 "r$d" &&
		xenstore-chmod "$back" "n$RIG_SELF" "r$d" &&
		xenstore-chmod "$front" "n$d" "r$RIG_SELF" || return
	args=("/vm/$uuid/uuid" "$uuid" "/vm/$uuid/name" "${GUEST_NAME:-guest$d}"
		"/local/domain/$d/vm" "/vm/$uuid" "/local/domain/$d/domid" "$d"
		"/local/domain/$d/name" "${GUEST_NAME:-guest$d}"
		"$back/frontend" "$front" "$front/backend" "$back" "$front/backend-id" "$RIG_SELF"
		"$front/state" 1 "$front/handle" "$n")
	for key in "${!node[@]}"; do
		args+=("$back/$key" "${node[$key]}")
	done
	[ "$class" != vif ] ||
		args+=("$front/mac" "${node[mac]}" "$front/mtu" "${node[mtu]:-1500}")
	xenstore-write "${args[@]}" || return
	# Like libxl's ro_front: the guest may read this one only.
	[ "$class" != vif ] || xenstore-chmod "$front/mtu" "n$RIG_SELF" "r$d"
}

# What libxl does before it calls the script on the way back.
backend_closing() {
	local back=/local/domain/$RIG_SELF/backend/$1/$2/$3
	xenstore-write "$back/online" 0 "$back/state" 6
	[ "$1" != vif ] || xenstore-rm "$back/hotplug-status"
}

backend_gone() {
	xenstore-rm "/local/domain/$RIG_SELF/backend/$1/$2/$3"
	xenstore-rm "/local/domain/$2/device/${1/%vbd3/vbd}/$3"
}

# node CLASS D N KEY: a backend node's value; empty if there is none.
node() {
	xenstore-read "/local/domain/$RIG_SELF/backend/$1/$2/$3/$4" 2>/dev/null || :
}

# libxl_call CLASS D N COMMAND...: runs a script as libxl does (libxl_linux.c).
libxl_call() {
	local class=$1 d=$2 n=$3 name
	local env=("XENBUS_TYPE=$class" "XENBUS_PATH=backend/$class/$d/$n"
		XENBUS_BASE_PATH=backend)
	shift 3
	env+=("script=$(node "$class" "$d" "$n" script)")
	if [ "$class" = vif ]; then
		name=vif$d.$n
		env+=("netdev=$(node vif "$d" "$n" gatewaydev)" "vif=$name")
		[ "$(node vif "$d" "$n" type)" != vif_ioemu ] ||
			env+=("INTERFACE=$name-emu")
	fi
	dom0 env "${env[@]}" "$@" </dev/null >&2
}

# The command that libxl would find behind the `script` node.
rig_script() {
	if [ -n "$SCRIPT" ]; then
		RIG_COMMAND=("$SCRIPT")
	else
		RIG_COMMAND=(/usr/sbin/xen-hotplug run "${RECIPE:-$1}")
	fi
}

# vif_call D N online|offline|add|remove [ARGUMENT...]
vif_call() {
	local d=$1 n=$2 verb=$3 type=vif RIG_COMMAND
	shift 3
	case $verb in
	add | remove) type=tap ;;
	esac
	rig_script vif-bridge
	[ $# -gt 0 ] || set -- "type_if=$type"
	libxl_call vif "$d" "$n" "${RIG_COMMAND[@]}" "$verb" "$@"
}

# disk_call D N add|remove [ARGUMENT...]
disk_call() {
	local d=$1 n=$2 RIG_COMMAND
	shift 2
	rig_script block
	libxl_call "${CLASS:-vbd}" "$d" "$n" "${RIG_COMMAND[@]}" "$@"
}

# All that an attach can leave behind, in lines that are equal if nothing changed.
snapshot() {
	snapshot_kernel
	xenstore-ls -fp / | sed 's/^/store /' | LC_ALL=C sort
}

snapshot_kernel() {
	dom0 "$RIG_TOP/tests/netns/snapshot"
}
