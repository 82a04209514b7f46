// SPDX-License-Identifier: LGPL-2.1-or-later
// Shared things: a journal of their own, with the list of those who hold them.

#include <stdio.h>
#include <unistd.h>

#include "engine.h"
#include "paths.h"
#include "shared.h"
#include "text.h"
#include "vars.h"
#include "xhp.h"

/* One name for one file, step and text: readable in front, distinct behind. */
static const char *shared_name(const struct step *step, const char *text)
{
	const char *key = mem_printf("%s\n%s\n%s", step->scope->path, step->name, text);

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

static int join(struct step *step, const struct journal *j)
{
	for (unsigned int i = 0; i < j->nresults; i++)
		step_result(step, j->results[i].name, j->results[i].value);
	return 0;
}

static int make(struct ctx *ctx, struct step *step, const char *text, struct journal *j,
		struct xhp_err *err)
{
	const struct result_def *def = step->action->results;
	const struct field head[] = { { "shared", text },
				      { "recipe", step->scope->path } };
	struct journal *own = ctx->journal;
	int rc;

	if (journal_begin(j, head, 2, NULL, 0, err) < 0)
		return err->code;
	journal_step(j, step->name, step->action->name,
		     mem_printf("%s:%d", step->pos.file, step->pos.line));
	ctx->journal = j;
	rc = step->action->apply ? step->action->apply(ctx, step, step->args, err) : 0;
	ctx->journal = own;
	for (unsigned int i = 0; !rc && def && def[i].name; i++)
		rc = journal_line(j, "result", def[i].name,
				  step->results[i] ? step->results[i] : "", err);
	return rc ? rc : journal_line(j, "done", "0", NULL, err);
}

int shared_apply(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	struct xhp_err undo_err;
	struct journal j;
	const char *text, *name;
	int rc;

	if (expand(ctx, step->scope, step->shared, V_TEXT, &text, err) < 0)
		return err->code;
	name = shared_name(step, text);
	if (journal_record(ctx->journal, err, SCOPE_HOST, SHARED_ACTION, "hold", "name",
			   name, "text", text, "as", ctx->device, NULL) < 0 ||
	    journal_open(JOURNAL_SHARED, name, false, &j, err) < 0)
		return err->code;
	/* a boot takes what was made and whoever held it */
	if (j.foreign_boot && journal_reset(&j, err) < 0) {
		journal_close(&j, false);
		return err->code;
	}
	shared_prune(&j, ctx->device);
	if (j.complete && j.nholders) {
		rc = join(step, &j);
	} else {
		rc = 0;
		/* nobody holds it: left by a run that was killed */
		if (!journal_empty(&j))
			rc = engine_undo(&j, true, err);
		if (!rc)
			rc = journal_reset(&j, err);
		if (!rc)
			rc = make(ctx, step, text, &j, err);
		if (rc < 0 && engine_undo(&j, true, &undo_err) < 0) {
			log_warn("roll-back of what is shared: %s", undo_err.text);
			journal_close(&j, false);
			return rc;
		}
	}
	if (!rc)
		rc = journal_line(&j, "holder", ctx->device, NULL, err);
	/* what is left of it is undone by the record above */
	journal_close(&j, rc < 0 && journal_empty(&j));
	return rc;
}

int shared_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *self = rec_get(rec, "as");
	struct journal j;
	bool last = true;

	if (!name || !self)
		return err_set(err, -EINVAL, "record %u: no name", rec->id);
	if (journal_open(JOURNAL_SHARED, name, false, &j, err) < 0)
		return err->code;
	shared_prune(&j, self);
	for (unsigned int i = 0; i < j.nholders; i++)
		last &= !strcmp(j.holders[i], self);
	if (!last) {
		int rc = journal_line(&j, "left", self, NULL, err);

		journal_close(&j, false);
		return rc;
	}
	if (engine_undo_shared(&j, ctx->rollback, err) < 0) {
		journal_close(&j, false);
		return err->code;
	}
	journal_close(&j, true);
	return 0;
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
	for (unsigned int i = 0; i < j.nholders; i++) {
		if (!strcmp(j.holders[i], self))
			return engine_audit(&j, err);
	}
	err_set(err, -ENOENT, "%s is not held any more", name);
	return 1;
}
