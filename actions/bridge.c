// SPDX-License-Identifier: LGPL-2.1-or-later
// bridge: the interface becomes a port of a Linux bridge.

#include <linux/if_ether.h>
#include <stdio.h>

#include "bridge.h"

struct args {
	struct ifname dev;
	struct bridge_spec name;
	struct vlans vlan;
	struct num mtu;
	bool create;
	uint8_t filtering;
	uint8_t options[PORT_OPTIONS]; /* 1 = yes, 2 = no; the router's: never, auto,
					  always */
	/* found by the check */
	struct link bridge; /* ifindex 0: it is to be made */
	struct port port;
};

#define PARAM_OPTION(name, number, text)                                        \
	{                                                                       \
		.key = (name), .type = V_ENUM, .words = "yes|no",               \
		.offset = offsetof(struct args, options[number]), .help = text, \
	}

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "name",
	  .type = V_BRIDGE,
	  .offset = offsetof(struct args, name),
	  .help = "the bridge, with its VLANs: NAME.TAG, NAME:T1:T2; else the only bridge there is" },
	{ .key = "vlan",
	  .type = V_VLANS,
	  .offset = offsetof(struct args, vlan),
	  .help = "the port's VLANs, in xl's syntax; it has no others" },
	{ .key = "mtu",
	  .type = V_UINT,
	  .offset = offsetof(struct args, mtu),
	  .words = "keep",
	  .min = 68,
	  .max = 65535,
	  .help = "the interface's MTU, or keep; else the bridge's" },
	{ .key = "create",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, create),
	  .dflt = "no",
	  .help = "make the bridge if there is none, and remove it with its last port" },
	{ .key = "vlan-filtering",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, filtering),
	  .dflt = "require",
	  .words = "require|enable",
	  .help = "what to do if a VLAN is asked for and the bridge filters none" },
	PARAM_OPTION("isolated", PORT_ISOLATED, "reach no other isolated port"),
	PARAM_OPTION("learning", PORT_LEARNING, "learn the guest's MAC addresses"),
	PARAM_OPTION("flood", PORT_FLOOD, "get frames for unknown MAC addresses"),
	PARAM_OPTION("hairpin", PORT_HAIRPIN, "send frames back where they came from"),
	PARAM_OPTION("bpdu-guard", PORT_BPDU_GUARD, "take no part in spanning trees"),
	{ .key = "multicast-router",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, options[PORT_MULTICAST_ROUTER]),
	  .words = "never|auto|always",
	  .help = "does it get all multicast, as a router does" },
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

/* -ENODEV: there is no such bridge; then `create` wants no list of the others. */
static int find_bridge(const char *name, bool create, struct link *ret,
		       struct xhp_err *err)
{
	if (!*name)
		return only_bridge(ret, err);
	if (nl_link_by_name(name, ret, err) < 0) {
		if (err->code != -ENODEV || old_name(name, ret))
			return err->code == -ENODEV ? 0 : err->code;
		return err_set(err, -ENODEV, "there is no bridge %s%s", name,
			       create ? "" : bridges_here());
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

	return spec->tag && strlen(name) < IFNAMSIZ &&
	       !nl_link_by_name(name, &args->bridge, &unused) &&
	       !strcmp(args->bridge.kind, "bridge");
}

/* NULL: none is asked for, and the port has those that the bridge gives it. */
static struct vlan_set *vlans_wanted(const struct args *args)
{
	const struct bridge_spec *spec = &args->name;
	struct vlan_set *set;

	if (!args->vlan.set && !spec->tag && !spec->ntrunks)
		return NULL;
	set = MEM_NEW(struct vlan_set);
	for (unsigned int i = 0; i < args->vlan.n; i++) {
		const struct vlan *v = &args->vlan.v[i];
		uint8_t flags = VLAN_MEMBER | (v->untagged ? VLAN_UNTAGGED : 0) |
				(v->pvid ? VLAN_PVID : 0);

		for (unsigned int vid = v->first; vid <= v->last; vid += v->step)
			set->v[vid] |= flags;
	}
	for (unsigned int i = 0; i < spec->ntrunks; i++)
		set->v[spec->trunks[i]] = VLAN_MEMBER;
	if (spec->tag)
		set->v[spec->tag] = VLAN_MEMBER | VLAN_UNTAGGED | VLAN_PVID;
	return set;
}

static struct port port_wanted(const struct args *args)
{
	struct port p = { .enable = args->filtering == FILTERING_ENABLE };

	for (int i = 0; i < PORT_OPTIONS; i++) {
		p.options.set[i] = args->options[i];
		p.options.v[i] = i == PORT_MULTICAST_ROUTER
					 ? (uint8_t)(args->options[i] - 1)
					 : args->options[i] == 1;
	}
	p.vlans = vlans_wanted(args);
	return p;
}

/* The filter knows addresses in untagged frames only, and drops all others. */
static void warn_tagged(const struct ctx *ctx, const struct link *link,
			const struct vlan_set *set)
{
	struct vlan_set tagged = { 0 };
	bool any = false;

	for (unsigned int vid = 1; vid < 4095; vid++) {
		if (set->v[vid] && !(set->v[vid] & VLAN_PVID))
			any |= tagged.v[vid] = VLAN_MEMBER;
	}
	if (any && ctx->filtered)
		log_warn("the filter of %s drops what the guest sends with a VLAN tag: "
			 "its VLANs %s are for what it receives alone",
			 link->name.s, port_vlans_text(&tagged));
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	uint32_t mtu = ETH_DATA_LEN;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (literal_name(args)) {
		args->name.tag = 0;
	} else if (find_bridge(args->name.name.s, args->create, &args->bridge, err) < 0) {
		if (err->code != -ENODEV || !args->create || !*args->name.name.s)
			return err->code;
		args->bridge = (struct link){ .name = args->name.name };
	}
	if (args->vlan.set && (args->name.tag || args->name.ntrunks))
		return err_set(err, -EINVAL,
			       "vlan= goes with a plain bridge: what stands behind %s "
			       "says already which VLANs there are",
			       args->name.name.s);
	args->port = port_wanted(args);
	if (args->port.vlans)
		warn_tagged(ctx, &link, args->port.vlans);
	if (args->bridge.ifindex) {
		mtu = args->bridge.mtu;
		if (port_check(&args->port, &args->bridge, err) < 0)
			return err->code;
	}
	if (link.ifindex == args->bridge.ifindex)
		return err_set(err, -ELOOP, "%s cannot be its own port", link.name.s);
	if (args->mtu.word)
		mtu = link.mtu;
	else if (args->mtu.set && args->mtu.v < mtu)
		log_warn(
			"MTU %u of %s is below that of %s, which may follow it down, for "
			"all its ports",
			(unsigned int)args->mtu.v, link.name.s, args->bridge.name.s);
	ctx->mtu = args->mtu.v ? (unsigned int)args->mtu.v : mtu;
	step_result(step, "name", args->bridge.name.s);
	step_result(step, "mtu", mem_printf("%u", ctx->mtu));
	return 0;
}

/* As the kernel has it now, which may be another one than the check saw. */
static int take_bridge(struct ctx *ctx, const struct args *args, struct link *ret,
		       struct xhp_err *err)
{
	const char *name = args->bridge.name.s;

	*ret = args->bridge;
	if (!args->create && !bridge_is_made(name))
		return 0;
	if (bridge_hold(ctx, name, args->create, args->port.vlans, err) < 0 ||
	    nl_link_by_name(name, ret, err) < 0)
		return err->code;
	if (!strcmp(ret->kind, "bridge"))
		return 0;
	return err_set(err, -EINVAL, "%s is not a bridge", name);
}

static uint32_t mtu_wanted(const struct args *args, const struct link *link,
			   const struct link *bridge)
{
	if (args->mtu.word)
		return link->mtu;
	return args->mtu.set ? (uint32_t)args->mtu.v : bridge->mtu;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const struct port *want = &args->port;
	struct link link, bridge = args->bridge, master = { 0 };
	struct port now = { 0 };
	const char *vlans;

	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    (link.master && (nl_link_by_index(link.master, &master, err) < 0 ||
			     port_now(link.ifindex, want, &now, err) < 0)))
		return err->code;
	if (!bridge.ifindex) {
		plan_text(step, &bridge, "bridge", "", "made");
		bridge.mtu = ETH_DATA_LEN;
	}
	plan_text(step, &link, "master", mem_strdup(master.name.s),
		  mem_strdup(bridge.name.s));
	plan_mtu(step, &link, mtu_wanted(args, &link, &bridge));
	for (int i = 0; i < PORT_OPTIONS; i++) {
		if (want->options.set[i])
			plan_text(step, &link, port_option_names[i],
				  now.options.set[i] ? number_text(now.options.v[i]) : "",
				  number_text(want->options.v[i]));
	}
	if (!want->vlans)
		return 0;
	vlans = now.vlans ? port_vlans_text(now.vlans) : NULL;
	plan_text(step, &link, "vlan", vlans ? vlans : "", port_vlans_text(want->vlans));
	return 0;
}

/* MTU first in the kernel, then master: one message, but not all or nothing. Then the
 * options and VLANs, of which a port has none before it is one. */
static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const struct port *port = &args->port;
	struct link_change change = { .set_master = true };
	struct port old = { 0 };
	struct link link, bridge;
	uint32_t mtu;
	bool joined;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0 ||
	    take_bridge(ctx, args, &bridge, err) < 0)
		return err->code;
	joined = link.master != bridge.ifindex;
	if (port->vlans && joined && link.flags & IFF_UP)
		return err_set(
			err, -EBUSY,
			"%s is up: frames would pass in another VLAN before it has "
			"its own. A [link] before this step takes it down",
			link.name.s);
	if (link.master && port_now(link.ifindex, port, &old, err) < 0)
		return err->code;
	mtu = mtu_wanted(args, &link, &bridge);
	if (mtu != link.mtu)
		change.mtu = mtu;
	change.master = bridge.ifindex;
	if (RECORD(ctx, err, SCOPE_HOST, "bridge", "port", "ifindex",
		   mem_printf("%d", link.ifindex), "ifname", link.name.s, "bridge",
		   bridge.name.s, "bridge-ifindex", mem_printf("%d", bridge.ifindex),
		   "old-master", mem_printf("%d", link.master), "old-mtu",
		   mem_printf("%u", link.mtu), "mtu", mem_printf("%u", mtu), "options",
		   port_options_text(&port->options), "vlan",
		   port_vlans_text(port->vlans), "enable",
		   port->vlans && port->enable ? "yes" : NULL, "old-options",
		   port_options_text(&old.options), "old-vlan",
		   port_vlans_text(old.vlans)) < 0)
		return err->code;
	if (nl_link_change(link.ifindex, &change, err) < 0)
		return err_wrap(err, "cannot join %s to %s with MTU %u", link.name.s,
				bridge.name.s, mtu);
	return port_set(port, &link, &bridge, joined, err);
}

/* Back in, or still in, the bridge that it was in before: as it was there. At a detach,
 * only what is still as we set it. */
static int undo_port(const struct ctx *ctx, const struct rec *rec, bool moved,
		     const struct link *link, struct xhp_err *err)
{
	const int master = (int)rec_num(rec, "old-master", 0);
	struct port old, ours;
	struct link bridge;

	if (!master || port_of(rec, "old-", &old, err) < 0 ||
	    port_of(rec, "", &ours, err) < 0)
		return master ? err->code : 0;
	if (port_is_plain(&old))
		return 0;
	if (nl_link_by_index(master, &bridge, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (!moved && !ctx->rollback && port_audit(&ours, link, &bridge, err)) {
		log_warn("%s: it is left as it is", err->text);
		return 0;
	}
	if (port_restore(&old, link, err) < 0 && err->code != -ENODEV)
		return err->code;
	return 0;
}

/* The record's bridge, or else the one that was made anew under its name. */
static int bridge_of(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	const char *name = rec_get(rec, "bridge");

	if (!nl_link_by_index((int)rec_num(rec, "bridge-ifindex", -1), ret, err) &&
	    !strcmp(ret->kind, "bridge"))
		return 0;
	if (!name)
		return rec_unknown(rec, err);
	if (nl_link_by_name(name, ret, err) < 0)
		return err->code == -ENODEV
			       ? err_set(err, -ENODEV, "there is no bridge %s any more",
					 name)
			       : err->code;
	if (!strcmp(ret->kind, "bridge"))
		return 0;
	return err_set(err, -EINVAL, "%s is not a bridge any more", name);
}

static bool is_anew(const struct rec *rec, const struct link *bridge)
{
	return bridge->ifindex != rec_num(rec, "bridge-ifindex", -1);
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link_change change = { .master = (int)rec_num(rec, "old-master", 0) };
	long bridge = rec_num(rec, "bridge-ifindex", -1),
	     mtu = rec_num(rec, "old-mtu", 0);
	const char *own = journal_head(ctx->journal, "ifindex");
	struct link link, old;

	if (!strcmp(rec->kind, "made"))
		return bridge_undo(rec, err);
	if (rec_link(rec, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	/* a device that goes has no place in the bridge, whoever put it there first */
	if (!ctx->rollback && change.master == bridge &&
	    !strcmp(rec_get(rec, "ifindex"), own ? own : ""))
		change.master = 0;
	if (link.master && link.master != bridge && !bridge_of(rec, &old, err))
		bridge = old.ifindex;
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
	if ((change.set_master || change.mtu) &&
	    nl_link_change(link.ifindex, &change, err) < 0)
		return err->code == -ENODEV
			       ? 0
			       : err_wrap(err, "cannot take %s out of %s", link.name.s,
					  rec_get(rec, "bridge"));
	if (change.set_master)
		link.master = change.master;
	if (!change.master || link.master != change.master)
		return 0;
	return undo_port(ctx, rec, change.set_master, &link, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link link, bridge;
	struct port port;

	(void)ctx;
	if (!strcmp(rec->kind, "made"))
		return bridge_audit(rec, err);
	if (rec_link(rec, &link, err) < 0)
		return 1;
	if (port_of(rec, "", &port, err) < 0)
		return err->code;
	if (bridge_of(rec, &bridge, err) < 0)
		return err->code == -ENODEV || err->code == -EINVAL ? 1 : err->code;
	if (link.master != bridge.ifindex)
		err_set(err, -ESTALE, "%s is not in %s any more%s", link.name.s,
			bridge.name.s,
			is_anew(rec, &bridge) ? ", a bridge that was made anew" : "");
	else if ((long)link.mtu != rec_num(rec, "mtu", -1))
		err_set(err, -ESTALE, "the MTU of %s is %u, not %s", link.name.s,
			link.mtu, rec_get(rec, "mtu"));
	else
		return port_audit(&port, &link, &bridge, err);
	return 1;
}

static int join(const struct port *port, const struct link *link,
		const struct link *bridge, uint32_t mtu, struct xhp_err *err)
{
	const struct link_change in = { .mtu = mtu,
					.set_master = link->master != bridge->ifindex,
					.master = bridge->ifindex };
	const struct link_change out = { .set_master = true };
	struct xhp_err unused;

	if (nl_link_change(link->ifindex, &in, err) < 0)
		return err_wrap(err, "cannot join %s to %s", link->name.s,
				bridge->name.s);
	if (!port_set(port, link, bridge, false, err))
		return 0;
	if (in.set_master)
		(void)nl_link_change(link->ifindex, &out, &unused);
	return err->code;
}

/* Into a bridge that was made anew, but not out of one where somebody put it since. Down
 * meanwhile: as a plain port of it, it could reach whom it must not. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link link, bridge;
	struct xhp_err up_err;
	struct port port;
	bool down;
	int rc;

	(void)ctx;
	if (!strcmp(rec->kind, "made"))
		return bridge_repair(rec, err);
	if (rec_link(rec, &link, err) < 0 || port_of(rec, "", &port, err) < 0 ||
	    bridge_of(rec, &bridge, err) < 0)
		return err->code;
	if (is_anew(rec, &bridge) && link.master && link.master != bridge.ifindex)
		return err_set(err, -EBUSY,
			       "%s has another master by now: it is left there",
			       link.name.s);
	if (port_check(&port, &bridge, err) < 0)
		return err->code;
	down = !port_is_plain(&port) && link.master != bridge.ifindex &&
	       link.flags & IFF_UP;
	if (down && link_set_up(&link, false, err) < 0)
		return err->code;
	rc = join(&port, &link, &bridge, (uint32_t)rec_num(rec, "mtu", 0), err);
	link.flags &= ~(unsigned int)IFF_UP;
	if (down && link_set_up(&link, true, rc ? &up_err : err) < 0 && !rc)
		rc = err->code;
	return rc;
}

/* The bridge may have gone, or be another one than the recipe would choose now. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct link_change out = { .set_master = true };
	const struct args *args = data;
	struct link link, master;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (!link.master || strcmp(link.port_kind, "bridge") != 0)
		return 0;
	/* out of a bridge of its own, and of no other */
	if (args->create && (nl_link_by_index(link.master, &master, err) < 0 ||
			     strcmp(master.name.s, args->name.name.s) != 0))
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
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
