// SPDX-License-Identifier: LGPL-2.1-or-later
// filter: only the guest's own addresses come in, from the interface's ingress hook on.

#include <stdlib.h>
#include <sys/socket.h>

#include "actions.h"
#include "filter.h"

struct args {
	struct ifname dev;
	struct prefixes ip;
	struct mac mac;
	const char *link_local;
	struct filter filter; /* found by the check */
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "ip",
	  .type = V_PREFIXES,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, ip),
	  .words = "any",
	  .help = "the guest's addresses; any: only its MAC address is looked at" },
	{ .key = "mac",
	  .type = V_MAC,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, mac),
	  .words = "any",
	  .help = "the guest's MAC address; else, if ip is set, the configured one" },
	{ .key = "link-local",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, link_local),
	  .dflt = "eui64",
	  .help = "its IPv6 link-local address: eui64 (made from the MAC), any, ADDRESS" },
	{ .key = NULL },
};

static int check_address(const struct prefix *p, struct xhp_err *err)
{
	static const uint8_t zero[16];
	const unsigned int bytes = p->family == AF_INET ? 4 : 16;
	const bool v6 = p->family == AF_INET6;

	if (p->len == bytes * 8 && !memcmp(p->addr, zero, bytes))
		return err_set(err, -EINVAL, "%s is no address of a guest",
			       prefix_text(p));
	if (v6 ? p->len >= 8 && p->addr[0] == 0xff
	       : p->len >= 4 && (p->addr[0] & 0xf0) == 0xe0)
		return err_set(err, -EINVAL, "%s is multicast: no address of a guest",
			       prefix_text(p));
	if (v6 ? p->len == 128 && !memcmp(p->addr, zero, 15) && p->addr[15] == 1
	       : p->len >= 8 && p->addr[0] == 127)
		return err_set(err, -EINVAL, "%s is loopback: no address of a guest",
			       prefix_text(p));
	if (!v6 && p->len == 32 && !memcmp(p->addr, "\xff\xff\xff\xff", 4))
		return err_set(err, -EINVAL, "%s is broadcast: no address of a guest",
			       prefix_text(p));
	return 0;
}

static bool is_link_local(const struct prefix *p)
{
	return p->family == AF_INET6 && p->addr[0] == 0xfe && (p->addr[1] & 0xc0) == 0x80;
}

/* The link-local addresses that the key allows; `mac` is the guest's. */
static int link_local(const char *text, const uint8_t mac[6], struct prefix *ret,
		      struct xhp_err *err)
{
	struct prefix p = { AF_INET6, 128, { 0xfe, 0x80 } };

	if (!strcmp(text, "any")) {
		p.len = 10;
	} else if (!strcmp(text, "eui64")) {
		p = link_local_of(mac);
	} else {
		int code = prefix_parse(text, &p, err);

		if (code)
			return err_wrap(err, "link-local");
		if (!is_link_local(&p) || p.len != 128)
			return err_set(err, -EINVAL,
				       "link-local is %s: expected eui64, any or an "
				       "address in fe80::/10",
				       quoted(text));
	}
	*ret = p;
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	struct filter *f = &args->filter;
	const char *text = NULL;
	struct prefix ll;
	struct link link = { 0 };

	/* it may be called so only when the steps before were applied */
	if (dev_or(ctx, &args->dev, &link, err) < 0 && err->code != -ENODEV)
		return err->code;
	*f = (struct filter){
		.table = mem_printf("xen-%s", ctx->device),
		.mac = { .set = !args->mac.word },
		.ip = { .set = true, .word = !args->ip.set || args->ip.word },
	};
	for (unsigned int i = 0; i < args->ip.n; i++) {
		if (check_address(&args->ip.v[i], err) < 0)
			return err->code;
		*MEM_PUSH(f->ip.v, f->ip.n) = args->ip.v[i];
	}
	memcpy(f->mac.b, args->mac.b, 6);
	if (!args->mac.set || args->mac.word) {
		if (step_var(ctx, step, "mac", &text, err) < 0)
			return err->code;
		if (!*text)
			return err_set(err, -EINVAL,
				       "the guest's MAC address is not known");
		if (mac_parse(text, f->mac.b, err) < 0)
			return err->code;
	}
	if (link_local(args->link_local, f->mac.b, &ll, err) < 0)
		return err->code;
	if (filter_has(f, AF_INET6) && !f->ip.word)
		*MEM_PUSH(f->ip.v, f->ip.n) = ll;
	ctx->filtered |= link.ifindex == ctx->dev.ifindex;
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct filter *f = &((const struct args *)data)->filter;
	bool marked;
	int rc = nft_table_marked(NFT_NETDEV, f->table, &marked, err);

	(void)ctx;
	if (rc && rc != -ENOENT)
		return rc;
	plan_change(step, mem_printf("table netdev/%s", f->table), "filter",
		    rc ? "" : "there is one already",
		    mem_printf("mac %s, ip %s", f->mac.set ? mac_text(f->mac.b) : "any",
			       prefixes_text(&f->ip)));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;
	struct filter *f = &args->filter;
	struct nft_batch b = { 0 };
	struct link link;
	bool marked;
	int rc;

	(void)step;
	if (dev_or(ctx, &args->dev, &link, err) < 0)
		return err->code;
	f->ifname = link.name.s;
	f->ifindex = link.ifindex;
	rc = nft_table_marked(NFT_NETDEV, f->table, &marked, err);
	if (!rc && !marked)
		return err_set(err, -EEXIST,
			       "there is a table netdev/%s that is not ours", f->table);
	if (rc && rc != -ENOENT)
		return rc;
	/* only then: a table that goes makes the kernel wait when the socket is closed */
	f->replace = !rc;
	if (RECORD(ctx, err, SCOPE_HOST, "filter", "table", "name", f->table, "ifname",
		   f->ifname, "ifindex", mem_printf("%d", f->ifindex), "mac",
		   f->mac.set ? mac_text(f->mac.b) : "any", "ip",
		   prefixes_text(&f->ip)) < 0)
		return err->code;
	filter_build(&b, f);
	if (nft_send(&b, err) < 0)
		return err_wrap(err, "cannot filter %s", f->ifname);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *table = rec_get(rec, "name");
	struct nft_batch b = { 0 };
	bool marked;
	int rc;

	(void)ctx;
	if (strcmp(rec->kind, "table") != 0 || !table)
		return rec_unknown(rec, err);
	rc = nft_table_marked(NFT_NETDEV, table, &marked, err);
	if (!rc && !marked) {
		log_warn("the table netdev/%s is not ours: left alone", table);
		return 0;
	}
	if (!rc) {
		nft_in(&b, NFT_NETDEV, table);
		nft_table_del(&b);
		rc = nft_send(&b, err);
	}
	return rc == -ENOENT ? 0 : rc;
}

/* The filter that a record tells of, for the interface under its present name. */
static int from_record(const struct rec *rec, struct filter *ret, struct xhp_err *err)
{
	const char *mac = rec_get(rec, "mac");
	struct filter f = { .table = rec_get(rec, "name") };
	struct link link;

	if (strcmp(rec->kind, "table") != 0 || !f.table || !mac)
		return rec_unknown(rec, err);
	if (rec_link(rec, &link, err) < 0)
		return err->code;
	f.ifname = mem_strdup(link.name.s);
	f.ifindex = link.ifindex;
	f.mac.set = strcmp(mac, "any") != 0;
	if ((f.mac.set && mac_parse(mac, f.mac.b, err) < 0) ||
	    rec_prefixes(rec, "ip", &f.ip, err) < 0)
		return err->code;
	*ret = f;
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct nft_batch b = { 0 };
	struct filter f;

	(void)ctx;
	if (from_record(rec, &f, err) < 0)
		return err->code == -ENODEV ? 1 : err->code;
	filter_build(&b, &f);
	return nft_audit(&b, err);
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct nft_batch b = { 0 };
	struct filter f;
	bool marked;

	(void)ctx;
	if (from_record(rec, &f, err) < 0)
		return err->code;
	f.replace = !nft_table_marked(NFT_NETDEV, f.table, &marked, err);
	if (f.replace && !marked)
		return err_set(err, -EEXIST, "the table netdev/%s is not ours", f.table);
	filter_build(&b, &f);
	return nft_send(&b, err);
}

/* Is the interface that the table was made for gone? */
static bool owner_is_gone(const char *table)
{
	struct nft_listed *rules;
	struct xhp_err err;
	struct link link;
	unsigned int n;

	if (nft_rules(NFT_NETDEV, table, "ingress", &rules, &n, &err) < 0 || !n ||
	    strncmp(rules[0].comment, FILTER_OWNER, strlen(FILTER_OWNER)) != 0)
		return false;
	return nl_link_by_index(atoi(rules[0].comment + strlen(FILTER_OWNER)), &link,
				&err) == -ENODEV;
}

static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	const char **tables;
	unsigned int n;
	int rc = nft_tables(NFT_NETDEV, &tables, &n, err);

	if (rc < 0)
		return rc == -EOPNOTSUPP ? 0 : rc;
	for (unsigned int i = 0; i < n; i++) {
		struct nft_batch b = { 0 };

		if (strncmp(tables[i], "xen-", 4) != 0 || !owner_is_gone(tables[i]) ||
		    !is_gone(tables[i] + 4))
			continue;
		nft_in(&b, NFT_NETDEV, tables[i]);
		nft_table_del(&b);
		if (nft_send(&b, err) < 0 && err->code != -ENOENT)
			return err->code;
		log_info("removed the filter %s: its device and journal are gone",
			 tables[i]);
	}
	return 0;
}

const struct action action_filter = {
	.name = "filter",
	.summary = "let only the guest's own addresses in",
	.params = params,
	.lost_with = FIREWALLS,
	.args_size = sizeof(struct args),
	.order = ORDER_FILTER,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
};
