/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between nft.c, which builds messages, nft_talk.c, which sends and reads them, and
 * nft_audit.c, which compares. */
#ifndef XHP_NFT_PRIV_H
#define XHP_NFT_PRIV_H

#include <libmnl/libmnl.h>

#include "nft.h"

/* The comment of a table of ours. */
#define NFT_MARK "xen-hotplug"

/* `p`; NULL (out of memory in a library) ends the process. */
void *nft_must(void *p) __attribute__((returns_nonnull));

/* The batch's messages, one after the other: the first if `nlh` is NULL, NULL at the end.
 */
const struct nlmsghdr *nft_msg_next(const struct nft_batch *b,
				    const struct nlmsghdr *nlh);
unsigned int nft_msg_type(const struct nlmsghdr *nlh);

/*
 * Asks for one thing (NLM_F_ACK) or a list (NLM_F_DUMP), by table and by a second name,
 * either of which may be NULL, and gives each answer to `cb`. -EINTR if a list changed
 * while it was read: then it has to be asked for again.
 */
int nft_ask(uint16_t type, uint16_t flags, enum nft_family family, const char *table,
	    uint16_t attr, const char *name, mnl_cb_t cb, void *data,
	    struct xhp_err *err);

/* A callback for nft_ask() that reads a struct nftnl_chain. */
int nft_chain_cb(const struct nlmsghdr *nlh, void *data);

const char *nft_family_name(enum nft_family family);

#endif
