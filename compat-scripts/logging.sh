# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts: log LEVEL TEXT...

log() {
	local level=$1
	shift
	logger -p "daemon.$level" -- "$0:" "$@" || echo "$0 $*" >&2
}
