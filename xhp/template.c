// SPDX-License-Identifier: LGPL-2.1-or-later
// Values with ${references}: cutting them up, and looking up what they name.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "class.h"
#include "problems.h"
#include "template.h"
#include "tokens.h"
#include "xhp.h"

static const char *const node_roots[] = { "backend/", "frontend/", "vm/", "self/" };

static bool is_node(const char *name)
{
	for (size_t i = 0; i < sizeof(node_roots) / sizeof(node_roots[0]); i++) {
		if (!strncmp(name, node_roots[i], strlen(node_roots[i])))
			return true;
	}
	return false;
}

bool template_is_node_path(const char *name)
{
	const char *s = strchr(name, '/') + 1;

	if (!*s || strstr(s, "//") || s[strlen(s) - 1] == '/')
		return false;
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789-/_@") == strlen(s);
}

static int reference(const char *name, const struct pos *pos, struct seg *seg,
		     struct xhp_err *err)
{
	const char *dot;

	seg->text = name;
	if (is_node(name)) {
		seg->kind = SEG_NODE;
		if (!template_is_node_path(name))
			return err_usage(err, pos, "%s is not a node", quoted(name));
		return 0;
	}
	dot = strchr(name, '.');
	if (dot) {
		seg->kind = SEG_RESULT;
		if (token_is_name(dot + 1) &&
		    token_is_name(mem_strndup(name, (size_t)(dot - name))))
			return 0;
	} else {
		seg->kind = SEG_VAR;
		if (token_is_name(name))
			return 0;
	}
	return err_usage(err, pos,
			 "%s is neither a variable, nor STEP.RESULT, nor a node like "
			 "backend/NAME, frontend/NAME, vm/NAME, self/NAME",
			 quoted(mem_printf("${%s}", name)));
}

static void add_text(struct template *t, const char *s, size_t len)
{
	struct seg *seg;

	if (!len)
		return;
	seg = MEM_PUSH(t->segs, t->nsegs);
	seg->kind = SEG_TEXT;
	seg->text = mem_strndup(s, len);
}

int template_parse(const char *text, const struct pos *pos, struct template *ret,
		   struct xhp_err *err)
{
	struct template t = { .text = text, .pos = *pos };
	const char *s = text, *start = text, *line = text;

	ret->pos = *pos; /* also of one that is not good */
	for (; *s; s++) {
		struct pos at = *pos;
		struct seg *seg;
		const char *end;

		if (*s == '\n')
			line = NULL;
		if (*s != '$')
			continue;
		at.col = line && pos->col ? at.col + (int)(s - text) : 0;
		if (s[1] == '$') {
			add_text(&t, start, (size_t)(s + 1 - start));
			start = ++s + 1;
			continue;
		}
		end = s + strcspn(s, "}\n");
		if (s[1] != '{' || *end != '}')
			return err_usage(err, &at,
					 "\"$\" begins ${NAME}; a dollar sign is \"$$\"");
		add_text(&t, start, (size_t)(s - start));
		seg = MEM_PUSH(t.segs, t.nsegs);
		seg->col = at.col ? (int)(s - text) : -1;
		if (reference(mem_strndup(s + 2, (size_t)(end - s - 2)), &at, seg, err) <
		    0)
			return err->code;
		s = end;
		start = end + 1;
	}
	add_text(&t, start, (size_t)(s - start));
	*ret = t;
	return 0;
}

int template_of(const char *name, const struct pos *pos, struct template *ret,
		struct xhp_err *err)
{
	if (*name == '$')
		return err_usage(err, pos, "a name stands here without \"${}\"");
	return template_parse(mem_printf("${%s}", name), pos, ret, err);
}

const char *template_literal(const struct template *t)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < t->nsegs; i++) {
		if (t->segs[i].kind != SEG_TEXT)
			return NULL;
		buf_add(&b, t->segs[i].text, strlen(t->segs[i].text));
	}
	return b.s ? b.s : "";
}

bool template_is_secret(const struct scope *scope, const struct template *t)
{
	bool found = false;

	for (unsigned int i = 0; i < t->nsegs; i++) {
		const struct seg *seg = &t->segs[i];

		found |= seg->kind == SEG_RESULT && seg->step && seg->step->secret;
		for (const struct scope *s = scope; seg->kind == SEG_VAR && s->parent;
		     s = s->parent) {
			for (unsigned int k = 0; k < s->nuse; k++)
				found |= !strcmp(s->use[k].key, seg->text) &&
					 template_is_secret(s->parent, &s->use[k].value);
		}
	}
	return found;
}

static const char *result_candidate(void *data, unsigned int i)
{
	const struct result_def *gives = data;

	return gives[i].name;
}

/* The steps that a value in `scope` may name, and those that stand below it. */
struct step_list {
	const struct scope *scope;
	const struct recipe *recipe;
	unsigned int above;
};

static const char *step_candidate(void *data, unsigned int i)
{
	const struct step_list *list = data;

	for (unsigned int k = 0; k < list->above; k++) {
		if (list->recipe->steps[k]->scope == list->scope && !i--)
			return list->recipe->steps[k]->name;
	}
	return NULL;
}

static int no_step(const struct seg *seg, const struct pos *pos,
		   const struct step_list *list, const char *name, struct xhp_err *err)
{
	const char *near = did_you_mean(name, step_candidate, (void *)list);

	for (unsigned int i = list->above; list->above && i < list->recipe->nsteps; i++) {
		const struct step *step = list->recipe->steps[i];

		if (step->scope == list->scope && !strcmp(step->name, name))
			return err_usage(err, pos,
					 "${%s}: step \"%s\" does not stand above this "
					 "line, but in line %d",
					 seg->text, name, step->pos.line);
	}
	return err_usage(err, pos, "${%s}: no step \"%s\" stands above this line%s",
			 seg->text, name, meant(near));
}

static int bind_result(struct seg *seg, const struct pos *pos,
		       const struct step_list *list, struct xhp_err *err)
{
	const char *dot = strchr(seg->text, '.');
	const char *name = mem_strndup(seg->text, (size_t)(dot - seg->text));
	const struct result_def *gives;

	seg->step = NULL;
	for (unsigned int i = 0; i < list->above; i++) {
		struct step *step = list->recipe->steps[i];

		if (step->scope == list->scope && !strcmp(step->name, name))
			seg->step = step;
	}
	if (!seg->step)
		return no_step(seg, pos, list, name, err);
	gives = seg->step->gives;
	if (!gives)
		return 1; /* said already */
	for (unsigned int i = 0; gives[i].name; i++) {
		if (!strcmp(gives[i].name, dot + 1)) {
			seg->result = i;
			return 0;
		}
	}
	return err_usage(err, pos, "${%s}: [%s] has no result \"%s\"%s", seg->text,
			 seg->step->name, dot + 1,
			 meant(did_you_mean(dot + 1, result_candidate, (void *)gives)));
}

static const struct entry *entry_find(const struct entry *entries, unsigned int n,
				      const char *name)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(entries[i].key, name))
			return &entries[i];
	}
	return NULL;
}

/* As vars.c will look it up: 1 = it may be a late result, -1 = it leads to itself. */
static int variable_is_late(const struct scope *scope, const char *name,
			    unsigned int depth)
{
	const struct scope *where = NULL;
	const struct entry *dflt = NULL;
	int late = 0;

	for (const struct scope *s = scope; s->parent; s = s->parent) {
		const struct entry *use = entry_find(s->use, s->nuse, name);

		if (use)
			return use->value.late;
	}
	for (const struct scope *s = scope; s; s = s->parent) {
		const struct entry *e = entry_find(s->defaults, s->ndefaults, name);

		if (e) {
			dflt = e;
			where = s;
		}
	}
	if (dflt && depth >= DEFAULTS_DEPTH)
		return -1;
	for (unsigned int i = 0; dflt && i < dflt->value.nsegs && !late; i++) {
		const struct seg *seg = &dflt->value.segs[i];

		if (seg->kind == SEG_VAR)
			late = variable_is_late(where, seg->text, depth + 1);
	}
	return late;
}

static int bind_variable(struct template *t, const struct seg *seg, const struct pos *pos,
			 const struct scope *scope, enum value_type *ret_type,
			 struct xhp_err *err)
{
	const struct var_def *def = class_var(scope->class, seg->text);
	int late;

	*ret_type = def ? def->type.type : V_TEXT;
	if (!def && !entry_find(scope->defaults, scope->ndefaults, seg->text))
		return err_usage(err, pos, "there is no variable \"%s\"%s", seg->text,
				 meant(recipe_near_variable(scope, seg->text)));
	late = variable_is_late(scope, seg->text, 0);
	if (late < 0)
		return err_usage(err, pos,
				 "${%s} leads to itself through [defaults], or through "
				 "more than %d of them",
				 seg->text, DEFAULTS_DEPTH);
	t->late |= late;
	return 0;
}

static int bind_seg(struct template *t, struct seg *seg, const struct step_list *list,
		    enum value_type want, struct xhp_err *err)
{
	enum value_type type = V_TEXT;
	struct pos pos = t->pos;

	pos.col = seg->col < 0 ? 0 : pos.col + seg->col;
	if (seg->kind == SEG_RESULT) {
		int rc = bind_result(seg, &pos, list, err);

		if (rc)
			return rc < 0 ? rc : 0;
		type = seg->step->gives[seg->result].type;
		t->late |= seg->step != t->own &&
			   (seg->step->late || seg->step->gives[seg->result].late);
	} else if (seg->kind == SEG_VAR) {
		if (bind_variable(t, seg, &pos, list->scope, &type, err) < 0)
			return err->code;
	}
	if (t->nsegs == 1 && !value_types_fit(type, want))
		return err_usage(err, &pos, "${%s} is of type \"%s\"; wanted is \"%s\"",
				 seg->text, value_type_name(type), value_type_name(want));
	return 0;
}

int template_bind(struct template *t, const struct scope *scope,
		  const struct recipe *recipe, unsigned int above, enum value_type want,
		  struct xhp_err *err)
{
	const struct step_list list = { scope, recipe, above };

	t->late = false;
	for (unsigned int i = 0; i < t->nsegs; i++) {
		if (bind_seg(t, &t->segs[i], &list, want, err) < 0 && problem(err) < 0)
			return err->code;
	}
	return 0;
}
