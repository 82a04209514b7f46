/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands in recipes: words that are cut first, and then substituted. */
#ifndef XHP_COMMAND_H
#define XHP_COMMAND_H

#include "recipe.h"
#include "value.h"

struct ctx;

/* Is it a command? Its program has to stand in the recipe. Errors name the place. */
int command_check(const struct template *t, struct xhp_err *err);

/*
 * The words of the command, the program's name first. A stranger's value is one word, or
 * a part of one, whatever is in it, and begins none with "-". What is in "[]" is left out
 * if a value in it is empty; elsewhere an empty word is an error.
 */
int command_words(struct ctx *ctx, const struct scope *scope, const struct template *t,
		  struct texts *ret, struct xhp_err *err);

#endif
