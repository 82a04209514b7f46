// SPDX-License-Identifier: LGPL-2.1-or-later
// Shared things: a journal of their own, with the list of those who hold them.

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine.h"
#include "paths.h"
#include "shared.h"
#include "text.h"
#include "vars.h"
#include "xhp.h"

/* So many lines of who has come and gone are in the way. */
#define STALE_LINES 64

/*
 * One name for one file, by whatever path it was found, step and text: readable in
 * front, distinct behind.
 */
static const char *shared_name(const struct step *step, const char *text)
{
	char real[PATH_MAX];
	const char *path = realpath(step->scope->path, real);
	const char *key = mem_printf("%s\n%s\n%s", path ? path : step->scope->path,
				     step->name, text);

	return mem_printf("%s-%s-%016llx", step->scope->name, step->name,
			  (unsigned long long)text_hash(HASH_START, key, strlen(key)));
}

/* A holder whose own journal is gone was killed, or left before it was recorded. */
void shared_prune(struct journal *j, const char *self)
{
	for (unsigned int i = 0; i < j->nholders; i++) {
		const char *path =
			mem_printf("%s/%s/%s", STATE_DIR, JOURNAL_DEVICES, j->holders[i]);

		if ((!self || strcmp(j->holders[i], self) != 0) &&
		    access(path, F_OK) < 0 && errno == ENOENT)
			j->holders[i--] = j->holders[--j->nholders];
	}
}

static bool is_holder(const struct journal *j, const char *device)
{
	for (unsigned int i = 0; i < j->nholders; i++) {
		if (!strcmp(j->holders[i], device))
			return true;
	}
	return false;
}

/* Has this device's own journal a hold of it? Then it is given back where that stands. */
static bool is_held(const struct journal *own, const char *name)
{
	for (unsigned int i = 0; i < own->nrecs; i++) {
		const struct rec *rec = &own->recs[i];

		if (!strcmp(rec->action, SHARED_ACTION) && !rec->undone &&
		    !strcmp(rec_get(rec, "name") ? rec_get(rec, "name") : "", name))
			return true;
	}
	return false;
}

static int make(struct ctx *ctx, struct journal *j, const char *text, bool first,
		shared_ensure ensure, void *data, struct xhp_err *err)
{
	struct journal *own = ctx->journal;
	const struct field head[] = { { "shared", text } };
	int rc = 0;

	if (first && journal_begin(j, head, 1, NULL, 0, err) < 0)
		return err->code;
	journal_step(j, own->cur_step, SHARED_ACTION, own->cur_where);
	ctx->journal = j;
	rc = ensure(ctx, first, data, err);
	ctx->journal = own;
	j->pending = NULL;
	return rc || !first ? rc : journal_line(j, "done", "0", NULL, err);
}

int shared_hold(struct ctx *ctx, const char *name, const char *text, shared_ensure ensure,
		void *data, struct xhp_err *err)
{
	struct xhp_err undo_err;
	struct journal j;
	bool first;
	int rc = 0;

	if (!is_held(ctx->journal, name) &&
	    journal_record(ctx->journal, err, SCOPE_HOST, SHARED_ACTION, "hold", "name",
			   name, "text", text, "as", ctx->device, NULL) < 0)
		return err->code;
	if (journal_open(JOURNAL_SHARED, name, false, &j, err) < 0)
		return err->code;
	/* a boot takes what was made and whoever held it */
	if (j.foreign_boot && journal_reset(&j, err) < 0) {
		journal_close(&j, false);
		return err->code;
	}
	shared_prune(&j, ctx->device);
	first = !j.complete || !j.nholders;
	/* nobody holds it: left by a run that was killed */
	if (first && !journal_empty(&j))
		rc = engine_undo(&j, true, err);
	if (first && !rc)
		rc = journal_reset(&j, err);
	if (!rc)
		rc = make(ctx, &j, text, first, ensure, data, err);
	/* of what others hold, what was announced stays so: it goes with the last */
	if (rc < 0 && first && deadline_left() && engine_undo(&j, true, &undo_err) < 0) {
		log_warn("roll-back of what is shared: %s", undo_err.text);
		journal_close(&j, false);
		return rc;
	}
	if (!rc && !is_holder(&j, ctx->device))
		rc = journal_line(&j, "holder", ctx->device, NULL, err);
	/* what is left of it is undone by the record above */
	journal_close(&j, rc < 0 && journal_empty(&j));
	return rc;
}

/* A step with shared = TEXT: the first applies it, the others take its results. */
static int apply_or_join(struct ctx *ctx, bool first, void *data, struct xhp_err *err)
{
	const struct journal *j = ctx->journal;
	struct step *step = data;
	int rc = 0;

	if (!first) {
		for (unsigned int i = 0; i < j->nresults; i++)
			step_result(step, j->results[i].name, j->results[i].value);
		return 0;
	}
	if (step->action->apply)
		rc = step->action->apply(ctx, step, step->args, err);
	for (unsigned int i = 0; !rc && step->gives[i].name; i++)
		rc = journal_line(ctx->journal, "result", step->gives[i].name,
				  step->results[i] ? step->results[i] : "", err);
	return rc;
}

int shared_apply(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	const char *text;

	if (expand(ctx, step->scope, step->shared, V_TEXT, &text, err) < 0)
		return err->code;
	return shared_hold(ctx, shared_name(step, text), text, apply_or_join, step, err);
}

int shared_joins(struct ctx *ctx, struct step *step, const char **ret,
		 struct xhp_err *err)
{
	struct journal j;
	const char *text;

	*ret = NULL;
	if (step->shared->late)
		return err_set(err, -EAGAIN, "what is shared is known later");
	if (expand(ctx, step->scope, step->shared, V_TEXT, &text, err) < 0)
		return err->code;
	if (journal_read(JOURNAL_SHARED, shared_name(step, text), &j, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	shared_prune(&j, NULL);
	if (j.foreign_boot || !j.complete || !j.nholders)
		return 0;
	for (unsigned int i = 0; i < j.nresults; i++)
		step_result(step, j.results[i].name, j.results[i].value);
	*ret = j.holders[0];
	return 0;
}

int shared_detach_stock(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	struct journal j;
	const char *text;
	int rc = 0;

	if (expand(ctx, step->scope, step->shared, V_TEXT, &text, err) < 0 ||
	    journal_open(JOURNAL_SHARED, shared_name(step, text), false, &j, err) < 0)
		return err->code;
	shared_prune(&j, NULL);
	if (j.foreign_boot || !j.nholders)
		rc = step->action->detach_stock(ctx, step, step->args, err);
	journal_close(&j, false);
	return rc;
}

bool shared_exists(const char *name)
{
	const char *path = mem_printf("%s/%s/%s", STATE_DIR, JOURNAL_SHARED, name);

	return !access(path, F_OK);
}

int shared_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *self = rec_get(rec, "as");
	struct xhp_err unused;
	struct journal j;
	int rc;

	if (!name || !self)
		return err_set(err, -EINVAL, "record %u: no name", rec->id);
	if (journal_open(JOURNAL_SHARED, name, false, &j, err) < 0)
		return err->code;
	shared_prune(&j, self);
	for (unsigned int i = 0; i < j.nholders; i++) {
		if (!strcmp(j.holders[i], self))
			j.holders[i--] = j.holders[--j.nholders];
	}
	/* first: nobody may join what is being taken back when we are killed */
	rc = journal_line(&j, "left", self, NULL, err);
	if (j.nholders) {
		if (!rc && j.nstale >= STALE_LINES)
			journal_compact(&j);
	} else { /* a full disk keeps nothing from being taken back */
		rc = engine_undo_shared(&j, ctx->rollback, err);
		if (rc < 0 && j.complete) /* it is all there, as it was */
			journal_line(&j, "holder", self, NULL, &unused);
	}
	journal_close(&j, !rc && !j.nholders);
	return rc;
}

int shared_audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *self = rec_get(rec, "as");
	struct journal j;

	(void)ctx;
	if (!name || !self)
		return err_set(err, -EINVAL, "record %u: no name", rec->id);
	if (journal_read(JOURNAL_SHARED, name, &j, err) < 0)
		return err->code == -ENOENT ? 1 : err->code;
	if (is_holder(&j, self))
		return engine_audit(&j, err);
	err_set(err, -ENOENT, "%s is not held any more", name);
	return 1;
}

/* What another holder has repaired meanwhile is not repaired again. */
int shared_repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *self = rec_get(rec, "as");
	struct journal j;
	int rc;

	(void)ctx;
	if (!name || !self)
		return err_set(err, -EINVAL, "record %u: no name", rec->id);
	if (journal_open(JOURNAL_SHARED, name, false, &j, err) < 0)
		return err->code;
	rc = is_holder(&j, self) ? engine_repair(&j, err)
				 : err_set(err, -ENOENT, "%s is not held any more", name);
	journal_close(&j, false);
	return rc;
}
