// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor of remus-netbuf-setup, without its plug, and of a primary's colo-proxy-setup.

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>

#include "floor.h"

static void end(struct message *m, struct rtattr *nest)
{
	nest->rta_len = (char *)m + m->h.nlmsg_len - (char *)nest;
}

static void qdisc(int ifindex, bool add)
{
	struct tcmsg tc = { .tcm_ifindex = ifindex,
			    .tcm_parent = TC_H_CLSACT,
			    .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0) };
	struct message m = message(add ? RTM_NEWQDISC : RTM_DELQDISC,
				   NLM_F_ACK | (add ? NLM_F_CREATE : 0), &tc, sizeof(tc));

	put(&m.h, TCA_KIND, "clsact", sizeof("clsact"));
	message_send(&m);
}

static void filter(int from, int to, bool copy)
{
	struct tcmsg tc = { .tcm_ifindex = from,
			    .tcm_parent = TC_H_MAKE(TC_H_CLSACT, copy ? TC_H_MIN_EGRESS
								      : TC_H_MIN_INGRESS),
			    .tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL)) };
	struct tc_u32_sel sel = { .flags = TC_U32_TERMINAL };
	struct tc_mirred mirred = {
		.eaction = copy ? TCA_EGRESS_MIRROR : TCA_EGRESS_REDIR,
		.action = copy ? TC_ACT_UNSPEC : TC_ACT_STOLEN,
		.ifindex = to,
	};
	struct message m = message(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
				   &tc, sizeof(tc));
	struct rtattr *options, *actions, *action, *own;

	put(&m.h, TCA_KIND, "u32", sizeof("u32"));
	options = put(&m.h, TCA_OPTIONS, NULL, 0);
	put(&m.h, TCA_U32_SEL, &sel, sizeof(sel));
	actions = put(&m.h, TCA_U32_ACT, NULL, 0);
	action = put(&m.h, 1, NULL, 0);
	put(&m.h, TCA_ACT_KIND, "mirred", sizeof("mirred"));
	own = put(&m.h, TCA_ACT_OPTIONS, NULL, 0);
	put(&m.h, TCA_MIRRED_PARMS, &mirred, sizeof(mirred));
	end(&m, own);
	end(&m, action);
	end(&m, actions);
	end(&m, options);
	message_send(&m);
}

static void ifb(const char *name, bool add)
{
	struct ifinfomsg ifi = { .ifi_flags = add ? IFF_UP : 0,
				 .ifi_change = add ? IFF_UP : 0 };
	struct message m =
		message(add ? RTM_NEWLINK : RTM_DELLINK,
			NLM_F_ACK | (add ? NLM_F_CREATE : 0), &ifi, sizeof(ifi));
	struct rtattr *info;

	put(&m.h, IFLA_IFNAME, name, strlen(name) + 1);
	if (add) {
		info = put(&m.h, IFLA_LINKINFO, NULL, 0);
		put(&m.h, IFLA_INFO_KIND, "ifb", sizeof("ifb"));
		end(&m, info);
	}
	message_send(&m);
}

int buffered(const char *dev, bool setup)
{
	int from = if_nametoindex(dev);

	if (setup) {
		ifb("ifb1.0", true);
		qdisc(from, true);
		filter(from, if_nametoindex("ifb1.0"), false);
		node_write("ifb", "ifb1.0");
		node_write("hotplug-status", "connected");
	} else {
		qdisc(from, false);
		ifb("ifb1.0", false);
		node_write("ifb", "");
		node_write("hotplug-status", "");
	}
	return 0;
}

int mirrored(const char *dev, const char *to, bool setup)
{
	int from = if_nametoindex(dev);

	qdisc(from, setup);
	if (setup)
		filter(from, if_nametoindex(to), true);
	return 0;
}
