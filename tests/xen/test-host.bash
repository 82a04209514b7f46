# SPDX-License-Identifier: LGPL-2.1-or-later
# What else a host has, or has not: the stock scripts, dpkg, nftables, iptables-legacy.

setup_file() {
	guest_create shared 'vif = []'
	truncate -s 8M /root/stock.img
}

teardown() {
	detach_all
	xen-hotplug enable >/dev/null
	nft_back
	# iptables leaves its own empty chains behind
	nft delete table ip filter 2>/dev/null || :
}

attach() {
	xl network-attach shared bridge=xenbr0 ip=192.0.2.10
	xl block-attach shared format=raw,vdev=xvda,access=rw,target=/root/stock.img
	[ "$(master_of "$(vif_of shared)")" = xenbr0 ]
	[ -n "$(loops)" ]
}

# Attached by the stock scripts, detached by ours: nothing is left.
test_from_stock() {
	xen-hotplug disable
	xen-hotplug enable --list | grep '^block .* stock, of xen-utils-common'
	attach
	xen-hotplug status | grep 'nothing is attached'
	xen-hotplug enable
	xen-hotplug enable --list | grep '^block .* ours'
	detach_all
	xen-hotplug gc
	! iptables -S FORWARD | grep vif || return 1
	[ -z "$(loops)" ]
}

# Attached by us, detached by the stock scripts: gc removes what they do not know of.
test_to_stock() {
	attach
	xen-hotplug disable
	detach_all
	! xen-hotplug gc || return 1 # all devices gone at once: it asks
	xen-hotplug gc --force
	xen-hotplug status | grep 'nothing is attached'
	[ -z "$(nft list tables netdev)" ]
	[ -z "$(loops)" ]
	xen_clean
}

# still_ours: the names that were ours when the file "ours" was written.
still_ours() {
	xen-hotplug enable --list | awk '$2 == "ours," { print $1 }' | diff ours -
}

# later DEB: the package's next version, in which three of the scripts differ.
later() {
	dpkg-deb -R "$1" later
	sed -i 's/^Version: .*/&+later/' later/DEBIAN/control
	sed -i '$a # later' later/etc/xen/scripts/{block,vif-nat,vif-route}
	dpkg-deb -Znone -b later later.deb
	rm -r later
}

# Xen's package is installed again, upgraded, purged and installed: the names stay ours.
test_dpkg() {
	local deb=(/var/cache/xen-utils-common_*.deb) scripts=/etc/xen/scripts
	export DEBIAN_FRONTEND=noninteractive
	xen-hotplug enable --list
	! xen-hotplug enable --list | grep -v ' ours, ' || return 1
	xen-hotplug enable --list | cut -d' ' -f1 >ours
	dpkg -i "$deb"
	still_ours
	xen-hotplug enable --list | grep '^block .*, the original is block.stock'
	later "$deb"
	# the administrator had changed two of Xen's scripts; dpkg asks
	sed -i '$a # mine' $scripts/{block,vif-nat}.stock
	printf 'N\nY\n' | dpkg -i later.deb
	still_ours
	grep -x '# mine' $scripts/block.stock
	grep -x '# later' $scripts/block.stock.dpkg-dist
	grep -x '# later' $scripts/vif-nat.stock
	grep -x '# mine' $scripts/vif-nat.stock.dpkg-old
	grep -x '# later' $scripts/vif-route.stock
	dpkg --force-depends --purge xen-utils-common
	[ ! -e $scripts/vif-common.sh ]
	still_ours
	dpkg --force-confnew -i "$deb"
	rm $scripts/*.dpkg-*
	still_ours
	attach
	[ "$(xen-hotplug status | grep -c ' attached ')" = 2 ]
	! dpkg --verify xen-utils-common | grep /etc/xen/scripts || return 1
	detach_all
	xen-hotplug disable
	! grep -E '# (mine|later)' $scripts/{block,vif-nat,vif-route} || return 1
	! compgen -G "$scripts/*.stock" || return 1
}

# The kernel has no nf_tables from here on.
nft_away() {
	local i
	mv /lib/modules/*/kernel/net/netfilter/nf_tables.ko /root/
	nft flush ruleset
	for i in {1..5}; do
		rmmod $(awk '$1 ~ /^nft?_/ { print $1 }' /proc/modules) 2>/dev/null || :
	done
	! nft list tables
}

nft_back() {
	iptables-legacy -P FORWARD ACCEPT
	rmmod br_netfilter 2>/dev/null || :
	rmmod iptable_filter ip_tables 2>/dev/null || :
	[ ! -e /root/nf_tables.ko ] ||
		mv /root/nf_tables.ko /lib/modules/*/kernel/net/netfilter/
}

# No nftables, and a firewall of iptables-legacy: all but ip= works, and that says why not.
test_no_nft() {
	local vif
	nft_away
	modprobe br_netfilter # bridged frames come to FORWARD
	iptables-legacy -P FORWARD DROP
	xl network-attach shared bridge=xenbr0
	vif=$(vif_of shared)
	wait_until in_guest shared test -e /sys/class/net/eth0
	guest_up shared
	pings shared
	iptables-legacy -S FORWARD | grep "$vif"
	detach_all
	! iptables-legacy -S FORWARD | grep "$vif" || return 1
	if xl network-attach shared bridge=xenbr0 ip=192.0.2.10 >said 2>&1; then
		return 1
	fi
	cat said
	grep 'vif-bridge.*nf_*tables' said
}
