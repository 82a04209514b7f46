/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The check phase: from a recipe's steps and the world to typed, checked arguments. */
#ifndef XHP_STEPS_H
#define XHP_STEPS_H

#include "recipe.h"

struct ctx;

/* Whether the step does anything, and its typed arguments; no look at the world. */
int step_bind(struct ctx *ctx, struct step *step, struct xhp_err *err);

/* step_bind() and the action's own check. A step that waits for a late result is left. */
int step_check(struct ctx *ctx, struct step *step, struct xhp_err *err);

/* An optional step that failed: it does nothing, and its results are empty. */
void step_leave_out(struct step *step, const char *why);

/* Checks `requires` and all steps, top to bottom; changes nothing. */
int steps_check(struct ctx *ctx, struct xhp_err *err);

/* Adds the step's place to an error that has none. */
int step_error(const struct step *step, struct xhp_err *err);

#endif
