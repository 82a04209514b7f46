#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# conf/COOKBOOK.md: each recipe is linted, attached, looked at as it says, and detached.

load cook

BOOK=$RIG_TOP/conf/COOKBOOK.md

teardown() {
	rig_teardown
}

@test "every recipe of the cookbook has its test here" {
	diff <(cook_sections "$BOOK") \
		<(sed -n 's/^@test "cookbook: \(.*\)" {$/\1/p' "$BATS_TEST_FILENAME")
}

@test "cookbook: site-bridge" {
	cook "$BOOK" site-bridge
}

@test "cookbook: site-filter" {
	cook "$BOOK" site-filter
}

@test "cookbook: site-open" {
	cook "$BOOK" site-open
}

@test "cookbook: vif-guarded" {
	cook "$BOOK" vif-guarded
}

@test "cookbook: vif-by-name" {
	cook "$BOOK" vif-by-name
}

@test "cookbook: vif-hosts" {
	cook "$BOOK" vif-hosts
}

@test "cookbook: vif-zone" {
	cook "$BOOK" vif-zone
}

@test "cookbook: vif-jumbo" {
	cook "$BOOK" vif-jumbo
}

@test "cookbook: vif-traced" {
	cook "$BOOK" vif-traced
}

@test "cookbook: vif-route" {
	cook "$BOOK" vif-route
}

@test "cookbook: vif-prefix" {
	cook "$BOOK" vif-prefix
}

@test "cookbook: vif-nat" {
	cook "$BOOK" vif-nat
}

@test "cookbook: vif-nat-dhcp" {
	cook "$BOOK" vif-nat-dhcp
}

@test "cookbook: vif-ovs-vlan" {
	COOK_OVS=1 cook "$BOOK" vif-ovs-vlan
}

@test "cookbook: vif-ovn" {
	COOK_OVS=1 cook "$BOOK" vif-ovn
}
