// SPDX-License-Identifier: LGPL-2.1-or-later
// lint: every problem of a recipe, and what is legal and surely a mistake.

#include <jansson.h>
#include <stdio.h>

#include "class.h"
#include "commands.h"
#include "problems.h"
#include "template.h"
#include "xhp.h"

/* --- conditions --- */

/* Can ${...} ever be `text`? Its type's own words if not, else NULL. */
static const char *never(const struct step *step, const struct template *t,
			 const char *text)
{
	const struct seg *seg = t->segs;
	const struct var_def *def;
	struct xhp_err err;

	if (t->nsegs != 1 || !*text)
		return NULL;
	if (seg->kind == SEG_RESULT &&
	    value_check(seg->step->gives[seg->result].type, text, &err) < 0)
		return mem_strdup(err.text);
	if (seg->kind != SEG_VAR)
		return NULL;
	def = class_var(step->scope->class, seg->text);
	if (def && value_parse(&def->type, text, mem_alloc(64), &err) < 0)
		return mem_strdup(err.text);
	/* the class is the recipe's own; of several types, one of them */
	if (!strcmp(seg->text, "class") && step->scope->class->name &&
	    !class_serves(step->scope->class, step->scope->class->name, text))
		return mem_printf("this recipe is for a %s", step->scope->class->name);
	return NULL;
}

static bool same_text(const struct template *a, const struct template *b)
{
	return a->text && b->text && !strcmp(a->text, b->text);
}

static void lint_condition(const struct step *step, const struct condition *c)
{
	const char *left = template_literal(&c->left), *right, *why;

	if (!c->right.text) {
		bool text = false;

		for (unsigned int i = 0; i < c->left.nsegs; i++)
			text |= c->left.segs[i].kind == SEG_TEXT;
		if (text)
			problem_warning(&c->left.pos,
					"[%s] when: \"%s\" is neither A == B nor a "
					"${reference} alone: it always holds",
					step->name, c->left.text);
		return;
	}
	right = template_literal(&c->right);
	if (left && right) {
		bool holds = !strcmp(left, right) != c->negated;

		problem_warning(&c->left.pos, "[%s] when: no ${reference} in it: it %s",
				step->name,
				holds ? "always holds"
				      : "never holds, and the step never runs");
		return;
	}
	if (!left && !right)
		return;
	why = right ? never(step, &c->left, right) : never(step, &c->right, left);
	if (why)
		problem_warning(&c->right.pos, "[%s] when: it %s: %s", step->name,
				c->negated ? "always holds"
					   : "never holds, and the step never runs",
				why);
}

/* A == x and A == y, or A != x and A == x. */
static void lint_when(const struct step *step)
{
	for (unsigned int i = 0; i < step->nwhen; i++) {
		const struct condition *a = &step->when[i];

		lint_condition(step, a);
		for (unsigned int k = 0; k < i; k++) {
			const struct condition *b = &step->when[k];
			bool same;

			if (!same_text(&a->left, &b->left) || !a->right.text ||
			    !b->right.text)
				continue;
			same = !strcmp(a->right.text, b->right.text);
			if (same ? a->negated != b->negated
				 : !a->negated && !b->negated &&
					    template_literal(&a->right) &&
					    template_literal(&b->right))
				problem_warning(&a->left.pos,
						"[%s] when: two of its lines contradict "
						"each other: the step never runs",
						step->name);
		}
	}
}

/* --- steps --- */

static bool is_set(const struct step *step, const char *key)
{
	for (unsigned int i = 0; i < step->nentries; i++) {
		if (!strcmp(step->entries[i].key, key) && step->entries[i].value.nsegs)
			return true;
	}
	return false;
}

/* The keys without which it does nothing are all missing. */
static void lint_enabled(const struct step *step)
{
	struct buf keys = { 0 };

	for (const struct param *p = step->action->params; p && p->key; p++) {
		if (!(p->flags & P_ENABLES))
			continue;
		if (is_set(step, p->key))
			return;
		buf_printf(&keys, "%s%s", keys.len ? " or " : "", p->key);
	}
	if (keys.len)
		problem_warning(&step->pos,
				"[%s] never does anything: it has no %s =", step->name,
				keys.s);
}

static void lint_order(const struct recipe *recipe)
{
	const struct step *up = NULL, *filter = NULL;

	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		const struct step *s = recipe->steps[i];
		bool own = !is_set(s, "dev");

		if (own && s->action->place == PLACE_UP)
			up = s;
		if (s->action->order == ORDER_FILTER)
			filter = s;
		if (own && up && s->action->place == PLACE_BEFORE_UP)
			problem_warning(&s->pos,
					"[%s] stands after [%s] (line %d): the interface "
					"is in use by then",
					s->name, up->name, up->pos.line);
		if (own && !up && s->action->place == PLACE_AFTER_UP)
			problem_warning(&s->pos,
					"[%s] stands before [up]: the kernel refuses it "
					"while the interface is down",
					s->name);
	}
	if (!class_var(recipe->class, "ip"))
		return;
	if (!up)
		problem_warning(&(struct pos){ .file = recipe->root->path },
				"there is no [up]: the interface stays down");
	if (!filter)
		problem_warning(&(struct pos){ .file = recipe->root->path },
				"there is no [filter]: ip= in a guest's configuration "
				"holds it to nothing");
}

/* --- [defaults] --- */

static bool refers(const struct template *t, const char *name)
{
	for (unsigned int i = 0; t && i < t->nsegs; i++) {
		if (t->segs[i].kind == SEG_VAR && !strcmp(t->segs[i].text, name))
			return true;
	}
	return false;
}

static bool entries_refer(const struct entry *e, unsigned int n, const char *name)
{
	bool found = false;

	for (unsigned int i = 0; i < n; i++)
		found |= refers(&e[i].value, name);
	return found;
}

static bool is_used(const struct recipe *recipe, const char *name)
{
	bool used = false;

	for (const struct scope *s = recipe->scopes; s; s = s->next) {
		used |= entries_refer(s->use, s->nuse, name) ||
			entries_refer(s->defaults, s->ndefaults, name);
		for (unsigned int i = 0; i < s->nrequires; i++)
			used |= refers(&s->requires[i], name);
	}
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		const struct step *s = recipe->steps[i];

		used |= entries_refer(s->entries, s->nentries, name) ||
			refers(s->shared, name);
		for (unsigned int k = 0; k < s->nwhen; k++)
			used |= refers(&s->when[k].left, name) ||
				refers(&s->when[k].right, name);
	}
	return used;
}

static void lint_defaults(const struct recipe *recipe, const struct scope *scope)
{
	for (unsigned int i = 0; i < scope->ndefaults; i++) {
		const struct entry *e = &scope->defaults[i];
		struct pos pos = e->value.pos;

		pos.col = 1;
		/* an action may ask for a variable of the class by itself */
		if (!class_var(scope->class, e->key) && !is_used(recipe, e->key))
			problem_warning(&pos, "[defaults] %s: nothing uses ${%s}", e->key,
					e->key);
	}
}

static void lint_recipe(const struct recipe *recipe)
{
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		const struct step *step = recipe->steps[i];
		const char *said;

		lint_when(step);
		lint_enabled(step);
		said = step->action->lint ? step->action->lint(step) : NULL;
		if (said)
			problem_warning(&step->pos, "[%s] %s", step->name, said);
	}
	for (const struct scope *s = recipe->scopes; s; s = s->next)
		lint_defaults(recipe, s);
	lint_order(recipe);
}

/* --- the command --- */

static void add_json(json_t *list, const char *name, const struct problem *p)
{
	json_t *o = json_object();

	json_object_set_new(o, "file", json_string(p->pos.file ? p->pos.file : name));
	json_object_set_new(o, "line", json_integer(p->pos.line));
	json_object_set_new(o, "column", json_integer(p->pos.col));
	json_object_set_new(o, "severity", json_string(p->warning ? "warning" : "error"));
	json_object_set_new(o, "message", json_string(p->text));
	json_array_append_new(list, o);
}

/* The number of errors. */
static unsigned int lint_one(const char *name, json_t *list)
{
	unsigned int n, errors = 0;
	const struct problem *found;
	struct recipe recipe;
	struct xhp_err err = { 0 };
	int rc = recipe_load(name, &recipe, &err);

	if (!rc)
		lint_recipe(&recipe);
	else if (!problems_count())
		problem(&err);
	found = problems_take(&n);
	for (unsigned int i = 0; i < n; i++) {
		errors += !found[i].warning;
		if (list)
			add_json(list, name, &found[i]);
		else
			log_problem(&found[i].pos, found[i].warning, found[i].text);
	}
	if (!rc && !list)
		printf("%s: %s, %u step%s: %s\n", recipe.root->path, recipe.device,
		       recipe.nsteps, recipe.nsteps == 1 ? "" : "s",
		       n ? mem_printf("%u warning%s", n, n == 1 ? "" : "s") : "ok");
	return rc < 0 ? errors + !errors : 0;
}

int cmd_lint(int argc, char **argv, struct xhp_err *err)
{
	const char **names = NULL;
	unsigned int n = 0, bad = 0;
	json_t *list = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			list = json_array();
		else if (*argv[i] == '-')
			return err_usage(err, NULL, "lint: unknown option %s",
					 quoted(argv[i]));
		else
			*MEM_PUSH(names, n) = argv[i];
	}
	if (!n && recipe_names(&names, &n, err) < 0)
		return err->code;
	problems_collect();
	for (unsigned int i = 0; i < n; i++)
		bad += lint_one(names[i], list);
	if (list) {
		json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
		fflush(stdout);
	}
	err->text[0] = '\0'; /* said already */
	err->usage = true;
	return bad ? -EINVAL : 0;
}
