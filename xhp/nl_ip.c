// SPDX-License-Identifier: LGPL-2.1-or-later
// Addresses, routes and neighbours, through rtnetlink.

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "mem.h"
#include "nl_priv.h"

static int addr_len(const struct prefix *p)
{
	return p->family == AF_INET ? 4 : 16;
}

static void put_addr(struct nl_msg *msg, int type, const struct prefix *p)
{
	nl_put(nla_put(msg, type, addr_len(p), p->addr));
}

static void get_addr(struct nlattr *attr, uint8_t family, uint8_t len, struct prefix *ret)
{
	int size = attr ? nla_len(attr) : 0;

	*ret = (struct prefix){ .family = family, .len = len };
	if (size > 0 && size <= 16)
		memcpy(ret->addr, nla_data(attr), (size_t)size);
}

/* --- addresses --- */

struct address_list {
	int ifindex;
	struct address *v;
	unsigned int n;
};

static int take_address(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct address_list *list = data;
	struct nlattr *attr[IFA_MAX + 1], *local;
	const struct ifa_cacheinfo *times;
	const struct ifaddrmsg *ifa;
	struct address *a;

	if (!h) {
		*list = (struct address_list){ .ifindex = list->ifindex };
		return 0;
	}
	ifa = nlmsg_data(h);
	if (h->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index != list->ifindex)
		return 0;
	if (nlmsg_parse(h, sizeof(*ifa), attr, IFA_MAX, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: malformed address");
	local = attr[IFA_LOCAL] ? attr[IFA_LOCAL] : attr[IFA_ADDRESS];
	if (!local)
		return 0;
	times = attr[IFA_CACHEINFO] ? nla_data(attr[IFA_CACHEINFO]) : NULL;
	a = MEM_PUSH(list->v, list->n);
	*a = (struct address){
		.scope = ifa->ifa_scope,
		.flags = attr[IFA_FLAGS] ? nla_get_u32(attr[IFA_FLAGS]) : ifa->ifa_flags,
		.valid = times ? times->ifa_valid : UINT32_MAX,
		.preferred = times ? times->ifa_prefered : UINT32_MAX,
		.metric = attr[IFA_RT_PRIORITY] ? nla_get_u32(attr[IFA_RT_PRIORITY]) : 0,
	};
	get_addr(local, ifa->ifa_family, ifa->ifa_prefixlen, &a->prefix);
	/* without a peer, IFA_ADDRESS is the address itself */
	if (attr[IFA_ADDRESS] && nla_len(attr[IFA_ADDRESS]) == nla_len(local) &&
	    memcmp(nla_data(attr[IFA_ADDRESS]), nla_data(local), (size_t)nla_len(local)))
		get_addr(attr[IFA_ADDRESS], ifa->ifa_family, ifa->ifa_prefixlen,
			 &a->peer);
	if (attr[IFA_BROADCAST])
		get_addr(attr[IFA_BROADCAST], ifa->ifa_family, 32, &a->broadcast);
	if (attr[IFA_LABEL])
		nla_strlcpy(a->label, attr[IFA_LABEL], sizeof(a->label));
	return 0;
}

int nl_addresses(int ifindex, struct address **ret, unsigned int *ret_n,
		 struct xhp_err *err)
{
	const struct ifaddrmsg ifa = { .ifa_index = (uint32_t)ifindex };
	struct nl_msg *msg = nl_new_msg(RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));
	struct address_list list = { .ifindex = ifindex };

	if (nl_talk(msg, take_address, &list, err) < 0)
		return err_wrap(err, "addresses of interface %d", ifindex);
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

int nl_address_add(int ifindex, const struct address *a, struct xhp_err *err)
{
	const uint32_t settable = IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS |
				  IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE |
				  IFA_F_MCAUTOJOIN;
	const struct ifaddrmsg ifa = { .ifa_family = a->prefix.family,
				       .ifa_prefixlen = a->prefix.len,
				       .ifa_scope = a->scope,
				       .ifa_index = (uint32_t)ifindex };
	const struct ifa_cacheinfo times = { .ifa_valid = a->valid,
					     .ifa_prefered = a->preferred };
	struct nl_msg *msg = nl_new_msg(
		RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &ifa, sizeof(ifa));

	put_addr(msg, IFA_LOCAL, &a->prefix);
	put_addr(msg, IFA_ADDRESS, a->peer.family ? &a->peer : &a->prefix);
	if (a->broadcast.family)
		put_addr(msg, IFA_BROADCAST, &a->broadcast);
	if (*a->label)
		nl_put(nla_put_string(msg, IFA_LABEL, a->label));
	nl_put(nla_put_u32(msg, IFA_FLAGS, a->flags & settable));
	if (a->valid && a->valid != UINT32_MAX)
		nl_put(nla_put(msg, IFA_CACHEINFO, sizeof(times), &times));
	if (a->metric)
		nl_put(nla_put_u32(msg, IFA_RT_PRIORITY, a->metric));
	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "address %s", prefix_text(&a->prefix));
	return 0;
}

int nl_address_del(int ifindex, const struct address *a, struct xhp_err *err)
{
	const struct ifaddrmsg ifa = { .ifa_family = a->prefix.family,
				       .ifa_prefixlen = a->prefix.len,
				       .ifa_index = (uint32_t)ifindex };
	struct nl_msg *msg = nl_new_msg(RTM_DELADDR, NLM_F_ACK, &ifa, sizeof(ifa));

	put_addr(msg, IFA_LOCAL, &a->prefix);
	put_addr(msg, IFA_ADDRESS, a->peer.family ? &a->peer : &a->prefix);
	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "address %s", prefix_text(&a->prefix));
	return 0;
}

/* --- routes --- */

/* RTA_DST without the host bits, which the kernel refuses. */
static struct prefix network_of(const struct prefix *p)
{
	struct prefix net = *p;

	for (unsigned int i = 0; i < 16; i++)
		net.addr[i] &= prefix_mask(p, i);
	return net;
}

static struct nl_msg *route_msg(int type, int flags, const struct route *r)
{
	const struct prefix dst = network_of(&r->dst);
	const struct rtmsg rtm = {
		.rtm_family = dst.family,
		.rtm_dst_len = dst.len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = NL_ROUTE_PROTOCOL,
		.rtm_scope = dst.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	struct nl_msg *msg = nl_new_msg(type, flags | NLM_F_ACK, &rtm, sizeof(rtm));

	put_addr(msg, RTA_DST, &dst);
	nl_put(nla_put_u32(msg, RTA_OIF, (uint32_t)r->ifindex));
	if (r->metric)
		nl_put(nla_put_u32(msg, RTA_PRIORITY, r->metric));
	if (r->src.family)
		put_addr(msg, RTA_PREFSRC, &r->src);
	return msg;
}

int nl_route_add(const struct route *r, struct xhp_err *err)
{
	struct nl_msg *msg = route_msg(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, r);

	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "route to %s", prefix_text(&r->dst));
	return 0;
}

int nl_route_del(const struct route *r, struct xhp_err *err)
{
	if (nl_talk(route_msg(RTM_DELROUTE, 0, r), NULL, NULL, err) < 0)
		return err_wrap(err, "route to %s", prefix_text(&r->dst));
	return 0;
}

struct route_search {
	const struct route *want;
	struct prefix dst;
	bool found;
};

static int match_route(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct route_search *search = data;
	struct nlattr *attr[RTA_MAX + 1];
	const struct rtmsg *rtm;
	struct prefix dst, src = { 0 };

	if (!h) {
		search->found = false;
		return 0;
	}
	rtm = nlmsg_data(h);
	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (nlmsg_parse(h, sizeof(*rtm), attr, RTA_MAX, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: malformed route");
	get_addr(attr[RTA_DST], rtm->rtm_family, rtm->rtm_dst_len, &dst);
	if (attr[RTA_PREFSRC])
		get_addr(attr[RTA_PREFSRC], rtm->rtm_family, search->want->src.len, &src);
	search->found |= rtm->rtm_protocol == NL_ROUTE_PROTOCOL && attr[RTA_OIF] &&
			 (int)nla_get_u32(attr[RTA_OIF]) == search->want->ifindex &&
			 !memcmp(&dst, &search->dst, sizeof(dst)) &&
			 (!search->want->src.family ||
			  !memcmp(&src, &search->want->src, sizeof(src)));
	return 0;
}

int nl_route_exists(const struct route *r, bool *ret, struct xhp_err *err)
{
	const struct rtmsg rtm = { .rtm_family = r->dst.family,
				   .rtm_protocol = NL_ROUTE_PROTOCOL,
				   .rtm_table = RT_TABLE_MAIN };
	struct nl_msg *msg = nl_new_msg(RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm));
	struct route_search search = { .want = r, .dst = network_of(&r->dst) };

	nl_put(nla_put_u32(msg, RTA_OIF, (uint32_t)r->ifindex));
	if (nl_talk(msg, match_route, &search, err) < 0)
		return err_wrap(err, "routes");
	*ret = search.found;
	return 0;
}

static int take_default(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct rtmsg *rtm = nlmsg_data(h);
	struct nlattr *attr[RTA_MAX + 1];
	int *ifindex = data;

	if (h->nlmsg_type != RTM_NEWROUTE)
		return 0;
	if (nlmsg_parse(h, sizeof(*rtm), attr, RTA_MAX, NULL) < 0)
		return err_set(err, -EBADMSG, "rtnetlink: malformed route");
	if (!rtm->rtm_dst_len && attr[RTA_OIF])
		*ifindex = (int)nla_get_u32(attr[RTA_OIF]);
	return 0;
}

/*
 * Asks which route a documentation address (RFC 5737, RFC 3849) has: the default one. Who
 * leads these nowhere, as many routers do, has none of his own to a public resolver.
 */
int nl_default_route(int *ret_ifindex, struct xhp_err *err)
{
	static const struct prefix nowhere[] = {
		{ AF_INET, 32, { 203, 0, 113, 1 } },
		{ AF_INET, 32, { 1, 1, 1, 1 } },
		{ AF_INET6, 128, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
		{ AF_INET6, 128, { 0x26, 0x06, 0x47, 0, 0x47, 0, [14] = 0x11, 0x11 } },
	};

	*ret_ifindex = 0;
	for (int i = 0; i < 4 && !*ret_ifindex; i++) {
		const struct rtmsg rtm = { .rtm_family = nowhere[i].family,
					   .rtm_dst_len = nowhere[i].len,
					   .rtm_flags = RTM_F_FIB_MATCH };
		struct nl_msg *msg = nl_new_msg(RTM_GETROUTE, 0, &rtm, sizeof(rtm));

		put_addr(msg, RTA_DST, &nowhere[i]);
		/* ENETUNREACH and others: no default route of this family */
		if (nl_talk(msg, take_default, ret_ifindex, err) < 0)
			*ret_ifindex = 0;
	}
	return *ret_ifindex ? 0 : err_set(err, -ENETUNREACH, "there is no default route");
}

/* --- proxied neighbours --- */

static int change_proxy(int type, int flags, int ifindex, const struct prefix *p,
			struct xhp_err *err)
{
	const struct ndmsg ndm = { .ndm_family = p->family,
				   .ndm_ifindex = ifindex,
				   .ndm_state = NUD_PERMANENT,
				   .ndm_flags = NTF_PROXY };
	struct nl_msg *msg = nl_new_msg(type, flags | NLM_F_ACK, &ndm, sizeof(ndm));

	put_addr(msg, NDA_DST, p);
	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "neighbour proxy for %s", prefix_text(p));
	return 0;
}

int nl_proxy_add(int ifindex, const struct prefix *p, struct xhp_err *err)
{
	return change_proxy(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, ifindex, p, err);
}

int nl_proxy_del(int ifindex, const struct prefix *p, struct xhp_err *err)
{
	return change_proxy(RTM_DELNEIGH, 0, ifindex, p, err);
}

static int took_proxy(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct ndmsg *ndm = nlmsg_data(h);
	bool *found = data;

	(void)err;
	*found |= h->nlmsg_type == RTM_NEWNEIGH && (ndm->ndm_flags & NTF_PROXY);
	return 0;
}

int nl_proxy_exists(int ifindex, const struct prefix *p, bool *ret, struct xhp_err *err)
{
	const struct ndmsg ndm = { .ndm_family = p->family,
				   .ndm_ifindex = ifindex,
				   .ndm_flags = NTF_PROXY };
	struct nl_msg *msg = nl_new_msg(RTM_GETNEIGH, 0, &ndm, sizeof(ndm));

	*ret = false;
	put_addr(msg, NDA_DST, p);
	if (nl_talk(msg, took_proxy, ret, err) < 0 && err->code != -ENOENT)
		return err_wrap(err, "neighbour proxy for %s", prefix_text(p));
	return 0;
}

/* --- neighbours --- */

static struct nl_msg *neighbour_msg(int type, int flags, int ifindex,
				    const struct prefix *p)
{
	const struct ndmsg ndm = { .ndm_family = p->family,
				   .ndm_ifindex = ifindex,
				   .ndm_state =
					   type == RTM_NEWNEIGH ? NUD_PERMANENT : 0 };
	struct nl_msg *msg = nl_new_msg(type, flags, &ndm, sizeof(ndm));

	put_addr(msg, NDA_DST, p);
	return msg;
}

int nl_neighbour_set(int ifindex, const struct prefix *p, const uint8_t mac[6],
		     struct xhp_err *err)
{
	struct nl_msg *msg = neighbour_msg(
		RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, ifindex, p);

	nl_put(nla_put(msg, NDA_LLADDR, 6, mac));
	if (nl_talk(msg, NULL, NULL, err) < 0)
		return err_wrap(err, "neighbour %s", prefix_text(p));
	return 0;
}

int nl_neighbour_del(int ifindex, const struct prefix *p, struct xhp_err *err)
{
	if (nl_talk(neighbour_msg(RTM_DELNEIGH, NLM_F_ACK, ifindex, p), NULL, NULL, err) <
	    0)
		return err_wrap(err, "neighbour %s", prefix_text(p));
	return 0;
}

static int take_neighbour(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct ndmsg *ndm = nlmsg_data(h);
	struct nlattr *lladdr = nlmsg_find_attr(h, sizeof(*ndm), NDA_LLADDR);
	uint8_t *ret = data; /* a flag, and the MAC */

	(void)err;
	if (h->nlmsg_type != RTM_NEWNEIGH || !(ndm->ndm_state & NUD_PERMANENT) ||
	    !lladdr || nla_len(lladdr) != 6)
		return 0;
	ret[0] = 1;
	memcpy(ret + 1, nla_data(lladdr), 6);
	return 0;
}

int nl_neighbour_get(int ifindex, const struct prefix *p, bool *ret_fixed,
		     uint8_t ret_mac[6], struct xhp_err *err)
{
	uint8_t found[7] = { 0 };

	if (nl_talk(neighbour_msg(RTM_GETNEIGH, 0, ifindex, p), take_neighbour, found,
		    err) < 0 &&
	    err->code != -ENOENT)
		return err_wrap(err, "neighbour %s", prefix_text(p));
	*ret_fixed = found[0];
	memcpy(ret_mac, found + 1, 6);
	return 0;
}
