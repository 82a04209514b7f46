/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values with ${references} in them. */
#ifndef XHP_TEMPLATE_H
#define XHP_TEMPLATE_H

#include "recipe.h"

/* Cuts `text` into pieces; references are not looked up yet. Errors name the place. */
int template_parse(const char *text, const struct pos *pos, struct template *ret,
		   struct xhp_err *err);

/*
 * Looks up every reference of a value that stands in `scope`. A result must be of one of
 * the first `above` steps. `want` is the type that the value has to fit.
 */
int template_bind(struct template *t, const struct scope *scope,
		  const struct recipe *recipe, unsigned int above, enum value_type want,
		  struct xhp_err *err);

/* ROOT/NAME: is NAME as xenstore permits it, and no way up or out? */
bool template_is_node_path(const char *name);

/* Its text if it has no references, else NULL. */
const char *template_literal(const struct template *t);

/* Does a secret stand in it, also by way of a variable of [use]? */
bool template_is_secret(const struct scope *scope, const struct template *t);

/* One that holds a single reference, as "${name}". */
int template_of(const char *name, const struct pos *pos, struct template *ret,
		struct xhp_err *err);

#endif
