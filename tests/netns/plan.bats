#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# plan: what a run would do, with what is so now beside it; and that it changes nothing.

load lib
load scene
load disk
load ovs
load tools

teardown() {
	disk_teardown
}

# plan CLASS D N RECIPE VERB [ARGUMENT...]: as JSON, in $RIG/plan, held to the schema.
plan() {
	local class=$1 d=$2 n=$3
	shift 3
	dom0 env "XENBUS_TYPE=$class" "XENBUS_PATH=backend/$class/$d/$n" \
		xen-hotplug plan --json "$@" >"$RIG/plan" || return
	as_schema plan <"$RIG/plan"
}

# plans STEP LINE...: the step's changes, "WHAT OF: NOW -> WANTED", are these.
plans() {
	local step=$1
	shift
	diff <(printf '%s\n' "$@") <(jq -r --arg step "$step" '.steps[] | select(.step == $step) |
		.changes[] | "\(.what) \(.of): \(.now) -> \(.wanted)"' "$RIG/plan")
}

# traced CLASS D N COMMAND...: xen-hotplug's system calls, in $RIG/trace.
traced() {
	local class=$1 d=$2 n=$3
	shift 3
	command -v strace >/dev/null || skip "no strace"
	dom0 env "XENBUS_TYPE=$class" "XENBUS_PATH=backend/$class/$d/$n" XENBUS_BASE_PATH=backend \
		strace -f -yy -v -s 4096 -o /run/trace xen-hotplug "$@" </dev/null >"$RIG/said" 2>&1 ||
		{ cat "$RIG/said"; return 1; }
	mv "$RIG/run/trace" "$RIG/trace"
}

# only_looks CLASS D N RECIPE VERB [ARGUMENT...]: no call of plan could change a thing, and
# nothing has changed.
only_looks() {
	keep before
	traced "$1" "$2" "$3" plan "${@:4}" || return
	awk -f "$BATS_TEST_DIRNAME/readonly.awk" "$RIG/trace" || return
	unchanged
}

recipe() {
	cat >"$RIG/etc-xen/hotplug/$1.ini"
}

# A vif for all that a network recipe can ask, and a recipe that does.
all_scene() {
	scene vifname=web ip='192.0.2.1 2001:db8::1' mtu=1300
	ip -n "$DOM0" link set vif1.0 mtu 1400
	ip -n "$DOM0" addr add 192.0.2.254/32 dev vif1.0
	tap_add uplink
	ip -n "$DOM0" link set uplink up
	dom0 sysctl -qw net.ipv4.ip_forward=1
	dom0 nft add table ip filter
	dom0 nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
	echo 'true' | install -D -m 755 /dev/stdin "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	mkdir "$RIG/run/hosts"
	recipe all <<-'END'
		[recipe]
		device = vif
		[link]
		name = ${vifname}
		mac = fe:ff:ff:ff:ff:ff
		mtu = ${mtu}
		addresses = 192.0.2.253
		alias = xen: guest ${vm/name}
		txqueuelen = 100
		gro = no
		tso = no
		[filter]
		ip = ${ip}
		[bridge]
		name = ${bridge}
		mtu = ${mtu}
		isolated = yes
		[forward]
		via = bridge
		ip = ${ip}
		when-needed = always
		[masquerade]
		source = 192.0.2.1
		out = uplink
		[dhcp]
		hostsdir = /run/hosts
		mac = ${mac}
		ip = 192.0.2.1
		[up]
		[proxy]
		uplink = uplink
		addresses = ${ip}
		[route]
		to = ${ip}
		[neighbour]
		mac = ${mac}
		addresses = ${ip}
		[shape]
		rate = 10mbit
		[redirect]
		to = uplink
		traffic = from-guest
		copy = yes
		[store]
		nodes =
		  backend/wired=${bridge.name}
		[exec]
		attach = /bin/touch /run/ran
		detach = /bin/rm /run/ran
		[hooks]
		bridge = ${bridge.name}
	END
}

@test "each step's values: what is so now, and what is going to be" {
	all_scene
	plan vif 1 0 all online
	plans link 'state vif1.0: down -> down' 'name vif1.0: vif1.0 -> web' \
		'mac vif1.0: 02:00:00:00:01:00 -> fe:ff:ff:ff:ff:ff' 'mtu vif1.0: 1400 -> 1300' \
		'alias vif1.0:  -> xen: guest guest1' 'txqueuelen vif1.0: 1000 -> 100' \
		'gro vif1.0: no -> no' 'tso vif1.0: yes -> no' \
		'address vif1.0:  -> 192.0.2.253' 'address generation vif1.0: on -> off'
	plans filter 'filter table netdev/xen-vif-1-0:  -> mac 00:16:3e:01:01:00, ip 192.0.2.1 2001:db8::1 fe80::216:3eff:fe01:100'
	plans bridge 'master vif1.0:  -> br0' 'mtu vif1.0: 1400 -> 1300' 'isolated vif1.0:  -> 1'
	plans forward 'rules ip/filter/FORWARD:  -> accept 192.0.2.1 2001:db8::1' \
		'chain ip6/filter/FORWARD:  -> made' 'rules ip6/filter/FORWARD:  -> accept 192.0.2.1 2001:db8::1'
	plans masquerade 'masquerade table ip/xen-nat:  -> from 192.0.2.1, out by uplink'
	plans dhcp 'line /run/hosts/xen-vif-1-0:  -> 00:16:3e:01:01:00,192.0.2.1,dom1'
	plans up 'state vif1.0: down -> up'
	plans route 'route 192.0.2.1:  -> vif1.0' 'route 2001:db8::1:  -> vif1.0'
	plans neighbour 'neighbour 192.0.2.1:  -> 00:16:3e:01:01:00' 'neighbour 2001:db8::1:  -> 00:16:3e:01:01:00'
	plans shape 'root qdisc vif1.0:  -> tbf 10000000 bit/s'
	plans redirect 'filter qdisc vif1.0:  -> clsact' 'what comes from the guest vif1.0:  -> copied to uplink'
	plans store 'node backend/vif/1/0/wired:  -> br0'
	plans exec 'run : null -> /bin/touch'
	plans hooks 'hooks :  -> /etc/xen/scripts/vif-post.d/*.hook online'
	jq -r '.steps[] | select(.step == "proxy").changes[] | "\(.what) \(.of): \(.now) -> \(.wanted)"' "$RIG/plan" >"$RIG/proxy"
	grep -x 'ipv4/proxy_arp vif1.0: 0 -> 1' "$RIG/proxy"
	grep -x 'ipv6/proxy_ndp uplink: 0 -> 1' "$RIG/proxy"
	grep -x 'proxy 2001:db8::1:  -> answered on uplink' "$RIG/proxy"
	jq -e '.does == "attach" and .device == "vif-1-0" and .first == null' "$RIG/plan"
	jq -e '.steps[0] | .runs and .keys.mtu == "1300" and .from == "/etc/xen/hotplug/all.ini:3"' "$RIG/plan"
	jq -e '.steps[2].results == {"name": "br0", "mtu": "1300"}' "$RIG/plan"
}

@test "the list says the same as the JSON" {
	all_scene
	plan vif 1 0 all online
	run dom0 env XENBUS_TYPE=vif XENBUS_PATH=backend/vif/1/0 xen-hotplug plan all online
	says '* mtu of vif1.0: 1400 -> 1300' '* master of vif1.0: - -> br0' '* run: ? -> /bin/touch' \
		'* state of vif1.0: down, as it is' '* gro of vif1.0: no, as it is'
	[ "$(grep -c '^    \* ' <<<"$output")" = "$(jq '[.steps[].changes | length] | add' "$RIG/plan")" ]
}

@test "what is there already differs in nothing" {
	scene
	ip -n "$DOM0" link set vif1.0 mtu 1400 master br0 up
	recipe there <<-'END'
		[recipe]
		device = vif
		[bridge]
		name = ${bridge}
		[up]
		[route]
		to = 192.0.2.1
	END
	ip -n "$DOM0" route add 192.0.2.1 dev vif1.0 proto 120
	plan vif 1 0 there online
	jq -e '[.steps[].changes[].differs] | any | not' "$RIG/plan" || { jq . "$RIG/plan"; false; }
}

@test "steps that do nothing, or wait for what others make, say so" {
	disk_scene
	disk 1 51712 a
	plan vbd 1 51712 block add
	plans loop "loop device $IMAGES/a:  -> a free one"
	jq -e '.steps[1] | .step == "disk" and .runs == null and .changes == null and .later == ["device"] and
		.keys.device == "${loop.device}" and (.why | contains("known when"))' "$RIG/plan"
	run dom0 env XENBUS_TYPE=vbd XENBUS_PATH=backend/vbd/1/51712 xen-hotplug plan block add
	says 'device         ${loop.device} (known when the step before it is done)' \
		'what changes is not known yet: known when'
	disk 2 51712 a mode=r
	plan vbd 2 51712 block add
	plans loop "loop device $IMAGES/a:  -> a free one, read-only"
	recipe never <<-'END'
		[recipe]
		device = vbd
		[loop]
		when = ${mode} == r
		file = ${params}
		mode = ${mode}
	END
	plan vbd 1 51712 never add
	jq -e '.steps[0] | .runs == false and .changes == [] and (.why | contains("does not hold"))' "$RIG/plan"
}

@test "of a block device all is known: what is published, and what is there" {
	local loop
	disk_scene
	loop=$(losetup -f --show "$IMAGES/a")
	disk 1 51712 "$loop" physical-device-path=/dev/old
	plan vbd 1 51712 block add
	plans disk "use by others $loop: null -> none" \
		"node backend/vbd/1/51712/physical-device-path: /dev/old -> $loop" \
		"node backend/vbd/1/51712/physical-device:  -> $(stat -c %t:%T "$loop")"
	jq -e '.steps[1] | .runs and .keys.device == "'"$loop"'" and .later == []' "$RIG/plan"
	only_looks vbd 1 51712 block add
}

@test "attached already; and a detach: what is put back, and whether it is still so" {
	scene
	vif_call 1 0 online
	plan vif 1 0 vif-bridge online
	jq -e '.does == "nothing" and (.first | startswith("attached already")) and .steps == []' "$RIG/plan"
	ip -n "$DOM0" link set vif1.0 nomaster
	plan vif 1 0 vif-bridge offline
	jq -e '.does == "detach" and .last == null and (.undo | map(.action) == ["up", "forward", "bridge"]) and
		.undo[2].asked.mtu == "1400" and .undo[2].before.mtu == "1500" and
		.undo[2].state == "drifted" and .undo[0].state == "in place"' "$RIG/plan"
	run dom0 env XENBUS_TYPE=vif XENBUS_PATH=backend/vif/1/0 xen-hotplug plan vif-bridge offline
	says 'mtu            1400 -> 1500' 'now: drifted, vif1.0 is not in br0 any more'
	plan vif 1 0 vif-bridge online
	jq -e '.does == "attach" and (.first | startswith("what an earlier run left is undone first"))' "$RIG/plan"
	plan vif 1 0 vif-bridge add
	jq -e '.does == "nothing"' "$RIG/plan"
	plan vif 2 0 vif-bridge offline
	jq -e '.undo == [] and (.first | startswith("there is no journal"))' "$RIG/plan"
}

@test "what is shared and there already is not made again" {
	scene
	tap_add uplink
	uplink_recipe joined
	plan vif 1 0 joined online
	jq -e '.steps[0].changes | map(.what) == ["state", "mtu"]' "$RIG/plan"
	vif_add 2 0
	backend vif 2 0 bridge=br0
	RECIPE=joined vif_call 2 0 online
	plan vif 1 0 joined online
	jq -e '.steps[0] | .changes == [] and .runs and (.why | startswith("vif-2-0 has made it"))' "$RIG/plan"
	only_looks vif 1 0 joined online
}

@test "check of [exec] is asked; a secret is not shown" {
	scene
	install -m 600 /dev/stdin "$RIG/etc-xen/secrets" <<<"guest1 hunter-two"
	recipe checked <<-'END'
		[recipe]
		device = vif
		[lookup]
		file = /etc/xen/secrets
		key = ${vm/name}
		secret = yes
		[exec]
		attach = /bin/touch /run/ran ${lookup.value}
		[exec one]
		check = test -e /run/thing
		attach = /bin/touch /run/thing
		detach = /bin/rm /run/thing
		[use vif-bridge]
	END
	plan vif 1 0 checked online
	plans one 'check : does not hold -> holds'
	not grep hunter "$RIG/plan"
	touch "$RIG/run/thing"
	plan vif 1 0 checked online
	plans one 'check : holds -> holds'
	[ ! -e "$RIG/run/ran" ]
}

@test "what stands in xenstore is shown as text" {
	scene
	xenstore-write /local/domain/0/backend/vif/1/0/wired $'\e[31mred\x01'
	recipe hostile <<-'END'
		[recipe]
		device = vif
		[store]
		nodes =
		  backend/wired=yes
	END
	plan vif 1 0 hostile online
	run dom0 env XENBUS_TYPE=vif XENBUS_PATH=backend/vif/1/0 xen-hotplug plan hostile online
	[ "$status" = 0 ]
	says 'wired: "\x1b[31mred\x01" -> yes'
	[[ $output != *$'\e'* ]]
}

@test "the system calls of plan: a recipe with all that a vif can have" {
	all_scene
	only_looks vif 1 0 all online
	grep -q 'master of vif1.0: - -> br0' "$RIG/said"
}

@test "the system calls of plan: the shipped recipes for a vif, before, while attached, and back" {
	local name verb
	scene ip=192.0.2.1
	ip -n "$DOM0" addr add 198.51.100.1/24 dev br0
	for name in vif-bridge vif-route vif-nat; do
		xenstore-write /local/domain/0/backend/vif/1/0/gatewaydev br0
		for verb in online offline add; do
			only_looks vif 1 0 "$name" "$verb"
		done
		RECIPE=$name vif_call 1 0 online
		for verb in online offline; do
			only_looks vif 1 0 "$name" "$verb"
		done
		RECIPE=$name vif_call 1 0 offline
	done
}

@test "the system calls of plan: a disk, before, while attached, and back" {
	local verb
	disk_scene
	disk 1 51712 a
	for verb in add remove; do
		only_looks vbd 1 51712 block "$verb"
	done
	add 1
	for verb in add remove; do
		only_looks vbd 1 51712 block "$verb"
	done
}

@test "the system calls of plan: an export" {
	rig_setup
	mkdir "$RIG/run/guests"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	echo "export-roots = /run/guests" >"$RIG/etc-xen/hotplug.conf"
	backend 9pfs 1 0 path=/run/guests/web security_model=none
	recipe made <<-'END'
		[recipe]
		device = 9pfs
		[directory]
		path = ${path}
		create = yes
	END
	plan 9pfs 1 0 made add
	plans directory 'directory /run/guests/web:  -> made, mode 0700'
	only_looks 9pfs 1 0 made add
	mkdir "$RIG/run/guests/web"
	plan 9pfs 1 0 made add
	plans directory 'directory /run/guests/web: there -> there'
}

@test "the system calls of plan: Open vSwitch" {
	ovs_setup
	vif_add 1 0
	backend vif 1 0 bridge=br0
	plan vif 1 0 vif-openvswitch online
	jq -e '.steps[] | select(.step == "ovs").changes[0] | .what == "port" and .now == "" and .wanted == "br0"' "$RIG/plan"
	traced vif 1 0 plan vif-openvswitch online
	awk -f "$BATS_TEST_DIRNAME/readonly.awk" "$RIG/trace"
	[ -z "$(vsctl --no-wait list-ports br0)" ]
}

@test "the checker of system calls sees what a run changes" {
	all_scene
	ip -n "$DOM0" link del uplink
	traced vif 1 0 run vif-bridge online
	run awk -f "$BATS_TEST_DIRNAME/readonly.awk" "$RIG/trace"
	[ "$status" = 1 ]
	grep -q '^openat.*devices>, "vif-1-0", .*O_CREAT' <<<"$output"
	grep -q '^sendmsg.*RTM_SETLINK' <<<"$output"
	grep -q '^send.*NFT_MSG_NEWTABLE' <<<"$output"
	grep -qE '^(write|sendmsg)\([0-9]*<UNIX.*"\\v' <<<"$output"
	grep -q '^clone' <<<"$output" # the hook
}
