/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the action [filter] and its rules. */
#ifndef ACTIONS_FILTER_H
#define ACTIONS_FILTER_H

#include "nft.h"

/* What the rules are made from, at attach and again for the audit. */
struct filter {
	const char *table;
	const char *ifname;
	int ifindex;
	struct mac mac;     /* not set: any */
	struct prefixes ip; /* with the link-local ones; `word` set: any */
	bool replace;       /* there is such a table, and it is ours */
};

/* The first rule's comment: for which interface the table was made. */
#define FILTER_OWNER "ifindex "

/* May frames of this family come in at all? */
bool filter_has(const struct filter *f, uint8_t family);

/* The whole table, in place of one of that name that is there already. */
void filter_build(struct nft_batch *b, const struct filter *f);

#endif
