// SPDX-License-Identifier: LGPL-2.1-or-later
// [link] gro, tso: what the interface leaves to its driver.

#include "link.h"

static const char *yes_no(bool on)
{
	return on ? "yes" : "no";
}

/* What a driver does not have can be off, but not be switched on. */
int link_offload(struct ctx *ctx, const struct link *link,
		 const uint8_t offload[OFFLOADS], struct xhp_err *err)
{
	for (int i = 0; i < OFFLOADS; i++) {
		bool on = offload[i] == 1, now;

		if (!offload[i])
			continue;
		if (offload_get(link->name.s, i, &now, err) < 0)
			return err->code;
		if (now == on)
			continue;
		if (RECORD(ctx, err, SCOPE_DEVICE, "link", "offload", "ifindex",
			   link_num(link->ifindex), "ifname", link->name.s, "name",
			   offload_names[i], "old", yes_no(now), "value",
			   yes_no(on)) < 0 ||
		    offload_set(link->name.s, i, on, err) < 0)
			return err->code;
	}
	return 0;
}

static int offload_of(const struct rec *rec, enum offload *ret, bool *ret_on,
		      bool *ret_old, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *value = rec_get(rec, "value"),
		   *old = rec_get(rec, "old");
	int i = 0;

	while (name && i < OFFLOADS && strcmp(name, offload_names[i]) != 0)
		i++;
	if (!name || i == OFFLOADS || !value || !old)
		return rec_unknown(rec, err);
	*ret = i;
	*ret_on = !strcmp(value, "yes");
	*ret_old = !strcmp(old, "yes");
	return 0;
}

int link_undo_offload(const struct rec *rec, const struct link *link, struct xhp_err *err)
{
	enum offload which;
	bool on, old, now;

	if (offload_of(rec, &which, &on, &old, err) < 0)
		return err->code;
	if (offload_get(link->name.s, which, &now, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (now != on || !offload_set(link->name.s, which, old, err))
		return 0;
	return err->code == -ENODEV ? 0 : err->code;
}

/* What is switched on is a wish: a guest that does not take part in it has it off. */
int link_audit_offload(const struct rec *rec, const struct link *link,
		       struct xhp_err *err)
{
	enum offload which;
	bool on, old, now;

	if (offload_of(rec, &which, &on, &old, err) < 0 ||
	    offload_get(link->name.s, which, &now, err) < 0)
		return err->code;
	if (on || !now)
		return 0;
	err_set(err, -ESTALE, "%s of %s is on", offload_names[which], link->name.s);
	return 1;
}

int link_repair_offload(const struct rec *rec, const struct link *link,
			struct xhp_err *err)
{
	enum offload which;
	bool on, old;

	if (offload_of(rec, &which, &on, &old, err) < 0)
		return err->code;
	return offload_set(link->name.s, which, on, err);
}
