// SPDX-License-Identifier: LGPL-2.1-or-later
// [filter]: only the guest's own addresses come in, from the interface's ingress hook on.

#include "filter.h"

#include <sys/socket.h>

#include "xhp.h"

struct args {
	struct ifname dev;
	struct prefixes ip;
	struct mac mac;
	const char *link_local;
	struct filter filter; /* found by the check */
};

static const struct param params[] = {
	{ "dev", V_IFNAME, 0, offsetof(struct args, dev), NULL, NULL, 0, 0,
	  "the interface, if it is not the device's own" },
	{ "ip", V_PREFIXES, P_ENABLES, offsetof(struct args, ip), NULL, "any", 0, 0,
	  "the guest's addresses; any: only the MAC address is checked" },
	{ "mac", V_MAC, P_ENABLES, offsetof(struct args, mac), NULL, "any", 0, 0,
	  "the guest's MAC address, if it is not the configured one" },
	{ "link-local", V_TEXT, 0, offsetof(struct args, link_local), "eui64", NULL, 0, 0,
	  "its IPv6 link-local address: eui64 (made from the MAC address), any or ADDRESS" },
	{ 0 },
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
		memcpy(p.addr + 8, mac, 3); /* RFC 4291, appendix A */
		p.addr[8] ^= 2;
		p.addr[11] = 0xff;
		p.addr[12] = 0xfe;
		memcpy(p.addr + 13, mac + 3, 3);
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

static int filter_check(struct ctx *ctx, struct step *step, void *args_,
			struct xhp_err *err)
{
	struct args *args = args_;
	struct filter *f = &args->filter;
	struct prefix ll;
	struct mac own = args->mac;
	const char *text;
	unsigned int i;
	int code = 0;

	*f = (struct filter){ .table = mem_printf("xen-%s", ctx->device) };
	f->any = !args->ip.set || args->ip.word;
	for (i = 0; i < args->ip.n && !code; i++) {
		code = check_address(&args->ip.v[i], err);
		*MEM_PUSH(f->ip.v, f->ip.n) = args->ip.v[i];
	}
	if (!code && (!own.set || own.word)) {
		code = step_var(ctx, step, "mac", &text, err);
		if (!code && !*text)
			code = err_set(err, -EINVAL,
				       "the guest's MAC address is not known");
		if (!code)
			code = mac_parse(text, own.b, err);
	}
	if (code)
		return code;
	own.word = 0;
	own.set = !args->mac.word;
	f->mac = own;
	code = link_local(args->link_local, own.b, &ll, err);
	if (!code && !f->any && filter_has(f, AF_INET6))
		*MEM_PUSH(f->ip.v, f->ip.n) = ll;
	return code;
}

/* The addresses as the record keeps them. */
static const char *ip_text(const struct filter *f)
{
	struct buf b = { 0 };
	unsigned int i;

	if (f->any)
		return "any";
	for (i = 0; i < f->ip.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", prefix_text(&f->ip.v[i]));
	return b.s;
}

static int filter_apply(struct ctx *ctx, struct step *step, void *args_,
			struct xhp_err *err)
{
	struct args *args = args_;
	struct filter *f = &args->filter;
	struct nft_batch b = { 0 };
	struct link link;
	bool marked;
	int code;

	(void)step;
	code = dev_or(ctx, &args->dev, &link, err);
	if (code)
		return code;
	f->dev = link.name;
	f->ifindex = link.ifindex;
	code = nft_table_marked(NFT_NETDEV, f->table, &marked, err);
	if (!code && !marked)
		return err_set(err, -EEXIST,
			       "there is a table netdev/%s that is not ours", f->table);
	if (code && code != -ENOENT)
		return code;
	code = RECORD(ctx, err, SCOPE_HOST, "filter", "table", "name", f->table, "ifname",
		      f->dev.s, "ifindex", mem_printf("%d", f->ifindex), "mac",
		      f->mac.set ? mac_text(f->mac.b) : "any", "ip", ip_text(f));
	if (code)
		return code;
	filter_build(&b, f);
	code = nft_send(&b, err);
	return code ? err_wrap(err, "cannot filter %s", f->dev.s) : 0;
}

static int filter_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *table = rec_get(rec, "name");
	struct nft_batch b = { 0 };
	bool marked;
	int code;

	(void)ctx;
	if (!table)
		return err_set(err, -EINVAL, "the record names no table");
	code = nft_table_marked(NFT_NETDEV, table, &marked, err);
	if (!code && !marked) {
		log_warn("the table netdev/%s is not ours: left alone", table);
		return 0;
	}
	if (!code) {
		nft_in(&b, NFT_NETDEV, table);
		nft_table_del(&b);
		code = nft_send(&b, err);
	}
	return code == -ENOENT ? 0 : code;
}

static int filter_audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *mac = rec_get(rec, "mac"), *ip = rec_get(rec, "ip");
	struct filter f = { .table = rec_get(rec, "name"),
			    .ifindex = (int)rec_num(rec, "ifindex", 0) };
	struct nft_batch b = { 0 };
	struct link link;
	char *word, *save;
	int code = 0;

	(void)ctx;
	if (!f.table || !mac || !ip)
		return err_set(err, -EINVAL, "the record is not complete");
	if (nl_link_by_index(f.ifindex, &link, err))
		return 1;
	f.dev = link.name;
	f.any = !strcmp(ip, "any");
	f.mac.set = strcmp(mac, "any") != 0;
	if (f.mac.set)
		code = mac_parse(mac, f.mac.b, err);
	for (word = f.any ? NULL : strtok_r(mem_strdup(ip), " ", &save); word && !code;
	     word = strtok_r(NULL, " ", &save))
		code = prefix_parse(word, MEM_PUSH(f.ip.v, f.ip.n), err);
	if (code)
		return code;
	filter_build(&b, &f);
	return nft_audit(&b, err);
}

const struct action action_filter = {
	.name = "filter",
	.summary = "lets only the guest's own addresses in",
	.params = params,
	.args_size = sizeof(struct args),
	.order = ORDER_FILTER,
	.check = filter_check,
	.apply = filter_apply,
	.undo = filter_undo,
	.audit = filter_audit,
};
