// SPDX-License-Identifier: LGPL-2.1-or-later
// [filter]'s rules, made from what a guest may use as its addresses.
/*
 * A frame passes if a rule accepts it, and each accepting rule has loaded all that the
 * dropping ones before it look at: a frame too short, broken or strange to be looked at
 * matches nothing and falls to the chain's policy.
 */
#include "filter.h"

#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <sys/socket.h>

#define LINK      NFT_PAYLOAD_LL_HEADER
#define NETWORK   NFT_PAYLOAD_NETWORK_HEADER
#define TRANSPORT NFT_PAYLOAD_TRANSPORT_HEADER

bool filter_has(const struct filter *f, uint8_t family)
{
	bool has = f->ip.word;

	for (unsigned int i = 0; i < f->ip.n && !has; i++)
		has = f->ip.v[i].family == family;
	return has;
}

static void match(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len,
		  uint64_t value)
{
	nft_load(b, base, offset, len);
	nft_is(b, NFT_CMP_EQ, value, len);
}

static void match_mac(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t op,
		      const struct filter *f)
{
	if (!f->mac.set)
		return;
	nft_load(b, base, offset, 6);
	nft_cmp(b, op, f->mac.b, 6);
}

static void match_addr(struct nft_batch *b, uint32_t base, uint32_t offset,
		       uint8_t family, const struct filter *f)
{
	if (f->ip.word)
		return;
	nft_load(b, base, offset, family == AF_INET ? 4 : 16);
	nft_lookup(b, family == AF_INET ? "guest4" : "guest6");
}

static void match_proto(struct nft_batch *b, uint8_t proto)
{
	nft_meta(b, NFT_META_L4PROTO);
	nft_is(b, NFT_CMP_EQ, proto, 1);
}

/* True if the headers down to the transport protocol are there and sound. */
static void match_sound(struct nft_batch *b)
{
	nft_meta(b, NFT_META_L4PROTO);
	nft_is(b, NFT_CMP_GTE, 0, 1);
}

/* True if the first two bytes of the transport header are there. */
static void match_transport(struct nft_batch *b)
{
	nft_load(b, TRANSPORT, 0, 2);
	nft_is(b, NFT_CMP_GTE, 0, 2);
}

static void rule(struct nft_batch *b, const char *chain)
{
	nft_rule(b, chain, false, NULL);
}

static void ingress_rules(struct nft_batch *b, const struct filter *f)
{
	static const struct {
		uint16_t ethertype;
		uint8_t family;
		const char *chain;
	} kinds[] = {
		{ ETH_P_IP, AF_INET, "eth_ip4" },
		{ ETH_P_IPV6, AF_INET6, "eth_ip6" },
		{ ETH_P_ARP, AF_INET, "eth_arp" },
	};
	unsigned int i;

	/* The chain follows the name: a leftover must not filter the next of that name.
	 */
	nft_rule(b, "ingress", false, mem_printf(FILTER_OWNER "%d", f->ifindex));
	nft_meta(b, NFT_META_IIF);
	nft_cmp(b, NFT_CMP_NEQ, &f->ifindex, sizeof(f->ifindex));
	nft_accept(b);

	if (f->mac.set) {
		rule(b, "ingress");
		match_mac(b, LINK, 6, NFT_CMP_NEQ, f);
		nft_drop(b);
	}
	/* Not "meta protocol": of a tagged frame, that is what is behind the tag. */
	for (i = 0; i < 3; i++)
		if (filter_has(f, kinds[i].family)) {
			rule(b, "ingress");
			match(b, LINK, 12, 2, kinds[i].ethertype);
			nft_goto(b, kinds[i].chain);
		}
}

static void ip4_rules(struct nft_batch *b, const struct filter *f)
{
	static const struct {
		uint8_t proto, len;
		uint16_t value;
	} routers[] = {
		{ IPPROTO_UDP, 2, 67 }, /* a DHCP server */
		{ IPPROTO_ICMP, 1, ICMP_REDIRECT },
		{ IPPROTO_ICMP, 1, 9 },    /* router advertisement, RFC 1256 */
		{ IPPROTO_IGMP, 1, 0x11 }, /* query: all multicast would come here */
		{ IPPROTO_IGMP, 1, 0x30 }, /* multicast router advertisement, RFC 4286 */
	};
	unsigned int i;

	rule(b, "eth_ip4"); /* fragments but for the first */
	nft_load(b, NETWORK, 6, 2);
	nft_mask(b, "\x1f\xff", 2);
	nft_is(b, NFT_CMP_NEQ, 0, 2);
	match_addr(b, NETWORK, 12, AF_INET, f);
	match_sound(b);
	nft_accept(b);

	for (i = 0; i < sizeof(routers) / sizeof(*routers); i++) {
		rule(b, "eth_ip4");
		match_proto(b, routers[i].proto);
		match(b, TRANSPORT, 0, routers[i].len, routers[i].value);
		nft_drop(b);
	}
	rule(b, "eth_ip4");
	match_addr(b, NETWORK, 12, AF_INET, f);
	match_transport(b);
	nft_accept(b);

	rule(b, "eth_ip4"); /* a DHCP client that has no address yet */
	match_proto(b, IPPROTO_UDP);
	match(b, NETWORK, 12, 8, UINT32_MAX); /* from 0.0.0.0 to 255.255.255.255 */
	match(b, TRANSPORT, 0, 4, 68 << 16 | 67);
	nft_accept(b);
}

static void arp_rules(struct nft_batch *b, const struct filter *f)
{
	const uint64_t ethernet_ip = 0x000108000604; /* htype, ptype, hlen, plen */

	rule(b, "eth_arp"); /* request or reply */
	match(b, NETWORK, 0, 6, ethernet_ip);
	nft_load(b, NETWORK, 6, 2);
	nft_between(b, 1, 2, 2);
	match_mac(b, NETWORK, 8, NFT_CMP_EQ, f);
	match_addr(b, NETWORK, 14, AF_INET, f);
	nft_load(b, NETWORK, 24, 4); /* it is all there */
	nft_is(b, NFT_CMP_GTE, 0, 4);
	nft_accept(b);

	rule(b, "eth_arp"); /* probe for an own address, RFC 5227 */
	match(b, NETWORK, 0, 8, ethernet_ip << 16 | 1);
	match_mac(b, NETWORK, 8, NFT_CMP_EQ, f);
	match(b, NETWORK, 14, 4, 0);
	match_addr(b, NETWORK, 24, AF_INET, f);
	nft_accept(b);
}

static void match_unspecified(struct nft_batch *b)
{
	static const uint8_t zero[16];

	nft_load(b, NETWORK, 8, 16);
	nft_cmp(b, NFT_CMP_EQ, zero, 16);
}

static void ip6_rules(struct nft_batch *b, const struct filter *f)
{
	static const uint8_t extensions[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING,
					      IPPROTO_FRAGMENT, IPPROTO_AH,
					      IPPROTO_DSTOPTS };
	unsigned int i;

	rule(b, "eth_ip6"); /* jumbograms */
	match(b, NETWORK, 4, 2, 0);
	nft_drop(b);
	rule(b, "eth_ip6");
	nft_load_exthdr(b, IPPROTO_FRAGMENT, 0, 1);
	nft_is(b, NFT_CMP_GTE, 0, 1);
	nft_goto(b, "frag6");
	rule(b, "eth_ip6");
	match_sound(b);
	nft_goto(b, "upper6");

	rule(b, "frag6"); /* fragments but for the first */
	nft_load_exthdr(b, IPPROTO_FRAGMENT, 2, 2);
	nft_mask(b, "\xff\xf8", 2);
	nft_is(b, NFT_CMP_NEQ, 0, 2);
	match_addr(b, NETWORK, 8, AF_INET6, f);
	match_sound(b);
	nft_accept(b);
	/* What is behind a first one's headers must not move when fragments overlap; and
	 * in the others' case the kernel does not call such a packet sound anyway. */
	for (i = 0; i < sizeof(extensions); i++) {
		rule(b, "frag6");
		nft_load_exthdr(b, IPPROTO_FRAGMENT, 0, 1);
		nft_is(b, NFT_CMP_EQ, extensions[i], 1);
		nft_drop(b);
	}
	rule(b, "frag6");
	match_sound(b);
	nft_goto(b, "upper6");

	rule(b, "upper6");
	match_proto(b, IPPROTO_ICMPV6);
	nft_goto(b, "icmp6");
	rule(b, "upper6"); /* a DHCPv6 server */
	match_proto(b, IPPROTO_UDP);
	match(b, TRANSPORT, 0, 2, 547);
	nft_drop(b);
	rule(b, "upper6");
	match_addr(b, NETWORK, 8, AF_INET6, f);
	match_transport(b);
	nft_accept(b);
}

static void icmp6_rules(struct nft_batch *b, const struct filter *f)
{
	static const struct {
		uint8_t first, last;
	} reports[] = { { MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION }, { 143, 143 } },
	  others[] = { { 1, ICMP6_ECHO_REPLY }, /* all errors */
		       { 139, 140 },            /* node information, RFC 4620 */
		       { 160, 161 } };          /* extended echo, RFC 8335 */
	unsigned int i;

	/* Neighbour discovery: without extension header or fragment (RFC 6980), and from
	 * here, as nobody else takes it: next header 58, hop limit 255. */
	rule(b, "icmp6");
	match(b, NETWORK, 6, 2, IPPROTO_ICMPV6 << 8 | 255);
	nft_load(b, TRANSPORT, 0, 1);
	nft_between(b, ND_ROUTER_SOLICIT, ND_NEIGHBOR_ADVERT, 1);
	nft_goto(b, "nd");

	for (i = 0; i < 2; i++) {
		rule(b, "icmp6");
		nft_load(b, TRANSPORT, 0, 1);
		nft_between(b, reports[i].first, reports[i].last, 1);
		nft_load(b, NETWORK, 8, 2);
		nft_mask(b, "\xff\xc0", 2);
		nft_is(b, NFT_CMP_EQ, 0xfe80, 2);
		match_addr(b, NETWORK, 8, AF_INET6, f);
		nft_accept(b);

		rule(b, "icmp6");
		nft_load(b, TRANSPORT, 0, 1);
		nft_between(b, reports[i].first, reports[i].last, 1);
		match_unspecified(b);
		nft_accept(b);
	}
	for (i = 0; i < 3; i++) {
		rule(b, "icmp6");
		nft_load(b, TRANSPORT, 0, 1);
		nft_between(b, others[i].first, others[i].last, 1);
		match_addr(b, NETWORK, 8, AF_INET6, f);
		nft_accept(b);
	}
}

/*
 * One accepted form of a message: options are read at fixed places, so that a length
 * belongs to each form.
 */
struct nd_form {
	uint8_t type;
	enum { OWN, UNSPECIFIED } source;
	bool own_target;
	uint8_t len;    /* of the IPv6 payload */
	uint8_t option; /* at the end of the fixed part: this type, with the MAC address
			 */
	uint8_t nonce;  /* a nonce option (RFC 7527) is here; 0 = none */
};
#define SLLA 1
#define TLLA 2

static const struct nd_form nd_forms[] = {
	{ ND_NEIGHBOR_SOLICIT, OWN, false, 24, 0, 0 },
	{ ND_NEIGHBOR_SOLICIT, OWN, false, 32, SLLA, 0 },
	{ ND_NEIGHBOR_SOLICIT, OWN, false, 40, SLLA, 32 },
	{ ND_NEIGHBOR_SOLICIT, UNSPECIFIED, true, 24, 0, 0 },
	{ ND_NEIGHBOR_SOLICIT, UNSPECIFIED, true, 32, 0, 24 },
	{ ND_NEIGHBOR_ADVERT, OWN, true, 24, 0, 0 },
	{ ND_NEIGHBOR_ADVERT, OWN, true, 32, TLLA, 0 },
	{ ND_ROUTER_SOLICIT, OWN, false, 8, 0, 0 },
	{ ND_ROUTER_SOLICIT, OWN, false, 16, SLLA, 0 },
	{ ND_ROUTER_SOLICIT, UNSPECIFIED, false, 8, 0, 0 },
};

static void nd_rules(struct nft_batch *b, const struct filter *f)
{
	unsigned int i;

	for (i = 0; i < sizeof(nd_forms) / sizeof(*nd_forms); i++) {
		const struct nd_form *n = &nd_forms[i];

		rule(b, "nd");
		match(b, TRANSPORT, 0, 1, n->type);
		if (n->source == OWN)
			match_addr(b, NETWORK, 8, AF_INET6, f);
		else
			match_unspecified(b);
		if (n->own_target)
			match_addr(b, TRANSPORT, 8, AF_INET6, f);
		match(b, NETWORK, 4, 2, n->len);
		if (n->option) {
			const uint32_t at = n->type == ND_ROUTER_SOLICIT ? 8 : 24;

			match(b, TRANSPORT, at, 2, n->option << 8 | 1);
			match_mac(b, TRANSPORT, at + 2, NFT_CMP_EQ, f);
		}
		if (n->nonce)
			match(b, TRANSPORT, n->nonce, 2, 14 << 8 | 1);
		nft_accept(b);
	}
}

/*
 * No name here is a word of nft(8), so that its command line takes them. Chains come
 * first, and then the rules in the order of their chains: nft_audit() needs that.
 */
void filter_build(struct nft_batch *b, const struct filter *f)
{
	static const char *const chains4[] = { "eth_ip4", "eth_arp" };
	static const char *const chains6[] = { "eth_ip6", "frag6", "upper6", "icmp6",
					       "nd" };
	const bool v4 = filter_has(f, AF_INET), v6 = filter_has(f, AF_INET6);
	unsigned int i;

	nft_in(b, NFT_NETDEV, f->table);
	if (f->replace)
		nft_table_del(b);
	nft_table_add(b, true);
	nft_base_chain_add(b, "ingress", f->ifname, true);
	for (i = 0; v4 && i < 2; i++)
		nft_chain_add(b, chains4[i]);
	for (i = 0; v6 && i < 5; i++)
		nft_chain_add(b, chains6[i]);
	if (v4 && !f->ip.word)
		nft_set_add(b, "guest4", AF_INET, &f->ip);
	if (v6 && !f->ip.word)
		nft_set_add(b, "guest6", AF_INET6, &f->ip);
	ingress_rules(b, f);
	if (v4) {
		ip4_rules(b, f);
		arp_rules(b, f);
	}
	if (v6) {
		ip6_rules(b, f);
		icmp6_rules(b, f);
		nd_rules(b, f);
	}
}
