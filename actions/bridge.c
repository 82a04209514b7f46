// SPDX-License-Identifier: LGPL-2.1-or-later
// bridge: the interface becomes a port of a Linux bridge.

#include <stdio.h>

#include "actions.h"

struct args {
	struct ifname dev;
	struct bridge_spec name;
	struct vlans vlan;
	struct num mtu;
	/* found by the check */
	struct link bridge;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "name",
	  .type = V_BRIDGE,
	  .offset = offsetof(struct args, name),
	  .help = "the bridge; else the only one that there is" },
	{ .key = "vlan",
	  .type = V_VLANS,
	  .offset = offsetof(struct args, vlan),
	  .help = "the port's VLANs, in xl's syntax (refused: not built yet)" },
	{ .key = "mtu",
	  .type = V_UINT,
	  .offset = offsetof(struct args, mtu),
	  .min = 68,
	  .max = 65535,
	  .help = "the interface's MTU; else the bridge's" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "name", .type = V_IFNAME, .help = "the bridge" },
	{ .name = "mtu", .type = V_UINT, .help = "the interface's MTU" },
	{ .name = NULL },
};

/* "; the bridges here are: a, b" */
static const char *bridges_here(void)
{
	struct buf b = { 0 };
	struct xhp_err unused;
	struct link *list;
	unsigned int n;

	if (nl_bridges(&list, &n, &unused) < 0)
		return "";
	if (!n)
		return "; there is no bridge here";
	for (unsigned int i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", list[i].name.s);
	return mem_printf("; the bridge%s here: %s", n > 1 ? "s" : "", b.s);
}

static int only_bridge(struct link *ret, struct xhp_err *err)
{
	struct link *list;
	unsigned int n;

	if (nl_bridges(&list, &n, err) < 0)
		return err->code;
	if (n != 1)
		return err_set(err, -ENODEV, "no bridge is named, and there %s%s",
			       n ? "are several to choose from" : "is none",
			       n ? bridges_here() : "");
	*ret = list[0];
	return 0;
}

/* Before 2005's netloop went, "xenbrN" was what is "ethN" now; vif-bridge translates. */
static bool old_name(const char *name, struct link *ret)
{
	struct xhp_err unused;

	return !strncmp(name, "xenbr", 5) &&
	       !nl_link_by_name(mem_printf("eth%s", name + 5), ret, &unused) &&
	       !strcmp(ret->kind, "bridge");
}

static int find_bridge(const char *name, struct link *ret, struct xhp_err *err)
{
	if (!*name)
		return only_bridge(ret, err);
	if (nl_link_by_name(name, ret, err) < 0) {
		if (err->code != -ENODEV || old_name(name, ret))
			return err->code == -ENODEV ? 0 : err->code;
		return err_set(err, -ENODEV, "there is no bridge %s%s", name,
			       bridges_here());
	}
	if (!strcmp(ret->kind, "bridge"))
		return 0;
	return err_set(err, -EINVAL, "%s is not a bridge%s%s%s", name,
		       *ret->kind ? " but a " : "", ret->kind, bridges_here());
}

/* "br0.5" has always been a bridge of that very name, where there is one. */
static bool literal_name(struct args *args)
{
	struct bridge_spec *spec = &args->name;
	const char *name = mem_printf("%s.%u", spec->name.s, spec->tag);
	struct xhp_err unused;

	return spec->tag && !spec->ntrunks && strlen(name) < IFNAMSIZ &&
	       !nl_link_by_name(name, &args->bridge, &unused) &&
	       !strcmp(args->bridge.kind, "bridge");
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (literal_name(args))
		args->name.tag = 0;
	else if (find_bridge(args->name.name.s, &args->bridge, err) < 0)
		return err->code;
	if (args->name.ntrunks)
		return err_set(err, -EINVAL,
			       "NAME:TRUNK is Open vSwitch's syntax; a Linux "
			       "bridge takes vlan=");
	if (args->name.tag || args->vlan.set)
		return err_set(
			err, -EOPNOTSUPP,
			"VLANs on a Linux bridge are not built yet: %s cannot be held "
			"to its VLAN on %s",
			link.name.s, args->bridge.name.s);
	if (link.ifindex == args->bridge.ifindex)
		return err_set(err, -ELOOP, "%s cannot be its own port", link.name.s);
	if (args->mtu.set && args->mtu.v < args->bridge.mtu)
		log_warn(
			"MTU %u of %s is below that of %s, which may follow it down, for "
			"all its ports",
			(unsigned int)args->mtu.v, link.name.s, args->bridge.name.s);
	ctx->mtu = args->mtu.set ? (unsigned int)args->mtu.v : args->bridge.mtu;
	step_result(step, "name", args->bridge.name.s);
	step_result(step, "mtu", mem_printf("%u", ctx->mtu));
	return 0;
}

/* MTU first in the kernel, then master: one message, but not all or nothing. */
static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link_change change = { .set_master = true,
				      .master = args->bridge.ifindex };
	uint32_t mtu = args->mtu.set ? (uint32_t)args->mtu.v : args->bridge.mtu;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (mtu != link.mtu)
		change.mtu = mtu;
	if (RECORD(ctx, err, SCOPE_HOST, "bridge", "port", "ifindex",
		   mem_printf("%d", link.ifindex), "ifname", link.name.s, "bridge",
		   args->bridge.name.s, "bridge-ifindex",
		   mem_printf("%d", args->bridge.ifindex), "old-master",
		   mem_printf("%d", link.master), "old-mtu", mem_printf("%u", link.mtu),
		   "mtu", mem_printf("%u", mtu)) < 0)
		return err->code;
	if (nl_link_change(link.ifindex, &change, err) < 0)
		return err_wrap(err, "cannot join %s to %s with MTU %u", link.name.s,
				args->bridge.name.s, mtu);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link_change change = { .master = (int)rec_num(rec, "old-master", 0) };
	long bridge = rec_num(rec, "bridge-ifindex", -1),
	     mtu = rec_num(rec, "old-mtu", 0);
	const char *own = journal_head(ctx->journal, "ifindex");
	struct link link, old;

	if (rec_link(rec, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	/* a device that goes has no place in the bridge, whoever put it there first */
	if (!ctx->rollback && change.master == bridge &&
	    !strcmp(rec_get(rec, "ifindex"), own ? own : ""))
		change.master = 0;
	if (link.master == bridge && link.master != change.master) {
		change.set_master = true;
		if (change.master && nl_link_by_index(change.master, &old, err) < 0)
			change.master = 0;
	} else if (link.master && link.master != change.master) {
		log_warn(
			"%s was moved to another bridge by somebody else: it stays there",
			link.name.s);
	}
	if (ctx->rollback && mtu && (long)link.mtu == rec_num(rec, "mtu", 0) &&
	    (long)link.mtu != mtu)
		change.mtu = (uint32_t)mtu;
	if (!change.set_master && !change.mtu)
		return 0;
	if (nl_link_change(link.ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s out of %s", link.name.s,
				rec_get(rec, "bridge"));
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0)
		return 1;
	if (link.master != rec_num(rec, "bridge-ifindex", -1))
		err_set(err, -ESTALE, "%s is not in %s any more", link.name.s,
			rec_get(rec, "bridge"));
	else if ((long)link.mtu != rec_num(rec, "mtu", -1))
		err_set(err, -ESTALE, "the MTU of %s is %u, not %s", link.name.s,
			link.mtu, rec_get(rec, "mtu"));
	else
		return 0;
	return 1;
}

/* By the bridge's ifindex: another one of its name may not be meant. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link_change change = { .mtu = (uint32_t)rec_num(rec, "mtu", 0) };
	struct link link, bridge;

	(void)ctx;
	change.master = (int)rec_num(rec, "bridge-ifindex", 0);
	if (rec_link(rec, &link, err) < 0 ||
	    nl_link_by_index(change.master, &bridge, err) < 0)
		return err->code;
	change.set_master = link.master != change.master;
	if (nl_link_change(link.ifindex, &change, err) < 0)
		return err_wrap(err, "cannot join %s to %s", link.name.s, bridge.name.s);
	return 0;
}

/* The bridge may have gone, or be another one than the recipe would choose now. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct link_change out = { .set_master = true };
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (!link.master || strcmp(link.port_kind, "bridge") != 0)
		return 0;
	if (nl_link_change(link.ifindex, &out, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s out of its bridge", link.name.s);
	return 0;
}

static const struct shown shown[] = {
	{ "port", "${bridge}[ VLAN ${vlan}]", "bridge ${bridge}" },
	{ NULL, NULL, NULL },
};

const struct action action_bridge = {
	.name = "bridge",
	.summary = "join the interface to a Linux bridge",
	.params = params,
	.shown = shown,
	.args_size = sizeof(struct args),
	.results = results,
	.order = ORDER_UP,
	.check = check,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
