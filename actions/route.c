// SPDX-License-Identifier: LGPL-2.1-or-later
// route: the guest's addresses lead to its interface.

#include <sys/socket.h>

#include "actions.h"
#include "sysctl.h"

struct args {
	struct ifname dev;
	struct prefixes to, src;
	struct num metric;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "to",
	  .type = V_PREFIXES,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, to),
	  .help = "the guest's addresses" },
	{ .key = "src",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, src),
	  .help = "what dom0 sends from, one address a family" },
	{ .key = "metric",
	  .type = V_UINT,
	  .offset = offsetof(struct args, metric),
	  .dflt = "0",
	  .max = UINT32_MAX,
	  .help = "0: the kernel's default" },
	{ .key = NULL },
};

static const struct prefix *src_for(const struct args *args, uint8_t family)
{
	for (unsigned int i = 0; i < args->src.n; i++) {
		if (args->src.v[i].family == family)
			return &args->src.v[i];
	}
	return NULL;
}

/* Without forwarding, the guest reaches dom0 alone: legal, and hardly meant. */
static void warn_forwarding(const struct prefixes *to)
{
	static const char *const names[] = { "net/ipv4/ip_forward",
					     "net/ipv6/conf/all/forwarding" };
	struct xhp_err unused;
	const char *value;

	for (int v6 = 0; v6 < 2; v6++) {
		bool used = false;

		for (unsigned int i = 0; i < to->n; i++)
			used |= to->v[i].family == (v6 ? AF_INET6 : AF_INET);
		if (used && !sysctl_read(names[v6], &value, &unused) &&
		    !strcmp(value, "0"))
			log_warn("%s is 0: the guest reaches no further than this host",
				 names[v6]);
	}
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *unused;

	(void)ctx;
	(void)step;
	for (unsigned int i = 0; i < args->to.n; i++) {
		if (args->to.v[i].family == AF_INET6 &&
		    sysctl_read("net/ipv6/conf/all/disable_ipv6", &unused, err) < 0)
			return err_set(err, -EAFNOSUPPORT,
				       "%s: IPv6 is switched off in this kernel",
				       prefix_text(&args->to.v[i]));
	}
	warn_forwarding(&args->to);
	return 0;
}

static struct route route_wanted(const struct args *args, unsigned int i, int ifindex)
{
	struct route r = { .dst = args->to.v[i],
			   .ifindex = ifindex,
			   .metric = (uint32_t)args->metric.v };
	const struct prefix *src = src_for(args, r.dst.family);

	if (src)
		r.src = *src;
	return r;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->to.n; i++) {
		const struct route r = route_wanted(args, i, link.ifindex);
		const char *to = prefix_text(&r.dst), *wanted;
		bool exists = false;

		if (nl_route_exists(&r, &exists, err) < 0)
			return err->code;
		wanted = r.src.family ? mem_printf("%s, from %s", link.name.s,
						   prefix_text(&r.src))
				      : mem_strdup(link.name.s);
		plan_change(step, to, "route", exists ? wanted : "", wanted);
	}
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->to.n; i++) {
		const struct route r = route_wanted(args, i, link.ifindex);

		if (RECORD(ctx, err, SCOPE_HOST, "route", "route", "ifindex",
			   mem_printf("%d", link.ifindex), "to", prefix_text(&r.dst),
			   "src", r.src.family ? prefix_text(&r.src) : NULL, "metric",
			   mem_printf("%u", r.metric)) < 0)
			return err->code;
		if (nl_route_add(&r, err) < 0)
			return err_wrap(err, "cannot lead it to %s", link.name.s);
	}
	return 0;
}

static int from_record(const struct rec *rec, struct route *ret, struct xhp_err *err)
{
	const char *to = rec_get(rec, "to"), *src = rec_get(rec, "src");
	struct route r = { .ifindex = (int)rec_num(rec, "ifindex", 0),
			   .metric = (uint32_t)rec_num(rec, "metric", 0) };

	if (strcmp(rec->kind, "route") != 0 || !to || r.ifindex <= 0)
		return rec_unknown(rec, err);
	if (prefix_parse(to, &r.dst, err) < 0 ||
	    (src && prefix_parse(src, &r.src, err) < 0))
		return err->code;
	*ret = r;
	return 0;
}

/* Its own route alone: the kernel compares interface, metric and protocol. */
static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct route r;

	(void)ctx;
	if (from_record(rec, &r, err) < 0)
		return err->code;
	if (nl_route_del(&r, err) < 0 && err->code != -ESRCH && err->code != -ENODEV)
		return err->code;
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	bool exists = false;
	struct route r;

	(void)ctx;
	if (from_record(rec, &r, err) < 0 || nl_route_exists(&r, &exists, err) < 0)
		return err->code == -ENODEV ? 1 : err->code;
	if (exists)
		return 0;
	err_set(err, -ESTALE, "the route to %s%s is gone", prefix_text(&r.dst),
		r.src.family ? mem_printf(", from %s,", prefix_text(&r.src)) : "");
	return 1;
}

/* With an IPv6 address, the kernel takes its routes' preferred source, and no more. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct route r, left;

	(void)ctx;
	if (from_record(rec, &r, err) < 0)
		return err->code;
	left = r;
	left.src.family = 0;
	if (nl_route_del(&left, err) < 0 && err->code != -ESRCH && err->code != -ENODEV)
		return err->code;
	return nl_route_add(&r, err);
}

static const struct shown shown[] = {
	{ "route", "to ${to}", "routes" },
	{ NULL, NULL, NULL },
};

const struct action action_route = {
	.name = "route",
	.summary = "lead the guest's addresses to its interface",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.place = PLACE_AFTER_UP,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};
