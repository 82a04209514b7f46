// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor of [filter], for a guest with one IPv4 address: the same rules in one batch.

#include <arpa/inet.h>
#include <err.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"

/* Several messages in a row: the kernel takes a change of its rules only so. */
static struct {
	char data[8192];
	size_t len;
} batch;
static struct nlmsghdr *last;

static void begin(int type, int flags, int family)
{
	struct nfgenmsg *gen;

	last = (void *)(batch.data + batch.len);
	last->nlmsg_len = NLMSG_LENGTH(sizeof(*gen));
	last->nlmsg_type = type;
	last->nlmsg_flags = NLM_F_REQUEST | flags;
	gen = NLMSG_DATA(last);
	gen->nfgen_family = family;
	if (family == AF_UNSPEC)
		gen->res_id = htons(NFNL_SUBSYS_NFTABLES);
}

static void end(void)
{
	batch.len += NLMSG_ALIGN(last->nlmsg_len);
}

static void bracket(int type)
{
	begin(type, 0, AF_UNSPEC);
	end();
}

static void message_begin(int type, int flags, const char *table)
{
	begin(NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_NETDEV);
	put(last, NFTA_TABLE_NAME, table, strlen(table) + 1);
}

static void put_text(int type, const char *text)
{
	put(last, type, text, strlen(text) + 1);
}

static void put_number(int type, uint32_t value)
{
	value = htonl(value);
	put(last, type, &value, sizeof(value));
}

static struct rtattr *nest(int type)
{
	return put(last, type | NLA_F_NESTED, NULL, 0);
}

static void nest_end(struct rtattr *a)
{
	a->rta_len = (char *)last + last->nlmsg_len - (char *)a;
}

static void put_data(int type, const void *data, size_t len)
{
	struct rtattr *a = nest(type);

	put(last, NFTA_DATA_VALUE, data, len);
	nest_end(a);
}

static void send_batch(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[1024];
	} answer;

	if (fd < 0 || send(fd, batch.data, batch.len, 0) < 0 ||
	    recv(fd, &answer, sizeof(answer), 0) < 0)
		err(1, "nftables");
	if (answer.e.error)
		errx(1, "nftables: error %d", answer.e.error);
}

/* --- rules: all loads go to register 1, and what comes next looks at it --- */

static struct rtattr *rule, *elem, *expr;

static void rule_begin(const char *table, const char *chain)
{
	message_begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, table);
	put_text(NFTA_RULE_CHAIN, chain);
	rule = nest(NFTA_RULE_EXPRESSIONS);
}

static void expr_begin(const char *name)
{
	elem = nest(NFTA_LIST_ELEM);
	put_text(NFTA_EXPR_NAME, name);
	expr = nest(NFTA_EXPR_DATA);
}

static void expr_end(void)
{
	nest_end(expr);
	nest_end(elem);
}

static void meta(uint32_t key)
{
	expr_begin("meta");
	put_number(NFTA_META_KEY, key);
	put_number(NFTA_META_DREG, NFT_REG_1);
	expr_end();
}

static void load(uint32_t base, uint32_t offset, uint32_t len)
{
	expr_begin("payload");
	put_number(NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(NFTA_PAYLOAD_BASE, base);
	put_number(NFTA_PAYLOAD_OFFSET, offset);
	put_number(NFTA_PAYLOAD_LEN, len);
	expr_end();
}

static void mask(const void *bits, uint32_t len)
{
	expr_begin("bitwise");
	put_number(NFTA_BITWISE_SREG, NFT_REG_1);
	put_number(NFTA_BITWISE_DREG, NFT_REG_1);
	put_number(NFTA_BITWISE_LEN, len);
	put_data(NFTA_BITWISE_MASK, bits, len);
	put_data(NFTA_BITWISE_XOR, "\0\0\0", len);
	expr_end();
}

static void compare(uint32_t op, const void *data, uint32_t len)
{
	expr_begin("cmp");
	put_number(NFTA_CMP_SREG, NFT_REG_1);
	put_number(NFTA_CMP_OP, op);
	put_data(NFTA_CMP_DATA, data, len);
	expr_end();
}

static void between(const void *from, const void *to, uint32_t len)
{
	expr_begin("range");
	put_number(NFTA_RANGE_SREG, NFT_REG_1);
	put_number(NFTA_RANGE_OP, NFT_RANGE_EQ);
	put_data(NFTA_RANGE_FROM_DATA, from, len);
	put_data(NFTA_RANGE_TO_DATA, to, len);
	expr_end();
}

static void is_guest(void)
{
	expr_begin("lookup");
	put_text(NFTA_LOOKUP_SET, "guest4");
	put_number(NFTA_LOOKUP_SREG, NFT_REG_1);
	expr_end();
}

/* Ends the rule. */
static void verdict(int code, const char *chain)
{
	struct rtattr *data, *of;

	expr_begin("immediate");
	put_number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nest(NFTA_IMMEDIATE_DATA);
	of = nest(NFTA_DATA_VERDICT);
	put_number(NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		put_text(NFTA_VERDICT_CHAIN, chain);
	nest_end(of);
	nest_end(data);
	expr_end();
	nest_end(rule);
	end();
}

#define IS(data)           compare(NFT_CMP_EQ, data, sizeof(data) - 1)
#define IS_THERE(len)      compare(NFT_CMP_GTE, "\0\0\0", len)
#define LINK(at, len)      load(NFT_PAYLOAD_LL_HEADER, at, len)
#define NETWORK(at, len)   load(NFT_PAYLOAD_NETWORK_HEADER, at, len)
#define TRANSPORT(at, len) load(NFT_PAYLOAD_TRANSPORT_HEADER, at, len)

static void ingress(const char *table, uint32_t ifindex, const uint8_t mac[6])
{
	rule_begin(table, "ingress");
	meta(NFT_META_IIF);
	compare(NFT_CMP_NEQ, &ifindex, sizeof(ifindex));
	verdict(NF_ACCEPT, NULL);
	rule_begin(table, "ingress");
	LINK(6, 6);
	compare(NFT_CMP_NEQ, mac, 6);
	verdict(NF_DROP, NULL);
	rule_begin(table, "ingress");
	LINK(12, 2);
	IS("\x08\0");
	verdict(NFT_GOTO, "eth_ip4");
	rule_begin(table, "ingress");
	LINK(12, 2);
	IS("\x08\6");
	verdict(NFT_GOTO, "eth_arp");
}

static void refuse(const char *table, const char *proto, const char *value, uint32_t len)
{
	rule_begin(table, "eth_ip4");
	meta(NFT_META_L4PROTO);
	compare(NFT_CMP_EQ, proto, 1);
	TRANSPORT(0, len);
	compare(NFT_CMP_EQ, value, len);
	verdict(NF_DROP, NULL);
}

static void ip4(const char *table)
{
	rule_begin(table, "eth_ip4");
	NETWORK(6, 2);
	mask("\x1f\xff", 2);
	compare(NFT_CMP_NEQ, "\0", 2);
	NETWORK(12, 4);
	is_guest();
	meta(NFT_META_L4PROTO);
	IS_THERE(1);
	verdict(NF_ACCEPT, NULL);

	refuse(table, "\x11", "\0\x43", 2);
	refuse(table, "\1", "\5", 1);
	refuse(table, "\1", "\x9", 1);
	refuse(table, "\2", "\x11", 1);
	refuse(table, "\2", "\x30", 1);

	rule_begin(table, "eth_ip4");
	NETWORK(12, 4);
	is_guest();
	TRANSPORT(0, 2);
	IS_THERE(2);
	verdict(NF_ACCEPT, NULL);

	rule_begin(table, "eth_ip4");
	meta(NFT_META_L4PROTO);
	IS("\x11");
	NETWORK(12, 8);
	IS("\0\0\0\0\xff\xff\xff\xff");
	TRANSPORT(0, 4);
	IS("\0\x44\0\x43");
	verdict(NF_ACCEPT, NULL);
}

static void arp(const char *table, const uint8_t mac[6])
{
	rule_begin(table, "eth_arp");
	NETWORK(0, 6);
	IS("\0\1\x08\0\6\4");
	NETWORK(6, 2);
	between("\0\1", "\0\2", 2);
	NETWORK(8, 6);
	compare(NFT_CMP_EQ, mac, 6);
	NETWORK(14, 4);
	is_guest();
	NETWORK(24, 4);
	IS_THERE(4);
	verdict(NF_ACCEPT, NULL);

	rule_begin(table, "eth_arp");
	NETWORK(0, 8);
	IS("\0\1\x08\0\6\4\0\1");
	NETWORK(8, 6);
	compare(NFT_CMP_EQ, mac, 6);
	NETWORK(14, 4);
	IS("\0\0\0\0");
	NETWORK(24, 4);
	is_guest();
	verdict(NF_ACCEPT, NULL);
}

/* --- the table --- */

static void add_chain(const char *table, const char *chain, const char *dev)
{
	struct rtattr *hook;

	message_begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE, table);
	put_text(NFTA_CHAIN_NAME, chain);
	if (dev) {
		hook = nest(NFTA_CHAIN_HOOK);
		put_number(NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
		put_number(NFTA_HOOK_PRIORITY, 0);
		put_text(NFTA_HOOK_DEV, dev);
		nest_end(hook);
		put_text(NFTA_CHAIN_TYPE, "filter");
		put_number(NFTA_CHAIN_POLICY, NF_DROP);
	}
	end();
}

static void put_element(uint32_t address, uint32_t flags)
{
	struct rtattr *elem = nest(NFTA_LIST_ELEM);

	if (flags)
		put_number(NFTA_SET_ELEM_FLAGS, flags);
	address = htonl(address);
	put_data(NFTA_SET_ELEM_KEY, &address, sizeof(address));
	nest_end(elem);
}

static void add_set(const char *table, uint32_t address)
{
	struct rtattr *list;

	message_begin(NFT_MSG_NEWSET, NLM_F_CREATE, table);
	put_text(NFTA_SET_NAME, "guest4");
	put_number(NFTA_SET_FLAGS, NFT_SET_INTERVAL);
	put_number(NFTA_SET_KEY_TYPE, 7);
	put_number(NFTA_SET_KEY_LEN, sizeof(address));
	put_number(NFTA_SET_ID, 1);
	end();
	message_begin(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table);
	put_text(NFTA_SET_ELEM_LIST_SET, "guest4");
	list = nest(NFTA_SET_ELEM_LIST_ELEMENTS);
	put_element(address, 0);
	put_element(address + 1, NFT_SET_ELEM_INTERVAL_END);
	nest_end(list);
	end();
}

void filter_add(const char *dev, unsigned int ifindex, const char *mac_text,
		struct in_addr guest)
{
	uint8_t mac[6];

	if (sscanf(mac_text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5]) != 6)
		errx(1, "MAC %s", mac_text);
	bracket(NFNL_MSG_BATCH_BEGIN);
	message_begin(NFT_MSG_NEWTABLE, NLM_F_CREATE, dev);
	end();
	add_chain(dev, "ingress", dev);
	add_chain(dev, "eth_ip4", NULL);
	add_chain(dev, "eth_arp", NULL);
	add_set(dev, ntohl(guest.s_addr));
	ingress(dev, ifindex, mac);
	ip4(dev);
	arp(dev, mac);
	last->nlmsg_flags |= NLM_F_ACK;
	bracket(NFNL_MSG_BATCH_END);
	send_batch();
}

void filter_del(const char *dev)
{
	bracket(NFNL_MSG_BATCH_BEGIN);
	message_begin(NFT_MSG_DELTABLE, NLM_F_ACK, dev);
	end();
	bracket(NFNL_MSG_BATCH_END);
	send_batch();
}
