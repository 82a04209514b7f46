// SPDX-License-Identifier: LGPL-2.1-or-later
// neighbour: the guest's addresses are its MAC's, whoever else claims them.

#include <sys/socket.h>

#include "actions.h"

struct args {
	struct ifname dev;
	struct prefixes addresses;
	struct mac mac;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "mac",
	  .type = V_MAC,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, mac),
	  .help = "the guest's MAC address" },
	{ .key = "addresses",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, addresses),
	  .help = "the guest's; of a prefix, nothing can be said" },
	{ .key = NULL },
};

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->addresses.n; i++) {
		const struct prefix *p = &args->addresses.v[i];
		uint8_t now[6];
		bool fixed;

		if (!prefix_is_host(p))
			continue;
		if (nl_neighbour_get(link.ifindex, p, &fixed, now, err) < 0)
			return err->code;
		plan_change(step, prefix_text(p), "neighbour", fixed ? mac_text(now) : "",
			    mac_text(args->mac.b));
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
	for (unsigned int i = 0; i < args->addresses.n; i++) {
		const struct prefix *p = &args->addresses.v[i];
		uint8_t old[6];
		bool fixed;

		if (!prefix_is_host(p))
			continue;
		if (nl_neighbour_get(link.ifindex, p, &fixed, old, err) < 0)
			return err->code;
		if (fixed && !memcmp(old, args->mac.b, 6))
			continue;
		if (RECORD(ctx, err, SCOPE_HOST, "neighbour", "entry", "ifindex",
			   mem_printf("%d", link.ifindex), "address", prefix_text(p),
			   "mac", mac_text(args->mac.b), "old",
			   fixed ? mac_text(old) : NULL) < 0)
			return err->code;
		if (nl_neighbour_set(link.ifindex, p, args->mac.b, err) < 0)
			return err_wrap(err, "%s", link.name.s);
	}
	return 0;
}

struct entry_of {
	int ifindex;
	struct prefix address;
	uint8_t mac[6];
};

static int from_record(const struct rec *rec, struct entry_of *ret, struct xhp_err *err)
{
	const char *address = rec_get(rec, "address"), *mac = rec_get(rec, "mac");

	ret->ifindex = (int)rec_num(rec, "ifindex", 0);
	if (strcmp(rec->kind, "entry") != 0 || !address || !mac || ret->ifindex <= 0)
		return rec_unknown(rec, err);
	if (prefix_parse(address, &ret->address, err) < 0)
		return err->code;
	return mac_parse(mac, ret->mac, err);
}

/* The kernel drops them all when the interface goes down; so may have others. */
static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *old = rec_get(rec, "old");
	uint8_t now[6], before[6];
	struct entry_of e;
	bool fixed;
	int rc;

	(void)ctx;
	if (from_record(rec, &e, err) < 0 || (old && mac_parse(old, before, err) < 0))
		return err->code;
	rc = nl_neighbour_get(e.ifindex, &e.address, &fixed, now, err);
	if (!rc && fixed && memcmp(now, e.mac, 6) != 0) {
		log_warn("%s is %s now: it stays so", prefix_text(&e.address),
			 mac_text(now));
		return 0;
	}
	if (!rc && fixed)
		rc = old ? nl_neighbour_set(e.ifindex, &e.address, before, err)
			 : nl_neighbour_del(e.ifindex, &e.address, err);
	return rc == -ENODEV || rc == -ENOENT ? 0 : rc;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct entry_of e;
	uint8_t now[6];
	bool fixed;

	(void)ctx;
	if (from_record(rec, &e, err) < 0)
		return err->code;
	if (nl_neighbour_get(e.ifindex, &e.address, &fixed, now, err) < 0)
		return err->code == -ENODEV ? 1 : err->code;
	if (fixed && !memcmp(now, e.mac, 6))
		return 0;
	err_set(err, -ESTALE, "%s is not pinned to %s any more", prefix_text(&e.address),
		mac_text(e.mac));
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct entry_of e;

	(void)ctx;
	if (from_record(rec, &e, err) < 0)
		return err->code;
	return nl_neighbour_set(e.ifindex, &e.address, e.mac, err);
}

const struct action action_neighbour = {
	.name = "neighbour",
	.summary = "pin the guest's addresses to its MAC address",
	.params = params,
	.args_size = sizeof(struct args),
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
};
