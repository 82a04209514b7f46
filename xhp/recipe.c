// SPDX-License-Identifier: LGPL-2.1-or-later
// Recipes: reading them into steps.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class.h"
#include "find.h"
#include "problems.h"
#include "recipe_priv.h"
#include "template.h"
#include "text.h"
#include "tokens.h"
#include "xhp.h"

#define USE_DEPTH 8

/* Stands in for one that there is not, where lint goes on. */
static const struct action unknown_action = { .name = "" };

static const char *const common_keys[] = { "when", "optional", "shared", NULL };

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
				err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	return 0;
}

static int take_device(struct recipe *recipe, const struct token_key *k,
		       struct xhp_err *err)
{
	if (value_check(V_TOKEN, k->value, err) < 0 || !*k->value) {
		recipe->part = true;
		return err_usage(err, &k->pos, "device: %s is not the name of a class",
				 quoted(k->value));
	}
	if (recipe->device && strcmp(recipe->device, k->value) != 0)
		return err_usage(err, &k->pos,
				 "device = %s, but a recipe that it uses or is used by "
				 "is for a %s",
				 k->value, recipe->device);
	recipe->device = k->value;
	return 0;
}

static int take_header_key(struct recipe *recipe, struct scope *scope,
			   const struct token_key *k, struct xhp_err *err)
{
	if (!strcmp(k->key, "device"))
		return take_device(recipe, k, err);
	if (!strcmp(k->key, "requires"))
		return take_requires(scope, k, err);
	if (strcmp(k->key, "description") != 0)
		return err_usage(err, &k->pos,
				 "[recipe] has no key \"%s\"; it has device, "
				 "description, requires",
				 k->key);
	if (value_check(V_LINES, k->value, err) < 0)
		return err_usage(err, &k->pos, "description: %s", err->text);
	if (!recipe->description || !scope->parent)
		recipe->description = k->value;
	return 0;
}

static int take_header(struct recipe *recipe, struct scope *scope,
		       const struct token_section *section, struct xhp_err *err)
{
	for (unsigned int i = 0; i < section->nkeys; i++) {
		if (take_header_key(recipe, scope, &section->keys[i], err) < 0 &&
		    problem(err) < 0)
			return err->code;
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
		if (take_entry(&section->keys[i], MEM_PUSH(*ret, *ret_n), err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	return 0;
}

/* "A == B", "A != B" or "A". */
static int take_condition(struct condition *c, char *s, const struct pos *pos,
			  struct xhp_err *err)
{
	char *op = strstr(s, " == ");
	struct pos right = *pos;

	if (!op && (op = strstr(s, " != ")))
		c->negated = true;
	if (!op && (strstr(s, "==") || strstr(s, "!=")))
		return err_usage(err, pos, "when: neither A == B, nor A != B, nor A");
	if (op) {
		*op = '\0';
		if (right.col)
			right.col += (int)(op + 4 - s);
		if (template_parse(op + 4, &right, &c->right, err) < 0)
			return err->code;
	}
	return template_parse(s, pos, &c->left, err);
}

static int take_when(struct step *step, const struct token_key *k, struct xhp_err *err)
{
	char *text = mem_strdup(k->value), *save = NULL;

	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		struct pos pos = k->pos;

		if (s != text)
			pos.col = 0;
		if (take_condition(MEM_PUSH(step->when, step->nwhen), s, &pos, err) < 0 &&
		    problem(err) < 0)
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

/* An action that knows no better place for what is wrong: the step's. */
static int declare_error(const struct step *step, struct xhp_err *err)
{
	const struct pos pos = err->pos.file ? err->pos : step->pos;

	return err_usage(err, &pos, "[%s] %s", step->name, err->text);
}

/* What the step gives; NULL if that is not known for an error that was told of. */
static int declare(struct step *step, bool broken, struct xhp_err *err)
{
	static const struct result_def none;
	unsigned int n = 0;

	step->gives = step->action->results ? step->action->results : &none;
	step->lookup = !step->action->apply;
	if (!broken && step->action->declare && step->action->declare(step, err) < 0) {
		declare_error(step, err);
		if (problem(err) < 0)
			return err->code;
		broken = true;
	}
	while (step->gives[n].name)
		n++;
	step->results = MEM_ARRAY(const char *, n + 1);
	if (broken && !n)
		step->gives = NULL;
	return 0;
}

static int take_step(struct recipe *recipe, struct scope *scope,
		     const struct token_section *section, struct xhp_err *err)
{
	struct step *step = MEM_NEW(struct step);
	bool broken = false;

	step->action = action_find(section->action);
	step->name = section->label ? section->label : section->action;
	step->scope = scope;
	step->pos = section->pos;
	if (!step->action) {
		err_usage(err, &section->pos, "there is no action \"%s\"%s",
			  section->action,
			  meant(did_you_mean(section->action, action_candidate, NULL)));
		if (problem(err) < 0)
			return err->code;
		step->action = &unknown_action;
	}
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		if (recipe->steps[i]->scope != scope ||
		    strcmp(recipe->steps[i]->name, step->name) != 0)
			continue;
		err_usage(err, &section->pos,
			  "a step \"%s\" stands in line %d already; give this one a "
			  "label: [%s LABEL]",
			  step->name, recipe->steps[i]->pos.line, step->action->name);
		if (problem(err) < 0)
			return err->code;
	}
	for (unsigned int i = 0; *step->action->name && i < section->nkeys; i++) {
		if (take_key(step, &section->keys[i], err) == 0)
			continue;
		if (problem(err) < 0)
			return err->code;
		broken = true;
	}
	if (declare(step, broken || step->action == &unknown_action, err) < 0)
		return err->code;
	*MEM_PUSH(recipe->steps, recipe->nsteps) = step;
	return 0;
}

static int load_scope(struct recipe *recipe, struct scope *scope, const char *path,
		      struct xhp_err *err);

static int take_use(struct recipe *recipe, struct scope *scope,
		    const struct token_section *section, struct xhp_err *err)
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
	return load_scope(recipe, used, path, err);
}

enum stage { START, HEADER, DEFAULTS, STEPS };

static int take_section(struct recipe *recipe, struct scope *scope,
			const struct token_section *s, enum stage *stage,
			struct xhp_err *err)
{
	bool header = !strcmp(s->action, "recipe");

	if (header || !strcmp(s->action, "defaults")) {
		int rc = 0;

		if (s->label)
			rc = err_usage(err, &s->pos, "[%s] has no label", s->action);
		else if (*stage >= (header ? HEADER : DEFAULTS))
			rc = err_usage(err, &s->pos,
				       "[%s] stands once, before the steps%s", s->action,
				       header ? " and [defaults]" : "");
		if (rc < 0 && problem(err) < 0)
			return err->code;
		*stage = header ? HEADER : DEFAULTS;
		return header ? take_header(recipe, scope, s, err)
			      : take_entries(s, &scope->defaults, &scope->ndefaults, err);
	}
	*stage = STEPS;
	if (strcmp(s->action, "use") != 0)
		return take_step(recipe, scope, s, err);
	if (take_use(recipe, scope, s, err) == 0)
		return 0;
	recipe->part = true;
	return err->code;
}

static int take_sections(struct recipe *recipe, struct scope *scope,
			 const struct token_section *sections, unsigned int n,
			 struct xhp_err *err)
{
	enum stage stage = START;

	for (unsigned int i = 0; i < n; i++) {
		/* one without a name was told of when it was read */
		if (*sections[i].action &&
		    take_section(recipe, scope, &sections[i], &stage, err) < 0 &&
		    problem(err) < 0)
			return err->code;
	}
	return 0;
}

static int take_text(struct recipe *recipe, struct scope *scope, const char *text,
		     size_t len, struct xhp_err *err)
{
	struct token_section *sections;
	unsigned int n;

	if (tokens_read(scope->path, NULL, text, len, &sections, &n, err) < 0)
		return err->code;
	return take_sections(recipe, scope, sections, n, err);
}

/* FNV-1a; tells a changed recipe from the one that attached a device. */
static int load_scope(struct recipe *recipe, struct scope *scope, const char *path,
		      struct xhp_err *err)
{
	const char *slash = strrchr(path, '/');
	struct file file;

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
	recipe->hash = text_hash(recipe->hash, file.text, file.len);
	return take_text(recipe, scope, file.text, file.len, err);
}

static int finish(struct recipe *ret, struct scope *root, struct xhp_err *err)
{
	struct recipe recipe = *ret;

	/* what follows from an error that was told is not told, too */
	recipe.part |= problems_count() > 0;
	if (!recipe.device && !recipe.part)
		err_usage(err, &(struct pos){ .file = root->path },
			  "no \"device =\" in [recipe]: which class is it for?");
	else if (!recipe.nsteps && !recipe.part)
		err_usage(err, &(struct pos){ .file = root->path },
			  "the recipe has no steps");
	if (!recipe.device || !recipe.nsteps)
		return recipe.part ? -EINVAL : problem(err) < 0 ? err->code : -EINVAL;
	recipe.class = class_find(recipe.device);
	for (struct scope *s = recipe.scopes; s; s = s->next)
		s->class = recipe.class;
	if (recipe_bind(&recipe, err) < 0)
		return err->code;
	recipe.root = root;
	*ret = recipe;
	return problems_count() ? -EINVAL : 0;
}

int recipe_load(const char *name, struct recipe *ret, struct xhp_err *err)
{
	struct recipe recipe = { .hash = HASH_START };
	struct scope *root = MEM_NEW(struct scope);
	const char *path;

	if (recipe_find(name, NULL, NULL, &path, err) < 0 ||
	    load_scope(&recipe, root, path, err) < 0 || finish(&recipe, root, err) < 0)
		return err->code;
	*ret = recipe;
	return 0;
}

int recipe_of_script(const char *device, const char *path, struct recipe *ret,
		     struct xhp_err *err)
{
	const char *text = mem_printf("[recipe]\ndevice = %s\n[exec script]\n"
				      "attach = %s add\ndetach = %s remove\n"
				      "timeout = 25\n",
				      device, path, path);
	struct scope *root = MEM_NEW(struct scope);
	struct recipe recipe = { .scopes = root };

	*root = (struct scope){ .path = path, .name = path };
	if (take_text(&recipe, root, text, strlen(text), err) < 0 ||
	    finish(&recipe, root, err) < 0)
		return err->code;
	/* it is the script that is to be looked at */
	recipe.steps[0]->pos = (struct pos){ .file = path, .line = 1 };
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
