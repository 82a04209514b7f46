// SPDX-License-Identifier: LGPL-2.1-or-later
// up: from here on, frames pass.

#include "actions.h"

struct args {
	struct ifname dev;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = NULL },
};

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	plan_link_up(step, &link, true);
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct link_change up = { .set_up = true, .up = true };
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	/* somebody else's, and it stays as it is */
	if (link.ifindex != ctx->dev.ifindex && (link.flags & IFF_UP))
		return 0;
	if (RECORD(ctx, err, SCOPE_HOST, "up", "up", "ifindex",
		   mem_printf("%d", link.ifindex), "ifname", link.name.s) < 0)
		return err->code;
	if (nl_link_change(link.ifindex, &up, err) < 0)
		return err_wrap(err, "cannot take %s up", link.name.s);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const struct link_change down = { .set_up = true };
	struct link link;

	(void)ctx;
	if (rec_link_name(rec, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (nl_link_change(link.ifindex, &down, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s down", link.name.s);
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0)
		return 1;
	if (link.flags & IFF_UP)
		return 0;
	err_set(err, -ENETDOWN, "%s is down", link.name.s);
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0)
		return err->code;
	return link_set_up(&link, true, err);
}

static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	return link_set_up(&link, false, err);
}

const struct action action_up = {
	.name = "up",
	.summary = "take the interface up",
	.params = params,
	.args_size = sizeof(struct args),
	.order = ORDER_UP,
	.place = PLACE_UP,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
