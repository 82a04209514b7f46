// SPDX-License-Identifier: LGPL-2.1-or-later
// plug: what leaves by the interface waits for the toolstack's word (sch_plug; libxl's
// libxl_netbuffer.c gives the word).

#include "actions.h"
#include "nl_tc.h"

struct args {
	struct ifname dev;
	struct num limit;
};

static const struct param params[] = {
	{ .key = "dev",
	  .type = V_IFNAME,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, dev),
	  .help = "the interface, as [ifb] makes one" },
	{ .key = "limit",
	  .type = V_UINT,
	  .offset = offsetof(struct args, limit),
	  .dflt = "10000000",
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "bytes that may wait; what comes then is dropped" },
	{ .key = NULL },
};

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	return root_qdisc_free(&link, err);
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	return root_qdisc_plan(step, &link, "plug", err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (RECORD(ctx, err, SCOPE_HOST, "plug", "plug", "ifindex",
		   mem_printf("%d", link.ifindex), "ifname", link.name.s, "limit",
		   mem_printf("%u", (unsigned int)args->limit.v)) < 0)
		return err->code;
	if (tc_plug_add(link.ifindex, (uint32_t)args->limit.v, err) < 0)
		return err_wrap(err, "cannot hold back what leaves by %s", link.name.s);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	(void)ctx;
	return root_qdisc_undo(rec, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	(void)ctx;
	return root_qdisc_audit(rec, 0, err);
}

/* No repair: what was held back went with it, and the toolstack counts on that. */
const struct action action_plug = {
	.name = "plug",
	.summary = "hold back what leaves by an interface",
	.params = params,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
};
