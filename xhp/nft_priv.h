/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between nft.c, which builds messages, and nft_talk.c, which sends and reads them. */
#ifndef XHP_NFT_PRIV_H
#define XHP_NFT_PRIV_H

#include "nft.h"

/* The comment of a table of ours. */
#define NFT_MARK "xen-hotplug"

/* `p`; NULL (out of memory in a library) ends the process. */
void *nft_must(void *p) __attribute__((returns_nonnull));

#endif
