/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between recipe.c, which reads, and recipe_bind.c, which checks. */
#ifndef XHP_RECIPE_PRIV_H
#define XHP_RECIPE_PRIV_H

#include "recipe.h"

/* Looks up what the values refer to, and checks what can be checked without a device. */
int recipe_bind(struct recipe *recipe, struct xhp_err *err);

#endif
