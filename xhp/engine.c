// SPDX-License-Identifier: LGPL-2.1-or-later
// The engine: check all, apply in order, undo in reverse.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "deadline.h"
#include "engine_priv.h"
#include "otherwise.h"
#include "proc.h"
#include "runlog.h"
#include "settings.h"
#include "shared.h"
#include "steps.h"
#include "vars.h"
#include "xhp.h"

/* --- the way back --- */

static int undo_one(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const struct action *a;

	if (!strcmp(rec->action, SHARED_ACTION))
		return shared_undo(ctx, rec, err);
	if (!strcmp(rec->kind, PROC_KIND))
		return proc_undo(rec, err);
	a = action_find(rec->action);
	if (!a || !a->undo)
		return err_set(
			err, -EPROTO,
			"this version cannot undo [%s] %s (%s): an older or newer one "
			"wrote it",
			rec->action, rec->kind, rec->where);
	return a->undo(ctx, rec, err);
}

/* The records from number `down_to` on; `all`: also what belongs to the device itself. */
static int undo_records(struct journal *j, unsigned int down_to, bool rollback, bool all,
			struct xhp_err *err)
{
	struct ctx ctx = { .journal = j, .device = j->name, .rollback = rollback };
	struct xhp_err one;
	int first = 0;

	for (unsigned int i = j->nrecs; i-- > down_to;) {
		struct rec *rec = &j->recs[i];

		if (rec->undone || (rec->scope == SCOPE_DEVICE && !all))
			continue;
		runlog_step(mem_printf("undo:%s", rec->step));
		if (deadline_check(&one) < 0 || undo_one(&ctx, rec, &one) < 0) {
			err_wrap(&one, "undo of [%s] (%s)", rec->step, rec->where);
			log_warn("%s", one.text);
			if (!first) {
				*err = one;
				first = one.code;
			}
			/* what is not known must stop: it may hold up what is below */
			if (one.code == -EPROTO || deadline_check(&one) < 0)
				break;
			continue;
		}
		if (journal_undone(j, i, &one) < 0)
			log_warn("%s", one.text);
	}
	return first;
}

int engine_undo(struct journal *j, bool rollback, struct xhp_err *err)
{
	return undo_records(j, 0, rollback, rollback, err);
}

int engine_undo_shared(struct journal *j, bool rollback, struct xhp_err *err)
{
	return undo_records(j, 0, rollback, true, err);
}

static int audit_one(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const struct action *a = action_find(rec->action);

	if (rec->undone || !strcmp(rec->kind, PROC_KIND))
		return 0;
	if (!strcmp(rec->action, SHARED_ACTION))
		return shared_audit(ctx, rec, err);
	return a && a->audit ? a->audit(ctx, rec, err) : 0;
}

int engine_audit(struct journal *j, struct xhp_err *err)
{
	struct ctx ctx = { .journal = j, .device = j->name };

	for (unsigned int i = 0; i < j->nrecs; i++) {
		int rc = audit_one(&ctx, &j->recs[i], err);

		if (rc) {
			err_wrap(err, "[%s]", j->recs[i].step);
			return rc;
		}
	}
	return 0;
}

int engine_audit_one(struct journal *j, const struct rec *rec, struct xhp_err *err)
{
	struct ctx ctx = { .journal = j, .device = j->name };

	return audit_one(&ctx, rec, err);
}

/* What was repaired once may be two records' concern: each is looked at anew. */
static enum drift repair_one(struct ctx *ctx, const struct rec *rec, enum drift found,
			     struct xhp_err *err)
{
	const struct action *a = action_find(rec->action);
	struct xhp_err what = *err;
	bool shared = !strcmp(rec->action, SHARED_ACTION);

	if (!shared && (!a || !a->repair))
		return found;
	if ((shared ? shared_repair : a->repair)(ctx, rec, err) < 0) {
		err_wrap(err, "%s, and cannot be repaired", what.text);
		return DRIFTED;
	}
	if (audit_one(ctx, rec, err))
		return DRIFTED;
	*err = what;
	return REPAIRED;
}

int engine_repair(struct journal *j, struct xhp_err *err)
{
	struct ctx ctx = { .journal = j, .device = j->name };

	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (audit_one(&ctx, &j->recs[i], err) &&
		    repair_one(&ctx, &j->recs[i], DRIFTED, err) == DRIFTED)
			return err->code < 0 ? err->code : -EIO;
	}
	return 0;
}

unsigned int engine_compare(struct journal *j, bool repair,
			    void (*tell)(void *data, const struct rec *rec,
					 enum drift drift, const char *what),
			    void *data)
{
	struct ctx ctx = { .journal = j, .device = j->name };
	unsigned int left = 0;

	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *rec = &j->recs[i];
		enum drift drift;
		struct xhp_err err;
		int rc = audit_one(&ctx, rec, &err);

		if (!rc)
			continue;
		drift = rc < 0 ? UNKNOWN : DRIFTED;
		if (repair)
			drift = repair_one(&ctx, rec, drift, &err);
		left += drift != REPAIRED;
		tell(data, rec, drift, err.text);
	}
	return left;
}

/* --- attach --- */

/* Whose device it is; a driver domain cannot read it. */
static const char *guest_uuid(const struct request *req)
{
	return req->path ? store_uuid(req->domid) : NULL;
}

/* For the log: by a name that costs no question, as some recipes have asked for it. */
static const char *note_guest(const char *uuid, const struct field *vars,
			      unsigned int nvars)
{
	runlog_guest(uuid, field_get(vars, nvars, "vm/name"));
	return uuid;
}

/* What is tried in vain is what is looked for later, when the guest is gone. */
static void note_refused(const struct request *req)
{
	struct xhp_err unused;
	const char *name;

	if (!req->path ||
	    store_read(mem_printf("/local/domain/%u/name", req->domid), &name, &unused))
		name = NULL;
	runlog_guest(guest_uuid(req), name);
}

static int write_header(struct ctx *ctx, struct xhp_err *err)
{
	const struct request *req = ctx->req;
	const struct recipe *recipe = ctx->recipe;
	const struct field *vars;
	unsigned int nvars, self;
	bool known = !store_self(&self, err);

	if (!known)
		return err->code;
	vars = vars_read(&nvars);
	return journal_begin(
		ctx->journal,
		(const struct field[]){
			{ "class", recipe->device },
			{ "type", req->type },
			{ "domid", req->path ? mem_printf("%u", req->domid) : NULL },
			{ "devid", req->path ? mem_printf("%u", req->devid) : NULL },
			{ "path", req->path },
			{ "self", mem_printf("%u", self) },
			{ "uuid", note_guest(guest_uuid(req), vars, nvars) },
			{ "ifindex",
			  ctx->dev.ifindex ? mem_printf("%d", ctx->dev.ifindex) : NULL },
			{ "dev", ctx->dev.ifindex ? ctx->dev.name.s : NULL },
			{ "mtu", ctx->mtu ? mem_printf("%u", ctx->mtu) : NULL },
			{ "recipe", recipe->root->path },
			{ "hash", recipe->hash
					  ? mem_printf("%016llx",
						       (unsigned long long)recipe->hash)
					  : NULL },
			{ "since", mem_printf("%lld", (long long)time(NULL)) },
			{ "note", vars_note() },
		},
		14, vars, nvars, err);
}

/* One step; what an optional step had done when it failed is undone at once. */
static int apply_step(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	struct journal *j = ctx->journal;
	unsigned int before = j->nrecs;
	struct xhp_err undo_err;
	int rc = deadline_check(err);

	runlog_step(step->name);
	if (!rc && step->late)
		rc = step_check(ctx, step, err);
	if (rc || (step->checked && !step->active))
		goto out;
	journal_step(j, step->name, step->action->name,
		     mem_printf("%s:%d", step->pos.file, step->pos.line));
	if (step->shared)
		rc = shared_apply(ctx, step, err);
	else if (step->action->apply)
		rc = step->action->apply(ctx, step, step->args, err);
out:
	if (!rc)
		return 0;
	step_error(step, err);
	if (!step->optional || deadline_check(&undo_err) < 0)
		return err->code;
	log_warn("optional step failed: %s:%d: %s", err->pos.file, err->pos.line,
		 err->text);
	step_leave_out(step, "optional, and it failed");
	return undo_records(j, before, true, true, &undo_err) ? err->code : 0;
}

int engine_settings(struct ctx *ctx, struct xhp_err *err)
{
	struct settings settings;

	if (settings_load(&settings, err) < 0)
		return err->code;
	ctx->require_filter = settings.require_filter;
	ctx->sharing = settings.sharing;
	deadline_limit((unsigned int)settings.timeout.v);
	return 0;
}

int engine_check(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const struct recipe *recipe = ctx->recipe;

	if (recipe->class->find && recipe->class->find(ctx, verb, err) < 0)
		return err->code;
	if (steps_check(ctx, err) < 0 &&
	    (hand_over(ctx, err) < 0 || steps_check(ctx, err) < 0))
		return err->code;
	if (ctx->filtered && ctx->around) {
		err_set(err, -EPERM,
			"what it leads elsewhere goes around this recipe's filter: "
			"it has to be a copy, or a guest without ip=");
		return step_error(ctx->around, err);
	}
	if (ctx->require_filter && ctx->dev.ifindex && !strcmp(recipe->device, "vif") &&
	    !ctx->filtered)
		return err_set(
			err, -EPERM,
			"nothing filters %s (no ip= in the guest's configuration?), "
			"and the settings say require-filter = yes",
			ctx->device);
	return 0;
}

static int attach(struct ctx *ctx, struct xhp_err *err)
{
	const struct recipe *recipe;

	if (engine_check(ctx, VERB_ATTACH, err) < 0 || write_header(ctx, err) < 0)
		return err->code;
	recipe = ctx->recipe;
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		if (apply_step(ctx, recipe->steps[i], err) < 0)
			return err->code;
	}
	if (journal_line(ctx->journal, "done", mem_printf("%lu", deadline_elapsed_us()),
			 NULL, err) < 0)
		return err->code;
	runlog_step("tell");
	return recipe->class->finish_ok(ctx, VERB_ATTACH, err);
}

int engine_is_attached(struct ctx *ctx, struct xhp_err *err)
{
	struct journal *j = ctx->journal;
	const char *ifindex = journal_head(j, "ifindex"), *uuid = journal_head(j, "uuid");
	const char *now, *which;
	struct link link;
	int rc;

	if (!j->complete) {
		err_set(err, -EINTR, "the run that attached it was cut short");
		return 0;
	}
	now = note_guest(guest_uuid(ctx->req), j->vars, j->nvars);
	if (uuid && now && strcmp(uuid, now) != 0) {
		err_set(err, -ESTALE, "it was another guest's");
		return 0;
	}
	if (ifindex && nl_link_by_index(atoi(ifindex), &link, err) < 0) {
		err_wrap(err, "its interface");
		return err->code == -ENODEV ? 0 : err->code;
	}
	if (ifindex)
		ctx->dev = link;
	if (vars_changed(ctx, j, &which, err) < 0)
		return err->code;
	if (which) {
		err_set(err, -ESTALE, "%s has changed since", which);
		return 0;
	}
	rc = engine_audit(j, err);
	if (rc)
		return rc < 0 ? rc : 0;
	if (journal_head(j, "mtu"))
		ctx->mtu = (unsigned int)atoi(journal_head(j, "mtu"));
	return 1;
}

/* What an earlier run left: 1 = all is in place, 0 = nothing is left of it. */
static int settle_journal(struct ctx *ctx, struct xhp_err *err)
{
	struct journal *j = ctx->journal;
	int rc;

	if (j->foreign_boot) {
		log_info("a journal from before the last boot is dropped");
		return journal_reset(j, err);
	}
	if (!j->version)
		return 0;
	/* a working guest is not taken down because something could not be read */
	rc = engine_is_attached(ctx, err);
	if (rc)
		return rc;
	if (!journal_empty(j)) {
		log_info("what an earlier run left is undone first: %s", err->text);
		if (engine_undo(j, true, err) < 0)
			return err_wrap(err, "what an earlier run left cannot be undone");
	}
	ctx->dev = (struct link){ 0 };
	return journal_reset(j, err);
}

static int roll_back(struct ctx *ctx, struct xhp_err *err)
{
	struct xhp_err undo_err;
	size_t len = strlen(err->text);
	bool clean;

	deadline_extend(DEADLINE_UNDO);
	clean = !engine_undo(ctx->journal, true, &undo_err);
	if (!clean)
		snprintf(
			err->text + len, sizeof(err->text) - len,
			"; and the roll-back is not complete (xen-hotplug gc tries again): %s",
			undo_err.text);
	journal_close(ctx->journal, clean);
	return err->code;
}

/* Has the device been attached by another program? */
static bool is_foreign(struct ctx *ctx)
{
	const struct class *class = ctx->recipe->class;
	const char *node = class->proof ? class->proof(ctx->req) : NULL, *unused;
	struct xhp_err err;
	bool there;

	/* the directory was read earlier: only what it had then is worth asking for */
	return node && !store_has(ctx->req->path, node, &there, &err) && there &&
	       !store_read(mem_printf("%s/%s", ctx->req->path, node), &unused, &err);
}

static int run_attach(struct ctx *ctx, struct xhp_err *err)
{
	int rc = settle_journal(ctx, err);

	if (rc < 0) {
		journal_close(ctx->journal, false);
		return rc;
	}
	if (rc == 1) {
		log_info("attached already: nothing to do");
		runlog_step("tell");
		rc = ctx->recipe->class->finish_ok(ctx, VERB_ATTACH, err);
		journal_close(ctx->journal, false);
		return rc;
	}
	if (is_foreign(ctx)) {
		log_info("somebody else has attached it: nothing to do");
		journal_close(ctx->journal, true);
		return 0;
	}
	if (attach(ctx, err) < 0) {
		err->refused = true;
		return roll_back(ctx, err);
	}
	journal_close(ctx->journal, false);
	return 0;
}

/* --- detach --- */

static int detach_stock_steps(struct ctx *ctx, struct xhp_err *err)
{
	const struct recipe *recipe = ctx->recipe;
	struct xhp_err one;
	int first = 0;

	/* lookups, for the values of the others; one that fails gives none */
	for (unsigned int i = 0; i < recipe->nsteps; i++) {
		struct step *step = recipe->steps[i];

		if (step->lookup)
			step_check(ctx, step, &one);
		else if (step->action->recall)
			step->action->recall(ctx, step, &one);
	}
	for (unsigned int i = recipe->nsteps; i-- > 0;) {
		struct step *step = recipe->steps[i];

		/* what a late result would say, is not known: not the device instead */
		if (!step->action->detach_stock || step->late)
			continue;
		if (step_bind(ctx, step, &one) < 0 || !step->active)
			continue;
		if ((step->shared ? shared_detach_stock(ctx, step, &one)
				  : step->action->detach_stock(ctx, step, step->args,
							       &one)) < 0) {
			step_error(step, &one);
			log_warn("%s", one.text);
			if (!first)
				*err = one;
			first = err->code;
		}
	}
	return first;
}

/* No journal: the stock script attached it, or nobody did. */
static int detach_stock(struct ctx *ctx, struct xhp_err *err)
{
	const struct class *class = ctx->recipe->class;
	struct xhp_err one;
	int rc;

	vars_lenient();
	if (class->find && class->find(ctx, VERB_DETACH, err) < 0)
		return err->code;
	rc = detach_stock_steps(ctx, err);
	if (!rc && hand_over_detach(ctx, &one) == 0)
		rc = detach_stock_steps(ctx, err);
	return rc;
}

static int run_detach(struct ctx *ctx, struct xhp_err *err)
{
	struct journal *j = ctx->journal;
	int rc;

	deadline_extend(DEADLINE_UNDO);
	if (!j->foreign_boot)
		note_guest(journal_head(j, "uuid"), j->vars, j->nvars);
	if (j->foreign_boot)
		rc = 0;
	else if (j->version)
		rc = engine_undo(j, !j->complete, err);
	else
		rc = detach_stock(ctx, err);
	if (!rc) {
		runlog_step("tell");
		rc = ctx->recipe->class->finish_ok(ctx, VERB_DETACH, err);
	}
	journal_close(j, !rc || !j->version);
	return rc;
}

/* xenstored may have been slow alone: it is asked once more. */
static void tell_error(const struct request *req, const struct recipe *recipe,
		       const struct xhp_err *err)
{
	unsigned int until;

	if (req->early)
		return;
	until = (unsigned int)(deadline_elapsed_us() / 1000000) + DEADLINE_TELL_FOR;

	deadline_extend(until < DEADLINE_TELL ? until : DEADLINE_TELL);
	store_again();
	recipe->class->finish_err(req->path, err);
	note_refused(req);
}

int engine_run(const struct request *req, const struct recipe *recipe,
	       struct xhp_err *err)
{
	struct ctx ctx = { .req = req, .recipe = recipe };
	struct journal journal;
	int rc;

	ctx.device = recipe->class->device(req);
	log_subject(ctx.device);
	runlog_device(ctx.device, req->type, req->kind == VERB_ATTACH);
	runlog_step("check");
	/* before the first wait; nothing in them may keep a device from being detached */
	rc = req->kind == VERB_ATTACH ? engine_settings(&ctx, err) : 0;
	if (!rc)
		rc = journal_open(JOURNAL_DEVICES, ctx.device, false, &journal, err);
	if (!rc) {
		ctx.journal = &journal;
		rc = req->kind == VERB_ATTACH ? run_attach(&ctx, err)
					      : run_detach(&ctx, err);
	}
	if (rc < 0)
		tell_error(req, recipe, err);
	return rc;
}
