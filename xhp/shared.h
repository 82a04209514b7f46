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

/*
 * The same for what an action shares of its own accord, whatever the recipe is called: a
 * thing with a name, which is that of its journal. `ensure` looks, under the thing's
 * lock, whether it is there, and makes it if it is not, with the record of that in
 * ctx->journal, where the record of an earlier run of it may stand already. A device may
 * hold a thing twice; what it did with it must be undone before the first hold is.
 */
typedef int (*shared_ensure)(struct ctx *ctx, bool first, void *data,
			     struct xhp_err *err);
int shared_hold(struct ctx *ctx, const char *name, const char *text, shared_ensure ensure,
		void *data, struct xhp_err *err);

/* For plan: another device that has made what the step would make, or NULL; then the
 * step's results are set. Takes no lock. */
int shared_joins(struct ctx *ctx, struct step *step, const char **ret,
		 struct xhp_err *err);

/* Does somebody hold a thing of that name, or is about to? */
bool shared_exists(const char *name);

/* Without a journal, at detach: what the step would have made, unless somebody holds it.
 */
int shared_detach_stock(struct ctx *ctx, struct step *step, struct xhp_err *err);

/* Gives a shared thing back; the last holder undoes it. */
int shared_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);

/* Drops holders that are gone without a trace; `self` (or NULL) is not looked for. */
void shared_prune(struct journal *j, const char *self);

int shared_audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);
int shared_repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);

#endif
