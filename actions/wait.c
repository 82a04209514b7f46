// SPDX-License-Identifier: LGPL-2.1-or-later
// wait: until a node in xenstore says what it is to say.

#include "actions.h"
#include "nodes.h"
#include "template.h"

#define ROOTS "backend/|frontend/|vm/|self/"

struct args {
	const char *node, *value;
	struct num timeout;
};

static const struct param params[] = {
	{ .key = "node",
	  .type = V_TEXT,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, node),
	  .help = "backend/NAME, frontend/NAME, vm/NAME or self/NAME" },
	{ .key = "value",
	  .type = V_TEXT,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, value),
	  .help = "what it is to be" },
	{ .key = "timeout",
	  .type = V_UINT,
	  .min = 1,
	  .max = 35,
	  .offset = offsetof(struct args, timeout),
	  .dflt = "20",
	  .help = "seconds" },
	{ .key = NULL },
};

static int no_node(const char *name, struct xhp_err *err)
{
	return err_set(err, -EINVAL,
		       "%s is not backend/NAME, frontend/NAME, vm/NAME or self/NAME",
		       quoted(name));
}

static int declare(struct step *step, struct xhp_err *err)
{
	const struct entry *e = step_entry(step, "node");
	const char *name = e ? template_literal(&e->value) : NULL;

	if (!name || !*name || node_is(name, ROOTS))
		return 0;
	no_node(name, err);
	return err_usage(err, &e->value.pos, "node: %s", err->text);
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;

	(void)ctx;
	(void)step;
	return node_is(args->node, ROOTS) ? 0 : no_node(args->node, err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *path;

	(void)step;
	if (node_path(ctx, args->node, &path, err) < 0)
		return err->code;
	return store_wait(path, args->value, (unsigned int)args->timeout.v, err);
}

const struct action action_wait = {
	.name = "wait",
	.summary = "wait until a node in xenstore has a value",
	.params = params,
	.args_size = sizeof(struct args),
	.declare = declare,
	.check = check,
	.apply = apply,
};
