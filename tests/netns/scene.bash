# SPDX-License-Identifier: LGPL-2.1-or-later
# Scenes for lib.bash's dom0, and what is looked for in them.

# With sanitizers: no status of the program's own, and a shim may be loaded first.
export ASAN_OPTIONS=exitcode=99:verify_asan_link_order=0 UBSAN_OPTIONS=exitcode=99

# scene [KEY=VALUE...]: a bridge, vif1.0, and its backend nodes, in the state "before".
scene() {
	rig_setup || return
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	bridge_add br0 1400
	vif_add 1 0
	backend vif 1 0 bridge=br0 "$@"
	keep before
}

xhp() {
	dom0 /usr/sbin/xen-hotplug "$@"
}

# keep NAME: remembers the state of everything; keep_kernel: all but the store.
keep() {
	snapshot >"$RIG/$1"
}

keep_kernel() {
	snapshot_kernel >"$RIG/$1"
}

# same A B: were the two states equal?
same() {
	diff "$RIG/$1" "$RIG/$2" >"$RIG/diff" || { head -n 50 "$RIG/diff"; return 1; }
}

unchanged() {
	keep now
	same before now
}

# An ordinary detach leaves a netdev that stays as it is, and the toolstack its nodes.
DEVICE='link [^ ]+ (address|mtu|inet6_addr_gen_mode)=|sysctl ipv6/conf/[^/]+/'
DEVICE+='(mtu|addr_gen_mode):|store .*/(hotplug-status|mtu) = '

# detached [BEFORE]: is nothing left of an attach that was undone in the ordinary way?
detached() {
	keep now
	diff <(grep -vE "$DEVICE" "$RIG/${1:-before}") <(grep -vE "$DEVICE" "$RIG/now")
}

# differences A B: the lines that differ, without the many of a bridge's port, and the VLAN 1
# that a port gets where the kernel has VLANs on bridges.
differences() {
	diff "$RIG/$1" "$RIG/$2" |
		sed -n '/ port\./d; / vlan 1 master /d; /^. vlan .*"vlan":1,/d; /^[<>]/p' |
		LC_ALL=C sort -k2
}

# link_is NAME PATTERN...: does "ip link" show all of it?
link_is() {
	local dev=$1 pattern
	shift
	dom0 ip -d -o link show "$dev" >"$RIG/link" || return
	for pattern; do
		grep -qE -- "$pattern" "$RIG/link" || {
			echo "$dev: no $pattern"
			cat "$RIG/link"
			return 1
		}
	done
}

mtu_node() {
	xenstore-read "/local/domain/$1/device/vif/$2/mtu"
}

status_is() {
	local got
	got=$(node vif 1 0 hotplug-status)
	[ "$got" = "$1" ] || { echo "hotplug-status = $got"; return 1; }
}

# as_schema DEFINITION: is standard input JSON as xhp/schema.json says?
as_schema() {
	local wrong
	cat >"$RIG/json"
	wrong=$(jq -rn --slurpfile schema "$RIG_TOP/xhp/schema.json" --arg of "$1" \
		--slurpfile data "$RIG/json" -f "$RIG_TOP/tests/netns/schema.jq") || return
	[ -z "$wrong" ] || { echo "$wrong"; return 1; }
}

# says TEXT...: did the last `run` say all of it?
says() {
	local text
	for text; do
		[[ $output == *"$text"* ]] || { echo "no \"$text\" in: $output"; return 1; }
	done
}

# refused D N TEXT...: the last `run` failed, said TEXT, told the toolstack, and nothing
# has changed apart from that.
refused() {
	local d=$1 n=$2 text
	shift 2
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	says "$@" || return
	[ "$(node vif "$d" "$n" hotplug-status)" = error ] || return
	for text; do
		[[ $(node vif "$d" "$n" hotplug-error) == *"$text"* ]] || return
	done
	keep now
	diff "$RIG/before" "$RIG/now" >"$RIG/diff" || :
	! grep -E '^[<>]' "$RIG/diff" |
		grep -vE "store .*/backend/vif/$d/$n/hotplug-(status|error) = " || return 1
}

# shimmed NAME=VALUE...: $SHIM_VERB (or online) of vif1.0 with calls that fail
# (tests/shim/fault.c).
shimmed() {
	libxl_call vif 1 0 env "$@" LD_PRELOAD="$RIG_BUILD/fault.so" \
		/usr/sbin/xen-hotplug run "${RECIPE:-vif-bridge}" "${SHIM_VERB:-online}" type_if=vif
}

# paused VERB N: guest 1's run stops before its Nth message to the kernel, if there is one.
paused() {
	rm -f "$RIG/run/calls" "$RIG/run/calls.go"
	SHIM_VERB=$1 shimmed FAULT_AT=$2 FAULT_HOW=wait FAULT_KINDS=n FAULT_LOG=/run/calls \
		3>&- &
	until grep -qs FAULT "$RIG/run/calls"; do
		kill -0 $! 2>/dev/null || { wait $!; return 1; }
		sleep 0.01
	done
}

goes_on() {
	touch "$RIG/run/calls.go"
	wait $!
}

# many BRIDGE [ip]: guests 101 to 300, without a network namespace each.
many() {
	local d back args=()
	for d in $(seq 101 300); do
		back=/local/domain/0/backend/vif/$d/0
		echo "link add vif$d.0 type veth peer name g$d"
		args+=("$back/frontend" "/local/domain/$d/device/vif/0" "$back/state" 2
			"$back/bridge" "$1" "$back/hotplug-status" ''
			"$back/mac" "00:16:3e:02:00:$(printf %02x $((d - 100)))"
			"/local/domain/$d/device/vif/0/mtu" 1500)
		[ -z "$2" ] || args+=("$back/ip" "192.0.2.$((d - 100))")
	done >"$RIG/links"
	ip -n "$DOM0" -b "$RIG/links" && xenstore-write "${args[@]}"
}

# at_once VERB D...: a run for each vifD.0 at the same time; prints those that failed.
at_once() {
	dom0 bash -s "${RECIPE:-vif-bridge}" "$@" <<-'END'
		recipe=$1 verb=$2
		shift 2
		for d; do
			XENBUS_TYPE=vif XENBUS_PATH=backend/vif/$d/0 vif=vif$d.0 \
				/usr/sbin/xen-hotplug run $recipe $verb type_if=vif \
				</dev/null || echo "vif$d.0: $verb failed" &
		done
		wait
	END
}

# vif_recipe LINE...: what the scripts' names run is a recipe of these lines.
vif_recipe() {
	printf '%s\n' '[recipe]' 'device = vif' "$@" >"$RIG/etc-xen/hotplug/vif-bridge.ini"
}

# each_call HOW KINDS [CHECK]: a call of vif1.0's attach fails, or is the last before
# SIGKILL, each in turn; when that is undone, CHECK (detached) has to hold. hits: how many.
each_call() {
	local n check=${3:-detached}
	hits=0
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW="$1" FAULT_KINDS="$2" FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		hits=$((hits + 1))
		echo "$1, call $n: $status $output"
		case $status in
		0) vif_call 1 0 offline || return ;;
		137)
			! grep -qs '^done ' "$RIG/run/xen-hotplug/devices/vif-1-0" ||
				vif_call 1 0 offline || return
			xhp gc || return
			;;
		esac
		xenstore-rm /local/domain/0/backend/vif/1/0/hotplug-error 2>/dev/null || :
		"$check" || return
	done
	[ "$status" = 0 ] && vif_call 1 0 offline && "$check"
}

# uplink_recipe NAME: vif-bridge, and a link that all devices of this recipe share.
uplink_recipe() {
	cat >"$RIG/etc-xen/hotplug/$1.ini" <<-'END'
		[recipe]
		device = vif
		[link uplink]
		shared = uplink
		dev = uplink
		mtu = 1300
		[use vif-bridge]
	END
}

# A scene in which every kind of record is made, and the states "before" and "attached".
full_scene() {
	scene vifname=web ip='192.0.2.1 2001:db8::1'
	ip -n "$DOM0-1.0" link set eth0 down # a carrier brings more in its own time
	dom0 sysctl -qw net.ipv6.conf.vif1/0.accept_dad=0
	tap_add uplink
	dom0 nft -f - <<-'END'
		table ip filter {
			chain FORWARD { type filter hook forward priority 0; policy drop; }
		}
	END
	uplink_recipe full
	export RECIPE=full
	full_reset
	keep before
	vif_call 1 0 online
	keep attached
	vif_call 1 0 offline
	full_reset
	unchanged
}

# What the toolstack and netback would make anew: the interface's properties, the nodes.
full_reset() {
	local name=vif1.0
	! dom0 test -e /sys/class/net/web || name=web
	dom0 ip -b - <<-END
		link set $name down
		link set $name name vif1.0
		link set vif1.0 address 02:00:00:00:01:00 mtu 1500 addrgenmode eui64
		link set vif1.0 up
		addr replace 192.0.2.254/24 dev vif1.0
		addr replace 2001:db8::fe/64 dev vif1.0
	END
	reset_nodes
}

reset_nodes() {
	xenstore-rm /local/domain/0/backend/vif/1/0/hotplug-error 2>/dev/null || :
	xenstore-write /local/domain/0/backend/vif/1/0/hotplug-status '' \
		/local/domain/1/device/vif/0/mtu 1500
}
