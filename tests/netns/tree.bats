#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# tree: the host's wiring as a picture.

load lib
load scene
load disk
load ovs

teardown() {
	disk_teardown
}

# drawn NODES EDGES: Graphviz takes what the last `run` printed, and draws so much of it.
drawn() {
	[ -x /usr/bin/dot ] || return 0
	dot -Tplain <<<"$output" >"$RIG/plain" || return
	[ "$(grep -c '^node ' "$RIG/plain") $(grep -c '^edge ' "$RIG/plain")" = "$1 $2" ] ||
		{ cat "$RIG/plain"; return 1; }
}

wired() {
	scene ip=192.0.2.1
	bridge_add br1
	ip -n "$DOM0" link add uplink type veth peer name knilpu
	ip -n "$DOM0" link set uplink master br0
	vif_call 1 0 online
	vif_add 2 0
	GUEST_NAME='we"b' backend vif 2 0 bridge=br0
	vif_call 2 0 online
	ip -n "$DOM0" link set vif2.0 mtu 1300
}

@test "bridges, with uplinks, guests, what is not filtered and what has drifted" {
	wired
	run xhp tree
	[ "$status" = 0 ]
	[ "$output" = 'bridge br0
|- uplink  veth
|- vif1.0  guest1 (1) eth0
`- vif2.0  we"b (2) eth0, UNFILTERED, DRIFTED
bridge br1' ]
}

@test "a routed vif hangs from the routes, once" {
	scene ip='192.0.2.1 2001:db8::1' gatewaydev=br0
	ip -n "$DOM0" addr add 198.51.100.1/24 dev br0
	dom0 sysctl -qw net.ipv4.ip_forward=1
	RECIPE=vif-route vif_call 1 0 online
	run xhp tree
	[ "$(grep -c vif1.0 <<<"$output")" = 1 ]
	says 'routes' 'vif1.0  guest1 (1) eth0, to 192.0.2.1, to 2001:db8::1'
}

@test "on a terminal: lines and colours, unless NO_COLOR or a dumb terminal" {
	local tty=(script -qec 'xen-hotplug tree' /dev/null)
	wired
	run dom0 env -u NO_COLOR TERM=xterm LC_ALL=C.UTF-8 "${tty[@]}"
	[[ $output == *$'\xe2\x94\x94\xe2\x94\x80 \e[1;31mvif2.0'* ]]
	run dom0 env NO_COLOR=1 TERM=xterm LC_ALL=C.UTF-8 "${tty[@]}"
	[[ $output == *$'\xe2\x94\x94\xe2\x94\x80 vif2.0'* && $output != *$'\e['* ]]
	run dom0 env -u NO_COLOR TERM=dumb "${tty[@]}"
	[[ $output == *'`- vif2.0'* && $output != *$'\e['* ]]
}

@test "--dot quotes names, and --svg needs Graphviz" {
	wired
	run xhp tree --dot
	[ "$status" = 0 ]
	[[ ${lines[0]} = "graph xen_hotplug {" && ${lines[-1]} = "}" ]]
	says 'label="bridge br0"' 'we\"b (2) eth0' ' -- '
	drawn 5 3
	run xhp tree --svg
	if [ -x /usr/bin/dot ]; then
		[ "$status" = 0 ]
		[[ $output == '<?xml'*'<svg'*'we&quot;b (2) eth0'*'</svg>' ]]
	else
		echo "# no Graphviz: what it draws is not looked at" >&3
		[ "$status" = 1 ]
		says "--svg needs Graphviz' dot, which is not installed (package graphviz)"
	fi
	run xhp tree --png
	[ "$status" = 2 ]
}

@test "disks hang from what backs them, with their guests" {
	disk_scene
	disk 1 51712 a
	add 1
	image b
	disk 2 51712 b mode=r
	GUEST_NAME=db disk 2 51712 b mode=r
	add 2
	run xhp tree
	[ "$status" = 0 ]
	[ "$(sed -E 's,/dev/loop[0-9]+,/dev/loopN,' <<<"$output" | sort)" = "$(sort <<-END
		disk /dev/loopN
		\`- vbd-1-51712  guest1 (1) xvda, $IMAGES/a
		disk /dev/loopN
		\`- vbd-2-51712  db (2) xvda, $IMAGES/b
	END
	)" ]
	run xhp tree --dot
	drawn 4 2
}

@test "Open vSwitch's bridges, beside the kernel's" {
	ovs_setup
	vif_add 1 0
	backend vif 1 0 bridge=br0
	vif_call 1 0 online
	bridge_add lan
	vif_add 2 0
	backend vif 2 0 bridge=lan
	RECIPE=vif-bridge vif_call 2 0 online
	run xhp tree
	[ "$status" = 0 ]
	grep -A1 -x 'Open vSwitch br0' <<<"$output" | grep -x '`- vif1.0  guest1 (1) eth0, UNFILTERED'
	grep -A1 -x 'bridge lan' <<<"$output" | grep -x '`- vif2.0  guest2 (2) eth0, UNFILTERED'
}
