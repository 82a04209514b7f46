// SPDX-License-Identifier: LGPL-2.1-or-later
// plan: says what a run would do, and changes nothing.

#include <stdio.h>
#include <string.h>

#include "command.h"
#include "engine_priv.h"
#include "template.h"
#include "vars.h"
#include "xhp.h"

/* A command's words; one that needs quotes has them. */
static const char *plan_words(struct ctx *ctx, const struct step *step,
			      const struct entry *e)
{
	struct buf b = { 0 };
	struct xhp_err err;
	struct texts words;

	if (command_words(ctx, step->scope, &e->value, &words, &err) < 0)
		return mem_strdup(err.text);
	for (unsigned int i = 0; i < words.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "",
			   strpbrk(words.v[i], " \"'") ? quoted(words.v[i]) : words.v[i]);
	return b.s ? b.s : "";
}

static void plan_value(struct ctx *ctx, const struct step *step, const struct entry *e)
{
	struct xhp_err err;
	const char *text;

	if (e->value.late) {
		printf("    %-14s %s (known when the step before it is done)\n", e->key,
		       e->value.text);
		return;
	}
	if ((e->param->flags & (P_OWN | P_OTHERWISE)) ||
	    template_is_secret(step->scope, &e->value))
		text = e->value.text;
	else if (e->param->type == V_COMMAND)
		text = plan_words(ctx, step, e);
	else if (expand(ctx, step->scope, &e->value, e->param->type, &text, &err) < 0)
		text = err.text;
	if (!*text)
		return;
	printf("    %-14s %s\n", e->key, text);
}

static void plan_step(struct ctx *ctx, const struct step *step, unsigned int n)
{
	bool labelled = strcmp(step->name, step->action->name) != 0;

	printf("%3u [%s%s%s]  (%s:%d)\n", n, step->action->name, labelled ? " " : "",
	       labelled ? step->name : "", step->pos.file, step->pos.line);
	if (!step->late && !step->active) {
		printf("    nothing: %s\n", step->why);
		return;
	}
	for (unsigned int i = 0; i < step->nentries; i++)
		plan_value(ctx, step, &step->entries[i]);
	for (unsigned int i = 0; step->gives[i].name; i++) {
		if (step->results[i] && *step->results[i])
			printf("    -> %-11s %s\n", step->gives[i].name,
			       step->secret ? "(secret)" : step->results[i]);
	}
}

static void plan_detach(const struct journal *j)
{
	unsigned int n = 0;

	for (unsigned int i = j->nrecs; i-- > 0;) {
		const struct rec *r = &j->recs[i];

		if (r->undone || (r->scope == SCOPE_DEVICE && j->complete))
			continue;
		printf("%3u undo %s %s  (%s)\n", ++n, r->action, r->kind, r->where);
		for (unsigned int k = 0; k < r->nfields; k++)
			printf("    %-14s %s\n", r->fields[k].name, r->fields[k].value);
	}
}

int engine_plan(const struct request *req, const struct recipe *recipe,
		struct xhp_err *err)
{
	struct ctx ctx = { .req = req, .recipe = recipe, .planning = true };
	struct journal j = { .fd = -1 };
	bool there;
	int rc;

	ctx.device = recipe->class->device(req);
	ctx.journal = &j;
	rc = journal_read(JOURNAL_DEVICES, ctx.device, &j, err);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	there = j.version; /* an empty one: a run has only just begun */
	printf("%s %s, by %s\n", ctx.device, req->verb, recipe->root->path);
	if (req->kind == VERB_DETACH) {
		if (there)
			plan_detach(&j);
		else
			printf("there is no journal of it: what the stock script would have "
			       "attached is taken down\n");
		return 0;
	}
	rc = there ? engine_is_attached(&ctx, err) : 0;
	if (rc < 0)
		return rc;
	if (rc) {
		printf("attached already: nothing to do but to tell the toolstack\n");
		return 0;
	}
	if (there)
		printf("what an earlier run left is undone first: %s\n", err->text);
	ctx.dev = (struct link){ 0 };
	if (engine_settings(&ctx, err) < 0 || engine_check(&ctx, VERB_ATTACH, err) < 0)
		return err->code;
	if (vars_note())
		printf("note: %s\n", vars_note());
	if (ctx.recipe != recipe)
		printf("not for this recipe, but for %s\n", ctx.recipe->root->path);
	recipe = ctx.recipe;
	for (unsigned int i = 0; i < recipe->nsteps; i++)
		plan_step(&ctx, recipe->steps[i], i + 1);
	printf("last: %s\n", recipe->class->finish);
	return 0;
}
