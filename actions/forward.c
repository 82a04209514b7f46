// SPDX-License-Identifier: LGPL-2.1-or-later
// forward: accepts a guest's traffic where dom0's firewall forwards.
/*
 * The rules have iptables' own form, so that iptables goes on listing and saving its
 * tables, and are found again by their comment. What is recorded is the wish: a FORWARD
 * chain that comes up later (Docker does that) without them is a difference for the
 * audit.
 */

#include <linux/ip.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "forward.h"
#include "legacy.h"

enum via { VIA_UNSET, VIA_BRIDGE, VIA_ROUTE };
enum when { WHEN_UNSET, WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };

struct args {
	struct ifname dev;
	struct prefixes ip;
	uint8_t via;
	uint8_t when;
};

static const struct param params[] = {
	PARAM_DEV(struct args),
	{ .key = "via",
	  .type = V_ENUM,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, via),
	  .words = "bridge|route",
	  .help = "how the traffic goes" },
	{ .key = "ip",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, ip),
	  .dflt = "any",
	  .words = "any",
	  .help = "accept only these addresses as its source" },
	{ .key = "when-needed",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, when),
	  .dflt = "auto",
	  .words = "auto|always|never",
	  .help = "auto: if there is an iptables or nft chain ip/filter/FORWARD" },
	{ .key = NULL },
};

/* The rules that a device needs; the record tells the same. */
struct plan {
	const char *comment;
	bool bridged, always;
	struct accept *rules;
	unsigned int n;
};

static struct accept *plan_add(struct plan *p, uint8_t family, const char *ifname,
			       bool to)
{
	struct accept *a = MEM_PUSH(p->rules, p->n);

	*a = (struct accept){
		.family = family, .to = to, .bridged = p->bridged, .ifname = ifname
	};
	return a;
}

static unsigned int plan_count(const struct plan *p, uint8_t family)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->n; i++)
		n += p->rules[i].family == family;
	return n;
}

/* A family without an address in the list gets no rules: it is not the guest's to use. */
static void plan_family(struct plan *p, uint8_t family, const char *ifname,
			const struct prefixes *ip)
{
	static const struct prefix link_local = { AF_INET6, 10, { 0xfe, 0x80 } },
				   unspecified = { AF_INET6, 128, { 0 } };
	bool listed = false;

	if (ip->word)
		plan_add(p, family, ifname, false);
	for (unsigned int i = 0; i < ip->n; i++)
		if (ip->v[i].family == family) {
			plan_add(p, family, ifname, false)->source = &ip->v[i];
			listed = true;
		}
	if (listed && p->bridged && family == AF_INET) {
		plan_add(p, family, ifname, false)->dhcp = true;
	} else if (listed && p->bridged) {
		plan_add(p, family, ifname, false)->source = &link_local;
		plan_add(p, family, ifname, false)->source = &unspecified;
	}
	if (listed || ip->word)
		plan_add(p, family, ifname, true);
}

static struct plan plan_make(const char *comment, enum via via, enum when when,
			     const char *ifname, const struct prefixes *ip)
{
	struct plan p = { .comment = comment,
			  .bridged = via == VIA_BRIDGE,
			  .always = when == WHEN_ALWAYS };

	for (unsigned int i = 0; i < 2; i++)
		plan_family(&p, forward_families[i].af, ifname, ip);
	return p;
}

/* ---- nftables ---- */

enum form {
	FORM_PLAIN = 0,
	FORM_SHORT = 1,  /* loads no more of an address than its whole bytes */
	FORM_NATIVE = 2, /* ports without iptables' udp match */
	FORM_HEADER = 4, /* the protocol as IPv4's header has it: iptables 1.8.11 */
	FORMS = 8,
};

static void match_interface(struct nft_batch *b, const struct accept *a)
{
	struct xt_physdev_info info = { .bitmask = XT_PHYSDEV_OP_BRIDGED };
	const size_t len = strlen(a->ifname) + 1;

	if (!a->bridged) {
		nft_meta(b, a->to ? NFT_META_OIFNAME : NFT_META_IIFNAME);
		nft_cmp(b, NFT_CMP_EQ, a->ifname, (uint32_t)len);
		return;
	}
	info.bitmask |= a->to ? XT_PHYSDEV_OP_OUT : XT_PHYSDEV_OP_IN;
	memcpy(a->to ? info.physoutdev : info.physindev, a->ifname, len);
	memset(a->to ? info.out_mask : info.in_mask, 0xff, len);
	nft_match(b, "physdev", 0, &info, sizeof(info), 0);
}

static void rule_insert(struct nft_batch *b, const struct accept *a, const char *comment,
			unsigned int form)
{
	const struct xt_udp ports = { .spts = { 68, 68 }, .dpts = { 67, 67 } };

	nft_rule(b, CHAIN, true, comment);
	if (a->source)
		nft_source(b, a->source, form & FORM_SHORT);
	if (a->dhcp) {
		if (form & FORM_HEADER)
			nft_load(b, NFT_PAYLOAD_NETWORK_HEADER,
				 offsetof(struct iphdr, protocol), 1);
		else
			nft_meta(b, NFT_META_L4PROTO);
		nft_is(b, NFT_CMP_EQ, IPPROTO_UDP, 1);
	}
	match_interface(b, a);
	if (a->dhcp && form & FORM_NATIVE) {
		nft_load(b, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4);
		nft_is(b, NFT_CMP_EQ, 68 << 16 | 67, 4);
	} else if (a->dhcp) {
		nft_match(b, "udp", 0, &ports, sizeof(ports), IPPROTO_UDP);
	}
	nft_counter(b);
	nft_accept(b);
}

static void rules_insert(struct nft_batch *b, const struct plan *p, uint8_t family)
{
	for (unsigned int i = p->n; i--;)
		if (p->rules[i].family == family)
			rule_insert(b, &p->rules[i], p->comment, FORM_PLAIN);
}

/*
 * The first rule with physdev loads br_netfilter, and then all bridges of the host are
 * under iptables. So auto waits until somebody else has loaded it.
 */
static bool is_needed(const struct plan *p)
{
	return p->always || !p->bridged || !access("/proc/sys/net/bridge", F_OK);
}

/* 1: there are rules to be put into this family's chain; 0: not; else an error. */
static int nft_needed(const struct plan *p, unsigned int family, bool *ret_exists,
		      struct xhp_err *err)
{
	int rc;

	*ret_exists = false;
	if (!plan_count(p, forward_families[family].af) || !is_needed(p))
		return 0;
	rc = nft_chain_exists(forward_families[family].nft, TABLE, CHAIN, err);
	if (rc && rc != -ENOENT)
		return rc;
	*ret_exists = !rc;
	return *ret_exists || p->always;
}

static int nft_put(const struct plan *p, struct xhp_err *err)
{
	int tries = 10, rc;
	bool exists;

	do { /* again if one of the old rules goes meanwhile */
		struct nft_batch b = { 0 };

		for (unsigned int i = 0; i < 2; i++) {
			rc = nft_needed(p, i, &exists, err);
			if (!rc)
				continue;
			nft_in(&b, forward_families[i].nft, TABLE);
			if (rc < 0 || nft_rules_del(&b, CHAIN, p->comment, NULL, err) < 0)
				return err->code;
			if (!exists) {
				nft_table_add(&b, false);
				nft_base_chain_add(&b, CHAIN, NULL, false);
			}
			rules_insert(&b, p, forward_families[i].af);
		}
		rc = nft_send(&b, err);
	} while (rc == -ENOENT && --tries);
	return rc;
}

/* Of what was planned, or of both families if that is not known. */
static bool is_planned(const struct plan *p, unsigned int family)
{
	return !p || plan_count(p, forward_families[family].af);
}

static int nft_take(const char *comment, const struct plan *p, struct xhp_err *err)
{
	int tries = 10, rc;

	do {
		struct nft_batch b = { 0 };

		for (unsigned int i = 0; i < 2; i++) {
			if (!is_planned(p, i))
				continue;
			nft_in(&b, forward_families[i].nft, TABLE);
			if (nft_rules_del(&b, CHAIN, comment, NULL, err) < 0)
				return err->code;
		}
		rc = nft_send(&b, err);
	} while (rc == -ENOENT && --tries);
	return rc;
}

static int nft_check(const struct plan *p, unsigned int family, struct xhp_err *err)
{
	struct nft_batch b = { 0 };

	nft_in(&b, forward_families[family].nft, TABLE);
	rules_insert(&b, p, forward_families[family].af);
	return nft_rules_audit(&b, CHAIN, p->comment, err);
}

/* ---- Legacy tables ---- */

/*
 * Where their library is missing, that is a warning: it would have been an error of the
 * stock scripts' iptables, and these went on.
 */
static int legacy_put(const struct plan *p, struct xhp_err *err)
{
	for (unsigned int i = 0; i < 2 && is_needed(p); i++) {
		int rc;

		if (!plan_count(p, forward_families[i].af) ||
		    !legacy_in_use(forward_families[i].af))
			continue;
		rc = legacy_exchange(forward_families[i].af, p->comment, p->rules, p->n,
				     err);
		if (rc == -ELIBACC && !p->always)
			log_warn("%s", err->text);
		else if (rc)
			return rc;
	}
	return 0;
}

static int legacy_take(const char *comment, const struct plan *p, struct xhp_err *err)
{
	for (unsigned int i = 0; i < 2; i++)
		if (is_planned(p, i) && legacy_in_use(forward_families[i].af) &&
		    legacy_exchange(forward_families[i].af, comment, NULL, 0, err) < 0 &&
		    err->code != -ELIBACC)
			return err->code;
	return 0;
}

static int take(const char *mark, const struct plan *p, struct xhp_err *err)
{
	return nft_take(mark, p, err) < 0 ? err->code : legacy_take(mark, p, err);
}

static int take_all(const char *mark, struct xhp_err *err)
{
	return take(mark, NULL, err);
}

/* ---- The chain, if always = yes wants it and nobody else has made it ---- */

static int hold_chains(struct ctx *ctx, const struct plan *p, struct xhp_err *err)
{
	for (unsigned int i = 0; i < 2 && p->always; i++)
		if (plan_count(p, forward_families[i].af) &&
		    forward_chain_hold(ctx, i, err) < 0)
			return err->code;
	return 0;
}

/* ---- The action ---- */

static const char *rules_now(const struct plan *p, unsigned int family,
			     const char *wanted, struct xhp_err *err)
{
	struct nft_listed *rules;
	unsigned int n, ours = 0;
	int rc = nft_check(p, family, err);

	if (!rc ||
	    nft_rules(forward_families[family].nft, TABLE, CHAIN, &rules, &n, err) < 0)
		return rc ? NULL : wanted;
	for (unsigned int i = 0; i < n; i++)
		ours += !strcmp(rules[i].comment, p->comment);
	return ours ? "others of ours" : "";
}

static int plan_of(struct ctx *ctx, const struct args *args, struct link *ret_link,
		   struct plan *ret, struct xhp_err *err)
{
	if (dev_or(ctx, &args->dev, ret_link, err) < 0)
		return err->code;
	*ret = plan_make(rule_mark(ctx->device), args->via, args->when, ret_link->name.s,
			 &args->ip);
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;
	struct plan p = { 0 };

	if (args->when == WHEN_NEVER)
		return 0;
	if (plan_of(ctx, args, &link, &p, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int n = plan_count(&p, forward_families[i].af);
		const char *of =
			mem_printf("%s/" TABLE "/" CHAIN, forward_families[i].name);
		const char *wanted = mem_printf("accept %s", prefixes_text(&args->ip));
		bool exists, legacy = n && is_needed(&p) &&
				      legacy_in_use(forward_families[i].af);
		int rc = nft_needed(&p, i, &exists, err);

		if (rc < 0)
			return rc;
		if (rc && !exists)
			plan_change(step, of, "chain", "", "made");
		if (rc)
			plan_change(step, of, "rules", rules_now(&p, i, wanted, err),
				    wanted);
		else if (n && !legacy)
			plan_change(step, of, "rules", "", "");
		if (legacy)
			plan_change(step, mem_printf("%s, by iptables-legacy", of),
				    "rules", NULL, wanted);
	}
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct link link;
	struct plan p;

	(void)step;
	if (args->when == WHEN_NEVER)
		return 0;
	if (plan_of(ctx, args, &link, &p, err) < 0)
		return err->code;
	if (hold_chains(ctx, &p, err) < 0)
		return err_wrap(err, "cannot make the chain for what is forwarded");
	if (RECORD(ctx, err, SCOPE_HOST, "forward", "accept", "comment", p.comment,
		   "ifname", link.name.s, "via", p.bridged ? "bridge" : "route", "ip",
		   prefixes_text(&args->ip), "when", p.always ? "always" : "auto") < 0)
		return err->code;
	if (nft_put(&p, err) < 0 || legacy_put(&p, err) < 0)
		return err_wrap(err, "cannot accept what is forwarded for %s",
				link.name.s);
	return 0;
}

static int from_record(const struct rec *rec, struct plan *ret, struct xhp_err *err)
{
	const char *comment = rec_get(rec, "comment"), *ifname = rec_get(rec, "ifname"),
		   *via = rec_get(rec, "via"), *when = rec_get(rec, "when");
	struct prefixes *ip = MEM_NEW(struct prefixes); /* the plan points into it */

	if (strcmp(rec->kind, "accept") != 0 || !comment || !ifname || !via || !when)
		return rec_unknown(rec, err);
	if (rec_prefixes(rec, "ip", ip, err) < 0)
		return err->code;
	*ret = plan_make(comment, strcmp(via, "bridge") ? VIA_ROUTE : VIA_BRIDGE,
			 strcmp(when, "always") ? WHEN_AUTO : WHEN_ALWAYS, ifname, ip);
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *comment = rec_get(rec, "comment");
	struct xhp_err unused;
	struct plan p;

	(void)ctx;
	if (!strcmp(rec->kind, "chain"))
		return forward_chain_undo(rec, err);
	if (strcmp(rec->kind, "accept") != 0 || !comment)
		return rec_unknown(rec, err);
	return take(comment, from_record(rec, &p, &unused) < 0 ? NULL : &p, err);
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct plan p;

	(void)ctx;
	if (!strcmp(rec->kind, "chain"))
		return forward_chain_repair(rec, err);
	if (from_record(rec, &p, err) < 0 || nft_put(&p, err) < 0)
		return err->code;
	return legacy_put(&p, err);
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct plan p;
	int rc = 0;

	(void)ctx;
	if (!strcmp(rec->kind, "chain"))
		return forward_chain_audit(rec, err);
	if (from_record(rec, &p, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < 2 && !rc; i++) {
		const unsigned int n = plan_count(&p, forward_families[i].af);
		bool exists;

		rc = nft_needed(&p, i, &exists, err);
		if (rc > 0)
			rc = nft_check(&p, i, err);
		if (!rc && n && is_needed(&p) && legacy_in_use(forward_families[i].af))
			rc = legacy_audit(forward_families[i].af, p.comment, n, err);
		if (rc == -ELIBACC)
			rc = 0;
	}
	return rc;
}

/* A ruleset that was saved with them comes back with the next boot. */
static int sweep(bool (*is_gone)(const char *device), struct xhp_err *err)
{
	struct texts marks = { 0 };

	for (unsigned int i = 0; i < 2; i++) {
		if (sweep_rules(forward_families[i].nft, TABLE, CHAIN, is_gone, take_all,
				err) < 0)
			return err->code;
		if (legacy_in_use(forward_families[i].af) &&
		    legacy_comments(forward_families[i].af, &marks, err) < 0 &&
		    err->code != -ELIBACC)
			return err->code;
	}
	for (unsigned int i = 0; i < marks.n; i++)
		if (sweep_mark(marks.v[i], is_gone, take_all, err) < 0)
			return err->code;
	return 0;
}

/* The stock script's rules: for IPv4, via a bridge even if the guest is routed. */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	const char *ifname = args->dev.s[0] ? args->dev.s : ctx->dev.name.s;
	struct plan p = { .bridged = true };
	struct nft_batch like = { 0 }, b = { 0 };
	struct nft_listed *want, *have;
	unsigned int nwant, nhave;

	if (!*ifname && step_var(ctx, step, "dev", &ifname, err) < 0)
		return err->code;
	plan_family(&p, AF_INET, ifname, &args->ip);
	nft_in(&like, NFT_IP, TABLE);
	for (unsigned int i = 0; i < p.n; i++)
		for (unsigned int form = 0; form < FORMS; form++)
			rule_insert(&like, &p.rules[i], NULL, form);
	nft_batch_rules(&like, NFT_IP, &want, &nwant);
	if (nft_rules(NFT_IP, TABLE, CHAIN, &have, &nhave, err) < 0)
		return err->code;
	nft_in(&b, NFT_IP, TABLE);
	for (unsigned int i = 0; i < nhave; i++)
		for (unsigned int j = 0; j < nwant; j++)
			if (!*have[i].comment && !strcmp(have[i].text, want[j].text)) {
				nft_rule_del(&b, CHAIN, have[i].handle);
				break;
			}
	if (nft_send(&b, err) < 0)
		return err->code;
	if (!legacy_in_use(AF_INET) || !p.n ||
	    !legacy_exchange(AF_INET, NULL, p.rules, p.n, err))
		return 0;
	if (err->code != -ELIBACC)
		return err->code;
	log_warn("%s", err->text);
	return 0;
}

const struct action action_forward = {
	.name = "forward",
	.summary = "accept the guest's traffic where dom0's firewall forwards",
	.params = params,
	.lost_with = FIREWALLS,
	.args_size = sizeof(struct args),
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.sweep = sweep,
	.detach_stock = detach_stock,
};
