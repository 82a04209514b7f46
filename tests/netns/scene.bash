# SPDX-License-Identifier: LGPL-2.1-or-later
# Scenes for lib.bash's dom0, and what is looked for in them.

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
	diff "$RIG/$1" "$RIG/$2"
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

# differences A B: the lines that differ, without the many of a bridge's port.
differences() {
	diff "$RIG/$1" "$RIG/$2" | sed -n '/ port\./d; /^[<>]/p' | LC_ALL=C sort -k2
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

# shimmed NAME=VALUE...: online of vif1.0 with calls that fail (tests/shim/fault.c).
shimmed() {
	libxl_call vif 1 0 env ASAN_OPTIONS=verify_asan_link_order=0 "$@" \
		LD_PRELOAD="$RIG_BUILD/fault.so" \
		/usr/sbin/xen-hotplug run vif-bridge online type_if=vif
}
