// SPDX-License-Identifier: LGPL-2.1-or-later
// proxy: dom0 answers ARP and neighbour solicitations for others.

#include <sys/socket.h>

#include "actions.h"
#include "shared.h"
#include "sysctl.h"

struct args {
	struct ifname dev, uplink;
	struct prefixes addresses;
	bool arp;
	struct link link; /* the uplink, found by the check */
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "arp",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, arp),
	  .dflt = "yes",
	  .help = "proxy ARP on the interface, so that the guest finds all others" },
	{ .key = "uplink",
	  .type = V_IFNAME,
	  .offset = offsetof(struct args, uplink),
	  .help = "where the neighbours are that look for the guest" },
	{ .key = "addresses",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, addresses),
	  .help = "the guest's, to be answered for on the uplink" },
	{ .key = NULL },
};

/* The guest must not be able to configure dom0; an absent setting is IPv6 switched off.
 */
static const char *const refusals[][2] = { { "ipv6", "accept_ra" },
					   { "ipv6", "accept_redirects" },
					   { "ipv4", "accept_redirects" } };
enum { REFUSALS = sizeof(refusals) / sizeof(refusals[0]) };

static int refuse_configuration(struct ctx *ctx, const struct link *link,
				struct xhp_err *err)
{
	for (unsigned int i = 0; i < REFUSALS; i++) {
		if (sysctl_set(ctx, "proxy", SCOPE_DEVICE, link, refusals[i][0],
			       refusals[i][1], "0", err) < 0 &&
		    err->code != -ENOENT)
			return err->code;
	}
	return 0;
}

/* What is answered for on the uplink: one entry for all the interfaces of a guest. */
struct proxied {
	const struct link *uplink;
	const struct prefix *address;
};

static int neighbour_of(const struct rec *rec, struct prefix *ret, struct xhp_err *err)
{
	const char *address = rec_get(rec, "address");

	if (strcmp(rec->kind, "neighbour") != 0 || !address)
		return rec_unknown(rec, err);
	return prefix_parse(address, ret, err);
}

/* An entry that is there without a record is somebody else's, and stays. */
static int ensure_proxied(struct ctx *ctx, bool first, void *data, struct xhp_err *err)
{
	const struct proxied *p = data;
	bool exists;

	(void)first;
	if (nl_proxy_exists(p->uplink->ifindex, p->address, &exists, err) < 0)
		return err_wrap(err, "%s", p->uplink->name.s);
	if (exists)
		return 0;
	if (!ctx->journal->nrecs &&
	    RECORD(ctx, err, SCOPE_HOST, "proxy", "neighbour", "ifindex",
		   mem_printf("%d", p->uplink->ifindex), "address",
		   prefix_text(p->address)) < 0)
		return err->code;
	if (nl_proxy_add(p->uplink->ifindex, p->address, err) < 0)
		return err_wrap(err, "%s", p->uplink->name.s);
	return 0;
}

/* A proxy is for one address. A prefix is routed to us by whoever is beyond the uplink.
 */
static int answer_on_uplink(struct ctx *ctx, const struct args *args,
			    const struct link *uplink, struct xhp_err *err)
{
	bool v6 = false;

	for (unsigned int i = 0; i < args->addresses.n; i++)
		v6 |= args->addresses.v[i].family == AF_INET6 &&
		      prefix_is_host(&args->addresses.v[i]);
	/* for all guests, so never switched back */
	if (v6 && sysctl_write(sysctl_conf("ipv6", uplink, "proxy_ndp"), "1", err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->addresses.n; i++) {
		struct proxied p = { uplink, &args->addresses.v[i] };
		const char *text = prefix_text(p.address);

		if (prefix_is_host(p.address) &&
		    shared_hold(ctx, mem_printf("proxy-%d-%s", uplink->ifindex, text),
				text, ensure_proxied, &p, err) < 0)
			return err->code;
	}
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;

	(void)ctx;
	(void)step;
	return *args->uplink.s ? nl_link_by_name(args->uplink.s, &args->link, err) : 0;
}

static int plan_uplink(struct step *step, const struct args *args,
		       const struct link *uplink, struct xhp_err *err)
{
	bool v6 = false;

	for (unsigned int i = 0; i < args->addresses.n; i++) {
		const struct prefix *p = &args->addresses.v[i];
		const char *text = mem_printf("answered on %s", uplink->name.s);
		bool exists;

		if (!prefix_is_host(p))
			continue;
		if (nl_proxy_exists(uplink->ifindex, p, &exists, err) < 0)
			return err->code;
		plan_change(step, prefix_text(p), "proxy", exists ? text : "", text);
		v6 |= p->family == AF_INET6;
	}
	return v6 ? sysctl_plan(step, uplink, "ipv6", "proxy_ndp", "1", err) : 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < REFUSALS; i++) {
		if (sysctl_plan(step, &link, refusals[i][0], refusals[i][1], "0", err) <
			    0 &&
		    err->code != -ENOENT)
			return err->code;
	}
	if (args->arp && sysctl_plan(step, &link, "ipv4", "proxy_arp", "1", err) < 0)
		return err->code;
	return args->link.ifindex ? plan_uplink(step, args, &args->link, err) : 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    refuse_configuration(ctx, &link, err) < 0 ||
	    (args->arp && sysctl_set(ctx, "proxy", SCOPE_HOST, &link, "ipv4", "proxy_arp",
				     "1", err) < 0))
		return err->code;
	return args->link.ifindex ? answer_on_uplink(ctx, args, &args->link, err) : 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct prefix p;

	(void)ctx;
	if (!strcmp(rec->kind, "sysctl"))
		return sysctl_undo(rec, err);
	if (neighbour_of(rec, &p, err) < 0)
		return err->code;
	if (nl_proxy_del((int)rec_num(rec, "ifindex", 0), &p, err) < 0 &&
	    err->code != -ENOENT && err->code != -ENODEV && err->code != -EINVAL)
		return err->code;
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	bool exists;
	struct prefix p;

	(void)ctx;
	if (!strcmp(rec->kind, "sysctl"))
		return sysctl_audit(rec, err);
	if (neighbour_of(rec, &p, err) < 0 ||
	    nl_proxy_exists((int)rec_num(rec, "ifindex", 0), &p, &exists, err) < 0)
		return err->code == -ENODEV ? 1 : err->code;
	if (exists)
		return 0;
	err_set(err, -ESTALE, "nobody answers for %s any more", prefix_text(&p));
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct prefix p;

	(void)ctx;
	if (!strcmp(rec->kind, "sysctl"))
		return sysctl_repair(rec, err);
	if (neighbour_of(rec, &p, err) < 0)
		return err->code;
	return nl_proxy_add((int)rec_num(rec, "ifindex", 0), &p, err);
}

static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (sysctl_write(sysctl_conf("ipv4", &link, "proxy_arp"), "0", err) < 0 &&
	    err->code != -ENOENT)
		return err->code;
	return 0;
}

const struct action action_proxy = {
	.name = "proxy",
	.summary =
		"answer for others: for all on the interface, for the guest on the uplink",
	.params = params,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
