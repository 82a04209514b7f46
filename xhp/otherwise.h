/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another recipe, or another's script, for what a recipe is not for (P_OTHERWISE). */
#ifndef XHP_OTHERWISE_H
#define XHP_OTHERWISE_H

#include "err.h"

struct ctx;

/*
 * At attach, after steps_check() has failed with `err`: 0 with ctx->recipe set to the
 * one that is to be checked instead; else err stays, or says why that one cannot be had.
 */
int hand_over(struct ctx *ctx, struct xhp_err *err);

/* At detach, without a journal: the same, if the check would fail. */
int hand_over_detach(struct ctx *ctx, struct xhp_err *err);

#endif
