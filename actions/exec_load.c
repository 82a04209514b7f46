// SPDX-License-Identifier: LGPL-2.1-or-later
// [exec] when the recipe is loaded.

#include <stdlib.h>

#include "actions.h"
#include "exec.h"
#include "template.h"

static int check_statuses(const struct step *step, const char *key, struct xhp_err *err)
{
	const struct entry *e = step_entry(step, key);
	const struct param list = { .type = V_LIST };
	struct texts items = { 0 };
	const char *text;
	uint64_t status;

	if (!e)
		return 0;
	text = template_literal(&e->value);
	if (!text)
		return err_usage(err, &e->value.pos,
				 "%s: the numbers stand in the recipe", key);
	if (value_parse(&list, text, &items, err) < 0)
		return err_usage(err, &e->value.pos, "%s: %s", key, err->text);
	for (unsigned int i = 0; i < items.n; i++) {
		if (uint_parse(items.v[i], 1, 255, &status, err) < 0)
			return err_usage(err, &e->value.pos, "%s: %s", key, err->text);
	}
	return 0;
}

/* An empty value is not set. */
static bool is_given(const struct step *step, const char *key)
{
	const struct entry *e = step_entry(step, key);

	return e && e->value.nsegs;
}

/* Keys that mean nothing without another one. */
static int check_company(const struct step *step, struct xhp_err *err)
{
	static const char *const needs[][2] = {
		{ "detach", "attach" }, { "check", "attach" },   { "expect", "check" },
		{ "gone", "detach" },   { "already", "attach" }, { "retry", "attach" },
		{ "kill", "attach" },
	};

	if (is_given(step, "read") == is_given(step, "attach"))
		return err_set(err, -EINVAL, "needs read = or attach =, one of them");
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const struct entry *e = step_entry(step, needs[i][0]);

		if (is_given(step, needs[i][0]) && !is_given(step, needs[i][1]))
			return err_usage(err, &e->value.pos, "%s goes with %s alone",
					 needs[i][0], needs[i][1]);
	}
	if (step->lookup && step->shared)
		return err_set(err, -EINVAL, "only reads: there is nothing to share");
	return 0;
}

/* An empty detach says that there is nothing to take back. */
const char *exec_lint(const struct step *step)
{
	if (step->lookup || step_entry(step, "detach") || step_entry(step, "kill"))
		return NULL;
	return "has no detach = or kill =: what it does stays, also where a later step "
	       "fails (an empty detach says that it may)";
}

int exec_declare(struct step *step, struct xhp_err *err)
{
	const struct entry *output = step_entry(step, "output");
	const struct entry *expect = step_entry(step, "expect");
	struct texts fields = { 0 }, unused = { 0 };

	step->lookup = is_given(step, "read");
	if (check_company(step, err) < 0 || check_statuses(step, "already", err) < 0 ||
	    check_statuses(step, "gone", err) < 0 ||
	    (expect && step_patterns(expect, &unused, err) < 0) ||
	    (output && step_patterns(output, &fields, err) < 0))
		return err->code;
	step_declare(step, &fields, !step->lookup);
	return 0;
}
