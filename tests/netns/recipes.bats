#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# An administrator's own recipes, wrappers and hooks, and the commands that look.

load lib
load scene

teardown() {
	rig_teardown
}

# recipe NAME: standard input becomes /etc/xen/hotplug/NAME.ini.
recipe() {
	cat >"$RIG/etc-xen/hotplug/$1.ini"
}

# hook NAME: standard input becomes a hook.
hook() {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	cat >"$RIG/etc-xen/scripts/vif-post.d/$1.hook"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/$1.hook"
}

site_default() {
	recipe vif-bridge <<-'END'
		[defaults]
		bridge = br0
		[use vif-bridge]
	END
}

@test "a site's default: xenbr0 as libxl's filler gives way to it, another name does not" {
	scene bridge=xenbr0
	site_default
	vif_call 1 0 online
	link_is vif1.0 'master br0'
	vif_call 1 0 offline
	bridge_add br1
	xenstore-write /local/domain/0/backend/vif/1/0/bridge br1
	vif_call 1 0 online
	link_is vif1.0 'master br1'
	xenstore-write /local/domain/0/backend/vif/1/0/bridge xenbr1
	keep before
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'there is no bridge xenbr1'
}

@test "a site's default: a bridge that is called xenbr0 is no filler" {
	scene bridge=xenbr0
	site_default
	bridge_add xenbr0
	vif_call 1 0 online
	link_is vif1.0 'master xenbr0'
}

@test "plan and status say that the filler gave way" {
	scene bridge=xenbr0
	site_default
	run device_plan online
	says 'xenbr0 is not there' 'br0'
	vif_call 1 0 online
	run xhp status vif-1-0
	says 'xenbr0 is not there'
}

@test "requires = ip refuses a guest without one; a pin alone filters" {
	scene
	recipe vif-guarded <<-'END'
		[recipe]
		requires = ip
		[use vif-bridge]
		pin = ${mac}
	END
	export RECIPE=vif-guarded
	run vif_call 1 0 online
	refused 1 0 'ip is required' vif-guarded.ini:2
	xenstore-write /local/domain/0/backend/vif/1/0/ip 192.0.2.7
	vif_call 1 0 online
	dom0 nft list ruleset | grep 0x163e010100
	vif_call 1 0 offline
	[ -z "$(dom0 nft list ruleset)" ]
}

@test "a bridge by the guest's name: found in a file, and refused if it is not there" {
	scene bridge=xenbr0
	printf 'guest1 br0\nother br9\n' >"$RIG/etc-xen/guest-bridges"
	recipe by-name <<-'END'
		[lookup]
		file = /etc/xen/guest-bridges
		key  = ${vm/name}
		[use vif-bridge]
		bridge = ${lookup.value}
	END
	export RECIPE=by-name
	vif_call 1 0 online
	link_is vif1.0 'master br0'
	vif_add 2 0
	backend vif 2 0
	keep before
	run vif_call 2 0 online
	refused 2 0 '/etc/xen/guest-bridges does not list "guest2"' by-name.ini
	: >"$RIG/etc-xen/guest-bridges"
	vif_call 1 0 offline
	! link_is vif1.0 master || false
}

@test "a table on a server that does not answer: an error in time, which names it" {
	scene bridge=xenbr0
	mkdir "$RIG/run/tables"
	rig_hung /run/tables
	echo 'timeout = 8' >"$RIG/etc-xen/hotplug.conf"
	recipe by-name <<-'END'
		[lookup]
		file = /run/tables/guests
		key  = ${vm/name}
		[use vif-bridge]
		bridge = ${lookup.value}
	END
	export RECIPE=by-name
	keep before
	run vif_call 1 0 online
	refused 1 0 'table /run/tables/guests: is its server dead?' by-name.ini
}

@test "UNFILTERED stands in status, and --json is JSON" {
	scene
	vif_call 1 0 online
	vif_add 2 0
	backend vif 2 0 bridge=br0 ip='192.0.2.1 2001:db8::/64'
	vif_call 2 0 online
	xhp status | grep -E '^vif-1-0 +vif1.0 +br0 +vif-bridge.ini .*UNFILTERED'
	xhp status | grep -E '^vif-2-0 .*192.0.2.1 2001:db8::/64'
	xhp status vif-1-0 | grep 'UNFILTERED'
	xhp status --json | jq -e 'length == 2 and .[0].device == "vif-1-0" and
		.[0].filtered == false and .[1].filtered == true and
		.[0].interface == "vif1.0" and .[0].state == "attached" and
		(.[0].changes | length >= 3)'
	xhp status vif-2-0 --json | jq -e '.[0].variables.ip'
	run xhp status vif-9-9
	[ "$status" = 1 ]
	says vif-9-9
}

@test "status shows what the filter holds a vif to, wherever the recipe has it from" {
	scene
	cat >"$RIG/etc-xen/hotplug/vif-bridge.ini" <<-'END'
		[use vif-bridge]
		ip = 192.0.2.77
	END
	vif_call 1 0 online
	xhp status | grep -E '^vif-1-0 .*192\.0\.2\.77$'
	vif_call 1 0 offline
	printf '[use vif-bridge]\npin = ${mac}\n' >"$RIG/etc-xen/hotplug/vif-bridge.ini"
	vif_call 1 0 online
	xhp status | grep -E '^vif-1-0 .*MAC only$'
}

@test "an interface of somebody else's that is up already stays up" {
	scene
	dom0 ip link add other type veth peer name rehto
	cat >"$RIG/etc-xen/hotplug/vif-bridge.ini" <<-'END'
		[recipe]
		device = vif
		[up other]
		dev = other
		[up]
	END
	vif_call 1 0 online
	link_is other '[<,]UP[,>]'
	vif_call 1 0 offline
	! link_is other '[<,]UP[,>]' || false
	dom0 ip link set other up
	vif_call 1 0 online
	vif_call 1 0 offline
	link_is other '[<,]UP[,>]'
}

@test "status after the recipe has changed says so" {
	scene bridge=xenbr0
	site_default
	vif_call 1 0 online
	! xhp status | grep changed || false
	printf '[defaults]\nbridge = br9\n[use vif-bridge]\n' | recipe vif-bridge
	xhp status | grep 'vif-bridge.ini (changed)'
	run xhp status vif-1-0
	says 'changed since'
	xhp status --json | jq -e '.[0]["recipe-changed"]'
}

device_plan() {
	libxl_call vif 1 0 /usr/sbin/xen-hotplug plan "${RECIPE:-vif-bridge}" "$@"
}

@test "plan changes nothing: before, while attached, and for a detach" {
	local verb
	scene ip=192.0.2.1 hotplug-error=old
	for verb in online offline add; do
		run device_plan $verb
		[ "$status" = 0 ]
		unchanged
	done
	run device_plan online
	says '[bridge]' 'br0' 'fe:ff:ff:ff:ff:ff' '192.0.2.1' 'connected'
	vif_call 1 0 online
	keep before
	for verb in online offline; do
		run device_plan $verb
		[ "$status" = 0 ]
		unchanged
	done
	run device_plan offline
	says 'undo up' 'undo filter' 'undo bridge'
}

@test "plan of what would be refused says why, and changes nothing" {
	scene bridge=brX
	run device_plan online
	[ "$status" = 1 ]
	says 'there is no bridge brX'
	unchanged
}

@test "plan shows no secret, and one that would be shown elsewhere is refused" {
	scene
	echo 'guest1 PASSWORD' >"$RIG/etc-xen/secrets"
	chmod 600 "$RIG/etc-xen/secrets"
	recipe used <<-'END'
		[recipe]
		device = vif
		[defaults]
		word =
		[hooks]
		bridge = ${word}
	END
	recipe vif-bridge <<-'END'
		[lookup]
		file = /etc/xen/secrets
		key = ${vm/name}
		secret = yes
		[use used]
		word = ${lookup.value}
	END
	run device_plan online
	[ "$status" = 2 ]
	says 'used.ini:6:10: [hooks] bridge: a secret stands in it'
	[[ $output != *PASSWORD* ]]
	sed -i '/word/d' "$RIG/etc-xen/hotplug/"{used,vif-bridge}.ini
	run device_plan online
	[ "$status" = 0 ]
	[[ $output == *'(secret)'* ]]
	[[ $output != *PASSWORD* ]]
}

@test "a recipe is a program, and the wrappers are recipes" {
	scene
	cat >"$RIG/etc-xen/scripts/my-vif" <<-'END'
		#!/usr/sbin/xen-hotplug run
		[use vif-bridge]
	END
	chmod +x "$RIG/etc-xen/scripts/my-vif"
	for SCRIPT in /etc/xen/scripts/my-vif /usr/lib/xen-hotplug/scripts/vif-{bridge,setup}; do
		vif_call 1 0 online
		link_is vif1.0 'master br0' ',UP'
		xhp status | grep "${SCRIPT##*/}"
		vif_call 1 0 offline
		detached
	done
}

@test "hooks are sourced with their variables, and again on the way back" {
	scene ip=192.0.2.1 vifname=web gatewaydev=eth7
	hook a <<-'END'
		echo "$command dev=$dev bridge=$bridge ip=$ip main_ip=$main_ip \
		$XENBUS_PATH $(readlink "/sys/class/net/$dev/master" | sed 's,.*/,,')" \
			>>/run/hooks
		xenstore_read_default "$XENBUS_PATH/hotplug-status" none >>/run/hooks
		echo "$vif $netdev $type_if $XENBUS_TYPE $script" >>/run/hooks
	END
	echo false | hook z && chmod -x "$RIG/etc-xen/scripts/vif-post.d/z.hook"
	vif_call 1 0 online
	vif_call 1 0 offline
	diff - "$RIG/run/hooks" <<-'END'
		online dev=web bridge=br0 ip=192.0.2.1 main_ip= backend/vif/1/0 br0

		vif1.0 eth7 vif vif /etc/xen/scripts/vif-bridge
		offline dev=web bridge=br0 ip=192.0.2.1 main_ip= backend/vif/1/0 br0
		connected
		vif1.0 eth7 vif vif /etc/xen/scripts/vif-bridge
	END
}

@test "a hook that fails rolls back, with its last words" {
	scene ip=192.0.2.1
	echo 'echo "$command" >>/run/hooks; echo no luck; [ "$command" = offline ]' | hook a
	keep before
	run vif_call 1 0 online
	refused 1 0 a.hook 'no luck'
	diff - "$RIG/run/hooks" <<-'END'
		online
		offline
	END
}

# program NAME: standard input becomes one, in vif-post.d.
program() {
	mkdir -p "$RIG/etc-xen/scripts/vif-post.d"
	cat >"$RIG/etc-xen/scripts/vif-post.d/$1"
	chmod +x "$RIG/etc-xen/scripts/vif-post.d/$1"
}

@test "programs beside the hooks: in order, in a clean environment, and back" {
	local name
	scene ip=192.0.2.1 vifname=web
	echo 'echo "hook $command" >>/run/hooks' | hook a
	program 20-b <<-'END'
		#!/bin/sh
		echo "b $* $dev $bridge $ip" >>/run/hooks
	END
	program 10-a <<-'END'
		#!/bin/bash
		echo "a $*" >>/run/hooks
		env | sort | grep -vE '^(XENSTORED_PATH|PWD|SHLVL|_)=' >>/run/env
		echo "$(readlink /proc/$$/fd/0) $(pwd)" >>/run/cwd
		readlink /proc/$$/fd/* >>/run/fds || :
	END
	for name in readme.txt b.dpkg-old 30-c~ .hidden; do
		program "$name" <<<'#!/bin/false'
	done
	program not-run <<<'#!/bin/false'
	chmod -x "$RIG/etc-xen/scripts/vif-post.d/not-run"
	mkdir "$RIG/etc-xen/scripts/vif-post.d/directory"
	BASH_ENV=/run/x EVIL=1 vif_call 1 0 online
	diff - "$RIG/run/env" <<-'END'
		LANG=POSIX
		PATH=/usr/sbin:/usr/bin:/sbin:/bin
		XENBUS_PATH=backend/vif/1/0
		XENBUS_TYPE=vif
		bridge=br0
		command=online
		dev=web
		ip=192.0.2.1
		main_ip=
		netdev=
		script=/etc/xen/scripts/vif-bridge
		type_if=vif
		vif=vif1.0
	END
	[ "$(cat "$RIG/run/cwd")" = '/dev/null /' ]
	[ -s "$RIG/run/fds" ]
	[ "$(grep -cE 'socket|journal|/devices' "$RIG/run/fds")" = 0 ]
	rm "$RIG/etc-xen/scripts/vif-post.d/a.hook"
	vif_call 1 0 offline
	diff - "$RIG/run/hooks" <<-'END'
		hook online
		a online
		b online web br0 192.0.2.1
		b offline web br0 192.0.2.1
		a offline
	END
}

@test "a program that fails rolls back those before it; one that is gone is no matter" {
	scene ip=192.0.2.1
	program a <<<$'#!/bin/sh\necho "a $1" >>/run/hooks'
	program b <<<$'#!/bin/sh\necho "b $1" >>/run/hooks; echo no luck; [ "$1" = offline ]'
	program c <<<$'#!/bin/sh\necho "c $1" >>/run/hooks'
	keep before
	run vif_call 1 0 online
	refused 1 0 vif-post.d/b 'no luck'
	[ "$(xargs <"$RIG/run/hooks")" = "a online b online b offline a offline" ]
	reset_nodes
	rm "$RIG/etc-xen/scripts/vif-post.d/b"
	vif_call 1 0 online
	rm "$RIG/etc-xen/scripts/vif-post.d/a"
	chmod 666 "$RIG/etc-xen/scripts/vif-post.d/c"
	: >"$RIG/run/hooks"
	run vif_call 1 0 offline
	[ "$status" = 0 ]
	says 'vif-post.d/a' 'vif-post.d/c'
	[ ! -s "$RIG/run/hooks" ]
	program d <<<'no program'
	keep before
	reset_nodes
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says vif-post.d/d
}

@test "a hook's fatal() is the error" {
	scene
	echo 'fatal the reason' | hook a
	keep before
	run vif_call 1 0 online
	[ "$status" = 1 ]
	says 'the reason'
	status_is error
}

@test "a directory of hooks that others can write to is refused" {
	scene
	echo 'touch /run/hook-was-here' | hook a
	chmod 777 "$RIG/etc-xen/scripts/vif-post.d"
	keep before
	run vif_call 1 0 online
	refused 1 0 'can write to /etc/xen/scripts/vif-post.d'
	[ ! -e "$RIG/run/hook-was-here" ]
}

@test "lint: shipped recipes pass, a wrong one is shown with line and caret" {
	scene
	xhp lint
	recipe broken <<-'END'
		[use vif-bridge]
		bridg = br0
	END
	run xhp lint
	[ "$status" = 2 ]
	says 'broken.ini:2' 'did you mean "bridge"' 'bridg = br0' '^'
	run xhp lint vif-bridge
	[ "$status" = 0 ]
	unchanged
}

@test "help explains every command, action and class, and nothing else" {
	local word words
	scene
	words=$(xhp help | sed -n 's/^  \([a-z]*\) .*/\1/p; s/^actions: //p')
	[ "$(wc -w <<<"$words")" -ge 14 ]
	for word in $words vif settings; do
		run xhp help "$word"
		[ "$status" = 0 ]
		[ "${#output}" -gt 60 ]
	done
	run xhp help nonsense
	[ "$status" = 2 ]
	unchanged
}

@test "without a journal, a step whose condition does not hold takes nothing away" {
	scene
	dom0 ip link set vif1.0 master br0
	cat >"$RIG/etc-xen/hotplug/vif-bridge.ini" <<-'END'
		[recipe]
		device = vif
		[bridge]
		when = ${type_if} == tap
		name = br0
	END
	vif_call 1 0 offline
	link_is vif1.0 'master br0'
	sed -i 's/== tap/== vif/' "$RIG/etc-xen/hotplug/vif-bridge.ini"
	vif_call 1 0 offline
	! link_is vif1.0 'master br0'
}

@test "plan while another run has only just begun" {
	scene
	: >"$RIG/run/xen-hotplug/devices/vif-1-0"
	run dom0 env XENBUS_PATH=backend/vif/1/0 vif=vif1.0 xen-hotplug plan vif-bridge online
	[ "$status" = 0 ]
	[[ $output == *'[bridge]'*'last: '* ]]
}

@test "a hook that others than root can write is not run" {
	local file
	scene
	echo 'touch /run/hook-ran' | hook a
	for file in vif-post.d vif-post.d/a.hook; do
		chown 12345 "$RIG/etc-xen/scripts/$file"
		run vif_call 1 0 online
		[ "$status" = 1 ]
		says "/etc/xen/scripts/$file belongs to user 12345, not to root"
		chown 0 "$RIG/etc-xen/scripts/$file"
		chmod g+w "$RIG/etc-xen/scripts/$file"
		run vif_call 1 0 online
		[ "$status" = 1 ]
		chmod g-w "$RIG/etc-xen/scripts/$file"
	done
	[ ! -e "$RIG/run/hook-ran" ]
	vif_call 1 0 online
	[ -e "$RIG/run/hook-ran" ]
	# nor on the way back
	for file in vif-post.d vif-post.d/a.hook; do
		[ "$file" = vif-post.d ] || vif_call 1 0 online
		rm "$RIG/run/hook-ran"
		chown 12345 "$RIG/etc-xen/scripts/$file"
		run vif_call 1 0 offline
		[ "$status" = 0 ]
		says "a hook is not run: /etc/xen/scripts/$file belongs to user 12345, not to root"
		[ ! -e "$RIG/run/hook-ran" ]
		chown 0 "$RIG/etc-xen/scripts/$file"
	done
}
