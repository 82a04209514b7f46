/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plan needs of the engine. */
#ifndef XHP_ENGINE_PRIV_H
#define XHP_ENGINE_PRIV_H

#include "class.h"
#include "engine.h"

struct ctx;

/* What the settings say of an attach. */
int engine_settings(struct ctx *ctx, struct xhp_err *err);

/* Finds the device's interface and checks all steps; changes nothing. */
int engine_check(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err);

/*
 * Is what the journal holds this very device, attached as it would be now? 1, or 0 with
 * the reason in err; negative if it cannot be told.
 */
int engine_is_attached(struct ctx *ctx, struct xhp_err *err);

#endif
