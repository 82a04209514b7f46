/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of [link]. */
#ifndef XHP_LINK_H
#define XHP_LINK_H

#include "actions.h"
#include "ethtool.h"

const char *link_num(long v);

/* Removes all addresses that an interface has; their records are "address-removed". */
int link_flush(struct ctx *ctx, const struct link *link, struct xhp_err *err);
/* Adds those that it has not yet: "address-added". */
int link_address(struct ctx *ctx, const struct link *link, const struct prefixes *list,
		 struct xhp_err *err);
/* Either kind: back on the interface (`there`), or off it. */
int link_put_address(const struct rec *rec, const struct link *link, bool there,
		     struct xhp_err *err);
int link_audit_address(const struct rec *rec, const struct link *link,
		       struct xhp_err *err);

/* Records of kind "offload". Each: 1 = on, 2 = off, 0 = as it is. */
int link_offload(struct ctx *ctx, const struct link *link,
		 const uint8_t offload[OFFLOADS], struct xhp_err *err);
int link_undo_offload(const struct rec *rec, const struct link *link,
		      struct xhp_err *err);
int link_audit_offload(const struct rec *rec, const struct link *link,
		       struct xhp_err *err);
int link_repair_offload(const struct rec *rec, const struct link *link,
			struct xhp_err *err);

#endif
