// SPDX-License-Identifier: LGPL-2.1-or-later
// link: the interface's own properties, while it is still down.

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include "link.h"

struct args {
	struct ifname dev, name;
	struct mac mac;
	struct num mtu;
	struct prefixes addresses;
	const char *alias;
	struct num txqueuelen;
	uint8_t offload[OFFLOADS]; /* 1 = yes, 2 = no */
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "name",
	  .type = V_IFNAME,
	  .offset = offsetof(struct args, name),
	  .help = "its new name; another interface may not have it" },
	{ .key = "mac",
	  .type = V_MAC,
	  .offset = offsetof(struct args, mac),
	  .help = "dom0's side; fe:ff:ff:ff:ff:ff keeps a bridge from adopting it" },
	{ .key = "mtu",
	  .type = V_UINT,
	  .offset = offsetof(struct args, mtu),
	  .min = 68,
	  .max = 65535,
	  .help = "in bytes" },
	{ .key = "addresses",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, addresses),
	  .words = "none",
	  .help = "dom0's side; none: what is there goes, and none is generated" },
	{ .key = "alias",
	  .type = V_TEXT,
	  .flags = P_SHOWN | P_INFORMS,
	  .offset = offsetof(struct args, alias),
	  .help = "what \"ip link\" says of it, such as: xen: guest ${vm/name}" },
	{ .key = "txqueuelen",
	  .type = V_UINT,
	  .offset = offsetof(struct args, txqueuelen),
	  .max = 1000000,
	  .help = "how many packets may wait for the guest" },
	{ .key = "gro",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, offload[OFFLOAD_GRO]),
	  .words = "yes|no",
	  .help = "generic receive offload" },
	{ .key = "tso",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, offload[OFFLOAD_TSO]),
	  .words = "yes|no",
	  .help = "TCP segmentation offload, for what is sent to the guest" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "name", .type = V_IFNAME, .help = "the interface's name from here on" },
	{ .name = "mtu", .type = V_UINT, .help = "the MTU, if one is given" },
	{ .name = NULL },
};

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link, other;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	if (args->alias && strlen(args->alias) >= sizeof(link.alias))
		return err_set(err, -ENAMETOOLONG, "alias: %s is longer than %zu bytes",
			       quoted(args->alias), sizeof(link.alias) - 1);
	step_result(step, "name", *args->name.s ? args->name.s : mem_strdup(link.name.s));
	if (args->mtu.set) {
		ctx->mtu = (unsigned int)args->mtu.v;
		step_result(step, "mtu", mem_printf("%u", ctx->mtu));
	}
	if (!*args->name.s || !strcmp(args->name.s, link.name.s))
		return 0;
	if (nl_link_by_name(args->name.s, &other, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	return err_set(err, -EEXIST,
		       "%s cannot be called %s: another interface has that name already",
		       link.name.s, args->name.s);
}

/* Down first: a rename wants it, and nothing may pass before the filter is there. */
static int take_down(struct ctx *ctx, struct link *link, struct xhp_err *err)
{
	const struct link_change down = { .set_up = true };

	if (!(link->flags & IFF_UP))
		return 0;
	if (RECORD(ctx, err, SCOPE_DEVICE, "link", "down", "ifindex",
		   link_num(link->ifindex), "ifname", link->name.s) < 0)
		return err->code;
	if (nl_link_change(link->ifindex, &down, err) < 0)
		return err_wrap(err, "cannot take %s down", link->name.s);
	link->flags &= ~(uint32_t)IFF_UP;
	return 0;
}

static int rename_to(struct ctx *ctx, struct link *link, const struct ifname *name,
		     struct xhp_err *err)
{
	const struct link_change change = { .name = name->s };

	if (!*name->s || !strcmp(name->s, link->name.s))
		return 0;
	if (RECORD(ctx, err, SCOPE_DEVICE, "link", "name", "ifindex",
		   link_num(link->ifindex), "old", link->name.s, "new", name->s) < 0)
		return err->code;
	if (nl_link_change(link->ifindex, &change, err) < 0)
		return err_wrap(err, "cannot call %s %s", link->name.s, name->s);
	link->name = *name;
	return 0;
}

/* Without the blank that an empty name leaves behind it. */
static const char *alias_of(const struct args *args)
{
	size_t len = args->alias ? strlen(args->alias) : 0;

	while (len && args->alias[len - 1] == ' ')
		len--;
	return args->alias ? mem_strndup(args->alias, len) : NULL;
}

/* All that one message can say: one record. */
static int set_properties(struct ctx *ctx, struct link *link, const struct args *args,
			  struct xhp_err *err)
{
	const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	const char *alias = alias_of(args);
	bool mac = args->mac.set && memcmp(args->mac.b, link->mac, 6) != 0;
	bool mtu = args->mtu.set && args->mtu.v != link->mtu;
	bool queue = args->txqueuelen.set && args->txqueuelen.v != link->txqueuelen;
	bool gen = args->addresses.set && link->addrgenmode != 0xff &&
		   link->addrgenmode != none;
	struct link_change change = {
		.mac = mac ? args->mac.b : NULL,
		.mtu = mtu ? (uint32_t)args->mtu.v : 0,
		.set_addrgen = gen,
		.addrgenmode = none,
		.set_txqueuelen = queue,
		.txqueuelen = (uint32_t)args->txqueuelen.v,
	};

	if (alias && strcmp(alias, link->alias) != 0)
		change.alias = alias;
	if (!mac && !mtu && !gen && !queue && !change.alias)
		return 0;
	if (RECORD(ctx, err, SCOPE_DEVICE, "link", "set", "ifindex",
		   link_num(link->ifindex), "ifname", link->name.s, "old-mac",
		   mac ? mac_text(link->mac) : NULL, "mac",
		   mac ? mac_text(args->mac.b) : NULL, "old-mtu",
		   mtu ? link_num(link->mtu) : NULL, "mtu",
		   mtu ? link_num((long)args->mtu.v) : NULL, "old-addrgenmode",
		   gen ? link_num(link->addrgenmode) : NULL, "addrgenmode",
		   gen ? link_num(none) : NULL, "old-alias",
		   change.alias ? mem_strdup(link->alias) : NULL, "alias", change.alias,
		   "old-txqueuelen", queue ? link_num(link->txqueuelen) : NULL,
		   "txqueuelen", queue ? link_num((long)args->txqueuelen.v) : NULL) < 0)
		return err->code;
	if (nl_link_change(link->ifindex, &change, err) < 0)
		return err_wrap(err, "cannot set %s up: MAC %s, MTU %u", link->name.s,
				mac_text(mac ? args->mac.b : link->mac),
				mtu ? (unsigned int)args->mtu.v : link->mtu);
	if (mac)
		memcpy(link->mac, args->mac.b, 6);
	if (mtu)
		link->mtu = (uint32_t)args->mtu.v;
	if (gen)
		link->addrgenmode = none;
	return 0;
}

static int plan_addresses(struct step *step, const struct link *link,
			  const struct prefixes *list, struct xhp_err *err)
{
	struct address *have;
	unsigned int n;

	if (!list->set)
		return 0;
	if (nl_addresses(link->ifindex, &have, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; list->word && i < n; i++) {
		const char *text = prefix_text(&have[i].prefix);

		plan_text(step, link, "address", text, "");
	}
	for (unsigned int i = 0; i < list->n; i++) {
		const char *text = prefix_text(&list->v[i]);
		bool has = false;

		for (unsigned int k = 0; k < n; k++)
			has |= !memcmp(&list->v[i], &have[k].prefix, sizeof(list->v[i]));
		plan_text(step, link, "address", has ? text : "", text);
	}
	if (link->addrgenmode != 0xff && link->addrgenmode != IN6_ADDR_GEN_MODE_NONE)
		plan_text(step, link, "address generation", "on", "off");
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *alias = alias_of(args);
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	plan_link_up(step, &link, false);
	if (*args->name.s)
		plan_text(step, &link, "name", mem_strdup(link.name.s), args->name.s);
	if (args->mac.set)
		plan_text(step, &link, "mac", mac_text(link.mac), mac_text(args->mac.b));
	if (args->mtu.set)
		plan_mtu(step, &link, (uint32_t)args->mtu.v);
	if (alias)
		plan_text(step, &link, "alias", mem_strdup(link.alias), alias);
	if (args->txqueuelen.set)
		plan_text(step, &link, "txqueuelen", number_text(link.txqueuelen),
			  number_text(args->txqueuelen.v));
	for (int i = 0; i < OFFLOADS; i++) {
		bool now;

		if (!args->offload[i])
			continue;
		if (offload_get(link.name.s, i, &now, err) < 0)
			return err->code;
		plan_text(step, &link, offload_names[i], now ? "yes" : "no",
			  args->offload[i] == 1 ? "yes" : "no");
	}
	return plan_addresses(step, &link, &args->addresses, err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;
	bool own;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	own = link.ifindex == ctx->dev.ifindex;
	/* addresses first: the kernel drops IPv6 ones of its own when a link goes down */
	if ((args->addresses.word && link_flush(ctx, &link, err) < 0) ||
	    take_down(ctx, &link, err) < 0 || rename_to(ctx, &link, &args->name, err) < 0)
		return err->code;
	if (own)
		ctx->dev = link;
	if (set_properties(ctx, &link, args, err) < 0 ||
	    link_offload(ctx, &link, args->offload, err) < 0 ||
	    link_address(ctx, &link, &args->addresses, err) < 0)
		return err->code;
	if (own)
		ctx->dev = link;
	return 0;
}

static int undo_set(const struct rec *rec, const struct link *link, struct xhp_err *err)
{
	struct link_change change = { 0 };
	const char *s;
	uint8_t mac[6];
	long v;

	s = rec_get(rec, "old-mac");
	if (s && mac_parse(s, mac, err) < 0)
		return err->code;
	if (s && !strcmp(mac_text(link->mac), rec_get(rec, "mac")))
		change.mac = mac;
	v = rec_num(rec, "old-mtu", 0);
	if (v && (long)link->mtu == rec_num(rec, "mtu", 0))
		change.mtu = (uint32_t)v;
	v = rec_num(rec, "old-addrgenmode", -1);
	if (v >= 0 && link->addrgenmode == rec_num(rec, "addrgenmode", -1)) {
		change.set_addrgen = true;
		change.addrgenmode = (uint8_t)v;
	}
	s = rec_get(rec, "alias");
	if (s && !strcmp(link->alias, s))
		change.alias = rec_get(rec, "old-alias");
	v = rec_num(rec, "old-txqueuelen", -1);
	if (v >= 0 && link->txqueuelen == rec_num(rec, "txqueuelen", -1)) {
		change.set_txqueuelen = true;
		change.txqueuelen = (uint32_t)v;
	}
	if (!change.mac && !change.mtu && !change.set_addrgen && !change.alias &&
	    !change.set_txqueuelen)
		return 0;
	if (nl_link_change(link->ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot give %s its old properties back",
				link->name.s);
	return 0;
}

/* Not made yet, or somebody has changed it since: the old name is not forced back. */
static int undo_name(const struct rec *rec, const struct link *link, struct xhp_err *err)
{
	const struct link_change change = { .name = rec_get(rec, "old") };

	if (!change.name || !strcmp(link->name.s, change.name))
		return 0;
	if (strcmp(link->name.s, rec_get(rec, "new")) != 0) {
		log_warn("%s was renamed by somebody else: it keeps that name",
			 link->name.s);
		return 0;
	}
	if (nl_link_change(link->ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot call %s %s again", link->name.s,
				change.name);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	bool is_address = !strncmp(rec->kind, "address-", 8);
	struct link link;

	(void)ctx;
	if ((is_address ? rec_link_name : rec_link)(rec, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (!strcmp(rec->kind, "down"))
		return link_set_up(&link, true, err);
	if (!strcmp(rec->kind, "name"))
		return undo_name(rec, &link, err);
	if (!strcmp(rec->kind, "set"))
		return undo_set(rec, &link, err);
	if (!strcmp(rec->kind, "offload"))
		return link_undo_offload(rec, &link, err);
	if (!strcmp(rec->kind, "address-removed"))
		return link_put_address(rec, &link, true, err);
	if (!strcmp(rec->kind, "address-added"))
		return link_put_address(rec, &link, false, err);
	return rec_unknown(rec, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *mac, *alias;
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0)
		return 1;
	if (!strcmp(rec->kind, "offload"))
		return link_audit_offload(rec, &link, err);
	if (!strcmp(rec->kind, "address-added"))
		return link_audit_address(rec, &link, err);
	if (!strcmp(rec->kind, "name") && strcmp(link.name.s, rec_get(rec, "new")) != 0) {
		err_set(err, -ESTALE, "%s is called %s now", rec_get(rec, "new"),
			link.name.s);
		return 1;
	}
	if (strcmp(rec->kind, "set") != 0)
		return 0;
	mac = rec_get(rec, "mac");
	if ((mac && strcmp(mac, mac_text(link.mac)) != 0) ||
	    rec_num(rec, "mtu", link.mtu) != link.mtu) {
		err_set(err, -ESTALE, "%s has MAC %s and MTU %u now", link.name.s,
			mac_text(link.mac), link.mtu);
		return 1;
	}
	if (link.addrgenmode != 0xff &&
	    rec_num(rec, "addrgenmode", link.addrgenmode) != link.addrgenmode) {
		err_set(err, -ESTALE, "%s generates IPv6 addresses again", link.name.s);
		return 1;
	}
	alias = rec_get(rec, "alias");
	if ((alias && strcmp(alias, link.alias) != 0) ||
	    rec_num(rec, "txqueuelen", link.txqueuelen) != link.txqueuelen) {
		err_set(err, -ESTALE, "%s has alias %s and txqueuelen %u now",
			link.name.s, quoted(link.alias), link.txqueuelen);
		return 1;
	}
	return 0;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct link_change change = { .mtu = (uint32_t)rec_num(rec, "mtu", 0) };
	const char *mac = rec_get(rec, "mac");
	uint8_t bytes[6];
	struct link link;

	(void)ctx;
	if (rec_link(rec, &link, err) < 0 || (mac && mac_parse(mac, bytes, err) < 0))
		return err->code;
	if (!strcmp(rec->kind, "offload"))
		return link_repair_offload(rec, &link, err);
	if (!strcmp(rec->kind, "address-added"))
		return link_put_address(rec, &link, true, err);
	if (strcmp(rec->kind, "set") != 0)
		return err_set(err, -EBUSY, "the interface is in use");
	change.mac = mac ? bytes : NULL;
	change.set_addrgen = rec_get(rec, "addrgenmode") && link.addrgenmode != 0xff;
	change.addrgenmode = (uint8_t)rec_num(rec, "addrgenmode", 0);
	change.alias = rec_get(rec, "alias");
	change.set_txqueuelen = rec_get(rec, "txqueuelen");
	change.txqueuelen = (uint32_t)rec_num(rec, "txqueuelen", 0);
	return nl_link_change(link.ifindex, &change, err);
}

/* MAC, MTU and name go with the device; an address that was lent does not. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	for (unsigned int i = 0; i < args->addresses.n; i++) {
		const struct address a = { .prefix = args->addresses.v[i] };

		if (nl_address_del(link.ifindex, &a, err) < 0 &&
		    err->code != -EADDRNOTAVAIL)
			return err->code;
	}
	return 0;
}

const struct action action_link = {
	.name = "link",
	.summary = "set the interface's name, MAC, MTU and addresses, while it is down",
	.params = params,
	.args_size = sizeof(struct args),
	.place = PLACE_BEFORE_UP,
	.results = results,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
