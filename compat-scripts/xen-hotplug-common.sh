# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts of any kind: errors, xenstore, hooks.

dir=$(dirname "$0")
# Ours beside this one, also if a link in /etc/xen/scripts leads here.
_lib=$(readlink -f "${BASH_SOURCE[0]}")
_lib=${_lib%/*}
. "$_lib/logging.sh"
. "$_lib/xen-script-common.sh"
. "$_lib/locking.sh"

# What Xen's build knows; without it, where distributions put these things.
if [ -r "$dir/hotplugpath.sh" ]; then
	. "$dir/hotplugpath.sh"
else
	sbindir=/usr/sbin bindir=/usr/bin SHAREDIR=/usr/share
	LIBEXEC=/usr/lib/xen LIBEXEC_BIN=/usr/lib/xen/bin XENFIRMWAREDIR=/usr/lib/xen/boot
	XEN_CONFIG_DIR=/etc/xen XEN_SCRIPT_DIR=/etc/xen/scripts
	XEN_LOCK_DIR=/var/lock XEN_RUN_DIR=/run/xen XEN_LOG_DIR=/var/log/xen
	XEN_LIB_DIR=/var/lib/xen XEN_RUN_STORED=/run/xenstored
	XEN_PAGING_DIR=/var/lib/xen/xenpaging XEN_DUMP_DIR=/var/lib/xen/dump
fi

[ ! -w "${XEN_LOG_DIR:=/var/log/xen}" ] || exec 2>>"$XEN_LOG_DIR/xen-hotplug.log"

export PATH="$bindir:$sbindir:$LIBEXEC_BIN:/sbin:/bin:/usr/bin:/usr/sbin:$PATH"
export LANG=POSIX
unset "${!LC_@}"

# The backend may be gone: its directory is not made again for an error.
_tell_error() {
	local status=$1 text=$2 self
	_told=yes
	[ -n "$XENBUS_PATH" ] && xenstore-exists "$XENBUS_PATH" || return 0
	_xenstore_write "$XENBUS_PATH/hotplug-error" "${text:0:4000}" \
		"$XENBUS_PATH/hotplug-status" "$status" || return 0
	# it may name other guests, and is no business of this one's
	self=$(xenstore-read domid) && xenstore-chmod "$XENBUS_PATH/hotplug-error" "n$self" || :
}

fatal() {
	_tell_error error "$*"
	log err "$@"
	exit 1
}

# success: the toolstack may go on.
success() {
	xenstore-exists "$XENBUS_PATH/state" ||
		fatal "the backend $XENBUS_PATH is gone"
	xenstore-rm "$XENBUS_PATH/hotplug-error" 2>/dev/null || :
	xenstore_write "$XENBUS_PATH/hotplug-status" connected
}

do_or_die() {
	"$@" || fatal "$* failed"
}

do_without_error() {
	"$@" 2>/dev/null || log debug "$* failed"
}

sigerr() {
	fatal "$0 failed; error detected."
}

# A command that fails in a function ends the script, and ERR is not told.
_exit_status() {
	local status=$?
	[ "$status" = 0 ] || [ -n "$_told" ] || _tell_error error "$0 failed with status $status"
}

_told=
trap sigerr ERR
trap _exit_status EXIT

# xenstore_read PATH...: the values, a line each; a path that is missing is fatal.
xenstore_read() {
	local v
	v=$(xenstore-read "$@") || :
	[ -n "$v" ] || fatal "xenstore-read $* failed."
	echo "$v"
}

# xenstore_read_default PATH DEFAULT
xenstore_read_default() {
	xenstore-read "$1" 2>/dev/null || echo "$2"
}

_xenstore_write() {
	log debug "Writing $* to xenstore."
	xenstore-write "$@"
}

# xenstore_write (PATH VALUE)...
xenstore_write() {
	_xenstore_write "$@" || fatal "Writing $* to xenstore failed."
}

# call_hooks CLASS WHEN: sources CLASS-WHEN.d/*.hook
call_hooks() {
	local f
	for f in "${XEN_SCRIPT_DIR:-/etc/xen/scripts}/$1-$2.d"/*.hook; do
		[ ! -x "$f" ] || . "$f"
	done
}

log debug "$@" "XENBUS_PATH=$XENBUS_PATH"
