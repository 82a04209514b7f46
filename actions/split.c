// SPDX-License-Identifier: LGPL-2.1-or-later
// split: fields of a text, by a pattern or as NAME=VALUE pairs.

#include "actions.h"
#include "pattern.h"
#include "template.h"
#include "tokens.h"

struct args {
	const char *text;
	struct patterns format;
	struct texts pairs;
};

static const struct param params[] = {
	{ .key = "text",
	  .type = V_TEXT,
	  .flags = P_ENABLES | P_SECRET,
	  .offset = offsetof(struct args, text),
	  .help = "what to split" },
	{ .key = "format",
	  .type = V_PATTERNS,
	  .offset = offsetof(struct args, format),
	  .help = "such as {pool}/{name}[@{snapshot}]; of several lines, the first that "
		  "matches" },
	{ .key = "pairs",
	  .type = V_LIST,
	  .offset = offsetof(struct args, pairs),
	  .help = "NAME or NAME=DEFAULT, for a text like a=1,b=2 in any order" },
	{ .key = NULL },
};

/* A name of `pairs`, and its default, or NULL. */
static const char *pair_name(const char *pair, const char **ret_dflt)
{
	const char *eq = strchr(pair, '=');

	*ret_dflt = eq ? eq + 1 : NULL;
	return mem_strndup(pair, eq ? (size_t)(eq - pair) : strlen(pair));
}

static int declare_pairs(const struct entry *e, struct texts *fields, struct xhp_err *err)
{
	const struct param list = { .type = V_LIST };
	const char *text = template_literal(&e->value), *dflt;
	struct texts pairs = { 0 };

	if (!text)
		return err_usage(err, &e->value.pos,
				 "pairs: the names stand in the recipe");
	if (value_parse(&list, text, &pairs, err) < 0)
		return err_usage(err, &e->value.pos, "pairs: %s", err->text);
	for (unsigned int i = 0; i < pairs.n; i++) {
		const char *name = pair_name(pairs.v[i], &dflt);

		if (!token_is_name(name))
			return err_usage(err, &e->value.pos, "pairs: %s is not a name",
					 quoted(name));
		for (unsigned int k = 0; k < fields->n; k++) {
			if (!strcmp(fields->v[k], name))
				return err_usage(err, &e->value.pos,
						 "pairs: %s stands there twice", name);
		}
		*MEM_PUSH(fields->v, fields->n) = name;
	}
	return 0;
}

static int declare(struct step *step, struct xhp_err *err)
{
	const struct entry *format = step_entry(step, "format");
	const struct entry *pairs = step_entry(step, "pairs");
	struct texts fields = { 0 };

	if (!format == !pairs)
		return err_set(err, -EINVAL, "needs format = or pairs =, one of them");
	if (format ? step_patterns(format, &fields, err) < 0
		   : declare_pairs(pairs, &fields, err) < 0)
		return err->code;
	if (!fields.n)
		return err_set(err, -EINVAL, "names no field");
	step_declare(step, &fields, false);
	return 0;
}

static const char *field_name(void *data, unsigned int i)
{
	const struct texts *pairs = data;
	const char *dflt;

	return i < pairs->n ? pair_name(pairs->v[i], &dflt) : NULL;
}

/* What may be shown of a text that may be a secret. */
static const char *shown(const struct step *step, const char *text)
{
	return step->secret ? "the secret" : quoted(text);
}

static int take_pairs(struct step *step, const struct args *args, struct xhp_err *err)
{
	bool *seen = MEM_ARRAY(bool, args->pairs.n);
	const char *dflt;

	for (unsigned int i = 0; i < args->pairs.n; i++) {
		const char *name = pair_name(args->pairs.v[i], &dflt);

		step_result(step, name, dflt);
	}
	for (const char *s = args->text; *s;) {
		size_t len = strcspn(s, ",");
		const char *pair = mem_strndup(s, len), *value, *name;
		unsigned int i = 0;

		s += len + (s[len] == ',');
		name = pair_name(pair, &value);
		while (i < args->pairs.n &&
		       strcmp(pair_name(args->pairs.v[i], &dflt), name) != 0)
			i++;
		if (!value || i == args->pairs.n)
			return err_set(
				err, -EINVAL, "%s: %s is none of its pairs%s",
				shown(step, args->text), shown(step, pair),
				step->secret ? ""
					     : meant(did_you_mean(name, field_name,
								  (void *)&args->pairs)));
		if (seen[i])
			return err_set(err, -EINVAL, "%s: %s stands there twice",
				       shown(step, args->text), name);
		seen[i] = true;
		if (*value)
			step_result(step, name, value);
	}
	return 0;
}

static void take_field(void *data, const char *field, const char *value)
{
	step_result(data, field, value);
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;

	(void)ctx;
	if (args->pairs.n)
		return take_pairs(step, args, err);
	for (unsigned int i = 0; i < args->format.n; i++) {
		if (pattern_match(&args->format.v[i], args->text, take_field, step))
			return 0;
	}
	return err_set(err, -EINVAL, "%s is not of the form %s", shown(step, args->text),
		       quoted(step_entry(step, "format")->value.text));
}

const struct action action_split = {
	.name = "split",
	.summary = "take a text apart",
	.params = params,
	.args_size = sizeof(struct args),
	.declares = "the fields of format, or of pairs",
	.declare = declare,
	.check = check,
};
