# SPDX-License-Identifier: LGPL-2.1-or-later
# Open vSwitch's daemons in dom0's namespaces, for lib.bash and scene.bash.

# ovs_setup: the database and ovs-vswitchd with an empty bridge br0, userspace datapath.
ovs_setup() {
	rig_setup || return
	command -v ovsdb-server >/dev/null && command -v ovs-vswitchd >/dev/null ||
		skip "no Open vSwitch (package openvswitch-switch)"
	[ -c /dev/net/tun ] || skip "no /dev/net/tun, which ovs-vswitchd needs"
	RECIPE=vif-openvswitch
	mkdir "$RIG/run/openvswitch"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	dom0 ovsdb-tool create /run/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovs_server && ovs_daemon && vsctl --no-wait init && ovs_bridge br0
}

# ovs_scene: and vif1.0, to be attached to br0.
ovs_scene() {
	ovs_setup
	vif_add 1 0
	backend vif 1 0 bridge=br0
	ports >"$RIG/ports"
}

ovs_teardown() {
	[ -z "$STOPPED" ] || kill -CONT "$STOPPED"
	rig_teardown
}

# Nothing of ours is left in the database.
no_ports() {
	ports | diff "$RIG/ports" -
}

ovs_server() {
	ovs_run ovsdb-server /run/conf.db --remote=punix:/run/openvswitch/db.sock
}

ovs_daemon() {
	ovs_run ovs-vswitchd
}

# ovs_run PROGRAM ARGUMENT...: until it answers on its control socket.
ovs_run() {
	local name=$1
	shift
	rig_start dom0 setpriv --pdeathsig KILL "$name" --pidfile "$@" 2>>"$RIG/log/$name"
	wait_until dom0 ovs-appctl -t "$name" version
}

ovs_pid() {
	cat "$RIG/run/openvswitch/$1.pid"
}

# ovs_stop PROGRAM: ends it, and waits until it has.
ovs_stop() {
	local pid
	pid=$(ovs_pid "$1") || return
	kill "$pid" && wait_until eval "! kill -0 $pid"
}

ovs_freeze() {
	STOPPED=$(ovs_pid "$1")
	kill -STOP "$STOPPED"
}

ovs_thaw() {
	kill -CONT "$STOPPED"
	STOPPED=
}

vsctl() {
	dom0 ovs-vsctl --timeout=120 "$@"
}

ovs_bridge() {
	vsctl add-br "$1" -- set bridge "$1" datapath_type=netdev
}

# rows [NAME]: what is configured for a port, and where, apart from our mark.
rows() {
	local name=${1:-vif1.0}
	vsctl iface-to-br "$name"
	vsctl --columns=name,tag,trunks,vlan_mode,fake_bridge,qos,other_config,external_ids \
		find port name="$name" | sed -E 's/xen-hotplug=[a-z0-9-]+(, )?//; s/, }/}/'
	vsctl --columns=name,type,external_ids,options,other_config,mtu_request,ofport_request,error \
		find interface name="$name"
}

# ports: all that is in the database, without what ovs-vswitchd tells and numbers.
ports() {
	local table
	for table in bridge:name,ports port:_uuid,name,tag,trunks,vlan_mode,external_ids \
		interface:_uuid,name,type,external_ids; do
		vsctl --columns="${table#*:}" list "${table%:*}"
	done
}

# mark [NAME]: the device that a port was made for.
mark() {
	vsctl --if-exists get port "${1:-vif1.0}" external_ids:xen-hotplug
}
