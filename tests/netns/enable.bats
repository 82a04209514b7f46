#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The old scripts' names lead to our wrappers, and back.

load lib

SCRIPTS=/etc/xen/scripts

# This host's dpkg has no part in it.
setup() {
	rig_setup
	[ ! -e /usr/bin/dpkg-divert ] || dom0 mount --bind /dev/null /usr/bin/dpkg-divert
	mkdir -p "$RIG/etc-xen/scripts"
	rm -f "$RIG"/etc-xen/scripts/vif-*
	echo stock >"$RIG/etc-xen/scripts/vif-bridge"
}

teardown() {
	rig_teardown
}

xhp() {
	dom0 /usr/sbin/xen-hotplug "$@"
}

original() {
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge")" = stock ] &&
		[ "$(ls "$RIG/etc-xen/scripts" | grep -c '^vif-')" = 1 ]
}

ours() {
	[ "$(readlink "$RIG/etc-xen/scripts/vif-bridge")" = \
		/usr/lib/xen-hotplug/scripts/vif-bridge ]
}

@test "a name is taken over and given back; twice is once" {
	for i in 1 2; do
		xhp enable vif-bridge
		ours
		[ "$(cat "$RIG/etc-xen/scripts/vif-bridge.stock")" = stock ]
	done
	for i in 1 2; do
		xhp disable vif-bridge
		original
	done
}

@test "--list changes nothing, wherever it stands" {
	run xhp enable vif-bridge --list
	[ "$status" = 0 ]
	[[ $output == 'vif-bridge '* && ${#lines[@]} = 1 ]]
	[ "$(xhp enable --list vif-bridge)" = "$output" ]
	original
}

@test "what somebody else put there is not lost" {
	echo other >"$RIG/etc-xen/scripts/vif-bridge.stock"
	run xhp enable vif-bridge
	[ "$status" = 1 ]
	[[ $output == *'one of them would be lost'* ]]
	run xhp disable vif-bridge
	[ "$status" = 1 ]
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge")" = stock ]
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge.stock")" = other ]
}

@test "dpkg-divert fails: all is as before" {
	dom0 umount /usr/bin/dpkg-divert
	printf '#!/bin/sh\necho "no space"; exit 2\n' >"$RIG/divert"
	chmod 755 "$RIG/divert"
	dom0 mount --bind "$RIG/divert" /usr/bin/dpkg-divert
	run xhp enable vif-bridge
	[ "$status" = 1 ]
	[[ $output == *'no space'* ]]
	original
	# the original has lost its name, but not its content
	mv "$RIG"/etc-xen/scripts/vif-bridge{,.stock}
	run xhp enable vif-bridge
	[ "$status" = 1 ]
	[ "$(cat "$RIG/etc-xen/scripts/vif-bridge.stock")" = stock ]
}

@test "an enable that was cut short is finished, or taken back" {
	dom0 ln $SCRIPTS/vif-bridge $SCRIPTS/vif-bridge.stock
	xhp disable vif-bridge
	original
	dom0 ln $SCRIPTS/vif-bridge $SCRIPTS/vif-bridge.stock
	xhp enable vif-bridge
	ours
	xhp disable vif-bridge
	original
}

@test "a name without a wrapper is refused" {
	run xhp enable vif-none
	[ "$status" = 2 ]
	[[ $output == *'has no wrapper "vif-none"'* ]]
}

# package VERSION: the stock scripts' package, in a dpkg of this dom0 alone.
package() {
	local dir=$RIG/package-$1
	[ -d "$RIG/dpkg" ] || {
		dom0 umount /usr/bin/dpkg-divert
		mkdir -p "$RIG"/dpkg/{info,updates,triggers}
		: >"$RIG/dpkg/status"
		dom0 mount --bind "$RIG/dpkg" /var/lib/dpkg
		rm -rf "$RIG"/etc-xen/scripts
	}
	mkdir -p "$dir/DEBIAN" "$dir$SCRIPTS"
	printf '%s\n' "Package: stock" "Version: $1" "Architecture: all" \
		"Maintainer: nobody" "Description: scripts" >"$dir/DEBIAN/control"
	printf '%s\n' "$SCRIPTS/vif-bridge" "$SCRIPTS/block" >"$dir/DEBIAN/conffiles"
	echo "stock $1" | tee "$dir$SCRIPTS/vif-bridge" >"$dir$SCRIPTS/block"
	dpkg-deb -b "$dir" "$RIG/$1.deb" >/dev/null
}

dpkg_do() {
	dom0 dpkg "$@"
}

# stands NAME=CONTENT...: what is there in all, but for what we never touch.
stands() {
	local file
	diff <(printf '%s\n' "$@" | sort) <(for file in "$RIG"/etc-xen/scripts/vif-*; do
		if [ -L "$file" ]; then
			echo "${file##*/}=ours"
		else
			echo "${file##*/}=$(cat "$file")"
		fi
	done | sort)
}

@test "dpkg: upgrade, reinstall, remove and install go beside our name" {
	package 1
	package 2
	dpkg_do -i "$RIG/1.deb"
	xhp enable vif-bridge
	stands vif-bridge=ours "vif-bridge.stock=stock 1"
	dpkg_do -i "$RIG/1.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 1"
	dpkg_do -i "$RIG/2.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 2"
	dpkg_do -r stock
	stands vif-bridge=ours "vif-bridge.stock=stock 2"
	dpkg_do -i "$RIG/1.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 1"
	xhp disable vif-bridge
	stands "vif-bridge=stock 1"
	dpkg_do -i "$RIG/2.deb"
	stands "vif-bridge=stock 2"
	[ -z "$(dom0 dpkg-divert --list)" ]
}

@test "dpkg: a changed conffile is kept or replaced, as the administrator says" {
	package 1
	package 2
	dpkg_do -i "$RIG/1.deb"
	echo mine >"$RIG/etc-xen/scripts/vif-bridge"
	xhp enable vif-bridge
	dpkg_do --force-confold -i "$RIG/2.deb"
	stands vif-bridge=ours vif-bridge.stock=mine "vif-bridge.stock.dpkg-dist=stock 2"
	rm "$RIG/etc-xen/scripts/vif-bridge.stock.dpkg-dist"
	dpkg_do --force-confnew --force-confask -i "$RIG/2.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 2" vif-bridge.stock.dpkg-old=mine
	xhp disable vif-bridge
	stands "vif-bridge=stock 2" vif-bridge.stock.dpkg-old=mine
}

# dpkg leaves a diverted conffile alone, so that the original survives its package.
@test "dpkg: the package is purged; our name stays, and the original can come back" {
	package 1
	package 2
	dpkg_do -i "$RIG/1.deb"
	xhp enable vif-bridge
	dpkg_do -P stock
	[ ! -e "$RIG/etc-xen/scripts/block" ]
	dom0 test -x /usr/lib/xen-hotplug/scripts/vif-bridge
	stands vif-bridge=ours "vif-bridge.stock=stock 1"
	dpkg_do --force-confnew -i "$RIG/2.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 2" "vif-bridge.stock.dpkg-old=stock 1"
	dpkg_do -P stock
	xhp disable vif-bridge
	stands "vif-bridge=stock 2" "vif-bridge.stock.dpkg-old=stock 1"
	[ -z "$(dom0 dpkg-divert --list)" ]
}

@test "dpkg: the package comes after us, and goes beside our name" {
	package 1
	mkdir -p "$RIG/etc-xen/scripts"
	xhp enable vif-bridge
	stands vif-bridge=ours
	dpkg_do -i "$RIG/1.deb"
	stands vif-bridge=ours "vif-bridge.stock=stock 1"
	xhp disable vif-bridge
	stands "vif-bridge=stock 1"
}

@test "--list tells ours from stock, changed and foreign" {
	package 1
	dpkg_do -i "$RIG/1.deb"
	run xhp enable --list vif-bridge
	[[ $output == 'vif-bridge '*' stock, of stock' ]]
	echo mine >"$RIG/etc-xen/scripts/vif-bridge"
	run xhp enable --list vif-bridge
	[[ $output == *' of stock, changed' ]]
	xhp enable vif-bridge
	run xhp enable --list vif-bridge
	[[ $output == *' ours, the original is vif-bridge.stock' ]]
	ln -s /nowhere "$RIG/etc-xen/scripts/vif-route"
	run xhp enable --list
	[ "$status" = 0 ]
	grep '^vif-route .* foreign: of no package$' <<<"$output"
	grep '^vif-nat .* not there$' <<<"$output"
	grep '^vif-bridge .* ours' <<<"$output"
}
