#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# 9pfs exports: which are let through, what is made for them, and what is taken back.

load lib
load scene
load tools

teardown() {
	rig_teardown
}

# exports [ROOT...]: dom0 with these export-roots (/run/guests).
exports() {
	rig_setup
	[ $# -gt 0 ] || set -- /run/guests
	mkdir "$RIG/run/guests"
	dom0 install -d -m 700 /run/xen-hotplug/{devices,shared}
	{ echo "export-roots ="; printf '  %s\n' "$@"; } >"$RIG/etc-xen/hotplug.conf"
}

# p9_backend TYPE D PATH [KEY=VALUE...]: what libxl_9pfs.c writes.
p9_backend() {
	local type=$1 d=$2 path=$3
	shift 3
	[ "$type" = 9pfs ] ||
		set -- max-space=0 max-files=0 max-open-files=0 auto-delete=0 "$@"
	backend "$type" "$d" 0 path="$path" security_model=none state=1 "$@"
	xenstore-rm "/local/domain/0/backend/$type/$d/0/script"
}

p9_call() {
	local d=$1
	shift
	libxl_call "${TYPE:-9pfs}" "$d" 0 /usr/sbin/xen-hotplug run 9pfs "$@"
}

prepare() {
	dom0 /usr/sbin/xen-hotplug run 9pfs "$@"
}

# fake_daemon: where the recipe finds a stand-in for xen-9pfsd, which Xen 4.17 has not.
fake_daemon() {
	install "$RIG_BUILD/xen-9pfsd" "$RIG/run/xen-9pfsd"
	[ -e "$RIG/etc-xen/hotplug/9pfs.ini" ] ||
		echo '[use 9pfs]' >"$RIG/etc-xen/hotplug/9pfs.ini"
	echo 'daemon = /run/xen-9pfsd' >>"$RIG/etc-xen/hotplug/9pfs.ini"
	xenstore-write /local/domain/0/libxl ''
}

# closed D: is the backend gone, and did the last `run` say so?
closed() {
	[ "$status" = 1 ] || { echo "exit status $status: $output"; return 1; }
	! xenstore-exists "/local/domain/0/backend/${TYPE:-9pfs}/$1/0" || return 1
	says "its backend is closed now"
}

@test "9pfs: a directory inside the root is let through, and stays as it is" {
	exports
	mkdir -m 751 "$RIG/run/guests/web"
	p9_backend 9pfs 1 /run/guests/web
	keep before
	p9_call 1 add
	[ "$(node 9pfs 1 0 hotplug-status)" = connected ]
	[ "$(stat -c %a "$RIG/run/guests/web")" = 751 ]
	xhp status | grep '^9pfs-1-0 - */run/guests/web 9pfs.ini '
	p9_call 1 add
	p9_call 1 remove
	[ -d "$RIG/run/guests/web" ]
	p9_call 1 remove
	detached
}
@test "9pfs: a missing one is made with its owner and mode, and kept with what is in it" {
	exports
	printf '[defaults]\nowner = nobody:daemon\nmode = 0750\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 "/run/guests/a b/gäst"
	p9_call 1 add
	[ "$(stat -c '%a %U %G' "$RIG/run/guests/a b/gäst")" = "750 nobody daemon" ]
	[ "$(stat -c '%a %U' "$RIG/run/guests/a b")" = "755 root" ]
	grep -q ' directory mkdir ' "$RIG"/run/xen-hotplug/shared/*
	xhp check
	echo data >"$RIG/run/guests/a b/gäst/file"
	p9_call 1 remove
	[ "$(cat "$RIG/run/guests/a b/gäst/file")" = data ]
	[ ! -e "$RIG/run/xen-hotplug/devices/9pfs-1-0" ]
	[ -z "$(ls "$RIG/run/xen-hotplug/shared")" ]
}
@test "9pfs: a path that is not to be exported closes the backend, and says why" {
	local path
	exports /run/guests /run/more
	mkdir -p "$RIG/run/other/x" "$RIG/run/guests-evil" "$RIG/run/guests/real"
	ln -s ../other "$RIG/run/guests/link"
	ln -s real "$RIG/run/guests/inside"
	: >"$RIG/run/guests/file"
	install -d -m 777 "$RIG/run/guests/shared" "$RIG/run/guests/shared/x"
	for path in /run/other/x /run/guests /run/guests/ /run/guests/../other \
		/run/guests/./real /run/guests//real /run/guests-evil /run/guests/link/x \
		/run/guests/link /run/guests/inside /run/guests/file /run/guests/shared/x \
		relative / /run/guests/real/.. $'/run/guests/a\nb' $'/run/guests/\xff'; do
		p9_backend 9pfs 1 "$path"
		run p9_call 1 add
		echo "$path: $output"
		closed 1
		[[ $output == *"is refused before the guest's driver was connected"* ]]
		xenstore-rm /local/domain/0/backend/9pfs 2>/dev/null || :
	done
	[ ! -e "$RIG/run/guests/a" ]
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
@test "9pfs: what was exported before it was refused is said in these words" {
	exports
	p9_backend 9pfs 1 /etc state=4
	run p9_call 1 add
	closed 1
	says "was exported before it was refused"
	p9_backend xen_9pfs 2 /etc state=2
	TYPE=xen_9pfs
	run p9_call 2 add
	closed 2
	says "was exported before it was refused"
}
@test "9pfs: without export-roots nothing may be exported; udev leaves it alone" {
	exports
	: >"$RIG/etc-xen/hotplug.conf"
	p9_backend 9pfs 1 /run/guests/x
	keep before
	run xhp udev 9pfs-1-0:add:7
	[ "$status" = 0 ]
	says "left alone: hotplug.conf has no export-roots"
	unchanged
	run p9_call 1 add
	closed 1
	says "no directory may be exported"
}
@test "9pfs: within holds a guest to its own directory" {
	exports
	printf '[defaults]\nwithin = /run/guests/${guest}\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	mkdir -p "$RIG"/run/guests/{guest1,guest2}
	p9_backend 9pfs 1 /run/guests/guest1/data
	p9_call 1 add
	p9_backend 9pfs 2 /run/guests/guest1/data
	run p9_call 2 add
	closed 2
	says 'is not within "/run/guests/guest2"'
	GUEST_NAME=guest3--incoming p9_backend 9pfs 3 /run/guests/guest3
	p9_call 3 add
	GUEST_NAME=../x p9_backend 9pfs 4 /run/guests/x
	run p9_call 4 add
	closed 4
	says 'which is not one component of a path'
}
@test "9pfs: security models and limits that the backend does not know are refused" {
	exports
	p9_backend 9pfs 1 /run/guests/x security_model=anything
	run p9_call 1 add
	closed 1
	says 'is none of none|passthrough'
	TYPE=xen_9pfs
	p9_backend xen_9pfs 1 /run/guests/x security_model=mapped
	run p9_call 1 add
	closed 1
	says 'xen-9pfsd knows none but "none"'
	p9_backend xen_9pfs 1 /run/guests/x max-space=5x
	run p9_call 1 add
	closed 1
	says max-space
	[ -z "$(ls "$RIG/run/guests")" ]
}
@test "9pfs: remove-empty and delete-contents take back what was made, and no more" {
	exports
	printf '[defaults]\non-detach = %s\n[use 9pfs]\n' remove-empty \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 /run/guests/a/b
	p9_call 1 add
	p9_call 1 remove
	[ -z "$(ls "$RIG/run/guests")" ]
	p9_call 1 add
	: >"$RIG/run/guests/a/b/file"
	p9_call 1 remove
	[ -e "$RIG/run/guests/a/b/file" ]
	rm -r "$RIG/run/guests/a"
	sed -i 's/remove-empty/delete-contents/' "$RIG/etc-xen/hotplug/9pfs.ini"
	p9_call 1 add
	mkdir -p "$RIG"/run/guests/a/b/{c/d,e}
	echo secret | tee "$RIG"/run/guests/a/b/{f,c/d/g} >"$RIG/run/outside"
	ln -s /run/outside "$RIG/run/guests/a/b/c/link"
	ln -s ../../.. "$RIG/run/guests/a/b/up"
	mkfifo "$RIG/run/guests/a/b/fifo"
	p9_call 1 remove
	[ -z "$(ls "$RIG/run/guests")" ]
	[ -s "$RIG/run/outside" ]
}
@test "9pfs: what was made for an attach that then fails goes, also with on-detach = keep" {
	exports
	printf '[recipe]\ndevice = 9pfs\n[use 9pfs]\n[exec no]\nattach = false\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 /run/guests/a/b
	run p9_call 1 add
	closed 1
	[ -z "$(ls "$RIG/run/guests")" ]
}
@test "9pfs: delete-contents spares what was there before, and what is another's now" {
	exports
	printf '[defaults]\non-detach = delete-contents\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	mkdir "$RIG/run/guests/old"
	: >"$RIG/run/guests/old/file"
	p9_backend 9pfs 1 /run/guests/old
	p9_call 1 add
	p9_call 1 remove
	[ -e "$RIG/run/guests/old/file" ]
	p9_backend 9pfs 2 /run/guests/new
	p9_call 2 add
	mv "$RIG"/run/guests/{new,moved}
	mkdir "$RIG/run/guests/new"
	: >"$RIG/run/guests/new/file"
	: >"$RIG/run/guests/moved/file"
	run p9_call 2 remove
	[ "$status" = 0 ]
	says "is not the directory that was made"
	[ -e "$RIG/run/guests/new/file" ]
	[ -e "$RIG/run/guests/moved/file" ]
	p9_backend 9pfs 3 /run/guests/third
	p9_call 3 add
	rmdir "$RIG/run/guests/third"
	ln -s old "$RIG/run/guests/third"
	p9_call 3 remove
	[ -e "$RIG/run/guests/old/file" ]
	[ -L "$RIG/run/guests/third" ]
}
@test "9pfs: an export in another one, or around it, is refused, also of one guest" {
	exports
	p9_backend 9pfs 1 /run/guests/a
	p9_call 1 add
	p9_backend 9pfs 2 /run/guests/a/sub
	run p9_call 2 add
	closed 2
	says 'which 9pfs-1-0 has, lie one in the other'
	run prepare prepare path=/run/guests/a/sub
	[ "$status" = 1 ]
	says 'lie one in the other'
	[ ! -e "$RIG/run/guests/a/sub" ]
	p9_backend 9pfs 3 /run/guests/b/c
	p9_call 3 add
	p9_backend 9pfs 4 /run/guests/b
	run p9_call 4 add
	closed 4
	p9_backend 9pfs 5 /run/guests/ab
	p9_call 5 add
	p9_call 1 remove
	p9_backend 9pfs 2 /run/guests/a/sub
	p9_call 2 add
}
@test "9pfs: two exports at the same instant, one in the other: neither is let through" {
	local first second
	exports
	mkdir -p "$RIG/run/guests/a/sub" "$RIG/tools"
	dom0 mount --bind "$RIG/tools" /usr/local/sbin
	tool hold <<-'END'
		: >"/run/held$1"
		until [ -e /run/go ]; do sleep 0.05; done
	END
	# between the look at the others and the journal
	printf '[recipe]\ndevice = 9pfs\n[exec hold]\nread = hold ${domid}\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 /run/guests/a
	p9_backend 9pfs 2 /run/guests/a/sub
	p9_call 1 add &
	first=$!
	p9_call 2 add &
	second=$!
	wait_until test -e "$RIG/run/held1"
	wait_until test -e "$RIG/run/held2"
	: >"$RIG/run/go"
	status=0
	wait $first || status=1
	wait $second || status=$((status + 2))
	[ "$status" != 0 ] # the later one at least
	[ "$status" = 2 ] || not xenstore-exists /local/domain/0/backend/9pfs/1/0
	[ "$status" = 1 ] || not xenstore-exists /local/domain/0/backend/9pfs/2/0
}

@test "9pfs: delete-contents spares what is mounted there, also of the same file system" {
	exports
	printf '[defaults]\non-detach = delete-contents\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	mkdir "$RIG/run/others"
	: >"$RIG/run/others/file"
	p9_backend 9pfs 1 /run/guests/a
	p9_call 1 add
	mkdir "$RIG/run/guests/a/mnt"
	: >"$RIG/run/guests/a/own"
	dom0 mount --bind /run/others /run/guests/a/mnt
	p9_call 1 remove
	[ ! -e "$RIG/run/guests/a/own" ]
	[ -e "$RIG/run/others/file" ]
}

@test "9pfs: two guests share a directory: it goes with the last" {
	exports
	printf '[defaults]\non-detach = delete-contents\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 /run/guests/both
	p9_backend 9pfs 2 /run/guests/both
	p9_call 1 add
	p9_call 2 add
	: >"$RIG/run/guests/both/file"
	p9_call 1 remove
	[ -e "$RIG/run/guests/both/file" ]
	p9_call 2 remove
	[ ! -e "$RIG/run/guests/both" ]
}
@test "9pfs: prepare refuses in time, and makes what the device takes over" {
	exports
	printf '[defaults]\non-detach = remove-empty\nwithin = /run/guests/${guest}\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	keep before
	run prepare prepare path=/etc guest=guest1
	[ "$status" = 1 ]
	says '"/etc" is not within "/run/guests/guest1"'
	run prepare prepare guest=guest1
	[ "$status" = 1 ]
	says "path is not set: no argument path=..."
	run prepare prepare path=/run/guests/guest1/d guest=../x
	[ "$status" = 1 ]
	unchanged
	prepare prepare path=/run/guests/guest1/d guest=guest1
	[ -d "$RIG/run/guests/guest1/d" ]
	prepare prepare path=/run/guests/guest1/d guest=guest1
	xhp status | grep '^9pfs-prepared-'
	p9_backend 9pfs 1 /run/guests/guest1/d
	p9_call 1 add
	[ "$(ls "$RIG/run/xen-hotplug/devices")" = 9pfs-1-0 ]
	p9_call 1 remove
	[ ! -e "$RIG/run/guests/guest1" ]
	sed -i "/defaults/a daemon = /run/none" "$RIG/etc-xen/hotplug/9pfs.ini"
	prepare prepare class=xen_9pfs path=/run/guests/guest1/d guest=guest1 security_model=none \
		2>&1 | grep -q 'no program' || false
	prepare prepare path=/run/guests/guest1/d guest=guest1
	prepare forget path=/run/guests/guest1/d
	prepare forget path=/run/guests/guest1/d
	[ ! -e "$RIG/run/guests/guest1" ]
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
@test "9pfs: a component that is exchanged at any step of the way leads nowhere" {
	local n verb guests good refused
	exports
	guests=$RIG/run/guests
	mkdir -p "$guests"/a/data "$RIG"/run/secret/data
	ln -s /run/secret "$guests/a.swap"
	printf '[defaults]\non-detach = delete-contents\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	secret() { find "$RIG/run/secret" -printf '%p %m %u %g %T@\n'; }
	for verb in add remove; do
		good=0 refused=0
		[ $verb = add ] || mkdir -p "$RIG"/run/secret/new/deep/kept
		secret >"$RIG/secret"
		for ((n = 1; ; n++)); do
			p9_backend 9pfs 1 /run/guests/a/new/deep
			[ $verb = add ] || p9_call 1 add
			rm -f "$RIG/run/calls"
			run libxl_call 9pfs 1 0 env FAULT_AT=$n FAULT_HOW=swap FAULT_KINDS=p \
				FAULT_SWAP=/run/guests/a FAULT_LOG=/run/calls \
				LD_PRELOAD="$RIG_BUILD/fault.so" /usr/sbin/xen-hotplug run 9pfs $verb
			case $status in 0) good=$((good + 1)) ;; 1) refused=$((refused + 1)) ;; esac
			secret | diff "$RIG/secret" -
			p9_call 1 remove
			secret | diff "$RIG/secret" -
			[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
			grep -q FAULT "$RIG/run/calls" || break
			mv "$guests/a" "$guests/link"
			mv "$guests/a.swap" "$guests/a"
			mv "$guests/link" "$guests/a.swap"
			rm -rf "$guests/a/new"
		done
		echo "$verb: $n steps, $good good, $refused refused"
		[ $((good + refused)) = "$n" ]
		[ "$good" -gt 1 ] && [ "$n" -gt 8 ]
		[ $verb = remove ] || [ "$refused" != 0 ]
	done
}

# killed_9pfs VERB HOW: SIGKILL at each write to a journal in turn; then gc, and another.
killed_9pfs() {
	local n how=$2
	for ((n = 1; ; n++)); do
		[ "$1" = add ] || p9_call 1 add
		rm -f "$RIG/run/calls"
		run libxl_call 9pfs 1 0 env FAULT_AT=$n FAULT_HOW="$how" FAULT_KINDS=j \
			FAULT_LOG=/run/calls LD_PRELOAD="$RIG_BUILD/fault.so" \
			/usr/sbin/xen-hotplug run 9pfs "$1"
		grep -q FAULT "$RIG/run/calls" || break
		[ "$status" = 137 ]
		p9_call 1 remove
		[ -z "$(ls "$RIG/run/guests")" ]
		[ -z "$(find "$RIG/run/xen-hotplug/devices" -type f)" ]
		xhp gc
		[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
	done
	[ "$n" -gt 4 ]
	p9_call 1 remove
	[ -z "$(ls "$RIG/run/guests")" ]
}

@test "9pfs: killed at every record of an attach or a detach, the next run finishes" {
	local how
	exports
	printf '[defaults]\non-detach = delete-contents\n[use 9pfs]\n' \
		>"$RIG/etc-xen/hotplug/9pfs.ini"
	p9_backend 9pfs 1 /run/guests/a/b
	for how in before after torn; do
		killed_9pfs add $how
		killed_9pfs remove $how
	done
}
@test "9pfs: gc takes back what a guest left that is gone, but not its data" {
	exports
	p9_backend 9pfs 1 /run/guests/a
	p9_backend 9pfs 2 /run/guests/b
	p9_backend 9pfs 3 /run/guests/c
	p9_call 1 add
	p9_call 2 add
	p9_call 3 add
	: >"$RIG/run/guests/a/file"
	backend_gone 9pfs 1 0
	xhp gc >"$RIG/gc" 2>&1
	cat "$RIG/gc"
	grep '^9pfs-1-0: undone (the device is gone: ' "$RIG/gc"
	[ -e "$RIG/run/guests/a/file" ]
	[ -d "$RIG/run/guests/b" ]
}

# project_fs: an ext4 with project quotas at dom0's /run/guests.
project_fs() {
	truncate -s 64M "$RIG/fs"
	mkfs.ext4 -q -O project,quota "$RIG/fs"
	dom0 mount -o loop,prjquota "$RIG/fs" /run/guests
	dom0 chmod 755 /run/guests
}

# fill D MIB: writes so much into the guest's directory, as root that obeys quotas.
fill() {
	dom0 setpriv --reuid 1 --clear-groups --inh-caps=-all \
		dd if=/dev/zero of="/run/guests/$1" bs=1M count="$2" status=none
}

# bats test_tags=kernel:prjquota
@test "9pfs: a quota holds the guest to the space and files of its p9=" {
	TYPE=xen_9pfs
	exports
	project_fs
	printf '[use 9pfs]\nowner = 1\nmode = 0755\n' >"$RIG/etc-xen/hotplug/9pfs.ini"
	fake_daemon
	p9_backend xen_9pfs 1 /run/guests/web max-space=2 max-files=3
	p9_call 1 add
	fill web/one 1
	run fill web/two 2
	[ "$status" = 1 ]
	says "quota exceeded"
	dom0 rm /run/guests/web/two
	xhp check
	dom0 setpriv --reuid 1 --clear-groups --inh-caps=-all touch /run/guests/web/three
	run dom0 setpriv --reuid 1 --clear-groups --inh-caps=-all touch /run/guests/web/four
	says "quota exceeded"
	p9_call 1 remove
	fill web/two 4
	# what is there when the guest comes back counts
	p9_backend xen_9pfs 1 /run/guests/web max-space=6
	p9_call 1 add
	run fill web/four 2
	[ "$status" = 1 ]
	p9_call 1 remove
	p9_call 1 add
	p9_call 1 remove
	fill web/four 2
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
# bats test_tags=kernel:prjquota
@test "9pfs: a p9 path of the administrator's own project keeps its number and limits" {
	TYPE=xen_9pfs
	exports
	project_fs
	fake_daemon
	dom0 mkdir /run/guests/web
	dom0 chattr -p 7 +P /run/guests/web
	p9_backend xen_9pfs 1 /run/guests/web max-space=2
	p9_call 1 add
	[ "$(dom0 lsattr -dp /run/guests/web | awk '{ print $1 }')" = 7 ]
	xhp check
	p9_call 1 remove
	[ "$(dom0 lsattr -dp /run/guests/web | awk '{ print $1 }')" = 7 ]
	[ -z "$(find "$RIG/run/xen-hotplug" -type f)" ]
}
@test "9pfs: where the file system has no project quotas, a limit is refused" {
	TYPE=xen_9pfs
	exports
	fake_daemon
	p9_backend xen_9pfs 1 /run/guests/web max-space=2
	run p9_call 1 add
	closed 1
	says "has no project quotas" prjquota
	[ ! -e "$RIG/run/guests/web" ]
	# the daemon makes room by itself
	p9_backend xen_9pfs 1 /run/guests/web max-space=2 auto-delete=1
	p9_call 1 add
	p9_call 1 remove
}
