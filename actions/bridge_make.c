// SPDX-License-Identifier: LGPL-2.1-or-later
// A bridge of our own: made for its first port, and removed with its last.
/*
 * It is known again by its MAC address, which is chosen at random and recorded before the
 * bridge is made. A fixed address also keeps it from taking that of a port.
 */

#include <linux/if_link.h>

#include "bridge.h"
#include "shared.h"

struct wanted {
	const char *name;
	bool create, filtering;
};

static const char *thing(const char *name)
{
	return mem_printf("bridge-%s", name);
}

bool bridge_is_made(const char *name)
{
	return shared_exists(thing(name));
}

static int of_record(const struct rec *rec, const char **ret_name, uint8_t ret_mac[6],
		     struct xhp_err *err)
{
	const char *mac = rec_get(rec, "mac");

	*ret_name = rec_get(rec, "name");
	if (!*ret_name || !mac)
		return rec_unknown(rec, err);
	return mac_parse(mac, ret_mac, err);
}

/* No IPv6 address of its own: a guest's neighbour would be dom0. */
static int make(const struct rec *rec, struct xhp_err *err)
{
	const struct link_change gen = { .set_addrgen = true,
					 .addrgenmode = IN6_ADDR_GEN_MODE_NONE };
	struct link link;
	const char *name;
	uint8_t mac[6];

	if (of_record(rec, &name, mac, err) < 0)
		return err->code;
	if (nl_link_by_name(name, &link, err) < 0 &&
	    (err->code != -ENODEV ||
	     nl_bridge_add(name, mac, rec_get(rec, "filtering"), err) < 0 ||
	     nl_link_by_name(name, &link, err) < 0)) {
		if (err->code == -EOPNOTSUPP && rec_get(rec, "filtering"))
			return port_no_vlans(name, err);
		return err->code;
	}
	if (link.addrgenmode != 0xff && link.addrgenmode != IN6_ADDR_GEN_MODE_NONE &&
	    nl_link_change(link.ifindex, &gen, err) < 0)
		return err_wrap(err, "cannot keep %s from making addresses", name);
	return link_set_up(&link, true, err);
}

static const struct rec *made(const struct journal *j)
{
	return j->nrecs ? &j->recs[j->nrecs - 1] : NULL;
}

/* One that is there without a record is somebody else's, and stays. */
static int ensure(struct ctx *ctx, bool first, void *data, struct xhp_err *err)
{
	const struct wanted *want = data;
	struct link link;
	uint8_t mac[6];

	(void)first;
	if (nl_link_by_name(want->name, &link, err) == 0)
		return 0;
	if (err->code != -ENODEV)
		return err->code;
	if (!made(ctx->journal)) {
		if (!want->create)
			return err_set(err, -ENODEV, "there is no bridge %s any more",
				       want->name);
		if (random_mac(mac, err) < 0 ||
		    RECORD(ctx, err, SCOPE_HOST, "bridge", "made", "name", want->name,
			   "mac", mac_text(mac), "filtering",
			   want->filtering ? "yes" : NULL) < 0)
			return err->code;
	}
	return make(made(ctx->journal), err);
}

int bridge_hold(struct ctx *ctx, const char *name, bool create, bool filtering,
		struct xhp_err *err)
{
	struct wanted want = { name, create, filtering };

	if (!create && !bridge_is_made(name))
		return 0;
	return shared_hold(ctx, thing(name), name, ensure, &want, err);
}

/* The bridge of that name, if it is the one that was made: its address tells. */
static int find(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	const char *name;
	uint8_t mac[6];

	if (of_record(rec, &name, mac, err) < 0 || nl_link_by_name(name, ret, err) < 0)
		return err->code;
	if (strcmp(ret->kind, "bridge") != 0 || memcmp(ret->mac, mac, 6) != 0)
		return err_set(err, -ESTALE,
			       "%s is not the bridge that was made for guests", name);
	return 0;
}

int bridge_undo(const struct rec *rec, struct xhp_err *err)
{
	struct link link, *ports;
	unsigned int n;

	if (find(rec, &link, err) < 0) {
		if (err->code == -ESTALE)
			log_warn("%s: it is left alone", err->text);
		return err->code == -ENODEV || err->code == -ESTALE ? 0 : err->code;
	}
	if (nl_ports(link.ifindex, &ports, &n, err) < 0)
		return err->code;
	if (n) {
		log_warn("%s has ports of somebody else: it stays", link.name.s);
		return 0;
	}
	if (nl_link_del(link.ifindex, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot remove the bridge %s", link.name.s);
	return 0;
}

int bridge_audit(const struct rec *rec, struct xhp_err *err)
{
	struct link link;
	int rc = find(rec, &link, err);

	if (rc)
		return rc == -ENODEV || rc == -ESTALE ? 1 : rc;
	if (link.flags & IFF_UP)
		return 0;
	err_set(err, -ENETDOWN, "%s is down", link.name.s);
	return 1;
}

int bridge_repair(const struct rec *rec, struct xhp_err *err)
{
	struct link link;

	if (find(rec, &link, err) < 0 && err->code != -ENODEV)
		return err->code;
	return make(rec, err);
}
