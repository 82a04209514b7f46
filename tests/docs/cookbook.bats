#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# conf/COOKBOOK.md: each recipe is linted, attached, looked at as it says, and detached.

load cook

BOOK=$RIG_TOP/conf/COOKBOOK.md

teardown() {
	cook_teardown
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

# bats test_tags=kernel:bridge-vlan
@test "cookbook: vif-vlan" {
	cook "$BOOK" vif-vlan
}

@test "cookbook: vif-isolated" {
	cook "$BOOK" vif-isolated
}

@test "cookbook: vif-tenant" {
	cook "$BOOK" vif-tenant
}

@test "cookbook: vif-slow" {
	cook "$BOOK" vif-slow
}

@test "cookbook: vif-watched" {
	cook "$BOOK" vif-watched
}

@test "cookbook: vif-labelled" {
	cook "$BOOK" vif-labelled
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

@test "cookbook: block" {
	cook "$BOOK" block
}

@test "cookbook: block-image" {
	cook "$BOOK" block-image
}

@test "cookbook: block-iso" {
	cook "$BOOK" block-iso
}

@test "cookbook: block-shared" {
	cook "$BOOK" block-shared
}

@test "cookbook: block-scratch" {
	cook "$BOOK" block-scratch
}

@test "cookbook: 9pfs" {
	cook "$BOOK" 9pfs
}
