// SPDX-License-Identifier: LGPL-2.1-or-later
// nftables messages, built with libnftnl; nft_talk.c sends them and reads others.
#include "nft.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "log.h"
#include "nft_priv.h"

/* One message at a time is built here: an attribute holds at most 64 KiB. */
static _Alignas(8) char scratch[2 << 16];
#define RANGES_PER_MSG 256 /* two elements of at most 44 bytes each */

void *nft_must(void *p)
{
	if (!p) {
		log_err("out of memory");
		exit(1);
	}
	return p;
}
#define must(p) nft_must(p)

/* ---- The batch ---- */

void nft_in(struct nft_batch *b, enum nft_family family, const char *table)
{
	b->family = family;
	b->table = table;
}

static struct nlmsghdr *msg_begin(struct nft_batch *b, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(scratch, type, b->family, flags, ++b->seq);
}

static void msg_end(struct nft_batch *b, const struct nlmsghdr *nlh)
{
	buf_add(&b->msgs, (const char *)nlh, nlh->nlmsg_len);
}

static struct nftnl_udata_buf *comment_udata(uint8_t type, const char *comment)
{
	struct nftnl_udata_buf *u = must(nftnl_udata_buf_alloc(UINT8_MAX));

	nftnl_udata_put_strz(u, type, comment);
	return u;
}

void nft_table_add(struct nft_batch *b, bool marked)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	struct nftnl_table *t = must(nftnl_table_alloc());

	nftnl_table_set_str(t, NFTNL_TABLE_NAME, b->table);
	if (marked) {
		struct nftnl_udata_buf *u =
			comment_udata(NFTNL_UDATA_TABLE_COMMENT, NFT_MARK);

		nftnl_table_set_data(t, NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(u),
				     nftnl_udata_buf_len(u));
		nftnl_udata_buf_free(u);
	}
	nftnl_table_nlmsg_build_payload(nlh, t);
	nftnl_table_free(t);
	msg_end(b, nlh);
}

static void table_del(struct nft_batch *b, uint16_t flags)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_DELTABLE, flags);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, b->table);
	msg_end(b, nlh);
}

void nft_table_del(struct nft_batch *b)
{
	table_del(b, 0);
}

void nft_table_del_unused(struct nft_batch *b)
{
	table_del(b, NLM_F_NONREC);
}

static void chain_add(struct nft_batch *b, struct nftnl_chain *c, const char *chain)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, b->table);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain);
	nftnl_chain_nlmsg_build_payload(nlh, c);
	nftnl_chain_free(c);
	msg_end(b, nlh);
}

void nft_chain_add(struct nft_batch *b, const char *chain)
{
	chain_add(b, must(nftnl_chain_alloc()), chain);
}

void nft_base_chain_add(struct nft_batch *b, const char *chain, const char *dev,
			bool drop)
{
	struct nftnl_chain *c = must(nftnl_chain_alloc());

	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM,
			    b->family == NFT_NETDEV ? NF_NETDEV_INGRESS
						    : NF_INET_FORWARD);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, 0);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, drop ? NF_DROP : NF_ACCEPT);
	if (dev)
		nftnl_chain_set_str(c, NFTNL_CHAIN_DEV, dev);
	chain_add(b, c, chain);
}

void nft_nat_chain_add(struct nft_batch *b, const char *chain)
{
	struct nftnl_chain *c = must(nftnl_chain_alloc());

	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "nat");
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_POST_ROUTING);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, 100); /* NF_IP_PRI_NAT_SRC */
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	chain_add(b, c, chain);
}

void nft_chain_del_unused(struct nft_batch *b, const char *chain)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_DELCHAIN, NLM_F_NONREC);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	msg_end(b, nlh);
}

/* A range of addresses up to, and without, `end`; `open`: to the last address of all. */
struct range {
	uint8_t start[16], end[16];
	bool open;
};

static int range_cmp(const void *a, const void *b)
{
	return memcmp(((const struct range *)a)->start, ((const struct range *)b)->start,
		      16);
}

static struct range prefix_range(const struct prefix *p, unsigned int bytes)
{
	struct range r = { .open = true };
	unsigned int i;

	for (i = 0; i < bytes; i++) {
		uint8_t mask = prefix_mask(p, i);

		r.start[i] = p->addr[i] & mask;
		r.end[i] = r.start[i] | (uint8_t)~mask;
	}
	while (r.open && i--)
		r.open = ++r.end[i] == 0;
	return r;
}

/* The ranges of one family, sorted, none touching another. */
static unsigned int ranges_merged(const struct prefixes *prefixes, uint8_t af,
				  struct range *ret)
{
	unsigned int i, n = 0, merged = 0;

	for (i = 0; i < prefixes->n; i++)
		if (prefixes->v[i].family == af)
			ret[n++] = prefix_range(&prefixes->v[i], af == AF_INET ? 4 : 16);
	qsort(ret, n, sizeof(*ret), range_cmp);
	for (i = 0; i < n; i++) {
		struct range *last = merged ? &ret[merged - 1] : NULL;

		if (!last || (!last->open && memcmp(last->end, ret[i].start, 16) < 0))
			ret[merged++] = ret[i];
		else if (ret[i].open)
			last->open = true;
		else if (!last->open && memcmp(last->end, ret[i].end, 16) < 0)
			memcpy(last->end, ret[i].end, 16);
	}
	return merged;
}

static void put_element(struct nlmsghdr *nlh, const void *addr, size_t len,
			uint32_t flags)
{
	struct nlattr *elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM), *key;

	if (flags)
		mnl_attr_put_u32(nlh, NFTA_SET_ELEM_FLAGS, htobe32(flags));
	key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, addr);
	mnl_attr_nest_end(nlh, key);
	mnl_attr_nest_end(nlh, elem);
}

void nft_set_add(struct nft_batch *b, const char *set, uint8_t af,
		 const struct prefixes *prefixes)
{
	const uint32_t len = af == AF_INET ? 4 : 16;
	struct range *r = MEM_ARRAY(struct range, prefixes->n);
	unsigned int i, n = ranges_merged(prefixes, af, r);
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	struct nftnl_set *s = must(nftnl_set_alloc());
	struct nlattr *list;

	nftnl_set_set_str(s, NFTNL_SET_TABLE, b->table);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, NFT_SET_INTERVAL);
	/* ipv4_addr and ipv6_addr to nft(8), which keeps these numbers in its datatype.h
	 */
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, af == AF_INET ? 7 : 8);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, len);
	nftnl_set_set_u32(s, NFTNL_SET_ID, b->seq);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	msg_end(b, nlh);

	for (i = 0; i < n;) {
		unsigned int stop = n - i > RANGES_PER_MSG ? i + RANGES_PER_MSG : n;

		nlh = msg_begin(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, b->table);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
		list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		for (; i < stop; i++) {
			put_element(nlh, r[i].start, len, 0);
			if (!r[i].open)
				put_element(nlh, r[i].end, len,
					    NFT_SET_ELEM_INTERVAL_END);
		}
		mnl_attr_nest_end(nlh, list);
		msg_end(b, nlh);
	}
}

/* ---- Rules: all loads go to register 1, and the next match reads it ---- */

static struct nftnl_expr *expr_add(struct nft_batch *b, const char *name)
{
	struct nftnl_expr *e = must(nftnl_expr_alloc(name));

	nftnl_rule_add_expr(b->rule, e);
	return e;
}

void nft_rule(struct nft_batch *b, const char *chain, bool insert, const char *comment)
{
	b->rule = must(nftnl_rule_alloc());
	b->insert = insert;
	nftnl_rule_set_str(b->rule, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(b->rule, NFTNL_RULE_CHAIN, chain);
	if (comment) {
		struct nftnl_udata_buf *u =
			comment_udata(NFTNL_UDATA_RULE_COMMENT, comment);

		nftnl_rule_set_data(b->rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(u),
				    nftnl_udata_buf_len(u));
		nftnl_udata_buf_free(u);
	}
}

void nft_meta(struct nft_batch *b, uint32_t key)
{
	struct nftnl_expr *e = expr_add(b, "meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

void nft_load(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = expr_add(b, "payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

void nft_load_exthdr(struct nft_batch *b, uint8_t header, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = expr_add(b, "exthdr");

	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
	nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, header);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, NFT_REG_1);
}

void nft_mask(struct nft_batch *b, const void *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct nftnl_expr *e = expr_add(b, "bitwise");

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, len);
}

void nft_cmp(struct nft_batch *b, uint32_t op, const void *data, uint32_t len)
{
	struct nftnl_expr *e = expr_add(b, "cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

void nft_lookup(struct nft_batch *b, const char *set)
{
	struct nftnl_expr *e = expr_add(b, "lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0);
}

void nft_source(struct nft_batch *b, const struct prefix *p, bool is_short)
{
	const unsigned int size = p->family == AF_INET ? 4 : 16;
	const unsigned int len = is_short && p->len % 8 == 0 ? p->len / 8 : size;
	uint8_t addr[16] = { 0 }, mask[16] = { 0 };

	if (!p->len)
		return;
	for (unsigned int i = 0; i < len; i++) {
		mask[i] = prefix_mask(p, i);
		addr[i] = p->addr[i] & mask[i];
	}
	nft_load(b, NFT_PAYLOAD_NETWORK_HEADER, p->family == AF_INET ? 12 : 8, len);
	if (p->len < len * 8)
		nft_mask(b, mask, len);
	nft_cmp(b, NFT_CMP_EQ, addr, len);
}

/* The last `len` bytes of a number in network byte order. */
struct be {
	uint8_t b[8];
};
static struct be to_be(uint64_t value)
{
	struct be r;
	int i;

	for (i = 7; i >= 0; i--, value >>= 8)
		r.b[i] = (uint8_t)value;
	return r;
}

void nft_is(struct nft_batch *b, uint32_t op, uint64_t value, uint32_t len)
{
	struct be v = to_be(value);

	nft_cmp(b, op, v.b + 8 - len, len);
}

void nft_between(struct nft_batch *b, uint64_t from, uint64_t to, uint32_t len)
{
	struct nftnl_expr *e = expr_add(b, "range");
	struct be f = to_be(from), t = to_be(to);

	nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_RANGE_FROM_DATA, f.b + 8 - len, len);
	nftnl_expr_set(e, NFTNL_EXPR_RANGE_TO_DATA, t.b + 8 - len, len);
}

void nft_match(struct nft_batch *b, const char *name, uint32_t revision, const void *info,
	       uint32_t len, uint32_t proto)
{
	struct nftnl_expr *e = expr_add(b, "match");
	const uint32_t size = (len + 7) & ~7U; /* XT_ALIGN */
	void *copy = must(calloc(1, size));    /* the expression owns and frees it */

	memcpy(copy, info, len);
	nftnl_expr_set_str(e, NFTNL_EXPR_MT_NAME, name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_MT_REV, revision);
	nftnl_expr_set(e, NFTNL_EXPR_MT_INFO, copy, size);
	if (proto) {
		nftnl_rule_set_u32(b->rule, NFTNL_RULE_COMPAT_PROTO, proto);
		nftnl_rule_set_u32(b->rule, NFTNL_RULE_COMPAT_FLAGS, 0);
	}
}

void nft_counter(struct nft_batch *b)
{
	expr_add(b, "counter");
}

static void rule_end(struct nft_batch *b)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_NEWRULE,
					 NLM_F_CREATE | (b->insert ? 0 : NLM_F_APPEND));

	nftnl_rule_nlmsg_build_payload(nlh, b->rule);
	nftnl_rule_free(b->rule);
	b->rule = NULL;
	msg_end(b, nlh);
}

static void verdict_add(struct nft_batch *b, uint32_t verdict, const char *chain)
{
	struct nftnl_expr *e = expr_add(b, "immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, verdict);
	if (chain)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, chain);
	rule_end(b);
}

void nft_accept(struct nft_batch *b)
{
	verdict_add(b, NF_ACCEPT, NULL);
}

void nft_drop(struct nft_batch *b)
{
	verdict_add(b, NF_DROP, NULL);
}

void nft_goto(struct nft_batch *b, const char *chain)
{
	verdict_add(b, (uint32_t)NFT_GOTO, chain);
}

void nft_masquerade(struct nft_batch *b)
{
	expr_add(b, "masq");
	rule_end(b);
}

void nft_rule_del(struct nft_batch *b, const char *chain, uint64_t handle)
{
	struct nlmsghdr *nlh = msg_begin(b, NFT_MSG_DELRULE, 0);
	struct nftnl_rule *r = must(nftnl_rule_alloc());

	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, b->table);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u64(r, NFTNL_RULE_HANDLE, handle);
	nftnl_rule_nlmsg_build_payload(nlh, r);
	nftnl_rule_free(r);
	msg_end(b, nlh);
}
