#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# check --prometheus: figures for node_exporter's textfile collector.

load lib
load scene

teardown() {
	rig_teardown
}

# well_formed FILE: HELP and TYPE once before each metric's samples, nothing twice, and
# every line as the text format has it.
well_formed() {
	awk '
	function bad(why) { print FILENAME ":" FNR ": " why ": " $0; wrong = 1 }
	/^# HELP / { if ($3 in help || NF < 4) bad("HELP"); help[$3] = 1; next }
	/^# TYPE / { if (!($3 in help) || $3 in type || $4 !~ /^(gauge|counter)$/ || NF != 4) bad("TYPE")
		type[$3] = $4; now = $3; next }
	!/^[a-z_]+(\{[a-z]+="[a-zA-Z0-9_.+-]+"(,[a-z]+="[a-z]+")*\})? [0-9]+(\.[0-9]+)?$/ { bad("sample"); next }
	{ name = $0; sub(/[{ ].*/, "", name)
		if (name != now) bad("not of " now)
		if (type[name] == "counter" && name !~ /_total$/) bad("counter")
		if (seen[$1]++) bad("twice") }
	END { if (!NR) bad("empty"); exit wrong }' "$1" || return
	[ -z "$(tail -c 1 "$1" | tr -d '\n')" ]
	! command -v promtool >/dev/null || promtool check metrics <"$1"
}

@test "devices, drift, runs and failures, replaced at once" {
	local file
	scene
	file=$RIG/run/x.prom
	vif_call 1 0 online
	RECIPE=nonesuch run vif_call 1 0 online
	xhp check --prometheus /run/x.prom
	well_formed "$file"
	grep -x 'xen_hotplug_devices{class="vif"} 1' "$file"
	grep -x 'xen_hotplug_differences{class="vif"} 0' "$file"
	grep -x 'xen_hotplug_runs_total{class="vif",operation="attach"} 1' "$file"
	grep -x 'xen_hotplug_run_failures_total{class="unknown",operation="fail"} 1' "$file"
	ip -n "$DOM0" link set vif1.0 nomaster
	run xhp check --prometheus /run/x.prom
	[ "$status" = 1 ]
	well_formed "$file"
	grep -x 'xen_hotplug_differences{class="vif"} 1' "$file"
	grep -x 'xen_hotplug_devices_unhealthy{class="vif"} 1' "$file"
	[ "$(ls "$RIG"/run/x.prom*)" = "$file" ]
	[ "$(stat -c %a "$file")" = 644 ]
}

@test "nothing attached is well formed, too; a file that cannot be written is an error" {
	scene
	xhp check --prometheus /run/x.prom
	well_formed "$RIG/run/x.prom"
	run xhp check --prometheus /run/none/x.prom
	[ "$status" = 1 ]
	says /run/none/x.prom 'No such file'
	run xhp check --prometheus
	[ "$status" = 2 ]
	run xhp check vif-1-0 --prometheus /run/x.prom
	[ "$status" = 2 ]
	says '--prometheus counts all devices'
	run xhp repair --prometheus /run/x.prom
	[ "$status" = 2 ]
}
