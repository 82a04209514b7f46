/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* iptables' legacy tables (IPT_SO_SET_REPLACE), through libip4tc and libip6tc. */
#ifndef XHP_LEGACY_H
#define XHP_LEGACY_H

#include "value.h"

/* A rule that accepts what is forwarded from an interface, or to it. */
struct accept {
	uint8_t family; /* AF_INET or AF_INET6 */
	bool to;        /* to the interface; else from it */
	bool bridged;   /* the interface is a port of a bridge */
	bool dhcp;      /* only from a DHCP client to a server */
	const char *ifname;
	const struct prefix *source; /* NULL = any */
};

/* Is there a legacy table "filter" in this network namespace? Loads no module. */
bool legacy_in_use(uint8_t family);

/*
 * In the chain FORWARD: takes out all rules that carry `comment`, and puts those of
 * `rules` that are of this family at the head, in one exchange of the table and under
 * iptables' lock. Without a comment, takes out all rules that equal one of `rules`.
 */
int legacy_exchange(uint8_t family, const char *comment, const struct accept *rules,
		    unsigned int n, struct xhp_err *err);

/* Are there as many rules with that comment? 0, or 1 with the difference in err. */
int legacy_audit(uint8_t family, const char *comment, unsigned int n,
		 struct xhp_err *err);

/* Adds to `ret` the comments of the chain's rules, each once. */
int legacy_comments(uint8_t family, struct texts *ret, struct xhp_err *err);

#endif
