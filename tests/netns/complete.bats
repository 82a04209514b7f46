#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion in bash and zsh: commands, options, recipes, devices, verbs, variables, actions
# and their keys, as the tables have them.

load lib
load scene
load tools

teardown() {
	rig_teardown
}

# offers WORD...: what can stand for the last of them, in one line.
offers() {
	dom0 xen-hotplug complete "$@" 2>&1 | cut -f 1 | xargs
}

# in_bash LINE: what bash would put behind it.
in_bash() {
	dom0 bash --norc -c '. "$1"
		[[ $(complete -p xen-hotplug) == *"-F _xen_hotplug xen-hotplug" ]] || exit
		COMP_LINE=$2 COMP_POINT=${#2}
		_xen_hotplug xen-hotplug
		printf "%s\n" "${COMPREPLY[@]}"' bash "$RIG_TOP/conf/completion.bash" "$1" | xargs
}

two() {
	scene
	vif_call 1 0 online
	vif_add 2 0
	GUEST_NAME='x$(touch /run/hacked)`id`' backend vif 2 0 bridge=br0
	vif_call 2 0 online
}

@test "commands and their options are those of help" {
	local name said
	scene
	[ "$(offers '')" = "$(xhp help | sed -n 's/^  \([a-z-]*\) .*/\1/p' | xargs)" ]
	for name in $(offers ''); do
		said=$(xhp help "$name" | head -1 | grep -o -- '--[a-z-]*' | xargs || :)
		[ "$(offers "$name" -)" = "$said" ] || { echo "$name: $(offers "$name" -), not $said"; return 1; }
	done
	[ "$(offers st)" = status ]
	[ "$(offers --)" = '--help --version' ]
	[ -z "$(offers nonesuch '')" ]
}

@test "recipes, their class's verbs, and what can be said to them" {
	scene
	printf '[recipe]\ndevice = remus\ndescription = all\n of mine\n[up]\ndev = ${vifname}\n' \
		>"$RIG/etc-xen/hotplug/mine.ini"
	: >"$RIG/etc-xen/hotplug/odd name;x.ini"
	[ "$(offers run mi)" = mine ]
	[[ " $(offers run '') " != *' of mine '* ]]
	[[ $(offers plan '') == *' vif-bridge '*' vif-route '* ]]
	[[ $(offers plan '') != *odd* ]]
	[ "$(offers run mine '')" = 'setup teardown' ]
	[ "$(offers plan vif-bridge '')" = 'online offline add remove' ]
	[ "$(offers plan --json vif-bridge on)" = online ]
	[ "$(offers run --trace block '')" = 'add remove' ]
	[ "$(offers run vif-bridge online ty)" = 'type_if=vif type_if=tap' ]
	[[ $(offers run vif-bridge online mac=x '') == *' bridge= mac= ip= '* ]]
	[[ $(offers lint block '') == *' vif-nat '* ]]
}

@test "devices by their names, and none that a guest could have made up for the shell" {
	two
	[ "$(offers status '')" = 'vif-1-0 vif1.0 guest1/eth0 vif-2-0 vif2.0' ]
	[ "$(offers repair guest)" = guest1/eth0 ]
	[ "$(offers check --json vif-2)" = vif-2-0 ]
	[ -z "$(offers check --prometheus '')" ]
	dom0 xen-hotplug complete status vif2 | grep -F 'x$(touch'
	[ ! -e "$RIG/run/hacked" ]
}

@test "actions, classes, and an action's keys" {
	scene
	[ "$(offers help fil)" = filter ]
	[ "$(offers help filter '')" = 'dev ip mac link-local' ]
	[ "$(offers help vi)" = vif ]
	run xhp help filter link-local
	[ "$status" = 0 ]
	says link-local eui64
	run xhp help filter macc
	[ "$status" = 2 ]
	says '[filter] has no key "macc"; did you mean "mac"?'
	[[ $(offers enable '') == *'vif-bridge'* ]]
}

@test "bash: words are completed, also behind : and =" {
	two
	[ "$(in_bash 'xen-hotplug stat')" = status ]
	[ "$(in_bash 'xen-hotplug status --j')" = --json ]
	[ "$(in_bash 'xen-hotplug status vif-1')" = vif-1-0 ]
	[ "$(in_bash 'xen-hotplug status guest1/')" = guest1/eth0 ]
	[ "$(in_bash 'xen-hotplug run vif-bridge ')" = 'online offline add remove' ]
	[ "$(in_bash 'xen-hotplug run vif-bridge online type_if=')" = 'vif tap' ]
	[ "$(in_bash 'xen-hotplug help bridge vlan-')" = vlan-filtering ]
	[ -z "$(in_bash 'xen-hotplug nonesuch ')" ]
	[ ! -e "$RIG/run/hacked" ]
}

@test "zsh: the same, in its line editor" {
	command -v zsh >/dev/null || skip "no zsh"
	two
	cp "$RIG_TOP/conf/completion.zsh" "$RIG/run/_xen-hotplug"
	cat >"$RIG/run/drive" <<-'END'
		zmodload zsh/zpty
		zpty z 'TERM=vt100 PS1= zsh -f -i'
		say() { zpty -w -n z "$1"; }
		# until it has shown what its line is
		line() { local text; zpty -r -m z text "*BUF<*>END*"; print -r -- ${${text##*BUF<}%%>END*}; }
		say $'fpath=(/run $fpath); autoload -Uz compinit; compinit -u -D; setopt noautomenu nobeep\n'
		say $'show() { zle -I; print -r -- "B""UF<$BUFFER>END"; BUFFER= }; zle -N show; bindkey "^X" show; zle_highlight=(none)\n'
		for typed; do
			say "$typed"$'\t\x18'
			line
		done
		zpty -d z
	END
	run dom0 timeout 300 zsh -f /run/drive 'xen-hotplug statu' 'xen-hotplug status --js' \
		'xen-hotplug status vif-1' 'xen-hotplug status gue' 'xen-hotplug plan vif-ro' \
		'xen-hotplug run vif-bridge onl' 'xen-hotplug run vif-bridge online gatew' \
		'xen-hotplug help filter link'
	[ "$status" = 0 ]
	[ "${lines[0]}" = 'xen-hotplug status ' ]
	[ "${lines[1]}" = 'xen-hotplug status --json ' ]
	[ "${lines[2]}" = 'xen-hotplug status vif-1-0 ' ]
	[ "${lines[3]}" = 'xen-hotplug status guest1/eth0 ' ]
	[ "${lines[4]}" = 'xen-hotplug plan vif-route ' ]
	[ "${lines[5]}" = 'xen-hotplug run vif-bridge online ' ]
	[ "${lines[6]}" = 'xen-hotplug run vif-bridge online gatewaydev=' ]
	[ "${lines[7]}" = 'xen-hotplug help filter link-local ' ]
	[ ! -e "$RIG/run/hacked" ]
}
