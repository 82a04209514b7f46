/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several actions share. */
#ifndef XHP_ACTIONS_H
#define XHP_ACTIONS_H

#include "xhp.h"

#define PARAM_DEV(args)                                                        \
	{                                                                      \
		.key = "dev", .type = V_IFNAME, .offset = offsetof(args, dev), \
		.help = "the interface; else the device's own",                \
	}

/* The interface that a record is about, by its ifindex. -ENODEV: it is gone. */
int rec_link(const struct rec *rec, struct link *ret, struct xhp_err *err);

/* A record of a kind that the action does not know. */
int rec_unknown(const struct rec *rec, struct xhp_err *err);

/* A list of addresses as a record keeps it, "any" if it is not set or that word, and
 * back: then `word` is set. */
const char *prefixes_text(const struct prefixes *list);
int rec_prefixes(const struct rec *rec, const char *name, struct prefixes *ret,
		 struct xhp_err *err);

/* Up or down, if it is not so already; an interface that has gone is no error. */
int link_set_up(const struct link *link, bool up, struct xhp_err *err);

#endif
