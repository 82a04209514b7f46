// SPDX-License-Identifier: LGPL-2.1-or-later
// Recipes: finding them, reading them into steps, and checking what can be checked.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "find.h"
#include "template.h"
#include "tokens.h"
#include "xhp.h"

#define USE_DEPTH 8

static const char *const common_keys[] = { "when", "optional", "shared", NULL };

static const char *meant(const char *name)
{
	return name ? mem_printf("; did you mean \"%s\"?", name) : "";
}

/* --- sections --- */

static int take_requires(struct scope *scope, const struct token_key *k,
			 struct xhp_err *err)
{
	char *list = mem_strdup(k->value), *save = NULL;

	for (char *s = strtok_r(list, " \t\n,", &save); s;
	     s = strtok_r(NULL, " \t\n,", &save)) {
		struct pos pos = k->pos;

		if (memchr(k->value, '\n', (size_t)(s - list)))
			pos.col = 0;
		else if (pos.col)
			pos.col += (int)(s - list);
		if (template_of(s, &pos, MEM_PUSH(scope->requires, scope->nrequires),
				err) < 0)
			return err->code;
	}
	return 0;
}

static int take_header(struct recipe *recipe, struct scope *scope,
		       const struct token_section *section, struct xhp_err *err)
{
	for (unsigned int i = 0; i < section->nkeys; i++) {
		const struct token_key *k = &section->keys[i];

		if (!strcmp(k->key, "device")) {
			if (value_check(V_TOKEN, k->value, err) < 0 || !*k->value)
				return err_usage(err, &k->pos, "device: not a class");
			if (recipe->device && strcmp(recipe->device, k->value) != 0)
				return err_usage(
					err, &k->pos,
					"device = %s, but a recipe that it uses or "
					"is used by is for a %s",
					k->value, recipe->device);
			recipe->device = k->value;
		} else if (!strcmp(k->key, "description")) {
			if (!recipe->description || !scope->parent)
				recipe->description = k->value;
		} else if (!strcmp(k->key, "requires")) {
			if (take_requires(scope, k, err) < 0)
				return err->code;
		} else {
			return err_usage(err, &k->pos,
					 "[recipe] has no key \"%s\"; it has device, "
					 "description, requires",
					 k->key);
		}
	}
	return 0;
}

static int take_entry(const struct token_key *k, struct entry *ret, struct xhp_err *err)
{
	ret->key = k->key;
	return template_parse(k->value, &k->pos, &ret->value, err);
}

static int take_entries(const struct token_section *section, struct entry **ret,
			unsigned int *ret_n, struct xhp_err *err)
{
	for (unsigned int i = 0; i < section->nkeys; i++) {
		if (take_entry(&section->keys[i], MEM_PUSH(*ret, *ret_n), err) < 0)
			return err->code;
	}
	return 0;
}

/* "A == B", "A != B" or "A", one a line. */
static int take_when(struct step *step, const struct token_key *k, struct xhp_err *err)
{
	char *text = mem_strdup(k->value), *save = NULL;

	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		struct condition *c = MEM_PUSH(step->when, step->nwhen);
		char *op = strstr(s, " == ");
		struct pos pos = k->pos, right;

		if (s != text)
			pos.col = 0;
		right = pos;
		if (!op && (op = strstr(s, " != ")))
			c->negated = true;
		if (!op && (strstr(s, "==") || strstr(s, "!=")))
			return err_usage(err, &pos,
					 "when: neither A == B, nor A != B, nor A");
		if (op) {
			*op = '\0';
			if (right.col)
				right.col += (int)(op + 4 - s);
			if (template_parse(op + 4, &right, &c->right, err) < 0)
				return err->code;
		}
		if (template_parse(s, &pos, &c->left, err) < 0)
			return err->code;
	}
	return 0;
}

static const char *param_candidate(void *data, unsigned int i)
{
	const struct param *params = data;
	unsigned int n = 0;

	while (params && params[n].key)
		n++;
	return i < n ? params[i].key : common_keys[i - n];
}

static int take_key(struct step *step, const struct token_key *k, struct xhp_err *err)
{
	const struct param *p = step->action->params;
	struct entry *e;

	if (!strcmp(k->key, "when"))
		return take_when(step, k, err);
	if (!strcmp(k->key, "optional")) {
		const struct param optional = { .type = V_BOOL };

		if (value_parse(&optional, k->value, &step->optional, err) < 0)
			return err_usage(err, &k->pos, "optional: %s", err->text);
		return 0;
	}
	if (!strcmp(k->key, "shared")) {
		struct template *t = MEM_NEW(struct template);

		step->shared = t;
		return template_parse(k->value, &k->pos, t, err);
	}
	while (p && p->key && strcmp(p->key, k->key) != 0)
		p++;
	if (!p || !p->key) {
		struct pos pos = k->pos;
		struct buf list = { 0 };

		for (p = step->action->params; p && p->key; p++)
			buf_printf(&list, "%s%s", list.len ? ", " : "", p->key);
		pos.col = 1;
		return err_usage(err, &pos, "[%s] has no key \"%s\"%s; it has %s",
				 step->action->name, k->key,
				 meant(did_you_mean(k->key, param_candidate,
						    (void *)step->action->params)),
				 list.len ? list.s : "none");
	}
	e = MEM_PUSH(step->entries, step->nentries);
	e->param = p;
	return take_entry(k, e, err);
}

static const char *action_candidate(void *data, unsigned int i)
{
	(void)data;
	if (i < nactions)
		return actions[i]->name;
	return i == nactions ? "use" : NULL;
}

static int take_step(struct recipe *recipe, struct scope *scope,
		     const struct token_section *section, struct xhp_err *err)
{
	struct step *step = MEM_NEW(struct step);

	step->action = action_find(section->action);
	step->name = section->label ? section->label : section->action;
	step->scope = scope;
	step->pos = section->pos;
	if (!step->action)
		return err_usage(
			err, &section->pos, "there is no action \"%s\"%s",
			section->action,
			meant(did_you_mean(section->action, action_candidate, NULL)));
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		if (recipe->steps[i]->scope == scope &&
		    !strcmp(recipe->steps[i]->name, step->name))
			return err_usage(
				err, &section->pos,
				"a step \"%s\" stands in line %d already; give this "
				"one a label: [%s LABEL]",
				step->name, recipe->steps[i]->pos.line,
				step->action->name);
	}
	for (unsigned int i = 0; i < section->nkeys; i++) {
		if (take_key(step, &section->keys[i], err) < 0)
			return err->code;
	}
	*MEM_PUSH(recipe->steps, recipe->nsteps) = step;
	return 0;
}

static int load_scope(struct recipe *recipe, struct scope *scope, const char *path,
		      struct xhp_err *err);

static int take_use(struct recipe *recipe, struct scope *scope,
		    const struct token_section *section, struct scope **ret,
		    struct xhp_err *err)
{
	struct scope *used = MEM_NEW(struct scope);
	unsigned int depth = 0;
	const char *path;

	if (!section->label)
		return err_usage(err, &section->pos, "[use NAME]: which recipe?");
	for (const struct scope *s = scope; s; s = s->parent)
		depth++;
	if (depth > USE_DEPTH)
		return err_usage(err, &section->pos, "[use] is nested more than %d times",
				 USE_DEPTH);
	used->parent = scope;
	if (recipe_find(section->label, scope, &section->pos, &path, err) < 0 ||
	    take_entries(section, &used->use, &used->nuse, err) < 0)
		return err->code;
	*ret = used;
	return load_scope(recipe, used, path, err);
}

static int take_sections(struct recipe *recipe, struct scope *scope,
			 const struct token_section *sections, unsigned int n,
			 struct xhp_err *err)
{
	enum { START, HEADER, DEFAULTS, STEPS } stage = START;

	for (unsigned int i = 0; i < n; i++) {
		const struct token_section *s = &sections[i];
		bool header = !strcmp(s->action, "recipe");
		bool defaults = !strcmp(s->action, "defaults");
		struct scope *used;
		int rc;

		if (header || defaults) {
			if (s->label)
				return err_usage(err, &s->pos, "[%s] has no label",
						 s->action);
			if (stage >= (header ? HEADER : DEFAULTS))
				return err_usage(err, &s->pos,
						 "[%s] stands once, before the steps%s",
						 s->action,
						 header ? " and [defaults]" : "");
			stage = header ? HEADER : DEFAULTS;
			rc = header ? take_header(recipe, scope, s, err)
				    : take_entries(s, &scope->defaults, &scope->ndefaults,
						   err);
		} else {
			stage = STEPS;
			rc = !strcmp(s->action, "use")
				     ? take_use(recipe, scope, s, &used, err)
				     : take_step(recipe, scope, s, err);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* FNV-1a; tells a changed recipe from the one that attached a device. */
static void hash_bytes(uint64_t *hash, const char *s, size_t len)
{
	while (len--)
		*hash = (*hash ^ (unsigned char)*s++) * 0x100000001b3ULL;
}

static int load_scope(struct recipe *recipe, struct scope *scope, const char *path,
		      struct xhp_err *err)
{
	struct token_section *sections;
	const char *slash = strrchr(path, '/');
	struct file file;
	unsigned int n;

	scope->path = path;
	scope->name = slash ? slash + 1 : path;
	scope->next = recipe->scopes;
	recipe->scopes = scope;
	if (!slash) {
		path = mem_printf("./%s", path);
		scope->path = path;
	}
	if (file_read(path, "recipe", &file, err) < 0)
		return err->code;
	scope->dev = file.dev;
	scope->ino = file.ino;
	hash_bytes(&recipe->hash, file.text, file.len);
	if (tokens_read(path, NULL, file.text, file.len, &sections, &n, err) < 0)
		return err->code;
	return take_sections(recipe, scope, sections, n, err);
}

/* --- what can be checked without a device --- */

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

/* `above`: the results that its keys may name are those of so many steps. */
static int bind_use(struct recipe *recipe, struct scope *scope, unsigned int above,
		    struct xhp_err *err)
{
	for (unsigned int i = 0; i < scope->nuse; i++) {
		struct entry *e = &scope->use[i];
		const struct var_def *def = class_var(scope->class, e->key);
		struct pos pos = e->value.pos;

		pos.col = 1;
		if (def && (def->flags & VAR_FIXED))
			return err_usage(err, &pos, "[use] cannot set \"%s\"", e->key);
		if (!def && !scope_has_default(scope, recipe, e->key))
			return err_usage(err, &pos, "%s has no variable \"%s\"%s",
					 scope->name, e->key,
					 meant(recipe_near_variable(scope, e->key)));
		if (template_bind(&e->value, scope->parent, recipe->steps, above,
				  def ? def->type.type : V_TEXT, err) < 0 ||
		    check_guests_values(&e->value, "use", e->key, err) < 0)
			return err->code;
	}
	return 0;
}

/* The [use] keys and [defaults] of a file, after those of the files that use it. */
static int bind_scope(struct recipe *recipe, struct scope *scope, unsigned int above,
		      struct xhp_err *err)
{
	if (!scope || scope->bound)
		return 0;
	if (bind_scope(recipe, scope->parent, above, err) < 0 ||
	    bind_use(recipe, scope, above, err) < 0)
		return err->code;
	scope->bound = true;
	for (unsigned int i = 0; i < scope->ndefaults; i++) {
		struct entry *e = &scope->defaults[i];
		const struct var_def *def = class_var(scope->class, e->key);
		struct pos pos = e->value.pos;

		pos.col = 1;
		if (def && (def->flags & VAR_FIXED))
			return err_usage(err, &pos, "[defaults] cannot set \"%s\"",
					 e->key);
		if (template_bind(&e->value, scope, NULL, 0,
				  def ? def->type.type : V_TEXT, err) < 0 ||
		    check_guests_values(&e->value, "defaults", e->key, err) < 0)
			return err->code;
	}
	return 0;
}

static int bind_requires(struct recipe *recipe, struct scope *scope, struct xhp_err *err)
{
	for (unsigned int i = 0; i < scope->nrequires; i++) {
		struct template *t = &scope->requires[i];

		if (template_bind(t, scope, recipe->steps, recipe->nsteps, V_TEXT, err) <
		    0)
			return err->code;
		if (t->late)
			return err_usage(err, &t->pos,
					 "requires: %s is known only after its step was "
					 "applied",
					 t->text);
	}
	return 0;
}

static int bind_condition(struct recipe *recipe, const struct step *step,
			  unsigned int above, struct template *t, struct xhp_err *err)
{
	if (template_bind(t, step->scope, recipe->steps, above, V_TEXT, err) < 0)
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

static int bind_step(struct recipe *recipe, unsigned int index, struct xhp_err *err)
{
	struct step *step = recipe->steps[index];

	for (unsigned int i = 0; i < step->nentries; i++) {
		struct entry *e = &step->entries[i];

		if (template_bind(&e->value, step->scope, recipe->steps, index,
				  e->param->type, err) < 0 ||
		    (!(e->param->flags & P_SHOWN) &&
		     check_guests_values(&e->value, step->action->name, e->key, err) < 0))
			return err->code;
		step->late |= e->value.late;
		/* a literal is as wrong now as later */
		if (!e->value.nsegs ||
		    (e->value.nsegs == 1 && e->value.segs[0].kind == SEG_TEXT)) {
			void *dst = mem_alloc(64);

			if (e->param->type == V_COMMAND)
				continue;
			if (value_parse(e->param,
					e->value.nsegs ? e->value.segs[0].text : "", dst,
					err) < 0)
				return err_usage(err, &e->value.pos, "[%s] %s: %s",
						 step->name, e->key, err->text);
		}
	}
	for (const struct param *p = step->action->params; p && p->key; p++) {
		bool given = !(p->flags & P_REQUIRED);

		for (unsigned int i = 0; i < step->nentries; i++)
			given |= step->entries[i].param == p &&
				 step->entries[i].value.nsegs;
		if (!given)
			return err_usage(err, &step->pos, "[%s] needs %s = (%s)",
					 step->name, p->key, p->help);
	}
	for (unsigned int i = 0; i < step->nwhen; i++) {
		if (bind_condition(recipe, step, index, &step->when[i].left, err) < 0 ||
		    bind_condition(recipe, step, index, &step->when[i].right, err) < 0)
			return err->code;
	}
	if (step->shared &&
	    (template_bind((struct template *)step->shared, step->scope, recipe->steps,
			   index, V_TEXT, err) < 0 ||
	     check_guests_values(step->shared, step->action->name, "shared", err) < 0))
		return err->code;
	return 0;
}

static int check_order(const struct recipe *recipe, struct xhp_err *err)
{
	const struct step *up = NULL, *last = NULL;

	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		const struct step *s = recipe->steps[i];

		if (last)
			return err_usage(err, &s->pos,
					 "[%s] stands after [%s], which must be last",
					 s->name, last->name);
		if (s->action->order == ORDER_FILTER && (s->optional || s->shared))
			return err_usage(err, &s->pos,
					 "[%s] cannot be %s: each interface has a filter "
					 "of its own, or is not attached",
					 s->name, s->optional ? "optional" : "shared");
		if (s->action->order == ORDER_FILTER && up)
			return err_usage(
				err, &s->pos,
				"[%s] stands after [%s] (%s:%d): frames would pass "
				"before they are filtered",
				s->name, up->name, up->pos.file, up->pos.line);
		if (s->action->order == ORDER_UP)
			up = s;
		if (s->action->order == ORDER_LAST)
			last = s;
	}
	return 0;
}

int recipe_load(const char *name, struct recipe *ret, struct xhp_err *err)
{
	struct recipe recipe = { .hash = 0xcbf29ce484222325ULL };
	struct scope *root = MEM_NEW(struct scope);
	const char *path;

	if (recipe_find(name, NULL, NULL, &path, err) < 0 ||
	    load_scope(&recipe, root, path, err) < 0)
		return err->code;
	if (!recipe.device)
		return err_usage(err, &(struct pos){ .file = root->path },
				 "no \"device =\" in [recipe]: which class is it for?");
	if (!recipe.nsteps)
		return err_usage(err, &(struct pos){ .file = root->path },
				 "the recipe has no steps");
	recipe.class = class_find(recipe.device);
	for (struct scope *s = recipe.scopes; s; s = s->next)
		s->class = recipe.class;
	for (unsigned int i = 0; i < recipe.nsteps; i++) {
		if (bind_scope(&recipe, recipe.steps[i]->scope, i, err) < 0 ||
		    bind_step(&recipe, i, err) < 0)
			return err->code;
	}
	for (struct scope *s = recipe.scopes; s; s = s->next) {
		if (bind_scope(&recipe, s, recipe.nsteps, err) < 0 ||
		    bind_requires(&recipe, s, err) < 0)
			return err->code;
	}
	if (check_order(&recipe, err) < 0)
		return err->code;
	recipe.root = root;
	*ret = recipe;
	return 0;
}

void recipe_stub(const char *device, const char *path, struct recipe *ret)
{
	struct scope *root = MEM_NEW(struct scope);

	root->path = root->name = path;
	root->class = class_find(device);
	*ret = (struct recipe){
		.root = root, .scopes = root, .class = root->class, .device = device
	};
}
