/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Things that several devices share: made by the first, undone with the last. */
#ifndef XHP_SHARED_H
#define XHP_SHARED_H

#include "recipe.h"

struct ctx;
struct rec;
struct journal;

/* The `action` of the record that says that a device holds a shared thing. */
#define SHARED_ACTION "shared"

/*
 * Applies a step with `shared =`, or joins what another device's run of it has made and
 * takes its results. Others wait meanwhile.
 */
int shared_apply(struct ctx *ctx, struct step *step, struct xhp_err *err);

/* Gives a shared thing back; the last holder undoes it. */
int shared_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);

/* Drops holders that are gone without a trace; `self` (or NULL) is not looked for. */
void shared_prune(struct journal *j, const char *self);

int shared_audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);

#endif
