# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts of vifs. Sets command, type_if, dev, vifname and ip.

# Ours beside this one, also if a link in /etc/xen/scripts leads here.
_lib=$(readlink -f "${BASH_SOURCE[0]}")
_lib=${_lib%/*}
. "$_lib/xen-hotplug-common.sh"
. "$_lib/xen-network-common.sh"

findCommand "$@"

case $command in
online | offline | add | remove) ;;
*)
	log err "Invalid command: $command"
	exit 1
	;;
esac

evalVariables "$@"
: "${type_if:=vif}"

case $type_if in
vif) dev=$vif ;;
tap) dev=$INTERFACE ;;
*)
	log err "unknown interface type $type_if"
	exit 1
	;;
esac

case $command in
online | offline) [ "$type_if" = vif ] || exit 0 ;;
add | remove) [ "$type_if" = tap ] || exit 0 ;;
esac

# rename_vif DEV NAME: an interface of that name is somebody else's.
rename_vif() {
	if [ -e "/sys/class/net/$2" ]; then
		# netback says whose it is, if it is a vif: by an earlier call, ours
		[ ! -e "/sys/class/net/$1" ] && _is_ours "$2" && return
		fatal "Cannot rename interface $1. An interface with name $2 already exists."
	fi
	do_or_die ip link set dev "$1" name "$2"
}

_is_ours() {
	local node
	[ -r "/sys/class/net/$1/device/nodename" ] || return 0
	node=$(<"/sys/class/net/$1/device/nodename")
	[ "${XENBUS_PATH%"$node"}" != "$XENBUS_PATH" ]
}

if [ "$type_if" = vif ]; then
	XENBUS_PATH=${XENBUS_PATH:?}
	dev=${dev:?}
else
	: "${INTERFACE:?}"
	# libxl gives it, too; else by the name vifDOMID.DEVID-emu
	if [ -z "$XENBUS_PATH" ] && [[ $dev =~ ^vif([0-9]+)\.([0-9]+)-emu$ ]]; then
		XENBUS_PATH=backend/vif/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}
	fi
	XENBUS_PATH=${XENBUS_PATH:?}
fi

vifname=$(xenstore_read_default "$XENBUS_PATH/vifname" "")
if [ -n "$vifname" ]; then
	[[ $vifname != */* ]] || fatal "vifname $vifname is not the name of an interface"
	[ "$type_if" = vif ] || vifname=$vifname-emu
	case $command in
	online | add)
		rename_vif "$dev" "$vifname"
		dev=$vifname
		;;
	# one that could not be renamed has its old name: the other is another guest's
	*) [ -e "/sys/class/net/$dev" ] || dev=$vifname ;;
	esac
fi

ip=${ip:-}
ip=$(xenstore_read_default "$XENBUS_PATH/ip" "$ip")

iptables_w() {
	iptables -w "$@"
}

# frob_iptable [MATCH...]: frames from the interface that match, and all to it, pass or, on
# the way back, do not.
frob_iptable() {
	local in=(FORWARD -m physdev --physdev-is-bridged --physdev-in "$dev" "$@" -j ACCEPT)
	local out=(FORWARD -m physdev --physdev-is-bridged --physdev-out "$dev" -j ACCEPT)
	case $command in
	online | add)
		{ iptables_w -C "${in[@]}" || iptables_w -I "${in[@]}"; } 2>/dev/null &&
			{ iptables_w -C "${out[@]}" || iptables_w -I "${out[@]}"; } 2>/dev/null ||
			log err "iptables setup failed. This may affect guest networking."
		;;
	*)
		iptables_w -D "${in[@]}" 2>/dev/null || :
		iptables_w -D "${out[@]}" 2>/dev/null || :
		;;
	esac
}

# Does a frame that is bridged pass a chain FORWARD? To ask iptables would make one.
_needs_iptable() {
	local call=/proc/sys/net/bridge/bridge-nf-call-iptables
	[ -r "$call" ] && [ "$(<"$call")" = 1 ] && type iptables >/dev/null 2>&1 || return 1
	grep -qsx filter /proc/net/ip_tables_names ||
		nft list chain ip filter FORWARD >/dev/null 2>&1
}

# handle_iptable: accepts the interface's traffic where dom0's firewall may drop it. This
# holds no guest to its addresses: a recipe's [filter] does.
handle_iptable() {
	local addr list
	_needs_iptable || return 0
	claim_lock iptables
	if [ -n "$ip" ]; then
		read -ra list <<<"${ip//,/ }"
		for addr in "${list[@]}"; do
			[[ $addr == *:* ]] || frob_iptable -s "$addr"
		done
		frob_iptable -p udp --sport 68 --dport 67
	else
		frob_iptable
	fi
	release_lock iptables
}

# ip_of DEV: its first IPv4 address, or nothing.
ip_of() {
	ip -4 -o addr show primary dev "$1" |
		awk '$3 == "inet" { split($4, i, "/"); print i[1]; exit }'
}

# dom0_ip: that of $netdev, else eth0; fatal if there is none.
dom0_ip() {
	local nd=${netdev:-eth0} result
	result=$(ip_of "$nd")
	[ -n "$result" ] || fatal "$nd is not up.  Bring it up or specify another interface" \
		"with netdev=<if> as a parameter to $0."
	echo "$result"
}
