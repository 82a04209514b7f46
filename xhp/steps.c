// SPDX-License-Identifier: LGPL-2.1-or-later
// The check phase: conditions, values, types and preconditions of all steps.

#include "steps.h"
#include "pattern.h"
#include "template.h"
#include "trace.h"
#include "vars.h"
#include "xhp.h"

const struct action *action_find(const char *name)
{
	unsigned int lo = 0, hi = nactions;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		int order = strcmp(name, actions[mid]->name);

		if (!order)
			return actions[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

void step_result(struct step *step, const char *name, const char *value)
{
	if (step->secret)
		trace_secret(value);
	for (unsigned int i = 0; step->gives[i].name; i++) {
		if (!strcmp(step->gives[i].name, name))
			step->results[i] = value ? value : "";
	}
}

void plan_change(struct step *step, const char *of, const char *what, const char *now,
		 const char *wanted)
{
	*MEM_PUSH(step->planned, step->nplanned) =
		(struct planned){ of, what, now ? printable(now) : NULL,
				  printable(wanted) };
}

const struct entry *step_entry(const struct step *step, const char *key)
{
	for (unsigned int i = 0; i < step->nentries; i++) {
		if (!strcmp(step->entries[i].key, key))
			return &step->entries[i];
	}
	return NULL;
}

int step_patterns(const struct entry *e, struct texts *fields, struct xhp_err *err)
{
	const struct param type = { .type = V_PATTERNS };
	const char *text = template_literal(&e->value);
	struct patterns patterns = { 0 };

	if (!text)
		return err_usage(err, &e->value.pos, "%s: a pattern has no references",
				 e->key);
	if (value_parse(&type, text, &patterns, err) < 0)
		return err_usage(err, &e->value.pos, "%s: %s", e->key, err->text);
	for (unsigned int i = 0; i < patterns.n; i++)
		pattern_fields(&patterns.v[i], fields);
	return 0;
}

void step_declare(struct step *step, const struct texts *names, bool late)
{
	struct result_def *gives = MEM_ARRAY(struct result_def, names->n + 1);

	for (unsigned int i = 0; i < names->n; i++)
		gives[i] = (struct result_def){ .name = names->v[i],
						.late = late,
						.type = V_TEXT };
	step->gives = gives;
}

int step_var(struct ctx *ctx, struct step *step, const char *name, const char **ret,
	     struct xhp_err *err)
{
	return var_get(ctx, step->scope, name, ret, err);
}

int dev_or(struct ctx *ctx, const struct ifname *given, struct link *ret,
	   struct xhp_err *err)
{
	if (given && *given->s)
		return nl_link_by_name(given->s, ret, err);
	if (!ctx->dev.ifindex)
		return err_set(err, -ENODEV, "%s has no network interface", ctx->device);
	*ret = ctx->dev;
	return 0;
}

int step_error(const struct step *step, struct xhp_err *err)
{
	if (!err->pos.file) {
		err->pos = step->pos;
		err_wrap(err, "[%s]", step->name);
	}
	return err->code;
}

static int holds(struct ctx *ctx, const struct step *step, const struct condition *c,
		 bool *ret, struct xhp_err *err)
{
	const char *left, *right;

	if (expand(ctx, step->scope, &c->left, V_TEXT, &left, err) < 0)
		return err->code;
	if (!c->right.text) {
		*ret = *left;
		return 0;
	}
	if (expand(ctx, step->scope, &c->right, V_TEXT, &right, err) < 0)
		return err->code;
	*ret = !strcmp(left, right) != c->negated;
	return 0;
}

/* "KEY = AS WRITTEN", so that the reader finds the line; of several lines, the key. */
static int value_error(const struct step *step, const struct entry *e, const char *key,
		       struct xhp_err *err)
{
	if (e && !strchr(e->value.text, '\n'))
		err_wrap(err, "[%s] %s = %s", step->name, key, e->value.text);
	else
		err_wrap(err, "[%s] %s", step->name, key);
	if (!err->pos.file)
		err->pos = e ? e->value.pos : step->pos;
	return err->code;
}

int step_bind(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	const struct action *a = step->action;
	bool may_enable = false, enabled = false;
	struct buf enablers = { 0 };

	step->active = false;
	step->args = mem_alloc(a->args_size ? a->args_size : 1);
	for (unsigned int i = 0; i < step->nwhen; i++) {
		bool ok = false;

		if (holds(ctx, step, &step->when[i], &ok, err) < 0)
			return step_error(step, err);
		if (!ok) {
			step->why = mem_printf("its \"when\" does not hold: %s",
					       step->when[i].left.text);
			return 0;
		}
	}
	for (const struct param *p = a->params; p && p->key; p++) {
		const struct entry *e = step_entry(step, p->key);
		const char *text = "";

		if (p->flags & P_OTHERWISE)
			continue;
		if (p->type == V_COMMAND || (p->flags & P_OWN)) {
			if (e && e->value.nsegs)
				*(const struct template **)((char *)step->args +
							    p->offset) = &e->value;
			continue;
		}
		if (e && expand(ctx, step->scope, &e->value, p->type, &text, err) < 0)
			return value_error(step, e, p->key, err);
		if (p->flags & P_ENABLES) {
			may_enable = true;
			enabled |= *text != '\0';
			buf_printf(&enablers, "%s%s", enablers.len ? ", " : "", p->key);
		}
		if (!*text && (p->flags & P_REQUIRED)) {
			err_set(err, -EINVAL, "is empty, but required");
			return value_error(step, e, p->key, err);
		}
		if (!*text && p->dflt)
			text = p->dflt;
		if (value_parse(p, text, (char *)step->args + p->offset, err) < 0) {
			if (e && template_is_secret(step->scope, &e->value))
				err_set(err, -EINVAL, "a secret, which is not a %s",
					value_type_name(p->type));
			return value_error(step, e, p->key, err);
		}
	}
	if (may_enable && !enabled) {
		step->why = mem_printf("nothing to do without %s", enablers.s);
		return 0;
	}
	step->active = true;
	return 0;
}

void step_leave_out(struct step *step, const char *why)
{
	for (unsigned int i = 0; step->gives[i].name; i++)
		step->results[i] = NULL;
	step->checked = true;
	step->active = false;
	step->why = why;
}

int step_check(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	if (step_bind(ctx, step, err) < 0)
		return err->code;
	step->checked = true;
	if (step->active && step->action->check &&
	    step->action->check(ctx, step, step->args, err) < 0)
		return step_error(step, err);
	return 0;
}

/* The `requires` of every file that can be judged now: after `last`, or before all. */
static int check_requires(struct ctx *ctx, const struct step *last, struct xhp_err *err)
{
	for (const struct scope *s = ctx->recipe->scopes; s; s = s->next) {
		for (unsigned int i = 0; i < s->nrequires; i++) {
			const struct template *t = &s->requires[i];
			const char *value;

			if ((t->segs[0].kind == SEG_RESULT ? t->segs[0].step : NULL) !=
			    last)
				continue;
			if (expand(ctx, s, t, V_TEXT, &value, err) < 0)
				return err->code;
			if (!*value) {
				err_set(err, -EINVAL, "%s is required, and not set",
					t->segs[0].text);
				err->pos = t->pos;
				return err->code;
			}
		}
	}
	return 0;
}

int steps_check(struct ctx *ctx, struct xhp_err *err)
{
	if (check_requires(ctx, NULL, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < ctx->recipe->nsteps; i++) {
		struct step *step = ctx->recipe->steps[i];

		if (step->late)
			continue;
		if (step_check(ctx, step, err) < 0) {
			if (!step->optional) {
				ctx->refused = step;
				return err->code;
			}
			log_warn("optional step left out: %s:%d: %s", err->pos.file,
				 err->pos.line, err->text);
			step_leave_out(step, "optional, and its check failed");
		}
		if (check_requires(ctx, step, err) < 0)
			return err->code;
	}
	return 0;
}
