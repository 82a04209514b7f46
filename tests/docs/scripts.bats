#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# compat-scripts/SCRIPTS.md: every script has its section, and what is said to take its
# place is there.

cd "$BATS_TEST_DIRNAME/../.."
DOC=compat-scripts/SCRIPTS.md

# What Xen's tools/hotplug/Linux holds, apart from makefiles and units.
XEN='block block-common.sh block-drbd-probe block-dummy block-enbd block-iscsi block-nbd
	block-tap colo-proxy-setup external-device-migrate init.d/sysconfig.xencommons
	init.d/sysconfig.xendomains init.d/xen-watchdog init.d/xencommons init.d/xendomains
	init.d/xendriverdomain launch-xenstore locking.sh logging.sh remus-netbuf-setup
	systemd/show_service_dependencies.sh systemd/xen-watchdog-sleep.sh vif-bridge
	vif-common.sh vif-nat vif-openvswitch vif-post.d/00-vif-local.hook vif-route vif-setup
	vscsi xen-hotplug-common.sh xen-network-common.sh xen-script-common.sh xendomains'

# section NAME: its lines, an Instead in one.
section() {
	awk -v head="### $1" '
		/^#/ || /^---/ { on = 0 }
		on && /^Instead: / { text = 1 }
		on && /^$/ { text = 0; printf "\n" }
		on { printf text ? "%s " : "%s\n", $0 }
		$0 == head { on = 1 }' "$DOC"
}

instead() {
	section "$1" | sed -n 's/^Instead: //p'
}

sections() {
	sed -n 's/^### //p' "$DOC"
}

# complain FILE: a test's findings are its failure.
complain() {
	[ ! -s "$1" ] || { cat "$1"; return 1; }
}

stock() {
	echo "$XEN"
	dpkg -L xen-utils-common 2>/dev/null | sed -n 's,^/etc/xen/scripts/,,p'
}

@test "every script of Xen's tree, and of the package that is installed, has its section" {
	local name
	for name in $(stock); do
		sections | grep -qxF "$name" || echo "no section: $name"
	done >"$BATS_TEST_TMPDIR/out"
	complain "$BATS_TEST_TMPDIR/out"
}

@test "every wrapper has its section, and none of them is said to be missing" {
	local file text
	for file in compat-scripts/*; do
		[[ $file != *.md ]] || continue
		text=$(instead "${file##*/}")
		case $text in
		'') echo "no section, or no Instead: $file" ;;
		nothing*) echo "$file is there, and $DOC says: $text" ;;
		esac
	done >"$BATS_TEST_TMPDIR/out"
	complain "$BATS_TEST_TMPDIR/out"
}

@test "every section says what takes the script's place, or why nothing does" {
	local name
	while read -r name; do
		[[ $(instead "$name") =~ ^(recipe\ [a-z0-9-]+\ \(.*\)|the\ |it\ |nothing) ]] ||
			echo "$name: no Instead that can be understood: $(instead "$name")"
	done < <(sections) >"$BATS_TEST_TMPDIR/out"
	complain "$BATS_TEST_TMPDIR/out"
}

@test "a recipe that takes a script's place exists, with these steps and no others" {
	local name text recipe want have
	while read -r name; do
		text=$(instead "$name")
		[[ $text =~ ^recipe\ ([a-z0-9-]+)\ \(([a-z0-9,\ -]*)\) ]] || continue
		recipe=${BASH_REMATCH[1]}
		want=$(tr -d ' ' <<<"${BASH_REMATCH[2]}" | tr , '\n' | LC_ALL=C sort -u)
		[ -f "conf/$recipe.ini" ] || { echo "$name: no conf/$recipe.ini"; continue; }
		have=$(sed -n 's/^\[\([a-z0-9]*\).*\].*/\1/p' "conf/$recipe.ini" |
			grep -vx 'recipe\|defaults' | LC_ALL=C sort -u)
		[ "$have" = "$want" ] || echo "$name: $recipe.ini has" $have
		[ -x "compat-scripts/$name" ] || echo "$name: no wrapper"
		grep -q "^\[use $recipe\]" "compat-scripts/$name" ||
			echo "compat-scripts/$name does not use $recipe"
	done < <(sections) >"$BATS_TEST_TMPDIR/out"
	complain "$BATS_TEST_TMPDIR/out"
}

@test "README names every wrapper" {
	local file
	for file in compat-scripts/*; do
		case $file in
		*.md | *.sh | */run-hooks) ;;
		*) grep -qw -- "${file##*/}" README || echo "not in README: ${file##*/}" ;;
		esac
	done >"$BATS_TEST_TMPDIR/out"
	complain "$BATS_TEST_TMPDIR/out"
}
