/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of [forward]: the rules, and the chain that they are in. */
#ifndef XHP_FORWARD_H
#define XHP_FORWARD_H

#include "actions.h"

#define TABLE "filter"
#define CHAIN "FORWARD"

extern const struct forward_family {
	uint8_t af;
	enum nft_family nft;
	const char *name;
} forward_families[2];

/* The chain, if always = yes wants it and nobody else has made it: shared by all who do.
 * Its records are of kind "chain". */
int forward_chain_hold(struct ctx *ctx, unsigned int family, struct xhp_err *err);
int forward_chain_undo(const struct rec *rec, struct xhp_err *err);
int forward_chain_audit(const struct rec *rec, struct xhp_err *err);
int forward_chain_repair(const struct rec *rec, struct xhp_err *err);

#endif
