# SPDX-License-Identifier: LGPL-2.1-or-later
# xl create with vif-bridge.

# A guest's vif joins the bridge, and pings pass both ways.
test_ping() {
	guest_start g 'vif = ["bridge=xenbr0"]'
	[ "$(master_of "$(vif_of g)")" = xenbr0 ]
	ping -c 2 -W 5 192.0.2.10
	in_guest g ping -c 2 -W 5 192.0.2.1
	ping -c 2 -W 5 2001:db8::10
	in_guest g ping -c 2 -W 5 2001:db8::1
	xen-hotplug status | grep "^vif-$(xl domid g)-0 .*UNFILTERED"
}
