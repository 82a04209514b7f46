// SPDX-License-Identifier: LGPL-2.1-or-later
// What several actions share.

#include "actions.h"

int rec_link(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	long ifindex = rec_num(rec, "ifindex", 0);

	if (ifindex <= 0)
		return err_set(err, -EINVAL, "record %u has no ifindex", rec->id);
	return nl_link_by_index((int)ifindex, ret, err);
}

int rec_unknown(const struct rec *rec, struct xhp_err *err)
{
	return err_set(err, -ENOTSUP, "[%s] has no record of kind \"%s\" in this version",
		       rec->action, rec->kind);
}

int link_set_up(const struct link *link, bool up, struct xhp_err *err)
{
	const struct link_change change = { .set_up = true, .up = up };

	if (!(link->flags & IFF_UP) == !up)
		return 0;
	if (nl_link_change(link->ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s %s", link->name.s,
				up ? "up" : "down");
	return 0;
}
