#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# lint as a program: its exit status, and what it tells an editor (tests/golden has the
# rest).

TOP=$PWD
XHP=$(realpath -m "${XHP:-build/xen-hotplug}")

setup() {
	cd "$BATS_TEST_TMPDIR"
	printf '[recipe]\ndevice = vif\n[filter]\n[up]\n' >warned.ini
	printf '[recipe]\ndevice = vif\n[lnk]\n[up]\nspeed = 9\n' >wrong.ini
	printf '[recipe]\ndevice = vif\n[filter]\nip = ${ip}\n[up]\n' >good.ini
}

@test "errors end with 2, warnings and nothing with 0" {
	run "$XHP" lint ./wrong.ini ./good.ini
	[ "$status" = 2 ]
	run "$XHP" lint ./warned.ini ./good.ini
	[ "$status" = 0 ]
	grep -x './warned.ini: vif, 2 steps: 1 warning' <<<"$output"
	run "$XHP" lint ./good.ini
	[ "$status" = 0 ] && [ "$output" = "./good.ini: vif, 2 steps: ok" ]
	run "$XHP" lint good.ini
	[ "$status" = 2 ] && [[ $output == *'there is no recipe "good.ini" in '*'; did you mean "./good.ini"?' ]]
	run "$XHP" lint --jsn
	[ "$status" = 2 ]
}

@test "--json: one array for all, valid, with severity, place and message" {
	run sh -c '"$0" lint --json ./wrong.ini ./warned.ini ./good.ini ./none.ini 2>stderr' "$XHP"
	[ "$status" = 2 ] && [ ! -s stderr ]
	echo "$output" >json
	[ -z "$(jq -rn --slurpfile schema "$TOP/xhp/schema.json" --arg of lint \
		--slurpfile data json -f "$TOP/tests/netns/schema.jq")" ]
	[ "$(jq -r '.[] | "\(.file):\(.line):\(.column) \(.severity)"' <<<"$output")" = \
"./wrong.ini:3:2 error
./wrong.ini:5:1 error
./warned.ini:3:2 warning
./none.ini:0:0 error" ]
	run "$XHP" lint --json ./good.ini
	[ "$status" = 0 ] && [ "$output" = "[]" ]
}
