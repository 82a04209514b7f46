/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Traffic control (tc(8), linux/pkt_sched.h, linux/pkt_cls.h), and the ifb interfaces
 * that only it feeds. */
#ifndef XHP_NL_TC_H
#define XHP_NL_TC_H

#include "nl.h"

/* Marks ours: the major number of a root qdisc's handle, the priority of a filter. */
#define TC_OURS   0x7868 /* "xh" */
#define TC_HANDLE ((uint32_t)TC_OURS << 16)

/* What is on an interface. `kind` "" = nothing but the kernel's default. */
struct tc_qdisc {
	char kind[16];
	uint32_t handle;
	uint64_t rate;  /* tbf: bits a second */
	uint32_t burst; /* tbf: bytes */
};
int tc_root_get(int ifindex, struct tc_qdisc *ret, struct xhp_err *err);
/* What holds the filters of both directions: "clsact", or "ingress" for one alone. */
int tc_clsact_get(int ifindex, struct tc_qdisc *ret, struct xhp_err *err);

/* -EEXIST if somebody has set a root qdisc; -ENOENT if the kernel has no such kind. */
int tc_plug_add(int ifindex, uint32_t limit, struct xhp_err *err);
/* `rate` in bits a second; `burst` and `limit`, of what waits, in bytes. */
int tc_tbf_add(int ifindex, uint64_t rate, uint32_t burst, uint32_t limit,
	       struct xhp_err *err);
/* -ENOENT if there is no root of that handle. */
int tc_root_del(int ifindex, uint32_t handle, struct xhp_err *err);

int tc_clsact_add(int ifindex, struct xhp_err *err);
/* `kind` is what tc_clsact_get() found. */
int tc_clsact_del(int ifindex, const char *kind, struct xhp_err *err);

/* Where a filter looks: at what comes in by the interface, or at what leaves by it. */
enum tc_hook { TC_INGRESS, TC_EGRESS };

/* Every frame goes out by interface `to`, instead of its way or (`copy`) besides. */
struct tc_redirect {
	int to; /* ifindex; 0 = there is none of ours, -1 = the interface is gone */
	bool copy;
};
int tc_redirect_add(int ifindex, enum tc_hook hook, const struct tc_redirect *r,
		    struct xhp_err *err);
int tc_redirect_del(int ifindex, enum tc_hook hook, struct xhp_err *err);
/* Ours, and whether somebody else has filters there. */
int tc_redirect_get(int ifindex, enum tc_hook hook, struct tc_redirect *ret,
		    bool *ret_others, struct xhp_err *err);

/* -EEXIST if the name is taken. */
int nl_ifb_add(const char *name, const uint8_t mac[6], struct xhp_err *err);

#endif
