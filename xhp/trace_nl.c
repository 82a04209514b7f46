// SPDX-License-Identifier: LGPL-2.1-or-later
// Netlink messages in readable form, for --trace. What a table does not name is left out:
// an interface has some sixty attributes.

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "mem.h"
#include "nft_priv.h"
#include "trace.h"
#include "xhp.h"

enum form { U8, U32, TEXT, HEX, ADDRESS, NEST };

struct attr_name {
	uint16_t type;
	enum form form;
	const char *name;
	const struct attr_name *inside; /* NEST */
};

static const struct attr_name port_names[] = {
	{ IFLA_BRPORT_ISOLATED, U8, "isolated", NULL },
	{ IFLA_BRPORT_LEARNING, U8, "learning", NULL },
	{ IFLA_BRPORT_UNICAST_FLOOD, U8, "flood", NULL },
	{ IFLA_BRPORT_MODE, U8, "hairpin", NULL },
	{ IFLA_BRPORT_GUARD, U8, "bpdu-guard", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name info_names[] = {
	{ IFLA_INFO_KIND, TEXT, "kind", NULL },
	{ IFLA_INFO_SLAVE_KIND, TEXT, "port-kind", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name inet6_names[] = {
	{ IFLA_INET6_ADDR_GEN_MODE, U8, "addrgenmode", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name family_names[] = {
	{ AF_INET6, NEST, "inet6", inet6_names },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name link_names[] = {
	{ IFLA_IFNAME, TEXT, "name", NULL },
	{ IFLA_ADDRESS, HEX, "address", NULL },
	{ IFLA_MTU, U32, "mtu", NULL },
	{ IFLA_MASTER, U32, "master", NULL },
	{ IFLA_LINK, U32, "link", NULL },
	{ IFLA_IFALIAS, TEXT, "alias", NULL },
	{ IFLA_TXQLEN, U32, "txqueuelen", NULL },
	{ IFLA_LINKINFO, NEST, "info", info_names },
	{ IFLA_AF_SPEC, NEST, "family", family_names },
	{ IFLA_PROTINFO, NEST, "port", port_names },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name address_names[] = {
	{ IFA_LOCAL, ADDRESS, "local", NULL },
	{ IFA_ADDRESS, ADDRESS, "address", NULL },
	{ IFA_FLAGS, U32, "flags", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name route_names[] = {
	{ RTA_DST, ADDRESS, "to", NULL },
	{ RTA_OIF, U32, "oif", NULL },
	{ RTA_GATEWAY, ADDRESS, "via", NULL },
	{ RTA_PREFSRC, ADDRESS, "src", NULL },
	{ RTA_PRIORITY, U32, "metric", NULL },
	{ RTA_TABLE, U32, "table", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name neighbour_names[] = {
	{ NDA_DST, ADDRESS, "address", NULL },
	{ NDA_LLADDR, HEX, "lladdr", NULL },
	{ 0, U8, NULL, NULL },
};

static const struct attr_name tc_names[] = {
	{ TCA_KIND, TEXT, "kind", NULL },
	{ 0, U8, NULL, NULL },
};

static void add_attrs(struct buf *b, const void *data, size_t len,
		      const struct attr_name *names);

static void add_value(struct buf *b, const struct nlattr *a, const struct attr_name *n)
{
	const uint8_t *data = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	char text[INET6_ADDRSTRLEN];

	if (n->form == NEST) {
		buf_printf(b, " %s {", n->name);
		add_attrs(b, data, len, n->inside);
		buf_printf(b, " }");
		return;
	}
	buf_printf(b, " %s=", n->name);
	if (n->form == U8 && len >= 1)
		buf_printf(b, "%u", data[0]);
	else if (n->form == U32 && len >= 4)
		buf_printf(b, "%u", mnl_attr_get_u32(a));
	else if (n->form == TEXT)
		buf_printf(b, "%.*s", (int)len, (const char *)data);
	else if (n->form == ADDRESS && (len == 4 || len == 16) &&
		 inet_ntop(len == 4 ? AF_INET : AF_INET6, data, text, sizeof(text)))
		buf_printf(b, "%s", text);
	else
		for (size_t i = 0; i < len && i < 32; i++)
			buf_printf(b, "%s%02x", i ? ":" : "", data[i]);
}

static void add_attrs(struct buf *b, const void *data, size_t len,
		      const struct attr_name *names)
{
	const struct nlattr *a = data;

	while (mnl_attr_ok(a, (int)len)) {
		size_t size = MNL_ALIGN(a->nla_len);

		for (const struct attr_name *n = names; n->name; n++) {
			if (n->type == mnl_attr_get_type(a))
				add_value(b, a, n);
		}
		len -= size < len ? size : len;
		a = mnl_attr_next(a);
	}
}

/* How the messages of one kind look: NEW, DEL, GET, SET, from `base`. */
struct family {
	uint16_t base;
	const char *name;
	size_t header;
	const struct attr_name *attrs;
};
static const struct family families[] = {
	{ RTM_NEWLINK, "LINK", sizeof(struct ifinfomsg), link_names },
	{ RTM_NEWADDR, "ADDR", sizeof(struct ifaddrmsg), address_names },
	{ RTM_NEWROUTE, "ROUTE", sizeof(struct rtmsg), route_names },
	{ RTM_NEWNEIGH, "NEIGH", sizeof(struct ndmsg), neighbour_names },
	{ RTM_NEWQDISC, "QDISC", sizeof(struct tcmsg), tc_names },
	{ RTM_NEWTCLASS, "TCLASS", sizeof(struct tcmsg), tc_names },
	{ RTM_NEWTFILTER, "TFILTER", sizeof(struct tcmsg), tc_names },
};

static void add_header(struct buf *b, const struct family *f, const void *data)
{
	if (f->base == RTM_NEWLINK) {
		const struct ifinfomsg *m = data;

		buf_printf(b, " ifindex=%d", m->ifi_index);
		if (m->ifi_change & IFF_UP)
			buf_printf(b, " %s", m->ifi_flags & IFF_UP ? "up" : "down");
	} else if (f->base == RTM_NEWADDR) {
		const struct ifaddrmsg *m = data;

		buf_printf(b, " ifindex=%u prefixlen=%u", m->ifa_index, m->ifa_prefixlen);
	} else if (f->base == RTM_NEWROUTE) {
		const struct rtmsg *m = data;

		buf_printf(b, " prefixlen=%u protocol=%u", m->rtm_dst_len,
			   m->rtm_protocol);
	} else if (f->base == RTM_NEWNEIGH) {
		const struct ndmsg *m = data;

		buf_printf(b, " ifindex=%d%s", m->ndm_ifindex,
			   m->ndm_flags & NTF_PROXY ? " proxy" : "");
	} else {
		const struct tcmsg *m = data;

		buf_printf(b, " ifindex=%d handle=%x parent=%x", m->tcm_ifindex,
			   m->tcm_handle, m->tcm_parent);
	}
}

void trace_rtnl(const char *way, const struct nlmsghdr *h)
{
	static const char *const verbs[] = { "NEW", "DEL", "GET", "SET" };
	const struct family *f = NULL;
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if ((h->nlmsg_type & ~3) == families[i].base)
			f = &families[i];
	}
	if (!f || h->nlmsg_len < NLMSG_LENGTH(f->header)) {
		trace_line("rtnetlink %s message of type %u", way, h->nlmsg_type);
		return;
	}
	add_header(&b, f, NLMSG_DATA(h));
	add_attrs(&b, (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(f->header),
		  h->nlmsg_len - NLMSG_SPACE(f->header), f->attrs);
	trace_line("rtnetlink %s RTM_%s%s%s", way, verbs[h->nlmsg_type & 3], f->name,
		   b.s);
}

/* --- nftables --- */

static const struct attr_name nft_names[] = {
	{ NFTA_TABLE_NAME, TEXT, "table", NULL },
	{ 0, U8, NULL, NULL },
};

/* The second name of a message: it has another number in those about chains. */
static const struct attr_name chain_names[] = {
	{ NFTA_CHAIN_TABLE, TEXT, "table", NULL },
	{ NFTA_CHAIN_NAME, TEXT, "chain", NULL },
	{ 0, U8, NULL, NULL },
};
static const struct attr_name rule_names[] = {
	{ NFTA_RULE_TABLE, TEXT, "table", NULL },
	{ NFTA_RULE_CHAIN, TEXT, "chain", NULL },
	{ 0, U8, NULL, NULL },
};
static const struct attr_name set_names[] = {
	{ NFTA_SET_TABLE, TEXT, "table", NULL },
	{ NFTA_SET_NAME, TEXT, "set", NULL },
	{ 0, U8, NULL, NULL },
};

/* libnftnl ends the process over a message that it does not know: only rules of ours. */
static const char *rule_shown(const struct nlmsghdr *h)
{
	struct nftnl_rule *r = nft_must(nftnl_rule_alloc());
	static char text[2048];

	*text = '\0';
	if (nftnl_rule_nlmsg_parse(h, r) >= 0)
		nftnl_rule_snprintf(text, sizeof(text), r, 0, 0);
	nftnl_rule_free(r);
	for (char *s = text; *s; s++)
		*s = *s == '\n' ? ' ' : *s;
	return text;
}

void trace_nft(const char *way, const struct nlmsghdr *h)
{
	static const struct {
		const char *name;
		const struct attr_name *attrs;
	} types[NFT_MSG_MAX] = {
		[NFT_MSG_NEWTABLE] = { "NEWTABLE", nft_names },
		[NFT_MSG_GETTABLE] = { "GETTABLE", nft_names },
		[NFT_MSG_DELTABLE] = { "DELTABLE", nft_names },
		[NFT_MSG_NEWCHAIN] = { "NEWCHAIN", chain_names },
		[NFT_MSG_GETCHAIN] = { "GETCHAIN", chain_names },
		[NFT_MSG_DELCHAIN] = { "DELCHAIN", chain_names },
		[NFT_MSG_NEWRULE] = { "NEWRULE", rule_names },
		[NFT_MSG_GETRULE] = { "GETRULE", rule_names },
		[NFT_MSG_DELRULE] = { "DELRULE", rule_names },
		[NFT_MSG_NEWSET] = { "NEWSET", set_names },
		[NFT_MSG_GETSET] = { "GETSET", set_names },
		[NFT_MSG_DELSET] = { "DELSET", set_names },
		[NFT_MSG_NEWSETELEM] = { "NEWSETELEM", set_names },
		[NFT_MSG_GETSETELEM] = { "GETSETELEM", set_names },
		[NFT_MSG_DELSETELEM] = { "DELSETELEM", set_names },
	};
	const struct nfgenmsg *gen = NLMSG_DATA(h);
	unsigned int type = nft_msg_type(h);
	struct buf b = { 0 };

	if (h->nlmsg_type < NLMSG_MIN_TYPE || type >= NFT_MSG_MAX || !types[type].name)
		return; /* a batch's envelope */
	buf_printf(&b, " %s", nft_family_name(gen->nfgen_family));
	add_attrs(&b, (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(*gen)),
		  h->nlmsg_len - NLMSG_SPACE(sizeof(*gen)), types[type].attrs);
	trace_line("nftables %s NFT_MSG_%s%s%s%s", way, types[type].name, b.s,
		   type == NFT_MSG_NEWRULE ? ": " : "",
		   type == NFT_MSG_NEWRULE ? rule_shown(h) : "");
}
