// SPDX-License-Identifier: LGPL-2.1-or-later
// Recipes: what can be checked without a device.

#include <string.h>

#include "class.h"
#include "command.h"
#include "problems.h"
#include "recipe_priv.h"
#include "template.h"
#include "xhp.h"

static const char *var_candidate(void *data, unsigned int i)
{
	const struct scope *scope = data;
	const struct var_def *def = class_var_nth(scope->class, i);
	unsigned int n = 0;

	if (def)
		return def->type.key;
	while (class_var_nth(scope->class, n))
		n++;
	return i - n < scope->ndefaults ? scope->defaults[i - n].key : NULL;
}

const char *recipe_near_variable(const struct scope *scope, const char *name)
{
	return did_you_mean(name, var_candidate, (void *)scope);
}

static bool is_below(const struct scope *scope, const struct scope *top)
{
	while (scope && scope != top)
		scope = scope->parent;
	return scope;
}

/* In the file itself, or in one that it uses. */
static bool scope_has_default(const struct scope *top, const struct recipe *recipe,
			      const char *name)
{
	for (const struct scope *s = recipe->scopes; s; s = s->next) {
		for (unsigned int i = 0; is_below(s, top) && i < s->ndefaults; i++) {
			if (!strcmp(s->defaults[i].key, name))
				return true;
		}
	}
	return false;
}

bool recipe_has_default(const struct recipe *recipe, const char *name)
{
	return scope_has_default(recipe->root, recipe, name);
}

/* Values from the guest's own directory may be shown, stored and logged. */
static int check_guests_values(const struct template *t, const char *section,
			       const char *key, struct xhp_err *err)
{
	for (unsigned int i = 0; i < t->nsegs; i++) {
		if (t->segs[i].kind == SEG_NODE &&
		    !strncmp(t->segs[i].text, "frontend/", 9))
			return err_usage(err, &t->pos,
					 "${%s} is the guest's own word: [%s] %s may not "
					 "depend on it",
					 t->segs[i].text, section, key);
	}
	return 0;
}

/* A key of [use], or of [defaults]; both set variables. */
static int bind_variable_key(struct recipe *recipe, const struct scope *scope,
			     struct entry *e, const char *section, unsigned int above,
			     struct xhp_err *err)
{
	const struct var_def *def = class_var(scope->class, e->key);
	bool use = !strcmp(section, "use");
	struct pos pos = e->value.pos;

	pos.col = 1;
	if (def && (def->flags & VAR_FIXED))
		return err_usage(err, &pos, "[%s] cannot set \"%s\"", section, e->key);
	if (use && !def && !scope_has_default(scope, recipe, e->key))
		return err_usage(err, &pos, "%s has no variable \"%s\"%s", scope->name,
				 e->key, meant(recipe_near_variable(scope, e->key)));
	if (template_bind(&e->value, use ? scope->parent : scope, recipe, above,
			  def ? def->type.type : V_TEXT, err) < 0)
		return err->code;
	return check_guests_values(&e->value, section, e->key, err);
}

/*
 * The [use] keys and [defaults] of a file, after those of the files that use it. `above`:
 * the results that [use] may name are those of so many steps.
 */
static int bind_scope(struct recipe *recipe, struct scope *scope, unsigned int above,
		      struct xhp_err *err)
{
	if (!scope || scope->bound)
		return 0;
	if (bind_scope(recipe, scope->parent, above, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < scope->nuse; i++) {
		if (bind_variable_key(recipe, scope, &scope->use[i], "use", above, err) <
			    0 &&
		    problem(err) < 0)
			return err->code;
	}
	scope->bound = true;
	for (unsigned int i = 0; i < scope->ndefaults; i++) {
		if (bind_variable_key(recipe, scope, &scope->defaults[i], "defaults", 0,
				      err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	return 0;
}

static int bind_required(const struct recipe *recipe, const struct scope *scope,
			 struct template *t, struct xhp_err *err)
{
	if (template_bind(t, scope, recipe, recipe->nsteps, V_TEXT, err) < 0)
		return err->code;
	return t->late ? err_usage(err, &t->pos,
				   "requires: %s is known only after its step was "
				   "applied",
				   t->text)
		       : 0;
}

static int bind_condition(const struct recipe *recipe, const struct step *step,
			  unsigned int above, struct template *t, struct xhp_err *err)
{
	if (template_bind(t, step->scope, recipe, above, V_TEXT, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < t->nsegs; i++) {
		if (t->segs[i].kind == SEG_NODE)
			return err_usage(err, &t->pos,
					 "when: variables and early results only, not %s",
					 t->segs[i].text);
	}
	if (t->late)
		return err_usage(err, &t->pos,
				 "when: %s is known only after its step was applied",
				 t->text);
	return 0;
}

/* What a secret may not reach. */
static int check_secret(struct step *step, const struct template *t, const char *key,
			bool may, struct xhp_err *err)
{
	if (!template_is_secret(step->scope, t))
		return 0;
	if (!may)
		return err_usage(err, &t->pos,
				 "[%s] %s: a secret stands in it, and would be shown or "
				 "written down",
				 step->name, key);
	if (step->shared && step->gives && step->gives[0].name)
		return err_usage(err, &t->pos,
				 "[%s] cannot be shared: what it gives is as secret as "
				 "its %s",
				 step->name, key);
	step->secret = true;
	return 0;
}

/* A literal is as wrong now as later. */
static int check_literal(const struct step *step, const struct entry *e,
			 struct xhp_err *err)
{
	const char *text = template_literal(&e->value);

	if (e->param->type == V_COMMAND) {
		if (!e->value.nsegs || command_check(&e->value, err) == 0)
			return 0;
		return err_wrap(err, "[%s] %s", step->name, e->key);
	}
	if (!text || value_parse(e->param, text, mem_alloc(64), err) == 0)
		return 0;
	return err_usage(err, &e->value.pos, "[%s] %s: %s", step->name, e->key,
			 err->text);
}

static int bind_entry(const struct recipe *recipe, struct step *step, unsigned int above,
		      struct entry *e, struct xhp_err *err)
{
	uint8_t flags = e->param->flags;

	if (flags & P_OWN)
		e->value.own = recipe->steps[above++];
	if (template_bind(&e->value, step->scope, recipe, above, e->param->type, err) <
		    0 ||
	    (!(flags & P_SHOWN) &&
	     check_guests_values(&e->value, step->action->name, e->key, err) < 0))
		return err->code;
	step->late |= e->value.late;
	e->value.informs = flags & P_INFORMS;
	if (check_secret(step, &e->value, e->key, flags & P_SECRET, err) < 0)
		return err->code;
	return check_literal(step, e, err);
}

/* One with an error in it was given, too. */
static bool is_given(const struct step *step, const struct param *p)
{
	for (unsigned int i = 0; i < step->nentries; i++) {
		const struct template *t = &step->entries[i].value;

		if (step->entries[i].param == p && (t->nsegs || !t->text))
			return true;
	}
	return false;
}

static int bind_step(struct recipe *recipe, unsigned int index, struct xhp_err *err)
{
	struct step *step = recipe->steps[index];

	for (unsigned int i = 0; i < step->nentries; i++) {
		if (bind_entry(recipe, step, index, &step->entries[i], err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	for (const struct param *p = step->action->params; p && p->key; p++) {
		if (!(p->flags & P_REQUIRED) || is_given(step, p))
			continue;
		err_usage(err, &step->pos, "[%s] needs %s = (%s)", step->name, p->key,
			  p->help);
		if (problem(err) < 0)
			return err->code;
	}
	for (unsigned int i = 0; i < 2 * step->nwhen; i++) {
		struct condition *c = &step->when[i / 2];

		if (bind_condition(recipe, step, index, i % 2 ? &c->right : &c->left,
				   err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	if (step->shared &&
	    (template_bind((struct template *)step->shared, step->scope, recipe, index,
			   V_TEXT, err) < 0 ||
	     check_guests_values(step->shared, step->action->name, "shared", err) < 0 ||
	     check_secret(step, step->shared, "shared", false, err) < 0))
		return problem(err);
	return 0;
}

static int check_order(const struct recipe *recipe, struct xhp_err *err)
{
	const struct step *up = NULL, *last = NULL;

	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		const struct step *s = recipe->steps[i];
		int rc = 0;

		if (last && s->action->order != ORDER_LAST)
			rc = err_usage(err, &s->pos,
				       "[%s] stands after [%s], which must be last",
				       s->name, last->name);
		else if (s->action->order == ORDER_FILTER && (s->optional || s->shared))
			rc = err_usage(err, &s->pos,
				       "[%s] cannot be %s: each interface has a filter "
				       "of its own, or is not attached",
				       s->name, s->optional ? "optional" : "shared");
		else if (s->action->order == ORDER_FILTER && up)
			rc = err_usage(
				err, &s->pos,
				"[%s] stands after [%s] (%s:%d): frames would pass "
				"before they are filtered",
				s->name, up->name, up->pos.file, up->pos.line);
		if (rc < 0 && problem(err) < 0)
			return err->code;
		if (s->action->order == ORDER_UP)
			up = s;
		if (s->action->order == ORDER_LAST)
			last = s;
	}
	return 0;
}

int recipe_bind(struct recipe *recipe, struct xhp_err *err)
{
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		if (bind_scope(recipe, recipe->steps[i]->scope, i, err) < 0 ||
		    bind_step(recipe, i, err) < 0)
			return err->code;
	}
	for (struct scope *s = recipe->scopes; s; s = s->next) {
		if (bind_scope(recipe, s, recipe->nsteps, err) < 0)
			return err->code;
		for (unsigned int i = 0; i < s->nrequires; i++) {
			if (bind_required(recipe, s, &s->requires[i], err) < 0 &&
			    problem(err) < 0)
				return err->code;
		}
	}
	return check_order(recipe, err);
}
