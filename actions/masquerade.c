// SPDX-License-Identifier: LGPL-2.1-or-later
// masquerade: what the guest sends out by an uplink gets dom0's address there.
/*
 * One table for all guests, made with the first rule and removed after the last. No lock:
 * what is added is one batch with the table, and the table is deleted by a message that
 * the kernel refuses as long as there is a rule in it.
 */

#include <sys/socket.h>

#include "actions.h"

#define TABLE "xen-nat"
#define CHAIN "postrouting"

struct args {
	struct prefixes source;
	struct ifname out;
};

static const struct param params[] = {
	{ .key = "source",
	  .type = V_PREFIXES,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, source),
	  .help = "the guest's addresses, of IPv4" },
	{ .key = "out",
	  .type = V_IFNAME,
	  .flags = P_ENABLES,
	  .offset = offsetof(struct args, out),
	  .help = "the interface behind which they are hidden" },
	{ .key = NULL },
};

/* The rules that a device needs; the record tells the same. */
struct plan {
	const char *comment, *out;
	struct prefixes source;
};

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;

	(void)ctx;
	(void)step;
	for (unsigned int i = 0; i < args->source.n; i++) {
		if (args->source.v[i].family != AF_INET)
			return err_set(err, -EAFNOSUPPORT,
				       "%s: only IPv4 addresses are translated",
				       prefix_text(&args->source.v[i]));
	}
	/* an uplink may come and go, as that of a modem does */
	if (nl_link_by_name(args->out.s, &link, err) < 0) {
		if (err->code != -ENODEV)
			return err->code;
		log_warn("there is no interface %s now: the guest reaches nothing "
			 "beyond it until there is",
			 args->out.s);
	}
	return 0;
}

static void add_rules(struct nft_batch *b, const struct plan *p)
{
	for (unsigned int i = 0; i < p->source.n; i++) {
		nft_rule(b, CHAIN, false, p->comment);
		nft_source(b, &p->source.v[i], false);
		nft_meta(b, NFT_META_OIFNAME);
		nft_cmp(b, NFT_CMP_EQ, p->out, (uint32_t)strlen(p->out) + 1);
		nft_counter(b);
		nft_masquerade(b);
	}
}

/* -ENOENT: there is no table; -EEXIST: it is not ours. */
static int is_ours(struct xhp_err *err)
{
	bool marked;
	int rc = nft_table_marked(NFT_IP, TABLE, &marked, err);

	if (!rc && !marked)
		return err_set(err, -EEXIST,
			       "there is a table ip/" TABLE " that is not ours");
	return rc;
}

static int put(const struct plan *p, bool replace, struct xhp_err *err)
{
	int tries = 10, rc = is_ours(err);

	if (rc && rc != -ENOENT)
		return rc;
	do { /* again if one of the old rules goes meanwhile */
		struct nft_batch b = { 0 };

		nft_in(&b, NFT_IP, TABLE);
		if (replace && nft_rules_del(&b, CHAIN, p->comment, NULL, err) < 0)
			return err->code;
		nft_table_add(&b, true);
		nft_nat_chain_add(&b, CHAIN);
		add_rules(&b, p);
		rc = nft_send(&b, err);
	} while (rc == -ENOENT && --tries);
	return rc;
}

/* The table, with whatever chain is left of it, unless somebody puts a rule in. */
static int take_table(struct nft_batch *b, struct xhp_err *err)
{
	int rc = nft_chain_exists(NFT_IP, TABLE, CHAIN, err);

	if (rc && rc != -ENOENT)
		return rc;
	if (!rc)
		nft_chain_del_unused(b, CHAIN);
	nft_table_del_unused(b);
	return nft_send(b, err);
}

/*
 * Who sees nobody else's rule takes the table, too, and who saw one looks again when his
 * own is gone: of two that leave at the same time, one looks last. What else is in the
 * table, such as a chain of the administrator's, keeps it.
 */
static int take(const char *comment, struct xhp_err *err)
{
	bool busy = false;
	int tries = 100, rc;

	do {
		struct nft_batch b = { 0 };
		unsigned int others;

		rc = is_ours(err);
		if (rc == -EEXIST)
			log_warn("%s: it is left alone", err->text);
		if (rc)
			return rc == -ENOENT || rc == -EEXIST ? 0 : rc;
		nft_in(&b, NFT_IP, TABLE);
		if (nft_rules_del(&b, CHAIN, comment, &others, err) < 0)
			return err->code;
		if ((others || busy) && !b.msgs.len)
			return 0;
		if (others || busy) {
			rc = nft_send(&b, err);
			busy = false;
		} else {
			rc = take_table(&b, err);
			if (!rc)
				return 0;
			busy = rc == -EBUSY;
		}
		/* again: somebody has come, or somebody else was quicker */
	} while ((!rc || rc == -EBUSY || rc == -ENOENT) && --tries);
	return rc;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *comment = rule_mark(ctx->device);
	struct nft_listed *rules;
	unsigned int n;
	bool has = false;

	if (nft_rules(NFT_IP, TABLE, CHAIN, &rules, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++)
		has |= !strcmp(rules[i].comment, comment);
	plan_change(step, "table ip/" TABLE, "masquerade",
		    has ? "there is a rule already" : "",
		    mem_printf("from %s, out by %s", prefixes_text(&args->source),
			       args->out.s));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const struct plan p = { .comment = rule_mark(ctx->device),
				.out = args->out.s,
				.source = args->source };

	(void)step;
	if (RECORD(ctx, err, SCOPE_HOST, "masquerade", "rule", "comment", p.comment,
		   "source", prefixes_text(&p.source), "out", p.out) < 0)
		return err->code;
	if (put(&p, false, err) < 0)
		return err_wrap(err, "cannot masquerade behind %s", p.out);
	return 0;
}

static int from_record(const struct rec *rec, struct plan *ret, struct xhp_err *err)
{
	struct plan p = { .comment = rec_get(rec, "comment"),
			  .out = rec_get(rec, "out") };

	if (strcmp(rec->kind, "rule") != 0 || !p.comment || !p.out)
		return rec_unknown(rec, err);
	if (rec_prefixes(rec, "source", &p.source, err) < 0)
		return err->code;
	*ret = p;
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *comment = rec_get(rec, "comment");

	(void)ctx;
	if (strcmp(rec->kind, "rule") != 0 || !comment)
		return rec_unknown(rec, err);
	return take(comment, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct nft_batch b = { 0 };
	struct plan p;
	int rc;

	(void)ctx;
	if (from_record(rec, &p, err) < 0)
		return err->code;
	rc = is_ours(err);
	if (rc == -EEXIST)
		return 1;
	if (rc && rc != -ENOENT)
		return rc;
	nft_in(&b, NFT_IP, TABLE);
	add_rules(&b, &p);
	return nft_rules_audit(&b, CHAIN, p.comment, err);
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct plan p;

	(void)ctx;
	if (from_record(rec, &p, err) < 0)
		return err->code;
	return put(&p, true, err);
}

static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	return sweep_rules(NFT_IP, TABLE, CHAIN, is_gone, take, err);
}

const struct action action_masquerade = {
	.name = "masquerade",
	.summary = "hide the guest's addresses behind dom0's",
	.params = params,
	.lost_with = FIREWALLS,
	.args_size = sizeof(struct args),
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
};
