// SPDX-License-Identifier: LGPL-2.1-or-later
// shape: no more than a rate goes to the guest (sch_tbf). What comes from it is netback's
// to hold back, by rate=.

#include "actions.h"
#include "nl_tc.h"

/* A packet of the guest's may be as large as that before it is cut (GSO_MAX_SIZE). */
#define BURST_MIN 65536
/* What waits longer is dropped. */
#define LATENCY_MS 50

struct args {
	struct ifname dev;
	struct num rate, burst;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "rate",
	  .type = V_RATE,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, rate),
	  .min = 8000,
	  .help = "how much may go to the guest, such as 100mbit" },
	{ .key = "burst",
	  .type = V_UINT,
	  .offset = offsetof(struct args, burst),
	  .min = 2000,
	  .max = UINT32_MAX / 2,
	  .help = "bytes that may go at once; else what 10 ms carry, at least 64 KiB" },
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

static uint32_t bounded(uint64_t v)
{
	return v < UINT32_MAX / 2 ? (uint32_t)v : UINT32_MAX / 2;
}

static int add(int ifindex, uint64_t rate, uint32_t burst, struct xhp_err *err)
{
	return tc_tbf_add(ifindex, rate, burst,
			  bounded(rate / 8 * LATENCY_MS / 1000 + burst), err);
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	return root_qdisc_plan(
		step, &link,
		mem_printf("tbf %llu bit/s", (unsigned long long)args->rate.v), err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	uint32_t burst = bounded(args->rate.v / 8 / 100);
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (burst < BURST_MIN)
		burst = BURST_MIN;
	if (args->burst.set)
		burst = (uint32_t)args->burst.v;
	if (RECORD(ctx, err, SCOPE_HOST, "shape", "tbf", "ifindex",
		   mem_printf("%d", link.ifindex), "ifname", link.name.s, "rate",
		   mem_printf("%llu", (unsigned long long)args->rate.v), "burst",
		   mem_printf("%u", burst)) < 0)
		return err->code;
	if (add(link.ifindex, args->rate.v, burst, err) < 0)
		return err_wrap(err, "cannot shape what goes to %s", link.name.s);
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
	return root_qdisc_audit(rec, (uint64_t)rec_num(rec, "rate", 0), err);
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct tc_qdisc now;
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0 || tc_root_get(link.ifindex, &now, err) < 0)
		return err->code;
	if (now.handle == TC_HANDLE && tc_root_del(link.ifindex, now.handle, err) < 0)
		return err->code;
	if (*now.kind && now.handle != TC_HANDLE)
		return err_set(err, -EEXIST, "%s has another's qdisc %s", link.name.s,
			       now.kind);
	return add(link.ifindex, (uint64_t)rec_num(rec, "rate", 0),
		   (uint32_t)rec_num(rec, "burst", BURST_MIN), err);
}

const struct action action_shape = {
	.name = "shape",
	.summary = "hold what goes to the guest to a rate",
	.params = params,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};
