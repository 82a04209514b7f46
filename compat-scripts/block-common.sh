# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by hotplug scripts of disks. Sets command.

# Ours beside this one, also if a link in /etc/xen/scripts leads here.
_lib=$(readlink -f "${BASH_SOURCE[0]}")
_lib=${_lib%/*}
. "$_lib/xen-hotplug-common.sh"

findCommand "$@"

case $command in
add | remove) ;;
*)
	log err "Invalid command: $command"
	exit 1
	;;
esac

XENBUS_PATH=${XENBUS_PATH:?}

# ebusy TEXT: the disk is somebody else's.
ebusy() {
	_tell_error busy "$*"
	log err "$@"
	exit 1
}

# device_major_minor DEV: in hex, as xenstore has it.
device_major_minor() {
	stat -L -c %t:%T "$1"
}

# write_dev DEV: gives the device to the guest.
write_dev() {
	local mm
	[ -b "$1" ] || fatal "Backend device does not exist"
	mm=$(device_major_minor "$1") || fatal "Backend device does not exist"
	xenstore-exists "$XENBUS_PATH/state" || fatal "the backend $XENBUS_PATH is gone"
	xenstore_write "$XENBUS_PATH/physical-device-path" "$1" \
		"$XENBUS_PATH/physical-device" "$mm"
	success
}

# canonicalise_mode MODE: r; w; or ! for "do not check".
canonicalise_mode() {
	case $1 in
	*w*!* | *!*w*) echo '!' ;;
	*w*) echo w ;;
	*) echo r ;;
	esac
}

# same_vm DOMID: is that the guest of FRONTEND_ID and FRONTEND_UUID, its stubdomain, or
# what it is one for?
same_vm() {
	local other=$1 vm target targetvm otarget otvm uuid=${FRONTEND_UUID%-1}
	# gone already: a disk that is being given back
	vm=$(xenstore_read_default "/local/domain/$other/vm" "$FRONTEND_UUID")
	target=$(xenstore_read_default "/local/domain/$FRONTEND_ID/target" -1)
	targetvm=$(xenstore_read_default "/local/domain/$target/vm" "No Target")
	otarget=$(xenstore_read_default "/local/domain/$other/target" -1)
	otvm=$(xenstore_read_default "/local/domain/$otarget/vm" "No Other Target")
	[ "$uuid" = "$vm" ] || [ "$targetvm" = "$vm" ] || [ "$uuid" = "$otvm" ] ||
		[ "$targetvm" = "$otvm" ]
}

# check_device_sharing DEV MODE, check_file_sharing FILE [DEVICE] MODE [INODE]: may the
# guest have it? To be called with the lock "block", which is released if it may not.
check_device_sharing() {
	_check_sharing "$1" "$2"
}

check_file_sharing() {
	if [ $# -ge 3 ]; then
		_check_sharing "$1" "$3"
	else
		_check_sharing "$1" "$2"
	fi
}

# do_ebusy TEXT MODE guest|local: as check_device_sharing says it of Xen's own check.
do_ebusy() {
	local where="in the privileged domain" as=
	[ "$3" != guest ] || where="in a guest domain"
	[ "$2" = w ] || as=" read-only"
	release_lock block
	ebusy "$1$where, and so cannot be mounted$as by another."
}

_check_sharing() {
	local why
	why=$(xen-hotplug disk-check "$1" "$2" 2>&1) && return
	release_lock block
	why=${why#xen-hotplug: }
	case ${why##*$'\n'} in
	guest\ * | local\ *) ebusy "${why%$'\n'*}" ;; # in words, and then in numbers
	*) fatal "$why" ;;
	esac
}
