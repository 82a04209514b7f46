# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts of network interfaces: bridges and their ports.

preiftransfer() {
	true
}

if ! type ifup >/dev/null 2>&1; then
	ifup() {
		false
	}
	ifdown() {
		false
	}
fi

# first_file TEST FILE...: prints the first for which [ TEST FILE ] holds.
first_file() {
	local t=$1 file
	shift
	for file; do
		if [ "$t" "$file" ]; then
			echo "$file"
			return
		fi
	done
}

find_dhcpd_conf_file() {
	first_file -f /etc/dhcp/dhcpd.conf /etc/dhcp3/dhcpd.conf /etc/dhcpd.conf
}

find_dhcpd_init_file() {
	first_file -x /etc/init.d/{isc-dhcp-server,dhcp-server,dhcp3-server,dhcp,dhcpd}
}

find_dhcpd_arg_file() {
	first_file -f /etc/sysconfig/dhcpd /etc/defaults/dhcp /etc/default/dhcp-server \
		/etc/default/dhcp3-server
}

# A port has no addresses; a virtual one the highest MAC, which no bridge will adopt.
_setup_bridge_port() {
	ip link set dev "$1" down
	[ "$2" = 0 ] || ip link set dev "$1" address fe:ff:ff:ff:ff:ff || :
	ip address flush dev "$1"
}

setup_physical_bridge_port() {
	_setup_bridge_port "$1" 0
}

setup_virtual_bridge_port() {
	_setup_bridge_port "$1" 1
}

# As Xen's newest tree calls it.
setup_bridge_port() {
	_setup_bridge_port "$1" 1
}

# create_bridge BRIDGE: unless it is there.
create_bridge() {
	[ -e "/sys/class/net/$1/bridge" ] ||
		ip link add name "$1" type bridge stp_state 0 forward_delay 0
}

# add_to_bridge BRIDGE DEV
add_to_bridge() {
	if [ -e "/sys/class/net/$1/brif/$2" ]; then
		log debug "$2 already on bridge $1"
	else
		log debug "adding $2 to bridge $1"
		ip link set dev "$2" master "$1"
	fi
	ip link set dev "$2" up
}

# remove_from_bridge BRIDGE DEV
remove_from_bridge() {
	do_without_error ip link set dev "$2" down
	if [ -e "/sys/class/net/$1/brif/$2" ]; then
		log debug "removing $2 from bridge $1"
		do_without_error ip link set dev "$2" nomaster
	else
		log debug "$2 not on bridge $1"
	fi
}

# set_mtu BRIDGE DEV TYPE_IF: the guest's, else the bridge's; and the guest is told.
set_mtu() {
	local bridge=$1 dev=$2 type_if=$3 mtu path=${XENBUS_PATH:?}
	mtu=$(xenstore_read_default "$path/mtu" "")
	if [ -z "$mtu" ] && [ -r "/sys/class/net/$bridge/mtu" ]; then
		mtu=$(<"/sys/class/net/$bridge/mtu")
		log debug "$bridge MTU is $mtu"
	fi
	[[ $mtu =~ ^[1-9][0-9]{0,8}$ ]] || return 0
	log debug "setting $dev MTU to $mtu"
	ip link set dev "$dev" mtu "$mtu" || :
	# by the path: the interface may have a name of its own
	if [ "$type_if" = vif ] && [[ $path =~ /([0-9]+)/([0-9]+)$ ]]; then
		xenstore_write \
			"/local/domain/${BASH_REMATCH[1]}/device/vif/${BASH_REMATCH[2]}/mtu" "$mtu"
	fi
}
