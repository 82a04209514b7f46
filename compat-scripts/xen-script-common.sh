# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts: their arguments, VERB and NAME=VALUE.

set -e

# evalVariables ARGUMENT...: each NAME=VALUE becomes a variable, and the value nothing but
# text. Names begin with a small letter: what the shell itself lives by does not.
evalVariables() {
	local _arg
	for _arg; do
		[[ $_arg == ?*=* ]] || continue
		if [[ ! ${_arg%%=*} =~ ^[a-z][A-Za-z0-9_]*$ ]]; then
			echo "$0: ${_arg%%=*} cannot be set by an argument" >&2
			exit 1
		fi
		printf -v "${_arg%%=*}" %s "${_arg#*=}"
	done
}

# findCommand ARGUMENT...: the first that is not NAME=VALUE, as $command.
findCommand() {
	local arg
	for arg; do
		if [[ $arg != *=* ]]; then
			command=$arg
			return
		fi
	done
}
