/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What several actions share. */
#ifndef XHP_ACTIONS_H
#define XHP_ACTIONS_H

#include "nft.h"
#include "xhp.h"

/* What flushes nftables' ruleset, or a part of it, when it is started. */
#define FIREWALLS "nftables.service firewalld.service docker.service"

#define PARAM_DEV(args)                                                        \
	{                                                                      \
		.key = "dev", .type = V_IFNAME, .offset = offsetof(args, dev), \
		.help = "the interface; else the device's own",                \
	}

/* The interface that a record is about, by its ifindex. -ENODEV: it is gone. */
int rec_link(const struct rec *rec, struct link *ret, struct xhp_err *err);
/* Of it the name alone. */
int rec_link_name(const struct rec *rec, struct link *ret, struct xhp_err *err);

/* A number as records keep it. */
const char *number_text(unsigned long long n);

/* A record of a kind that the action does not know. */
int rec_unknown(const struct rec *rec, struct xhp_err *err);

/* A list of addresses as a record keeps it, "any" if it is not set or that word, and
 * back: then `word` is set. */
const char *prefixes_text(const struct prefixes *list);
int rec_prefixes(const struct rec *rec, const char *name, struct prefixes *ret,
		 struct xhp_err *err);

/* The comment of a device's rules in a table that it shares with others. */
const char *rule_mark(const char *device);
/* For gc: `take` is called for the mark of each device that has rules in that chain, if
 * its interface is gone and `is_gone` says so of it. */
int sweep_rules(enum nft_family family, const char *table, const char *chain,
		bool (*is_gone)(const char *device),
		int (*take)(const char *mark, struct xhp_err *err), struct xhp_err *err);
/* The same for one mark, or what else a comment says. */
int sweep_mark(const char *comment, bool (*is_gone)(const char *device),
	       int (*take)(const char *mark, struct xhp_err *err), struct xhp_err *err);

/* A MAC address by which an interface of ours is known again: unicast, no vendor's. */
int random_mac(uint8_t ret[6], struct xhp_err *err);

/* The IPv6 link-local address that is made from a MAC (RFC 4291, appendix A): a /128. */
struct prefix link_local_of(const uint8_t mac[6]);

/* Up or down, if it is not so already; an interface that has gone is no error. */
int link_set_up(const struct link *link, bool up, struct xhp_err *err);

/*
 * A record of a root qdisc of ours on the interface `ifindex`: undo, and audit by its
 * kind and, unless 0, by its rate (bits a second).
 */
int root_qdisc_undo(const struct rec *rec, struct xhp_err *err);
int root_qdisc_audit(const struct rec *rec, uint64_t rate, struct xhp_err *err);
/* Fails if somebody has set a root qdisc there. */
int root_qdisc_free(const struct link *link, struct xhp_err *err);
int root_qdisc_plan(struct step *step, const struct link *link, const char *wanted,
		    struct xhp_err *err);

/* What plan() says of changes that several make. */
void plan_mtu(struct step *step, const struct link *link, uint32_t mtu);
void plan_link_up(struct step *step, const struct link *link, bool up);
void plan_text(struct step *step, const struct link *link, const char *what,
	       const char *now, const char *wanted);

/* The path of an interface's setting: `family` is "ipv4" or "ipv6". */
const char *sysctl_conf(const char *family, const struct link *link, const char *name);

/*
 * Sets a setting of an interface, with a record of kind "sysctl" before it. One that is
 * so already makes no record; -ENOENT if the kernel does not have it.
 */
int sysctl_set(struct ctx *ctx, const char *action, enum rec_scope scope,
	       const struct link *link, const char *family, const char *name,
	       const char *value, struct xhp_err *err);
int sysctl_plan(struct step *step, const struct link *link, const char *family,
		const char *name, const char *value, struct xhp_err *err);
/* What undo, audit and repair do with such a record. */
int sysctl_undo(const struct rec *rec, struct xhp_err *err);
int sysctl_audit(const struct rec *rec, struct xhp_err *err);
int sysctl_repair(const struct rec *rec, struct xhp_err *err);

#endif
