# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts: locks in the protocol that xen-hotplug and Xen's own scripts
# share. A lock is held by flock on a file, if its path still leads there; the holder
# removes the file at the end.

LOCK_BASEDIR=/run/xen-hotplug
declare -gA _lockdict

_setlockfd() {
	if [[ ! $1 =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]]; then
		echo "$0: \"$1\" is not the name of a lock" >&2
		exit 1
	fi
	_lockfd=${_lockdict[$1]:-}
	_lockfile=$LOCK_BASEDIR/$1
}

# claim_lock NAME: waits for it, but not until libxl kills us.
claim_lock() {
	local mask
	_setlockfd "$1"
	mask=$(umask)
	umask 022
	[ -d "$LOCK_BASEDIR" ] || mkdir -p "$LOCK_BASEDIR" || return
	while :; do
		exec {_lockfd}<>"$_lockfile" || return
		flock -x -w 35 "$_lockfd" || return
		[ ! "/proc/self/fd/$_lockfd" -ef "$_lockfile" ] || break
		exec {_lockfd}<&-
	done
	umask "$mask"
	_lockdict[$1]=$_lockfd
}

release_lock() {
	_setlockfd "$1"
	[ -n "$_lockfd" ] || return 0
	rm -f "$_lockfile"
	unset "_lockdict[$1]"
	exec {_lockfd}<&-
}
