// SPDX-License-Identifier: LGPL-2.1-or-later
// plan: says what a run would do, and changes nothing. What is printed as text is what
// is printed as JSON.

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "engine_priv.h"
#include "records.h"
#include "shared.h"
#include "steps.h"
#include "template.h"
#include "vars.h"
#include "xhp.h"

static const char *command_text(struct ctx *ctx, const struct step *step,
				const struct entry *e)
{
	struct xhp_err err;
	struct texts words;

	if (command_words(ctx, step->scope, &e->value, &words, &err) < 0)
		return mem_strdup(err.text);
	return words_text(&words);
}

/* What the value waits for is known already: the step before it makes nothing here. */
static bool is_known(const struct template *t)
{
	for (unsigned int i = 0; t->late && i < t->nsegs; i++) {
		const struct seg *seg = &t->segs[i];
		const struct step *of = seg->step;

		if (seg->kind == SEG_TEXT)
			continue;
		if (seg->kind != SEG_RESULT ||
		    !(of->results[seg->result] || (of->checked && !of->active)))
			return false;
	}
	return true;
}

static bool step_is_known(const struct step *step)
{
	bool known = true;

	for (unsigned int i = 0; i < step->nentries; i++)
		known &= is_known(&step->entries[i].value);
	return known;
}

static void add_key(struct ctx *ctx, const struct step *step, const struct entry *e,
		    json_t *keys, json_t *later)
{
	struct xhp_err err;
	const char *text;

	if (!is_known(&e->value)) {
		json_array_append_new(later, json_string(e->key));
		text = e->value.text;
	} else if ((e->param->flags & (P_OWN | P_OTHERWISE)) ||
		   template_is_secret(step->scope, &e->value)) {
		text = e->value.text;
	} else if (e->param->type == V_COMMAND) {
		text = command_text(ctx, step, e);
	} else if (expand(ctx, step->scope, &e->value, e->param->type, &text, &err) < 0) {
		text = err.text;
	}
	if (*text)
		json_set_text(keys, e->key, text);
}

/* Null: what it changes is not known, and why. */
static json_t *changes_json(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	json_t *list = json_array();
	const char *others = NULL;

	if (step->shared && shared_joins(ctx, step, &others, err) < 0)
		return json_null();
	if (others) {
		step->why = mem_printf("%s has made it: it is shared", others);
		return list;
	}
	if (step->action->plan && step->action->plan(ctx, step, step->args, err) < 0) {
		step->why = mem_strdup(err->text);
		return json_null();
	}
	for (unsigned int i = 0; i < step->nplanned; i++) {
		const struct planned *p = &step->planned[i];

		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s?, s:s, s:b}", "of", p->of, "what",
				  p->what, "now", p->now, "wanted", p->wanted, "differs",
				  !p->now || strcmp(p->now, p->wanted) != 0));
	}
	return list;
}

static json_t *step_json(struct ctx *ctx, struct step *step)
{
	json_t *o = json_object(), *keys = json_object(), *later = json_array();
	json_t *results = json_object(), *changes = json_array(), *runs = json_true();
	struct xhp_err err = { 0 };

	if (step->late && (!step_is_known(step) || step_check(ctx, step, &err) < 0)) {
		runs = json_null();
		changes = json_null();
		step->why = *err.text ? mem_strdup(err.text)
				      : "known when the steps before it are done";
	} else if (!step->active) {
		runs = json_false();
	} else {
		changes = changes_json(ctx, step, &err);
	}
	for (unsigned int i = 0; !json_is_false(runs) && i < step->nentries; i++)
		add_key(ctx, step, &step->entries[i], keys, later);
	for (unsigned int i = 0; !json_is_false(runs) && step->gives[i].name; i++) {
		if (step->results[i] && *step->results[i])
			json_set_text(results, step->gives[i].name,
				      step->secret ? "(secret)" : step->results[i]);
	}
	json_set_text(o, "step", step->name);
	json_set_text(o, "action", step->action->name);
	json_set_text(o, "from", mem_printf("%s:%d", step->pos.file, step->pos.line));
	json_object_set_new(o, "runs", runs);
	json_set_text(o, "why", step->why);
	json_object_set_new(o, "keys", keys);
	json_object_set_new(o, "later", later);
	json_object_set_new(o, "results", results);
	json_object_set_new(o, "changes", changes);
	return o;
}

/* What the journal holds, last first, but for what goes with the device itself. */
static json_t *undo_json(struct journal *j)
{
	json_t *list = json_array();

	for (unsigned int i = j->nrecs; i-- > 0;) {
		const struct rec *r = &j->recs[i];

		if (!r->undone && (r->scope != SCOPE_DEVICE || !j->complete))
			json_array_append_new(list, rec_json(j, r));
	}
	return list;
}

static int plan_attach(struct ctx *ctx, json_t *plan, struct xhp_err *err)
{
	const struct recipe *recipe = ctx->recipe;
	const char *note = NULL;
	json_t *steps = json_array();
	bool there = ctx->journal->version; /* an empty one: a run has only just begun */
	int rc = there ? engine_is_attached(ctx, err) : 0;

	if (rc < 0)
		return rc;
	if (rc) {
		json_set_text(plan, "does", "nothing");
		json_set_text(plan, "first",
			      "attached already: the toolstack is told again");
		return 0;
	}
	if (there)
		json_set_text(plan, "first",
			      mem_printf("what an earlier run left is undone first: %s",
					 err->text));
	ctx->dev = (struct link){ 0 };
	if (engine_settings(ctx, err) < 0 || engine_check(ctx, VERB_ATTACH, err) < 0)
		return err->code;
	if (ctx->recipe != recipe)
		note = mem_printf("not for this recipe, but for %s",
				  ctx->recipe->root->path);
	recipe = ctx->recipe;
	for (unsigned int i = 0; i < recipe->nsteps; i++)
		json_array_append_new(steps, step_json(ctx, recipe->steps[i]));
	json_set_text(plan, "note", note ? note : vars_note());
	json_object_set_new(plan, "steps", steps);
	json_set_text(plan, "last", recipe->class->finish);
	return 0;
}

/* --- as text --- */

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool has_text(json_t *list, const char *s)
{
	bool found = false;
	json_t *e;
	size_t i;

	json_array_foreach (list, i, e)
		found |= !strcmp(json_string_value(e), s);
	return found;
}

static void print_values(json_t *o)
{
	json_t *later = json_object_get(o, "later"), *value;
	const char *key;

	json_object_foreach (json_object_get(o, "keys"), key, value)
		printf("    %-14s %s%s\n", key, json_string_value(value),
		       has_text(later, key) ? " (known when the step before it is done)"
					    : "");
	json_object_foreach (json_object_get(o, "results"), key, value)
		printf("    -> %-11s %s\n", key, json_string_value(value));
}

static void print_change(json_t *c)
{
	const char *of = text(c, "of"), *now = text(c, "now"),
		   *wanted = text(c, "wanted");

	printf("    * %s%s%s: ", text(c, "what"), *of ? " of " : "", of);
	if (!json_is_true(json_object_get(c, "differs"))) {
		printf("%s, as it is\n", *wanted ? wanted : "none");
		return;
	}
	if (json_is_null(json_object_get(c, "now")))
		now = "?";
	printf("%s -> %s\n", *now ? now : "-", *wanted ? wanted : "-");
}

static void print_step(json_t *o, size_t n)
{
	bool labelled = strcmp(text(o, "step"), text(o, "action")) != 0;
	json_t *changes = json_object_get(o, "changes"), *c;
	const char *why = text(o, "why");
	size_t i;

	printf("%3zu [%s%s%s]  (%s)\n", n, text(o, "action"), labelled ? " " : "",
	       labelled ? text(o, "step") : "", text(o, "from"));
	if (json_is_false(json_object_get(o, "runs"))) {
		printf("    nothing: %s\n", why);
		return;
	}
	print_values(o);
	json_array_foreach (changes, i, c)
		print_change(c);
	if (json_is_null(changes))
		printf("    * what changes is not known yet: %s\n", why);
	else if (*why)
		printf("    * nothing: %s\n", why);
}

static void print_undo(json_t *o, size_t n)
{
	json_t *before = json_object_get(o, "before"), *value;
	const char *key, *back, *difference = text(o, "difference");

	printf("%3zu undo %s %s  (%s)\n", n, text(o, "action"), text(o, "kind"),
	       text(o, "from"));
	json_object_foreach (json_object_get(o, "asked"), key, value) {
		back = text(before, key);
		printf("    %-14s %s%s%s\n", key, json_string_value(value),
		       *back ? " -> " : "", back);
	}
	printf("    now: %s%s%s\n", text(o, "state"), *difference ? ", " : "",
	       difference);
}

static void print_plan(json_t *plan)
{
	json_t *o;
	size_t i;

	printf("%s %s, by %s\n", text(plan, "device"), text(plan, "verb"),
	       text(plan, "recipe"));
	if (*text(plan, "first"))
		printf("%s\n", text(plan, "first"));
	if (*text(plan, "note"))
		printf("note: %s\n", text(plan, "note"));
	json_array_foreach (json_object_get(plan, "steps"), i, o)
		print_step(o, i + 1);
	json_array_foreach (json_object_get(plan, "undo"), i, o)
		print_undo(o, i + 1);
	if (*text(plan, "last"))
		printf("last: %s\n", text(plan, "last"));
}

static json_t *plan_new(const char *device, const struct request *req,
			const struct recipe *recipe)
{
	json_t *plan = json_object();

	json_set_text(plan, "device", device);
	json_set_text(plan, "verb", req->verb);
	json_set_text(plan, "recipe", recipe->root->path);
	json_set_text(plan, "does",
		      req->kind == VERB_ATTACH   ? "attach"
		      : req->kind == VERB_DETACH ? "detach"
						 : "nothing");
	json_set_text(plan, "first", NULL);
	json_set_text(plan, "note", NULL);
	json_object_set_new(plan, "steps", json_array());
	json_object_set_new(plan, "undo", json_array());
	json_set_text(plan, "last", NULL);
	return plan;
}

static int make_plan(struct ctx *ctx, json_t *plan, struct xhp_err *err)
{
	struct journal *j = ctx->journal;
	int rc = journal_read(JOURNAL_DEVICES, ctx->device, j, err);

	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (ctx->req->kind == VERB_ATTACH)
		return plan_attach(ctx, plan, err);
	if (j->version)
		json_object_set_new(plan, "undo", undo_json(j));
	else
		json_set_text(plan, "first",
			      "there is no journal of it: what the stock script would "
			      "have attached is taken down");
	return 0;
}

int engine_plan(const struct request *req, const struct recipe *recipe, bool json,
		struct xhp_err *err)
{
	struct ctx ctx = { .req = req, .recipe = recipe, .planning = true };
	struct journal j = { .fd = -1 };
	json_t *plan;

	ctx.device = recipe->class->device(req);
	ctx.journal = &j;
	plan = plan_new(ctx.device, req, recipe);
	if (req->kind == VERB_IGNORE)
		json_set_text(plan, "first",
			      "nothing: this verb is not for this type_if");
	else if (make_plan(&ctx, plan, err) < 0)
		return err->code;
	if (json) {
		json_dumpf(plan, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
	} else {
		print_plan(plan);
	}
	return 0;
}
