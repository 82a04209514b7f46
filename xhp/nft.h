/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nftables: a batch that the kernel takes as a whole, and what it has (nf_tables.h). */
#ifndef XHP_NFT_H
#define XHP_NFT_H

#include <linux/netfilter/nf_tables.h>

#include "mem.h"
#include "value.h"

/* NFPROTO_*, whose header collides with libc's netinet/in.h. */
enum nft_family {
	NFT_IP = 2,
	NFT_NETDEV = 5,
	NFT_IP6 = 10,
};

/*
 * Messages for the kernel, gathered first, then sent at once: all of it happens or
 * nothing. Zeroed memory is an empty batch. What follows concerns the table named last
 * (nft_in), whose name must live as long as the batch.
 */
struct nft_batch {
	struct buf msgs; /* NFT_MSG_* one behind the other */
	uint32_t seq;
	enum nft_family family;
	const char *table;
	struct nftnl_rule *rule; /* begun with nft_rule() */
	bool insert;
};
void nft_in(struct nft_batch *b, enum nft_family family, const char *table);

/* Tables carry our mark, by which nft_tables() and nft_table_del() know them. */
void nft_table_add(struct nft_batch *b, bool marked);
void nft_table_del(struct nft_batch *b);

/* A base chain takes what comes in from `dev` (netdev), or is forwarded (ip, ip6). */
void nft_chain_add(struct nft_batch *b, const char *chain);
void nft_base_chain_add(struct nft_batch *b, const char *chain, const char *dev,
			bool drop);
/* Sees the first packet of what is routed or sent, and may change where it is from. */
void nft_nat_chain_add(struct nft_batch *b, const char *chain);
/* -EBUSY if there is something in it. */
void nft_chain_del_unused(struct nft_batch *b, const char *chain);
void nft_table_del_unused(struct nft_batch *b);

/* A set of address ranges: `prefixes` of this family, in any order, overlapping or not.
 */
void nft_set_add(struct nft_batch *b, const char *set, uint8_t af,
		 const struct prefixes *prefixes);

/*
 * Rules: nft_rule(), matches, and the verdict, which ends it. A rule goes to the end of
 * its chain, or to the head if `insert`. What is loaded is compared by what comes next;
 * a load that reaches beyond the packet makes the rule not match.
 */
void nft_rule(struct nft_batch *b, const char *chain, bool insert, const char *comment);
void nft_meta(struct nft_batch *b, uint32_t key);
void nft_load(struct nft_batch *b, uint32_t base, uint32_t offset, uint32_t len);
void nft_load_exthdr(struct nft_batch *b, uint8_t header, uint32_t offset, uint32_t len);
void nft_mask(struct nft_batch *b, const void *mask, uint32_t len);
void nft_cmp(struct nft_batch *b, uint32_t op, const void *data, uint32_t len);
void nft_lookup(struct nft_batch *b, const char *set);
/* From these addresses; `is_short` loads no more of them than whole bytes, as iptables.
 */
void nft_source(struct nft_batch *b, const struct prefix *p, bool is_short);
/* Numbers of `len` bytes, in network byte order. */
void nft_is(struct nft_batch *b, uint32_t op, uint64_t value, uint32_t len);
void nft_between(struct nft_batch *b, uint64_t from, uint64_t to, uint32_t len);
/* A match of iptables. `proto` as iptables' -p gives it, 0 = none. */
void nft_match(struct nft_batch *b, const char *name, uint32_t revision, const void *info,
	       uint32_t len, uint32_t proto);
void nft_counter(struct nft_batch *b);
void nft_accept(struct nft_batch *b);
void nft_drop(struct nft_batch *b);
void nft_goto(struct nft_batch *b, const char *chain);
void nft_masquerade(struct nft_batch *b);

void nft_rule_del(struct nft_batch *b, const char *chain, uint64_t handle);

/*
 * Sends and empties the batch. -EOPNOTSUPP if the kernel lacks nftables or the family;
 * the error says which message was refused, and why in the kernel's words.
 */
int nft_send(struct nft_batch *b, struct xhp_err *err);

/*
 * Instead of sending: does the kernel have the batch's tables, chains and sets, and in
 * these tables these rules, and nothing else? 0, or 1 with the difference in err.
 */
int nft_audit(const struct nft_batch *b, struct xhp_err *err);

/* The same for the batch's chains alone, whoever made them. -ENOENT: one is not there. */
int nft_chains_audit(const struct nft_batch *b, struct xhp_err *err);

/* A rule as the kernel has it. `text` tells what it does, without its counters. */
struct nft_listed {
	const char *chain, *comment, *text; /* comment "" = none */
	uint64_t handle;
};
/* The rules of a table, or of one chain of it; none if there is no such thing. */
int nft_rules(enum nft_family family, const char *table, const char *chain,
	      struct nft_listed **ret, unsigned int *ret_n, struct xhp_err *err);
/* Adds to the batch the deletion of the chain's rules with that comment; `ret_others` is
 * how many there are without, or NULL. */
int nft_rules_del(struct nft_batch *b, const char *chain, const char *comment,
		  unsigned int *ret_others, struct xhp_err *err);
/* Are the batch's rules, and no others with that comment, in its table's chain? 0, or 1
 * with the difference in err. */
int nft_rules_audit(const struct nft_batch *b, const char *chain, const char *comment,
		    struct xhp_err *err);
/* The batch's own rules for a table of that family, in the order of the kernel's chain.
 */
void nft_batch_rules(const struct nft_batch *b, enum nft_family family,
		     struct nft_listed **ret, unsigned int *ret_n);

/* A table of the netdev family whose chains see what comes in by that interface; NULL if
 * there is none. */
int nft_ingress_find(const char *ifname, const char **ret_table, struct xhp_err *err);
/* Is there such a chain? 0 or -ENOENT, without an error, also where nftables is missing.
 */
int nft_chain_exists(enum nft_family family, const char *table, const char *chain,
		     struct xhp_err *err);
/* -ENOENT if there is no such table; `ret` tells whether it carries our mark. */
int nft_table_marked(enum nft_family family, const char *table, bool *ret,
		     struct xhp_err *err);
/* The names of all tables of a family that carry our mark. */
int nft_tables(enum nft_family family, const char ***ret, unsigned int *ret_n,
	       struct xhp_err *err);

#endif
