// SPDX-License-Identifier: LGPL-2.1-or-later
// exec: an outside program, and the one that takes back what it did.

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "actions.h"
#include "command.h"
#include "deadline.h"
#include "exec.h"
#include "pattern.h"
#include "program.h"
#include "request.h"
#include "template.h"
#include "vars.h"

#define RETRY_MS 500

struct args {
	const struct template *read, *attach, *detach, *check, *kill;
	struct patterns output, expect;
	struct texts already, gone;
	struct num retry, timeout;
};

static const struct param params[] = {
	{ .key = "read",
	  .type = V_COMMAND,
	  .flags = P_SECRET,
	  .offset = offsetof(struct args, read),
	  .help = "looks something up, before anything changes" },
	{ .key = "attach",
	  .type = V_COMMAND,
	  .flags = P_SECRET,
	  .offset = offsetof(struct args, attach),
	  .help = "makes the change; if it ends with another status than 0 it made none" },
	{ .key = "detach",
	  .type = V_COMMAND,
	  .flags = P_OWN,
	  .offset = offsetof(struct args, detach),
	  .help = "takes it back; may use the step's own results" },
	{ .key = "check",
	  .type = V_COMMAND,
	  .offset = offsetof(struct args, check),
	  .help = "ends with status 0 if all is so already; then nothing is done" },
	{ .key = "expect",
	  .type = V_PATTERNS,
	  .offset = offsetof(struct args, expect),
	  .help = "what a line of check's output has to be, too" },
	{ .key = "output",
	  .type = V_PATTERNS,
	  .offset = offsetof(struct args, output),
	  .help = "how a line of the output is cut into results" },
	{ .key = "already",
	  .type = V_LIST,
	  .offset = offsetof(struct args, already),
	  .help = "attach's statuses that say that all was so already" },
	{ .key = "gone",
	  .type = V_LIST,
	  .offset = offsetof(struct args, gone),
	  .help = "detach's statuses that say that there was nothing to take back" },
	{ .key = "retry",
	  .type = V_UINT,
	  .max = 30,
	  .offset = offsetof(struct args, retry),
	  .dflt = "0",
	  .help = "how many seconds a failing attach or detach is tried again" },
	{ .key = "timeout",
	  .type = V_UINT,
	  .min = 1,
	  .max = 35,
	  .offset = offsetof(struct args, timeout),
	  .dflt = "20",
	  .help = "seconds for each run; then the program is killed" },
	{ .key = "kill",
	  .type = V_UINT,
	  .min = 2,
	  .max = INT32_MAX,
	  .flags = P_OWN,
	  .offset = offsetof(struct args, kill),
	  .help = "a process of the step's own results, ended on the way back" },
	{ .key = NULL },
};

/* --- running --- */

static bool in_list(const struct texts *list, int status)
{
	for (unsigned int i = 0; i < list->n; i++) {
		if (atoi(list->v[i]) == status)
			return true;
	}
	return false;
}

static int failed(const struct ctx *ctx, const struct texts *words, const struct proc *p,
		  bool secret, struct xhp_err *err)
{
	return err_set(err, -EIO, "%s ended with status %d: %s", words->v[0], p->status,
		       secret ? "what it said may hold a secret, and is not shown"
			      : program_said(ctx, p));
}

/* The first pattern that matches a line of the output; -ENOENT: none does. */
static int match_output(const struct patterns *patterns, const struct buf *output,
			void (*take)(void *data, const char *field, const char *value),
			void *data)
{
	for (unsigned int i = 0; i < patterns->n; i++) {
		const char *s = output->s ? output->s : "";

		while (*s) {
			size_t len = strcspn(s, "\n"), end = len;
			size_t start = strspn(s, " \t\r");

			while (end > start && strchr(" \t\r", s[end - 1]))
				end--;
			if (end > start &&
			    pattern_match(&patterns->v[i],
					  mem_strndup(s + start, end - start), take,
					  data))
				return 0;
			s += len + (s[len] == '\n');
		}
	}
	return -ENOENT;
}

static void take_field(void *data, const char *field, const char *value)
{
	step_result(data, field, value);
}

static int take_output(struct step *step, const struct args *args,
		       const struct texts *words, const struct proc *p,
		       struct xhp_err *err)
{
	if (!args->output.n)
		return 0;
	if (match_output(&args->output, &p->output, take_field, step) < 0)
		return err_set(
			err, -EPROTO, "no line of what %s says is of the form %s: %s",
			words->v[0], quoted(step_entry(step, "output")->value.text),
			step->secret ? "not shown" : proc_last_lines(&p->output));
	for (unsigned int i = 0; step->gives[i].name; i++) {
		if (!step->results[i] || !value_check(V_TEXT, step->results[i], err))
			continue;
		if (step->secret)
			return err_set(err, -EPROTO,
				       "what %s says is no text, and may hold a secret",
				       words->v[0]);
		return err_wrap(err, "what %s says", words->v[0]);
	}
	return 0;
}

/* Waits a little before the next try; false when the time for that is over. */
static bool try_again(unsigned long since_us, unsigned int retry_s)
{
	struct xhp_err err;

	if (deadline_elapsed_us() - since_us >= retry_s * 1000000UL)
		return false;
	poll(NULL, 0, RETRY_MS);
	return deadline_check(&err) == 0;
}

/* --- records --- */

/* Words have no control bytes in them. */
static const char *joined(const struct texts *list)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i ? "\n" : "", list->v[i]);
	return b.s;
}

static bool rec_list(const struct rec *rec, const char *name, struct texts *ret)
{
	const char *s = rec_get(rec, name);

	*ret = (struct texts){ 0 };
	while (s && *s) {
		size_t len = strcspn(s, "\n");

		*MEM_PUSH(ret->v, ret->n) = mem_strndup(s, len);
		s += len + (s[len] == '\n');
	}
	return ret->n;
}

/* What is known before the step is done. */
static bool names_own(const struct template *t)
{
	for (unsigned int i = 0; t && i < t->nsegs; i++) {
		if (t->segs[i].kind == SEG_RESULT && t->segs[i].step == t->own)
			return true;
	}
	return false;
}

struct commands {
	struct texts attach, detach, check;
	bool own; /* detach or kill is known only afterwards */
};

static int record(struct ctx *ctx, struct step *step, const struct args *args,
		  const struct commands *c, struct xhp_err *err)
{
	const struct entry *expect = step_entry(step, "expect");

	return RECORD(ctx, err, SCOPE_HOST, "exec", "run", "attach",
		      step->secret ? NULL : joined(&c->attach), "own",
		      c->own ? "yes" : NULL, "detach", joined(&c->detach), "check",
		      joined(&c->check), "expect",
		      expect ? template_literal(&expect->value) : NULL, "already",
		      joined(&args->already), "gone", joined(&args->gone), "retry",
		      mem_printf("%u", (unsigned int)args->retry.v), "timeout",
		      mem_printf("%u", (unsigned int)args->timeout.v));
}

/* What only the step's own results tell. */
static int record_made(struct ctx *ctx, struct step *step, const struct args *args,
		       struct xhp_err *err)
{
	const struct param pid_type = { .type = V_UINT, .min = 2, .max = INT32_MAX };
	struct texts detach = { 0 };
	struct num pid = { 0 };
	const char *text;

	if (args->detach &&
	    command_words(ctx, step->scope, args->detach, &detach, err) < 0)
		return err_wrap(err, "detach");
	if (args->kill && (expand(ctx, step->scope, args->kill, V_UINT, &text, err) < 0 ||
			   value_parse(&pid_type, text, &pid, err) < 0))
		return err_wrap(err, "kill");
	return RECORD(ctx, err, SCOPE_HOST, "exec", "made", "detach", joined(&detach),
		      "gone", joined(&args->gone), "retry",
		      mem_printf("%u", (unsigned int)args->retry.v), "timeout",
		      mem_printf("%u", (unsigned int)args->timeout.v), "pid",
		      pid.set ? mem_printf("%llu", (unsigned long long)pid.v) : NULL,
		      "start",
		      pid.set ? mem_printf("%llu", proc_start_time((pid_t)pid.v)) : NULL);
}

/* --- attach --- */

static int words_of(struct ctx *ctx, const struct step *step, const struct template *t,
		    const char *key, struct texts *ret, struct xhp_err *err)
{
	const char *unused;

	*ret = (struct texts){ 0 };
	if (!t)
		return 0;
	if (command_words(ctx, step->scope, t, ret, err) < 0 ||
	    program_find(ret->v[0], &unused, err) < 0) {
		if (!err->pos.file)
			err->pos = t->pos;
		return err_wrap(err, "[%s] %s", step->name, key);
	}
	return 0;
}

static int commands_of(struct ctx *ctx, const struct step *step, const struct args *args,
		       struct commands *ret, struct xhp_err *err)
{
	struct commands c = { .own = names_own(args->detach) || names_own(args->kill) };

	if (words_of(ctx, step, args->attach, "attach", &c.attach, err) < 0 ||
	    words_of(ctx, step, args->check, "check", &c.check, err) < 0 ||
	    (!c.own && words_of(ctx, step, args->detach, "detach", &c.detach, err) < 0))
		return err->code;
	*ret = c;
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct commands unused;
	struct texts words;
	struct proc p;

	if (!args->read)
		return commands_of(ctx, step, args, &unused, err);
	if (words_of(ctx, step, args->read, "read", &words, err) < 0 ||
	    program_run(ctx, NULL, &words, (unsigned int)args->timeout.v, &p, err) < 0)
		return err->code;
	if (p.status)
		return failed(ctx, &words, &p, step->secret, err);
	return take_output(step, args, &words, &p, err);
}

/* Is all so already? 1 or 0; what check said is in `ret`. */
static int holds(struct ctx *ctx, struct journal *j, const struct texts *words,
		 const struct patterns *expect, unsigned int timeout_s, struct proc *ret,
		 struct xhp_err *err)
{
	if (program_run(ctx, j, words, timeout_s, ret, err) < 0)
		return err->code;
	proc_done(j, ret);
	return !ret->status &&
	       (!expect->n || match_output(expect, &ret->output, NULL, NULL) == 0);
}

/* Runs attach until it is content, and leaves its child's record open. */
static int run_attach(struct ctx *ctx, const struct step *step, const struct args *args,
		      const struct commands *c, struct proc *ret, struct xhp_err *err)
{
	unsigned long since = deadline_elapsed_us();
	unsigned int rec = ctx->journal->nrecs - 1;
	struct xhp_err unused;

	for (;;) {
		if (program_run(ctx, ctx->journal, &c->attach,
				(unsigned int)args->timeout.v, ret, err) < 0)
			return err->code;
		if (!ret->status || in_list(&args->already, ret->status))
			return 0;
		proc_done(ctx->journal, ret);
		if (!try_again(since, (unsigned int)args->retry.v))
			break;
	}
	/* by its own word there is nothing to take back, and it may be somebody else's */
	if (journal_undone(ctx->journal, rec, &unused) < 0)
		log_warn("%s", unused.text);
	return failed(ctx, &c->attach, ret, step->secret, err);
}

/* Of programs, those are run that only look: read, in the check phase, and check. */
static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct commands c;
	struct proc p;
	int rc;

	if (args->read)
		return 0;
	if (commands_of(ctx, step, args, &c, err) < 0)
		return err->code;
	if (!c.check.n) {
		plan_change(step, "", "run", NULL, c.attach.v[0]);
		return 0;
	}
	rc = holds(ctx, NULL, &c.check, &args->expect, (unsigned int)args->timeout.v, &p,
		   err);
	if (rc < 0)
		return rc;
	plan_change(step, "", "check", rc ? "holds" : "does not hold", "holds");
	return rc ? take_output(step, args, &c.check, &p, err) : 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct commands c;
	struct proc p;
	unsigned int rec;
	bool made;
	int rc;

	if (args->read)
		return 0;
	if (commands_of(ctx, step, args, &c, err) < 0)
		return err->code;
	if (c.check.n) {
		rc = holds(ctx, ctx->journal, &c.check, &args->expect,
			   (unsigned int)args->timeout.v, &p, err);
		if (rc)
			return rc < 0 ? rc : take_output(step, args, &c.check, &p, err);
	}
	if (record(ctx, step, args, &c, err) < 0)
		return err->code;
	rec = ctx->journal->nrecs - 1;
	if (run_attach(ctx, step, args, &c, &p, err) < 0)
		return err->code;
	made = !p.status;
	rc = take_output(step, args, &c.attach, &p, err);
	if (!rc && made && c.own)
		rc = record_made(ctx, step, args, err);
	proc_done(ctx->journal, &p);
	/* what was there before us stays when we go */
	if (!made && journal_undone(ctx->journal, rec, err) < 0)
		return err->code;
	return rc;
}

/* --- the way back --- */

static int run_detach(struct ctx *ctx, struct journal *j, const struct texts *words,
		      const struct texts *gone, unsigned int retry_s,
		      unsigned int timeout_s, struct xhp_err *err)
{
	unsigned long since = deadline_elapsed_us();
	struct proc p;

	for (;;) {
		if (program_run(ctx, j, words, timeout_s, &p, err) < 0)
			return err->code;
		proc_done(j, &p);
		if (!p.status || in_list(gone, p.status))
			return 0;
		if (!try_again(since, retry_s))
			return failed(ctx, words, &p, false, err);
	}
}

/* Did the run get as far as to tell what it made? */
static bool is_followed(const struct journal *j, const struct rec *rec)
{
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];

		if (r->id > rec->id && !strcmp(r->action, "exec") &&
		    !strcmp(r->kind, "made") && !strcmp(r->step, rec->step))
			return true;
	}
	return false;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	bool made = !strcmp(rec->kind, "made");
	unsigned int retry = (unsigned int)rec_num(rec, "retry", 0);
	unsigned int timeout = (unsigned int)rec_num(rec, "timeout", 20);
	const char *start = rec_get(rec, "start");
	struct texts detach, gone, attach;

	if (!made && strcmp(rec->kind, "run") != 0)
		return rec_unknown(rec, err);
	rec_list(rec, "gone", &gone);
	if (rec_list(rec, "detach", &detach) &&
	    run_detach(ctx, ctx->journal, &detach, &gone, retry, timeout, err) < 0)
		return err->code;
	if (made && start)
		return proc_end((pid_t)rec_num(rec, "pid", 0), strtoull(start, NULL, 10),
				err);
	if (rec_get(rec, "own") && !is_followed(ctx->journal, rec))
		log_warn("[%s] (%s) was cut short: what %s made, if it did, is not known",
			 rec->step, rec->where,
			 rec_list(rec, "attach", &attach) ? attach.v[0] : "its program");
	return 0;
}

/* Its journal is complete, and stays so: the child is not in it. */
static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const struct param type = { .type = V_PATTERNS };
	const char *text = rec_get(rec, "expect");
	struct patterns expect = { 0 };
	struct texts words;
	struct proc p;
	int rc;

	if (!rec_list(rec, "check", &words))
		return 0;
	if (text && value_parse(&type, text, &expect, err) < 0)
		return err->code;
	rc = holds(ctx, NULL, &words, &expect, (unsigned int)rec_num(rec, "timeout", 20),
		   &p, err);
	if (rc)
		return rc < 0 ? rc : 0;
	if (p.status)
		failed(ctx, &words, &p, false, err);
	else
		err_set(err, -ESTALE, "what %s says is not of the form %s any more: %s",
			words.v[0], quoted(text), program_said(ctx, &p));
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct texts attach, already;
	struct proc p;

	if (rec_get(rec, "own") || !rec_list(rec, "attach", &attach))
		return err_set(err, -ENOTSUP, "only a new attach can make it again");
	rec_list(rec, "already", &already);
	if (program_run(ctx, NULL, &attach, (unsigned int)rec_num(rec, "timeout", 20), &p,
			err) < 0)
		return err->code;
	if (p.status && !in_list(&already, p.status))
		return failed(ctx, &attach, &p, false, err);
	return 0;
}

/* Only of what is attached: after an attach that failed, it may be somebody else's. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	const char *status = "";
	struct texts words;

	if (!args->detach)
		return 0;
	if (store_read(mem_printf("%s/hotplug-status", ctx->req->path), &status, err) <
		    0 &&
	    err->code != -ENOENT)
		return err->code;
	if (strcmp(status, "connected") != 0)
		return 0;
	if (command_words(ctx, step->scope, args->detach, &words, err) < 0) {
		log_warn("[%s] is left as it is: %s", step->name, err->text);
		return 0;
	}
	return run_detach(ctx, NULL, &words, &args->gone, (unsigned int)args->retry.v,
			  (unsigned int)args->timeout.v, err);
}

const struct action action_exec = {
	.name = "exec",
	.summary = "run an outside program, and another one on the way back",
	.params = params,
	.args_size = sizeof(struct args),
	.declares = "the fields of output; known when the step is done, but for read",
	.declare = exec_declare,
	.lint = exec_lint,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
