// SPDX-License-Identifier: LGPL-2.1-or-later
// redirect: frames go out by another interface, instead of their way or besides.

#include "actions.h"
#include "nl_tc.h"

enum { FROM_GUEST = 1, TO_GUEST };

struct args {
	struct ifname dev, to;
	uint8_t traffic;
	bool copy;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "to",
	  .type = V_IFNAME,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, to),
	  .help = "the interface that they go out by" },
	{ .key = "traffic",
	  .type = V_ENUM,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, traffic),
	  .words = "from-guest|to-guest",
	  .help = "which frames" },
	{ .key = "copy",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, copy),
	  .help = "yes: a copy goes there, and they go on as ever" },
	{ .key = NULL },
};

static enum tc_hook hook_of(uint8_t traffic)
{
	/* what comes in by the interface is what the guest sends */
	return traffic == FROM_GUEST ? TC_INGRESS : TC_EGRESS;
}

/*
 * In __netif_receive_skb_core() (Linux' net/core/dev.c), tc comes before nftables, and
 * what comes back from an ifb is not shown to either: no filter would see such a frame.
 */
static int check_filter(struct ctx *ctx, const struct step *step, const struct link *link,
			struct xhp_err *err)
{
	const char *table;

	if (link->ifindex == ctx->dev.ifindex)
		ctx->around = step;
	if (nft_ingress_find(link->name.s, &table, err) < 0)
		return err->code;
	if (table)
		return err_set(
			err, -EPERM,
			"%s has a filter (%s), which frames that are redirected go "
			"around: it has to be a copy, or a guest without ip=",
			link->name.s, table);
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	enum tc_hook hook = hook_of(args->traffic);
	struct tc_redirect now;
	struct tc_qdisc qdisc;
	struct link link, to;
	bool others;

	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    nl_link_by_name(args->to.s, &to, err) < 0)
		return err->code;
	if (link.ifindex == to.ifindex)
		return err_set(err, -ELOOP, "%s cannot be redirected to itself",
			       link.name.s);
	if (hook == TC_INGRESS && !args->copy && check_filter(ctx, step, &link, err) < 0)
		return err->code;
	if (tc_clsact_get(link.ifindex, &qdisc, err) < 0)
		return err->code;
	if (hook == TC_EGRESS && *qdisc.kind && strcmp(qdisc.kind, "clsact") != 0)
		return err_set(err, -EEXIST,
			       "%s has a qdisc %s of somebody else's, beside which there "
			       "can be no clsact",
			       link.name.s, qdisc.kind);
	if (tc_redirect_get(link.ifindex, hook, &now, &others, err) < 0)
		return err->code;
	if (now.to)
		return err_set(err, -EEXIST, "what is %s %s is redirected already",
			       hook == TC_INGRESS ? "from" : "for", link.name.s);
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct tc_qdisc qdisc;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    tc_clsact_get(link.ifindex, &qdisc, err) < 0)
		return err->code;
	plan_text(step, &link, "filter qdisc", mem_strdup(qdisc.kind),
		  *qdisc.kind ? mem_strdup(qdisc.kind) : "clsact");
	/* check() refuses what is redirected already */
	plan_text(step, &link,
		  args->traffic == FROM_GUEST ? "what comes from the guest"
					      : "what goes to the guest",
		  "",
		  mem_printf("%s %s", args->copy ? "copied to" : "goes out by",
			     args->to.s));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct tc_redirect r = { .copy = args->copy };
	enum tc_hook hook = hook_of(args->traffic);
	struct tc_qdisc qdisc;
	struct link link, to;
	const char *ifindex;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    nl_link_by_name(args->to.s, &to, err) < 0 ||
	    tc_clsact_get(link.ifindex, &qdisc, err) < 0)
		return err->code;
	ifindex = mem_printf("%d", link.ifindex);
	if (!*qdisc.kind) {
		if (RECORD(ctx, err, SCOPE_HOST, "redirect", "clsact", "ifindex", ifindex,
			   "ifname", link.name.s) < 0)
			return err->code;
		if (tc_clsact_add(link.ifindex, err) < 0)
			return err_wrap(err, "%s", link.name.s);
	}
	if (RECORD(ctx, err, SCOPE_HOST, "redirect", "filter", "ifindex", ifindex,
		   "ifname", link.name.s, "traffic",
		   hook == TC_INGRESS ? "from-guest" : "to-guest", "to-ifindex",
		   mem_printf("%d", to.ifindex), "to", to.name.s, "copy",
		   args->copy ? "yes" : "no") < 0)
		return err->code;
	r.to = to.ifindex;
	if (tc_redirect_add(link.ifindex, hook, &r, err) < 0)
		return err_wrap(err, "cannot redirect %s to %s", link.name.s, to.name.s);
	return 0;
}

/* A record of the kind "filter": its interface, direction, and what it made. */
static int from_record(const struct rec *rec, struct link *ret_link,
		       enum tc_hook *ret_hook, struct tc_redirect *ret,
		       struct xhp_err *err)
{
	const char *traffic = rec_get(rec, "traffic"), *copy = rec_get(rec, "copy");

	if (strcmp(rec->kind, "filter") != 0 || !traffic || !copy)
		return rec_unknown(rec, err);
	*ret_hook = hook_of(!strcmp(traffic, "from-guest") ? FROM_GUEST : TO_GUEST);
	*ret = (struct tc_redirect){ .to = (int)rec_num(rec, "to-ifindex", 0),
				     .copy = !strcmp(copy, "yes") };
	return rec_link(rec, ret_link, err);
}

static int undo_clsact(const struct rec *rec, struct xhp_err *err)
{
	struct tc_qdisc qdisc;
	struct link link;
	bool used = false;

	if (rec_link(rec, &link, err) < 0 || tc_clsact_get(link.ifindex, &qdisc, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (strcmp(qdisc.kind, "clsact") != 0)
		return 0;
	for (enum tc_hook hook = TC_INGRESS; hook <= TC_EGRESS; hook++) {
		struct tc_redirect ours;
		bool others;

		if (tc_redirect_get(link.ifindex, hook, &ours, &others, err) < 0)
			return err->code;
		used |= others || ours.to;
	}
	if (used) {
		log_warn("%s has filters of somebody else's: the qdisc clsact stays",
			 link.name.s);
		return 0;
	}
	if (tc_clsact_del(link.ifindex, qdisc.kind, err) < 0 && err->code != -ENOENT &&
	    err->code != -ENODEV)
		return err_wrap(err, "%s", link.name.s);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct tc_redirect made, now;
	enum tc_hook hook;
	struct link link;
	bool others;

	(void)ctx;
	if (!strcmp(rec->kind, "clsact"))
		return undo_clsact(rec, err);
	if (from_record(rec, &link, &hook, &made, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (tc_redirect_get(link.ifindex, hook, &now, &others, err) < 0)
		return err->code;
	if (!now.to)
		return 0;
	if (now.to != -1 && (now.to != made.to || now.copy != made.copy)) {
		log_warn("%s is redirected elsewhere by now: that stays", link.name.s);
		return 0;
	}
	if (tc_redirect_del(link.ifindex, hook, err) < 0 && err->code != -ENOENT &&
	    err->code != -ENODEV)
		return err_wrap(err, "%s", link.name.s);
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct tc_redirect made, now;
	struct tc_qdisc qdisc;
	enum tc_hook hook;
	struct link link;
	bool others;

	(void)ctx;
	if (!strcmp(rec->kind, "clsact")) {
		if (rec_link(rec, &link, err) < 0)
			return 1;
		if (tc_clsact_get(link.ifindex, &qdisc, err) < 0)
			return err->code;
		if (*qdisc.kind)
			return 0;
		err_set(err, -ESTALE, "the qdisc clsact of %s is gone", link.name.s);
		return 1;
	}
	if (from_record(rec, &link, &hook, &made, err) < 0)
		return err->code == -ENODEV ? 1 : err->code;
	if (tc_redirect_get(link.ifindex, hook, &now, &others, err) < 0)
		return err->code;
	if (now.to == made.to && now.copy == made.copy)
		return 0;
	err_set(err, -ESTALE, "%s is not redirected to %s any more", link.name.s,
		rec_get(rec, "to"));
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct tc_redirect made, now;
	enum tc_hook hook;
	struct link link, to;
	bool others;

	(void)ctx;
	if (!strcmp(rec->kind, "clsact")) {
		if (rec_link(rec, &link, err) < 0)
			return err->code;
		return tc_clsact_add(link.ifindex, err);
	}
	if (from_record(rec, &link, &hook, &made, err) < 0 ||
	    nl_link_by_index(made.to, &to, err) < 0 ||
	    tc_redirect_get(link.ifindex, hook, &now, &others, err) < 0)
		return err->code;
	if (now.to)
		return err_set(err, -EEXIST, "%s is redirected elsewhere", link.name.s);
	return tc_redirect_add(link.ifindex, hook, &made, err);
}

static const struct shown shown[] = {
	{ "filter", "${traffic} to ${to}", "interface ${to}" },
	{ NULL, NULL, NULL },
};

const struct action action_redirect = {
	.name = "redirect",
	.summary = "send the guest's frames, or copies of them, out by another interface",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};
