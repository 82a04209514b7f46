// SPDX-License-Identifier: LGPL-2.1-or-later
// Bridges, their ports' options and VLANs, through rtnetlink.

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "nl_bridge.h"
#include "nl_priv.h"

const char *const port_option_names[PORT_OPTIONS] = {
	[PORT_ISOLATED] = "isolated",     [PORT_LEARNING] = "learning",
	[PORT_FLOOD] = "flood",           [PORT_HAIRPIN] = "hairpin",
	[PORT_BPDU_GUARD] = "bpdu-guard", [PORT_MULTICAST_ROUTER] = "multicast-router",
};
static const int attrs[PORT_OPTIONS] = {
	[PORT_ISOLATED] = IFLA_BRPORT_ISOLATED,
	[PORT_LEARNING] = IFLA_BRPORT_LEARNING,
	[PORT_FLOOD] = IFLA_BRPORT_UNICAST_FLOOD,
	[PORT_HAIRPIN] = IFLA_BRPORT_MODE,
	[PORT_BPDU_GUARD] = IFLA_BRPORT_GUARD,
	[PORT_MULTICAST_ROUTER] = IFLA_BRPORT_MULTICAST_ROUTER,
};

/* --- bridges --- */

/* IFLA_LINKINFO / `type`, which is the link's own data or that of it as a port. */
static struct nlattr *info_data(struct nlmsghdr *h, int type)
{
	struct nlattr *info = nlmsg_find_attr(h, sizeof(struct ifinfomsg), IFLA_LINKINFO);

	return info ? nla_find(nla_data(info), nla_len(info), type) : NULL;
}

static int get(int ifindex, nl_reply_fn fn, void *data, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	struct nl_msg *msg = nl_new_msg(RTM_GETLINK, 0, &ifi, sizeof(ifi));

	nl_put(nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
	if (nl_talk(msg, fn, data, err) < 0)
		return err_wrap(err, "interface %d", ifindex);
	return 0;
}

/* A kernel without VLANs says that none are filtered, but not of what protocol. */
static int take_bridge(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct nlattr *attr[IFLA_BR_MAX + 1], *own = info_data(h, IFLA_INFO_DATA);
	struct bridge *b = data;

	if (!own || nla_parse_nested(attr, IFLA_BR_MAX, own, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: no bridge's data");
	*b = (struct bridge){ .vlans = attr[IFLA_BR_VLAN_PROTOCOL] };
	if (attr[IFLA_BR_VLAN_FILTERING])
		b->filtering = nla_get_u8(attr[IFLA_BR_VLAN_FILTERING]);
	if (attr[IFLA_BR_VLAN_DEFAULT_PVID])
		b->default_pvid = nla_get_u16(attr[IFLA_BR_VLAN_DEFAULT_PVID]);
	return 0;
}

int nl_bridge_get(int ifindex, struct bridge *ret, struct xhp_err *err)
{
	return get(ifindex, take_bridge, ret, err);
}

static void put_filtering(struct nl_msg *msg)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *own;

	nl_put(nla_put_string(msg, IFLA_INFO_KIND, "bridge"));
	own = nla_nest_start(msg, IFLA_INFO_DATA);
	nl_put(nla_put_u8(msg, IFLA_BR_VLAN_FILTERING, 1));
	nla_nest_end(msg, own);
	nla_nest_end(msg, info);
}

int nl_bridge_filter(int ifindex, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	struct nl_msg *msg = nl_new_msg(RTM_NEWLINK, NLM_F_ACK, &ifi, sizeof(ifi));

	put_filtering(msg);
	return nl_talk(msg, NULL, NULL, err);
}

int nl_bridge_add(const char *name, const uint8_t mac[6], bool filtering,
		  struct xhp_err *err)
{
	const struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg = nl_new_msg(
		RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &ifi, sizeof(ifi));
	struct nlattr *info, *own;

	nl_put(nla_put_string(msg, IFLA_IFNAME, name));
	nl_put(nla_put(msg, IFLA_ADDRESS, 6, mac));
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nl_put(nla_put_string(msg, IFLA_INFO_KIND, "bridge"));
	own = nla_nest_start(msg, IFLA_INFO_DATA);
	nl_put(nla_put_u32(msg, IFLA_BR_STP_STATE, 0));
	nl_put(nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, 0));
	if (filtering)
		nl_put(nla_put_u8(msg, IFLA_BR_VLAN_FILTERING, 1));
	nla_nest_end(msg, own);
	nla_nest_end(msg, info);
	if (nl_talk(msg, NULL, NULL, err) == 0)
		return 0;
	/* in rtnl_newlink() (Linux' net/core/rtnetlink.c); without VLANs it says nothing
	 */
	if (err->code == -EOPNOTSUPP && strstr(err->text, "Unknown device type")) {
		kernel_lacks(err, "bridge", "CONFIG_BRIDGE");
		err->code = -EPFNOSUPPORT;
	}
	return err_wrap(err, "cannot make the bridge %s", name);
}

/* --- ports --- */

static int take_port(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct nlattr *attr[IFLA_BRPORT_MAX + 1],
		*port = info_data(h, IFLA_INFO_SLAVE_DATA);
	struct port_options *o = data;

	if (!port)
		return 0;
	if (nla_parse_nested(attr, IFLA_BRPORT_MAX, port, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: malformed port");
	for (int i = 0; i < PORT_OPTIONS; i++) {
		o->set[i] = attr[attrs[i]];
		o->v[i] = o->set[i] ? nla_get_u8(attr[attrs[i]]) : 0;
	}
	return 0;
}

int nl_port_options(int ifindex, struct port_options *ret, struct xhp_err *err)
{
	*ret = (struct port_options){ 0 };
	return get(ifindex, take_port, ret, err);
}

struct vlan_search {
	int ifindex;
	struct vlan_set *set;
};

static void take_vlan(struct vlan_set *set, const struct bridge_vlan_info *info,
		      uint16_t *begin)
{
	uint8_t flags = VLAN_MEMBER;
	uint16_t first = info->vid;

	if (info->flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
		*begin = info->vid;
		return;
	}
	if (info->flags & BRIDGE_VLAN_INFO_RANGE_END)
		first = *begin;
	if (info->flags & BRIDGE_VLAN_INFO_UNTAGGED)
		flags |= VLAN_UNTAGGED;
	if (info->flags & BRIDGE_VLAN_INFO_PVID)
		flags |= VLAN_PVID;
	for (unsigned int vid = first; vid <= info->vid && vid < 4095; vid++)
		set->v[vid] = flags;
}

static int take_vlans(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct vlan_search *search = data;
	struct nlattr *spec, *attr;
	const struct ifinfomsg *ifi;
	uint16_t begin = 0;
	int left;

	(void)err;
	if (!h) {
		memset(search->set, 0, sizeof(*search->set));
		return 0;
	}
	ifi = nlmsg_data(h);
	if (ifi->ifi_index != search->ifindex)
		return 0;
	spec = nlmsg_find_attr(h, sizeof(*ifi), IFLA_AF_SPEC);
	if (!spec)
		return 0;
	nla_for_each_nested(attr, spec, left)
	{
		if (nla_type(attr) == IFLA_BRIDGE_VLAN_INFO &&
		    nla_len(attr) >= (int)sizeof(struct bridge_vlan_info))
			take_vlan(search->set, nla_data(attr), &begin);
	}
	return 0;
}

int nl_port_vlans(int ifindex, struct vlan_set *ret, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE };
	struct nl_msg *msg = nl_new_msg(RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	struct vlan_search search = { ifindex, ret };

	memset(ret, 0, sizeof(*ret));
	nl_put(nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED));
	if (nl_talk(msg, take_vlans, &search, err) < 0)
		return err_wrap(err, "VLANs of interface %d", ifindex);
	return 0;
}

static void put_vlan(struct nl_msg *msg, unsigned int vid, unsigned int flags)
{
	const struct bridge_vlan_info info = { (uint16_t)flags, (uint16_t)vid };

	nl_put(nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info));
}

/* Of the VLANs from `vid` on, a run of the same kind; the kernel takes no PVID in one. */
static unsigned int run_end(const struct vlan_set *set, const bool *wanted,
			    unsigned int vid)
{
	unsigned int end = vid;

	while (end + 1 < 4095 && wanted[end + 1] && set->v[end + 1] == set->v[vid] &&
	       !(set->v[vid] & VLAN_PVID))
		end++;
	return end;
}

/* Those of `set` that `other` has not, or not so. */
static unsigned int put_vlans(struct nl_msg *msg, const struct vlan_set *set,
			      const struct vlan_set *other, bool only_absent)
{
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
	bool wanted[4096] = { false };
	unsigned int n = 0, end;

	for (unsigned int vid = 1; vid < 4095; vid++)
		wanted[vid] = set->v[vid] && (only_absent ? !other->v[vid]
							  : set->v[vid] != other->v[vid]);
	for (unsigned int vid = 1; vid < 4095; vid = end + 1) {
		unsigned int flags = 0;

		end = vid;
		if (!wanted[vid])
			continue;
		if (!only_absent && set->v[vid] & VLAN_UNTAGGED)
			flags |= BRIDGE_VLAN_INFO_UNTAGGED;
		if (!only_absent && set->v[vid] & VLAN_PVID)
			flags |= BRIDGE_VLAN_INFO_PVID;
		end = run_end(set, wanted, vid);
		n++;
		if (end == vid) {
			put_vlan(msg, vid, flags);
			continue;
		}
		put_vlan(msg, vid, flags | BRIDGE_VLAN_INFO_RANGE_BEGIN);
		put_vlan(msg, end, flags | BRIDGE_VLAN_INFO_RANGE_END);
	}
	nla_nest_end(msg, spec);
	return n;
}

int nl_port_change(int ifindex, const struct port_options *options,
		   const struct vlan_set *now, const struct vlan_set *want,
		   struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_family = AF_BRIDGE, .ifi_index = ifindex };
	struct nl_msg *set = nl_new_big_msg(RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi)),
		      *del = nl_new_big_msg(RTM_DELLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	unsigned int nset = 0, ndel = 0;
	struct nlattr *port;
	int rc = 0;

	if (options) {
		port = nla_nest_start(set, IFLA_PROTINFO);
		for (int i = 0; i < PORT_OPTIONS; i++) {
			if (!options->set[i])
				continue;
			nl_put(nla_put_u8(set, attrs[i], options->v[i]));
			nset++;
		}
		nla_nest_end(set, port);
	}
	if (want) {
		nset += put_vlans(set, want, now, false);
		ndel = put_vlans(del, now, want, true);
	}
	if (nset)
		rc = nl_talk(set, NULL, NULL, err);
	else
		nlmsg_free(set);
	if (ndel && !rc)
		return nl_talk(del, NULL, NULL, err);
	nlmsg_free(del);
	return rc;
}
