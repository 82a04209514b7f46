#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Values that no guest's configuration should have, and whatever else is wrong from outside.

load lib
load scene

teardown() {
	rig_teardown
}

# hostile LENGTH: fills the array `values`; none is good for any type but text.
hostile() {
	printf -v long "%$1s"
	values=('$(id)' '$(touch /run/X)' '`touch /run/X`' ';touch /run/X' $'br0\ntouch /run/X' "${long// /a}"
		$'a\x01\x1b[2Jb' $'a\xff\xfeb' '../x' '../../../run/X' '/' '-x' '--help' '%s%n%n'
		'${ip}' $'\xc2\x9b31m')
}

# turned_down NAME: the last `run` did; it names NAME, tells root alone, starts nothing.
turned_down() {
	local error
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	says "$1" || return
	error=$(node vif 1 0 hotplug-error)
	[[ $error == *"$1"* ]] || return
	[ "${#error}" -lt 4096 ] || return
	[[ ! $error$output =~ [$'\x01'-$'\x09\x0b'-$'\x1f\x7f\xff'] ]] || return
	xenstore-ls -p /local/domain/0/backend/vif/1/0 | grep -q 'hotplug-error = .*(n0)$' ||
		return
	[ -s "$RIG/run/calls" ] || return
	! grep fork "$RIG/run/calls" || return 1
	rm "$RIG/run/calls"
}

# All is as it was, apart from what the toolstack is told.
nothing_done() {
	reset_nodes
	unchanged
	[ ! -e "$RIG/run/X" ]
}

try() {
	run shimmed FAULT_LOG=/run/calls
}

# each NAME: every hostile value in the backend's node NAME.
each() {
	local value
	hostile 3900
	for value in "${values[@]}"; do
		echo "$1 = ${value:0:40}"
		xenstore-write -- "/local/domain/0/backend/vif/1/0/$1" "$value"
		try
		turned_down "$1"
	done
	xenstore-rm "/local/domain/0/backend/vif/1/0/$1"
	nothing_done
}

@test "the shim sees a process that is started" {
	scene
	mkdir "$RIG/etc-xen/scripts/vif-post.d"
	echo : >"$RIG/etc-xen/scripts/vif-post.d/a.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	try
	grep fork "$RIG/run/calls"
}

@test "vifname" {
	scene
	each vifname
}

@test "a NUL byte ends no value" {
	scene
	# xenstore-write knows C's way to write one
	xenstore-write /local/domain/0/backend/vif/1/0/ip '192.0.2.1\x00, any'
	xenstore-read /local/domain/0/backend/vif/1/0/ip | grep -F '\'
	try
	turned_down ip
	says 'holds a NUL byte'
	xenstore-rm /local/domain/0/backend/vif/1/0/ip
	nothing_done
}

@test "bridge" {
	scene -bridge
	each bridge
}

@test "ip" {
	scene
	each ip
}

@test "mac" {
	scene -mac ip=192.0.2.1
	each mac
}

@test "vlan" {
	scene
	each vlan
}

@test "mtu" {
	scene
	each mtu
}

@test "gatewaydev, and its environment variable" {
	local value
	scene
	printf '%s\n' '[recipe]' 'device = vif' '[link]' 'dev = ${gatewaydev}' '[use vif-bridge]' \
		>"$RIG/etc-xen/hotplug/gw.ini"
	export RECIPE=gw
	each gatewaydev
}

@test "a guest's name in a path is one component, and in a lookup it is text" {
	local value
	scene
	mkdir "$RIG/etc-xen/guests"
	echo '* br0' >"$RIG/etc-xen/guests/guest1"
	cat >"$RIG/etc-xen/hotplug/named.ini" <<-'END'
		[lookup]
		file = /etc/xen/guests/${vm/name}
		key  = any
		[use vif-bridge]
		bridge = ${lookup.value}
	END
	export RECIPE=named
	try
	[ "$status" = 0 ]
	vif_call 1 0 offline
	reset_nodes
	hostile 3900
	for value in "${values[@]}" '' . ..; do
		xenstore-write -- "/vm/$(guest_uuid 1)/name" "$value"
		try
		case $value in
		-x | --help | %s%n%n | *{ip} | '$(id)') turned_down "guests/$value: No such file" ;;
		*) turned_down vm/name ;;
		esac
	done
	[ ! -e "$RIG/run/X" ]
	! link_is vif1.0 master || false
}

@test "arguments and environment variables: the same, and at any length" {
	local value name
	scene -bridge
	hostile 5000
	for value in "${values[@]}"; do
		for name in bridge ip vifname mtu; do
			run libxl_call vif 1 0 /usr/sbin/xen-hotplug run vif-bridge online \
				"$name=$value"
			[ "$status" = 1 ]
			says "$name"
		done
		run libxl_call vif 1 0 env "bridge=$value" \
			/usr/sbin/xen-hotplug run vif-bridge online
		[ "$status" = 1 ]
		says bridge
		run libxl_call vif 1 0 env "vif=$value" \
			/usr/sbin/xen-hotplug run vif-bridge online
		[ "$status" = 1 ]
		says 'environment variable vif'
	done
	[ "$(node vif 1 0 hotplug-error | wc -c)" -lt 4096 ]
	nothing_done
}

@test "verbs, XENBUS_PATH, XENBUS_TYPE: exit 2 with a message, and nothing is done" {
	local value
	scene
	hostile 5000
	for value in "${values[@]}" backend/vif/1 backend/vif/1/x backend/vif/99999/0 \
		backend/vif//1/0 backend/vif/1/0/ ''; do
		run libxl_call vif 1 0 env "XENBUS_PATH=$value" \
			/usr/sbin/xen-hotplug run vif-bridge online
		[ "$status" = 2 ]
		says XENBUS_PATH
	done
	for value in "${values[@]}" ''; do
		run vif_call 1 0 "$value"
		[ "$status" = 2 ]
		says verb
		run libxl_call vif 1 0 env "XENBUS_TYPE=${value:-x}" \
			/usr/sbin/xen-hotplug run vif-bridge online
		[ "$status" = 2 ]
		run vif_call 1 0 online "$value"
		[ "$status" = 2 ]
		run vif_call 1 0 online "type_if=${value:-x}"
		[ "$status" = 2 ]
	done
	nothing_done
}

@test "recipe not found, or not a recipe's name" {
	local value
	scene
	RECIPE=vif-brige run vif_call 1 0 online
	[ "$status" = 2 ]
	says '/etc/xen/hotplug' '/usr/share/xen-hotplug' 'did you mean "vif-bridge"'
	hostile 5000
	for value in "${values[@]}" /nonexistent .. .; do
		RECIPE=$value run vif_call 1 0 online
		[ "$status" = 2 ]
		[ -n "$output" ]
	done
	nothing_done
}

@test "unknown sections, keys, variables and types in a recipe: line and caret" {
	scene
	bad() {
		printf '[recipe]\ndevice = vif\n%b\n' "$1" >"$RIG/etc-xen/hotplug/bad.ini"
		RECIPE=bad run vif_call 1 0 online
		[ "$status" = 2 ]
		says "bad.ini:$2" "$3" '^'
	}
	bad '[brige]' 3 'did you mean "bridge"'
	bad '[bridge]\nnmae = x' 4 'did you mean "name"'
	bad '[bridge]\nname = ${brigde}' 4 'did you mean "bridge"'
	bad '[bridge]\nmtu = many' 4 'mtu'
	bad '[bridge]\nname = ${link.name}' 4 'link'
	bad 'devise = vif' 3 'devise'
	nothing_done
}

@test "a recipe's path of 4000 bytes: the error still reaches the toolstack" {
	scene
	local path=/run i
	for i in {1..19}; do
		path+=/$(printf 'd%.0s' {1..199})
	done
	path+=/$(printf 'd%.0s' {1..230})
	dom0 mkdir -p "$path"
	printf '#!/usr/sbin/xen-hotplug run\n[recipe]\ndevice = vif\n[upp]\n' |
		dom0 tee "$path/vif" >/dev/null
	run libxl_call vif 1 0 /usr/sbin/xen-hotplug run "$path/vif" online
	[ "$status" = 2 ]
	[[ $(node vif 1 0 hotplug-error) == /run/ddd*'there is no action "upp"'* ]]
	[ "$(node vif 1 0 hotplug-status)" = error ]
}

@test "no xenstored: a message, exit 1, nothing changed" {
	scene
	keep_kernel before
	run dom0 env XENSTORED_PATH=/nonexistent XENBUS_PATH=backend/vif/1/0 vif=vif1.0 \
		/usr/sbin/xen-hotplug run vif-bridge online
	[ "$status" = 1 ]
	says 'cannot reach xenstored'
	keep_kernel now
	same before now
}
