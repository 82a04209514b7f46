/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Variables: where each value comes from, and who wins. */
#ifndef XHP_VARS_H
#define XHP_VARS_H

#include "recipe.h"
#include "value.h"

struct ctx;
struct journal;

/*
 * The value of ${name} in a file of the recipe: keys of [use], then xenstore, arguments,
 * environment, [defaults] (the outermost file's first), the class's default. Checked as
 * the variable's type; "" if not set. The text lives until the process ends.
 */
int var_get(struct ctx *ctx, const struct scope *scope, const char *name,
	    const char **ret, struct xhp_err *err);

/*
 * Puts the values of all references in place; `ret` is "" or the text, without blanks at
 * its ends. `type` V_PATH and V_GLOB hold foreign values to one component. Errors name
 * the place.
 */
int expand(struct ctx *ctx, const struct scope *scope, const struct template *t,
	   enum value_type type, const char **ret, struct xhp_err *err);

/* The value of one piece of `t`, and whether it comes from outside. */
int seg_expand(struct ctx *ctx, const struct scope *scope, const struct template *t,
	       const struct seg *seg, enum value_type type, const char **ret,
	       bool *ret_foreign, struct xhp_err *err);

/* What was read from outside so far, by variable or node, for the journal. */
const struct field *vars_read(unsigned int *ret_n);

/* Do the variables that a journal holds still read the same? */
int vars_changed(struct ctx *ctx, const struct journal *j, const char **ret_which,
		 struct xhp_err *err);

/* At a detach without a journal, what cannot be read or is not valid is empty. */
void vars_lenient(void);

/* For plan and status: how a value was chosen when it is not as written, or NULL. */
const char *vars_note(void);

#endif
