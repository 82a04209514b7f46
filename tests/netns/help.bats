#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What somebody who has never seen it types.

XHP=$(realpath -m "${XHP:-build/xen-hotplug}")

# commands: all that help lists, each in a line; there are many.
commands() {
	"$XHP" help | sed -n 's/^  \([a-z-]*\) .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -gt 10 ] && cat "$BATS_TEST_TMPDIR/commands"
}

# says STATUS TEXT...: the last `run` ended so, and said all of it.
says() {
	local text
	[ "$status" = "$1" ] || { echo "exit status $status: $output"; return 1; }
	shift
	for text; do
		[[ $output == *"$text"* ]] || { echo "no \"$text\" in: $output"; return 1; }
	done
}

@test "no command: what there is, and an error" {
	run "$XHP"
	says 2 'usage: xen-hotplug COMMAND' 'which command?' 'status ' 'filter' 'exit status:'
	run "$XHP" --help
	says 0 'usage: xen-hotplug COMMAND'
	run "$XHP" --version
	says 0 xen-hotplug
}

@test "every command explains itself, by help, --help and -h, in lines that fit" {
	local name names
	names=$(commands)
	for name in $names; do
		run "$XHP" help "$name"
		says 0 "usage: xen-hotplug $name"
		[ "$("$XHP" "$name" --help)" = "$output" ]
		[ "$("$XHP" "$name" -h)" = "$output" ]
		! grep -E '^.{86}' <<<"$output" || return 1
	done
}

@test "what is not there is named, and what may have been meant" {
	run "$XHP" staus
	says 2 'there is no command "staus"; did you mean "status"?'
	run "$XHP" help filtr
	says 2 'no help on "filtr"' 'did you mean "filter"?'
	run "$XHP" help status x
	says 2 'what is "x"?'
	run "$XHP" check --prometheus
	says 2 '--prometheus: into which file?'
}

@test "an option that a command has not is an error of every command, before it does anything" {
	local name names
	names=$(commands)
	for name in $names; do
		run timeout 10 "$XHP" "$name" --nosuch
		if [ "$name" = run ]; then
			says 2 '"--nosuch"'
		else
			says 2 "$name has no option \"--nosuch\"" "(xen-hotplug help $name)"
		fi
	done
	run "$XHP" log --al
	says 2 'did you mean "--all"?'
}
