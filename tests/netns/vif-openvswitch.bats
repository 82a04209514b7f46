#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# vif-openvswitch: a port in Open vSwitch's database, as ovs-vsctl would have made it.

load lib
load scene
load ovs

setup() {
	ovs_scene
}

teardown() {
	ovs_teardown
}

# as_stock [NODE=VALUE...]: both make the same rows, and take them away.
as_stock() {
	dom0 test -x /etc/xen/scripts/vif-openvswitch || skip "no stock vif-openvswitch"
	backend vif 1 0 "$@"
	SCRIPT=/etc/xen/scripts/vif-openvswitch vif_call 1 0 online
	rows >"$RIG/stock"
	SCRIPT=/etc/xen/scripts/vif-openvswitch vif_call 1 0 offline
	no_ports
	vif_call 1 0 online
	[ "$(node vif 1 0 hotplug-status)" = connected ]
	rows >"$RIG/ours"
	cat "$RIG/ours"
	diff "$RIG/stock" "$RIG/ours"
	[ "$(mark)" = vif-1-0 ]
	vif_call 1 0 offline
	no_ports
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "a plain bridge: the rows are the stock script's" {
	as_stock bridge=br0
	grep -q 'xen-vm-name=guest1, xen-vm-uuid="00000000-0000-4000-8000-000000000001"' \
		"$RIG/ours"
}

@test "bridge.TAG: the rows are the stock script's" {
	as_stock bridge=br0.5
}

@test "bridge:T1:T2: the rows are the stock script's" {
	as_stock bridge=br0:30:20
}

@test "bridge.TAG:T1:T2: the rows are the stock script's, with a warning" {
	as_stock bridge=br0.5:6:7
	run vif_call 1 0 online
	says 'ignores trunks of a port that has a tag' 'vlan=5p/6'
}

@test "a fake bridge is a VLAN of its parent, as ovs-vsctl has it" {
	vsctl add-br fake br0 9
	ports >"$RIG/ports"
	as_stock bridge=fake
	grep -q '^tag *: 9' "$RIG/ours"
	[ "$(head -n 1 "$RIG/ours")" = fake ]
	as_stock bridge=fake.5
}

@test "frames pass between two guests of a VLAN, and not between VLANs" {
	local d
	ip -n "$DOM0" link set br0 up
	for d in 1 2 3; do
		[ $d = 1 ] || vif_add $d 0
		backend vif $d 0 bridge=br0.$((d / 3 + 5))
		vif_call $d 0 online
		guest $d 0 ip addr add 198.51.100.$d/24 dev eth0
		guest $d 0 ethtool -K eth0 tx off
	done
	guest 1 0 ping -q -c 1 -w 60 198.51.100.2
	! guest 1 0 ping -q -c 1 -W 1 198.51.100.3
}

@test "xl's vlan=: access, and trunks with a native VLAN" {
	backend vif 1 0 bridge=br0 vlan=7
	vif_call 1 0 online
	[ "$(vsctl get port vif1.0 tag)" = 7 ]
	[ "$(vsctl get port vif1.0 vlan_mode)" = '[]' ]
	backend vif 1 0 bridge=br0 vlan=10p/20-22/30+5x2
	vif_call 1 0 online
	[ "$(vsctl get port vif1.0 tag)" = 10 ]
	[ "$(vsctl get port vif1.0 trunks)" = '[20, 21, 22, 30, 35, 40]' ]
	[ "$(vsctl get port vif1.0 vlan_mode)" = native-untagged ]
	vif_call 1 0 offline
	no_ports
}

@test "VLANs that Open vSwitch cannot have are refused" {
	backend vif 1 0 bridge=br0 vlan=10p/20u
	keep before
	run vif_call 1 0 online
	refused 1 0 'one untagged VLAN a port, the PVID 10: VLAN 20'
	backend vif 1 0 bridge=br0 vlan=10p/10-12
	run vif_call 1 0 online
	says 'VLAN 10 is both tagged and untagged'
	backend vif 1 0 bridge=br0.5 vlan=10
	run vif_call 1 0 online
	says 'vlan= goes with a plain bridge'
	xenstore-rm /local/domain/0/backend/vif/1/0/vlan
	backend vif 1 0 bridge=br0:5:5
	vif_call 1 0 online
	[ "$(vsctl get port vif1.0 trunks)" = '[5]' ]
	vif_call 1 0 offline
	backend vif 1 0 bridge=br0:5000
	run vif_call 1 0 online
	says 'a trunk is not a VLAN'
	no_ports
}

@test "the MTU is the bridge's, or the one that is asked for" {
	vsctl set interface br0 mtu_request=1400
	vif_call 1 0 online
	link_is vif1.0 'mtu 1400'
	[ "$(mtu_node 1 0)" = 1400 ]
	backend vif 1 0 bridge=br0 mtu=1300
	vif_call 1 0 online
	link_is vif1.0 'mtu 1300'
	[ "$(mtu_node 1 0)" = 1300 ]
	ip -n "$DOM0" link set vif1.0 mtu 1200
	run xhp check
	says 'the MTU of vif1.0 is 1200, not 1300'
	xhp repair
	link_is vif1.0 'mtu 1300'
}

@test "iface-id is set where the recipe gives it, from the guest's uuid" {
	cat >"$RIG/etc-xen/hotplug/vif-openvswitch.ini" <<-'END'
		[defaults]
		iface-id = ${vm/uuid}-${devid}
		[use vif-openvswitch]
	END
	vif_call 1 0 online
	[ "$(vsctl get interface vif1.0 external_ids:iface-id)" = \
		'"00000000-0000-4000-8000-000000000001-0"' ]
	# what OVN adds to it is no drift
	vsctl set interface vif1.0 external_ids:ovn-installed=true
	xhp check
	vsctl set interface vif1.0 external_ids:iface-id=other
	run xhp check
	[ "$status" = 1 ]
	says "external_ids of Open vSwitch's interface vif1.0 is not as it was set"
}

@test "a guest's name is data, whatever it says" {
	local name
	for name in 'x -- del-br br0' '" -- --if-exists del-br br0 -- "' '{"op":"abort"}' \
		"\$(touch $RIG/run/pwned)" "'; touch $RIG/run/pwned;'" 'a,b=c' 'ünïcode'; do
		xenstore-write "/vm/$(guest_uuid 1)/name" "$name"
		vif_call 1 0 online
		[ "$(vsctl --format=json --columns=external_ids list interface vif1.0 |
			jq -r '.data[0][0][1][] | select(.[0] == "xen-vm-name")[1]')" = "$name" ]
		vif_call 1 0 offline
		no_ports
	done
	[ ! -e "$RIG/run/pwned" ]
}

@test "a stale port of its name is replaced, on whatever bridge it was" {
	ovs_bridge br1
	vsctl add-port br1 vif1.0 tag=99 -- set interface vif1.0 external_ids:old=1
	ports >"$RIG/stale"
	vif_call 1 0 online
	[ "$(vsctl iface-to-br vif1.0)" = br0 ]
	[ "$(vsctl get port vif1.0 tag)" = '[]' ]
	[[ $(vsctl get interface vif1.0 external_ids) != *old=* ]]
	vif_call 1 0 offline
	[ -z "$(vsctl list-ports br0)$(vsctl list-ports br1)" ]
}

@test "a roll-back puts the stale port back as it was" {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	printf '[ "$command" = offline ]\n' >"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	ovs_bridge br1
	vsctl add-port br1 vif1.0 tag=99 trunks=1,2 vlan_mode=native-tagged -- \
		set interface vif1.0 external_ids:old=1 -- set port vif1.0 external_ids:other=2
	rows >"$RIG/stale"
	keep before
	run vif_call 1 0 online
	# ovs-vswitchd reads all flags and writes them back: what went down in between comes up
	dom0 ip link set vif1.0 down
	refused 1 0 'a hook'
	rows | diff "$RIG/stale" -
	vsctl get port vif1.0 external_ids
	[ "$(vsctl get port vif1.0 external_ids)" = '{other="2"}' ]
}

@test "a stale port that cannot be put back does not keep ours" {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	cat >"$RIG/etc-xen/scripts/vif-post.d/a.hook" <<-'END'
		[ "$command" = offline ] || { ovs-vsctl --timeout=20 -- --all destroy qos; false; }
	END
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	vsctl add-port br0 vif1.0 -- set port vif1.0 qos=@q -- --id=@q create qos type=linux-noop
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'vif1.0 cannot be put back as it was before: ovsdb-server: referential integrity'
	no_ports
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "what is not a device's plain port is left alone: a bond, a tunnel, a renamed vif" {
	vsctl add-port br0 vif1.0 -- set interface vif1.0 type=vxlan options:remote_ip=192.0.2.1
	ports >"$RIG/ports"
	keep before
	run vif_call 1 0 online
	refused 1 0 "a port vif1.0 already, and it is not a device's plain port"
	no_ports
	vsctl del-port vif1.0
	tap_add tap1
	vsctl add-bond br0 bond0 vif1.0 tap1
	ports >"$RIG/ports"
	run vif_call 1 0 online
	says "a bond's interface vif1.0"
	no_ports
	vsctl del-port bond0
	vif_add 2 0
	backend vif 2 0 bridge=br0
	vif_call 2 0 online
	backend vif 1 0 bridge=br0 vifname=vif2.0
	ovs_freeze ovs-vswitchd # which would see the rename, and let go
	dom0 ip link set vif2.0 down
	dom0 ip link set vif2.0 name away
	ports >"$RIG/ports"
	run vif_call 1 0 online
	ovs_thaw
	[ "$status" = 1 ]
	says 'port vif2.0 on br0 is that of the interface away: left alone'
	no_ports
}

@test "an offline leaves a port alone that is somebody else's now" {
	vif_call 1 0 online
	vsctl del-port vif1.0 -- add-port br0 vif1.0 tag=3
	ports >"$RIG/ports"
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	says "port vif1.0 is somebody else's: left alone"
	no_ports
}

@test "a missing bridge: those that there are are named" {
	ovs_bridge br1
	vsctl add-br fake br0 9
	backend vif 1 0 bridge=nope
	keep before
	run vif_call 1 0 online
	refused 1 0 'there is no bridge nope in Open vSwitch; those there are: ' br1 fake
	backend vif 1 0 bridge=
	run vif_call 1 0 online
	says 'bridge is required, and not set'
}

@test "ip= on a userspace datapath is refused, on the kernel's it is not" {
	backend vif 1 0 bridge=br0 ip=192.0.2.1
	keep before
	run vif_call 1 0 online
	refused 1 0 'br0 has the userspace datapath "netdev"' \
		'ip= cannot hold the guest to its addresses there'
	no_ports
	vsctl --no-wait add-br br1
	backend vif 1 0 bridge=br1 ip=192.0.2.1
	libxl_call vif 1 0 xen-hotplug plan vif-openvswitch online
}

@test "a bridge that ovs-vswitchd does not serve is an error, and rolled back" {
	[ ! -d /sys/module/openvswitch ] || skip "this kernel has the module openvswitch"
	vsctl --no-wait add-br br1
	ports >"$RIG/ports"
	backend vif 1 0 bridge=br1
	keep before
	run vif_call 1 0 online
	refused 1 0 'ovs-vswitchd does not serve the bridge br1' 'modprobe openvswitch'
	no_ports
}

@test "online twice changes nothing, offline twice is no error" {
	vif_call 1 0 online
	ports >"$RIG/attached"
	keep before
	vif_call 1 0 online
	unchanged
	ports | diff "$RIG/attached" -
	vif_call 1 0 offline
	vif_call 1 0 offline
	no_ports
}

@test "offline when port, bridge and interface have gone" {
	vif_call 1 0 online
	vsctl del-port vif1.0
	vif_call 1 0 offline
	no_ports
	vif_call 1 0 online
	vif_del 1 0
	vif_call 1 0 offline
	no_ports
	vif_add 3 0
	backend vif 3 0 bridge=br0
	vif_call 3 0 online
	vsctl del-br br0
	vif_call 3 0 offline
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "what drifts is found and repaired" {
	backend vif 1 0 bridge=br0.5
	vif_call 1 0 online
	rows >"$RIG/attached"
	xhp check
	vsctl set port vif1.0 tag=6
	run xhp check
	[ "$status" = 1 ]
	says "tag of Open vSwitch's port vif1.0 is not as it was set"
	xhp repair
	rows | diff "$RIG/attached" -
	vsctl del-port vif1.0
	run xhp check
	says "vif1.0 is not a port of Open vSwitch's br0 any more"
	xhp repair
	rows | diff "$RIG/attached" -
	xhp check
}

@test "a bridge that was deleted and made anew is joined again, unless the port is elsewhere" {
	backend vif 1 0 bridge=br0.5
	vif_call 1 0 online
	rows >"$RIG/attached"
	vsctl del-br br0
	run xhp repair
	[ "$status" = 1 ]
	says "br0"
	ovs_bridge br0
	run xhp check
	[ "$status" = 1 ]
	says "vif1.0 is not a port of Open vSwitch's br0 any more"
	ovs_bridge br1
	vsctl add-port br1 vif1.0
	run xhp repair
	[ "$status" = 1 ]
	says "Open vSwitch's port vif1.0 is on br1 by now: it is left there"
	vsctl del-port vif1.0
	xhp repair
	rows | diff "$RIG/attached" -
	xhp check
	# with another datapath, it is another one
	vsctl del-br br0 -- add-br br0
	run xhp repair
	[ "$status" = 1 ]
	says "Open vSwitch's br0 was made anew, and is another one"
	vsctl del-br br0
	ovs_bridge br0
	xhp repair
	vif_call 1 0 offline
	[ -z "$(mark)" ]
}

@test "killed while it waits: gc removes the port" {
	local pid
	ovs_freeze ovs-vswitchd
	vif_call 1 0 online 2>/dev/null 3>&- &
	wait_until vsctl get port vif1.0 name
	for pid in $(ip netns pids "$DOM0"); do
		[ "$(cat "/proc/$pid/comm")" != xen-hotplug ] || kill -KILL "$pid"
	done
	! wait $! || false
	ovs_thaw
	xhp gc
	no_ports
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}

@test "killed at each call: gc leaves nothing" {
	local n
	backend vif 1 0 bridge=br0.5 mtu=1400
	for ((n = 1; ; n++)); do
		rm -f "$RIG/run/calls"
		run shimmed FAULT_AT=$n FAULT_HOW=after FAULT_KINDS=njs FAULT_LOG=/run/calls
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 137 ]
		if grep -qs '^done ' "$RIG/run/xen-hotplug/devices/vif-1-0"; then
			[ "$(mark)" = vif-1-0 ]
			vif_call 1 0 offline
		else
			xhp gc
		fi
		no_ports
		reset_nodes
	done
	[ "$status" = 0 ]
	[ "$n" -gt 15 ]
}

@test "gc removes a port whose device and journal are gone, and no other" {
	vif_add 2 0
	backend vif 2 0 bridge=br0
	vif_call 1 0 online
	vif_call 2 0 online
	vsctl add-port br0 stranger -- set port stranger external_ids:xen-hotplug=strange
	rm "$RIG"/run/xen-hotplug/devices/vif-1-0
	xhp gc
	[ "$(vsctl list-ports br0 | xargs)" = 'stranger vif1.0 vif2.0' ]
	backend_gone vif 1 0
	xhp gc
	[ "$(vsctl list-ports br0 | xargs)" = 'stranger vif1.0 vif2.0' ]
	vif_del 1 0
	xhp gc
	[ "$(vsctl list-ports br0 | xargs)" = 'stranger vif2.0' ]
}

@test "what the stock script attached is detached" {
	dom0 test -x /etc/xen/scripts/vif-openvswitch || skip "no stock vif-openvswitch"
	SCRIPT=/etc/xen/scripts/vif-openvswitch vif_call 1 0 online
	vsctl get port vif1.0 name
	vif_call 1 0 offline
	no_ports
}

@test "without a journal, a port that is ours goes, and another device's stays" {
	vif_call 1 0 online
	rm "$RIG"/run/xen-hotplug/devices/vif-1-0
	vif_call 1 0 offline
	no_ports
	vsctl add-port br0 vif1.0 -- set port vif1.0 external_ids:xen-hotplug=vif-7-0
	ports >"$RIG/ports"
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	says "somebody else's: left alone"
	no_ports
}

@test "a renamed vif is a port by its new name" {
	backend vif 1 0 bridge=br0 vifname=web
	vif_call 1 0 online
	[ "$(vsctl list-ports br0)" = web ]
	vif_call 1 0 offline
	no_ports
}

@test "an emulated NIC's tap has a port of its own" {
	tap_add vif1.0-emu
	backend vif 1 0 bridge=br0 type=vif_ioemu
	vif_call 1 0 online
	vif_call 1 0 add
	[ "$(vsctl list-ports br0 | xargs)" = 'vif1.0 vif1.0-emu' ]
	[ "$(mark vif1.0-emu)" = tap-1-0 ]
	vif_call 1 0 remove
	vif_call 1 0 offline
	no_ports
}

@test "no child process, and not ovs-vsctl" {
	command -v strace >/dev/null || skip "no strace"
	libxl_call vif 1 0 strace -f -o /run/trace -e trace=process \
		/usr/sbin/xen-hotplug run vif-openvswitch online type_if=vif
	! grep -E 'clone|fork' "$RIG/run/trace"
}

# ovs-vswitchd takes its time with ports that are gone, and may bring them up again, as above.
all_detached() {
	printf 'link set vif%s.0 down\n' {101..300} | ip -n "$DOM0" -batch - && detached
}

@test "200 vifs at once: all are there, and then none" {
	many br0.7
	keep before
	at_once online $(seq 101 300) >"$RIG/said" 2>&1
	cat "$RIG/said"
	[ ! -s "$RIG/said" ]
	[ "$(vsctl --bare --columns=name find port tag=7 | grep -c vif)" = 200 ]
	xhp check
	at_once offline $(seq 101 300) >"$RIG/said" 2>&1
	cat "$RIG/said"
	[ ! -s "$RIG/said" ]
	no_ports
	wait_until all_detached || detached # or what is left
}

# ovn_run PROGRAM ARGUMENT...: detached, once it is ready; it ends with the namespace.
ovn_run() {
	dom0 "$@" --detach --no-chdir 2>>"$RIG/log/ovn" 3>&- </dev/null
}

ovn_db() {
	dom0 ovsdb-tool create "/run/ovn/$1.db" "/usr/share/ovn/ovn-$1.ovsschema"
	ovn_run ovsdb-server "/run/ovn/$1.db" --remote="punix:/run/ovn/ovn${1}_db.sock" \
		--unixctl="/run/ovn/$1.ctl" --pidfile="/run/ovn/$1.pid"
}

@test "OVN binds the logical port that iface-id names, and frames follow its switch" {
	local d up='dom0 ovn-nbctl --timeout=120 lsp-get-up'
	command -v ovn-northd >/dev/null && command -v ovn-controller >/dev/null ||
		skip "no OVN (packages ovn-central, ovn-host)"
	mkdir "$RIG/run/ovn"
	ovn_db nb
	ovn_db sb
	ovn_run ovn-northd
	vsctl add-br br-int -- set bridge br-int datapath_type=netdev fail-mode=secure -- \
		set open . external_ids:system-id=dom0 external_ids:ovn-bridge-datapath-type=netdev \
		external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock \
		external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=127.0.0.1
	ovn_run ovn-controller
	cat >"$RIG/etc-xen/hotplug/vif-openvswitch.ini" <<-'END'
		[defaults]
		iface-id = ${vm/uuid}-${devid}
		[use vif-openvswitch]
	END
	dom0 ovn-nbctl --timeout=120 ls-add switch
	for d in 1 2; do
		[ $d = 1 ] || vif_add $d 0
		dom0 ovn-nbctl --timeout=120 --wait=sb lsp-add switch "$(guest_uuid $d)-0" -- \
			lsp-set-addresses "$(guest_uuid $d)-0" "00:16:3e:01:00:0$d 198.51.100.$d"
		backend vif $d 0 bridge=br-int mac=00:16:3e:01:00:0$d
		[[ $($up "$(guest_uuid $d)-0") == down* ]]
		vif_call $d 0 online
		guest $d 0 ip link set eth0 address 00:16:3e:01:00:0$d
		guest $d 0 ip addr add 198.51.100.$d/24 dev eth0
		guest $d 0 ethtool -K eth0 tx off
		wait_until eval "[[ \$($up $(guest_uuid $d)-0) == up* ]]"
	done
	guest 1 0 ping -q -c 1 -w 60 198.51.100.2
	# OVN has written to our rows since
	wait_until eval '[[ $(vsctl get interface vif1.0 external_ids) == *ovn-installed* ]]'
	xhp check
	vif_call 1 0 offline
	wait_until eval "[[ \$($up $(guest_uuid 1)-0) == down* ]]"
}
