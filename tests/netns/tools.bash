# SPDX-License-Identifier: LGPL-2.1-or-later
# A class of the administrator's own, "thing", and a tool that makes things.

# tool_scene: a dom0 with /usr/local/sbin/mk, and nodes of thing 1/0.
tool_scene() {
	rig_setup || return
	mkdir "$RIG/tools" "$RIG/run/things"
	dom0 mount --bind "$RIG/tools" /usr/local/sbin
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	tool mk <<-'END'
		# mk make NAME [STATUS]: 15 if it is there; what it made is "NUMBER made NAME"
		# mk drop NAME: 21 if it is not there
		# mk has NAME: 1 if it is not there
		{ printf '<%s>' "$@"; echo; } >>/run/calls
		file=/run/things/$(printf %s "$2" | md5sum | cut -c1-8)
		case $1 in
		make)
			[ ! -e "$file" ] || exit 15
			echo "mk: this is no result" >&2
			[ -z "$3" ] || { echo "mk: cannot make it: $3" >&2; exit "$3"; }
			printf '%s\n' "$2" >"$file"
			printf 'hello\n7 made %s \n' "$2"
			;;
		drop) [ -e "$file" ] || exit 21; rm "$file" ;;
		has) [ -e "$file" ] || exit 1; echo "it is $2" ;;
		*) echo "$2" ;;
		esac
	END
	thing 1 0 params=disk1
	keep before
}

# Does a process run? One that has ended may wait for somebody to ask how.
alive() {
	grep -qs '^State:	[^ZX]' "/proc/$1/status"
}

# needs PROGRAM...: what a test wants beside the kernel's part, which its tag names.
needs() {
	local program
	for program; do
		[ -n "$(type -P "$program")" ] || skip "no $program: make check-xen"
	done
}

# tool NAME: a program in dom0's path, from standard input.
tool() {
	{ echo '#!/bin/bash'; cat; } >"$RIG/tools/$1"
	chmod 755 "$RIG/tools/$1"
}

# thing D N [KEY=VALUE...]: its backend's nodes.
thing() {
	RECIPE=mine backend thing "$@"
}

# recipe NAME: steps from standard input, as the administrator's recipe for things.
recipe() {
	local head=$'[recipe]\ndevice = thing\n'
	{ printf %s "${HEAD-$head}"; cat; } >"$RIG/etc-xen/hotplug/$1.ini"
}

# thing_call D N add|remove [ARGUMENT...]
thing_call() {
	local d=$1 n=$2
	shift 2
	libxl_call "${CLASS:-thing}" "$d" "$n" /usr/sbin/xen-hotplug run "${RECIPE:-mine}" "$@"
}

thing_plan() {
	local d=$1 n=$2
	shift 2
	libxl_call "${CLASS:-thing}" "$d" "$n" /usr/sbin/xen-hotplug plan "${RECIPE:-mine}" "$@" 2>&1
}

# called LINE...: is this what the tools were called with since the last time?
called() {
	diff <([ $# = 0 ] || printf '%s\n' "$@") <(cat "$RIG/run/calls" 2>/dev/null) || return
	rm -f "$RIG/run/calls"
}

# things NAME...: are these the things that there are?
things() {
	diff <([ $# = 0 ] || printf '%s\n' "$@" | LC_ALL=C sort) <(cat "$RIG"/run/things/* 2>/dev/null | LC_ALL=C sort)
}

journals() {
	ls "$RIG"/run/xen-hotplug/{devices,shared}
}

# nothing_left: no thing, no journal, nothing in the store but the status.
nothing_left() {
	things || return
	[ -z "$(compgen -G "$RIG/run/xen-hotplug/[ds]*/*")" ] || { journals; return 1; }
	keep now
	diff <(grep -vE 'hotplug-(status|error) = ' "$RIG/before") \
		<(grep -vE 'hotplug-(status|error) = ' "$RIG/now")
}

# failed TEXT...: the last `run` was an attach that failed, said all of that, also to the
# toolstack, and left nothing.
failed() {
	local text
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	says "$@" || return
	[ "$(node "${CLASS:-thing}" 1 0 hotplug-status)" = error ] || return
	for text; do
		[[ $(node "${CLASS:-thing}" 1 0 hotplug-error) == *"$text"* ]] || return
	done
	nothing_left
}
