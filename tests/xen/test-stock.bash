# SPDX-License-Identifier: LGPL-2.1-or-later
# Beside the stock scripts: what the one attached, the other detaches.

setup_file() {
	guest_create shared 'vif = []'
	truncate -s 8M /root/stock.img
}

teardown() {
	detach_all
	xen-hotplug enable >/dev/null
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
	[ -z "$(iptables -S FORWARD | grep vif)" ]
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

# Xen's package is installed again, by dpkg: the names are ours, and xl attaches by us.
test_dpkg() {
	local deb
	for deb in /var/cache/xen-utils-common_*.deb; do
		DEBIAN_FRONTEND=noninteractive dpkg --force-confask --force-confnew -i "$deb"
	done
	xen-hotplug enable --list
	[ -z "$(xen-hotplug enable --list | grep -v ' ours, ')" ]
	xen-hotplug enable --list | grep '^block .*, the original is block.stock'
	attach
	[ "$(xen-hotplug status | grep -c ' attached ')" = 2 ]
	[ -z "$(dpkg --verify xen-utils-common)" ]
}
