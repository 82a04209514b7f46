// SPDX-License-Identifier: LGPL-2.1-or-later
// nftables: sends batches to the kernel, and reads what it has.
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "nft_priv.h"
#include "trace.h"

#define must(p) nft_must(p)

static struct mnl_socket *sock;
static _Alignas(8) char answer[1 << 16];

const char *nft_family_name(enum nft_family family)
{
	return family == NFT_NETDEV ? "netdev"
	       : family == NFT_IP   ? "ip"
	       : family == NFT_IP6  ? "ip6"
				    : "?";
}

/* What the kernel says, in the place of errno's text where it says more. */
static int kernel_error(const struct nlmsghdr *nlh, const char **ret_words)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	unsigned int offset = sizeof(*e);

	*ret_words = NULL;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return e->error;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += MNL_ALIGN(e->msg.nlmsg_len - MNL_NLMSG_HDRLEN);
	mnl_attr_for_each (attr, nlh, offset)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			*ret_words = mem_strdup(mnl_attr_get_str(attr));
	return e->error;
}

static int no_nftables(struct xhp_err *err)
{
	err_set(err, -EOPNOTSUPP, "the kernel has no nftables");
	return kernel_lacks(err, "nf_tables", "CONFIG_NF_TABLES");
}

static int sock_open(struct xhp_err *err)
{
	int on = 1;

	if (sock)
		return 0;
	sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!sock && errno == EPROTONOSUPPORT)
		return no_nftables(err);
	if (!sock)
		return err_sys(err, -errno, "cannot open a netfilter socket");
	if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID)) {
		int code = -errno;

		mnl_socket_close(sock);
		sock = NULL;
		return err_sys(err, code, "cannot bind a netfilter socket");
	}
	/* Both only make messages better, and shorter: an old kernel may refuse. */
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &on, sizeof(on));
	return 0;
}

/* What was asked may still be answered: the next who asks gets a socket of his own. */
static void sock_drop(void)
{
	mnl_socket_close(sock);
	sock = NULL;
}

/* ---- Sending ---- */

const struct nlmsghdr *nft_msg_next(const struct nft_batch *b, const struct nlmsghdr *nlh)
{
	const char *next = nlh ? (const char *)nlh + nlh->nlmsg_len : b->msgs.s;

	return next && next < b->msgs.s + b->msgs.len ? (const void *)next : NULL;
}

unsigned int nft_msg_type(const struct nlmsghdr *nlh)
{
	return NFNL_MSG_TYPE(nlh->nlmsg_type);
}

static const struct nfgenmsg *msg_gen(const struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload(nlh);
}

static const char *rule_text(const struct nftnl_rule *r);

/* "cannot add the rule ... to ip/filter/FORWARD" */
static const char *msg_describe(const struct nlmsghdr *nlh)
{
	static const char *const verbs[NFT_MSG_MAX] = {
		[NFT_MSG_NEWTABLE] = "add the table",
		[NFT_MSG_DELTABLE] = "delete the table",
		[NFT_MSG_NEWCHAIN] = "add a chain to the table",
		[NFT_MSG_DELCHAIN] = "delete a chain of the table",
		[NFT_MSG_NEWSET] = "add a set to the table",
		[NFT_MSG_NEWSETELEM] = "add addresses to a set of the table",
		[NFT_MSG_NEWRULE] = "add a rule to the table",
		[NFT_MSG_DELRULE] = "delete a rule of the table",
	};
	const struct nlattr *attr, *table = NULL;
	const char *rule = "";

	/* The table is attribute 1 of all these messages (NFTA_*_TABLE). */
	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_RULE_TABLE)
			table = attr;
	if (nft_msg_type(nlh) == NFT_MSG_NEWRULE) {
		struct nftnl_rule *r = must(nftnl_rule_alloc());

		nftnl_rule_nlmsg_parse(nlh, r);
		rule = mem_printf(" (%s)", rule_text(r));
		nftnl_rule_free(r);
	}
	return mem_printf("cannot %s %s/%s%s", verbs[nft_msg_type(nlh)],
			  nft_family_name(msg_gen(nlh)->nfgen_family),
			  table ? mnl_attr_get_str(table) : "?", rule);
}

static int no_family(enum nft_family family, struct xhp_err *err)
{
	err_set(err, -EOPNOTSUPP, "the kernel has no nftables %s family",
		nft_family_name(family));
	return kernel_lacks(err, NULL,
			    family == NFT_NETDEV ? "CONFIG_NF_TABLES_NETDEV"
			    : family == NFT_IP   ? "CONFIG_NF_TABLES_IPV4"
						 : "CONFIG_NF_TABLES_IPV6");
}

/* What is not in nf_tables itself. The message asks for it by a name. */
static void name_part(const struct nlmsghdr *nlh, struct xhp_err *err)
{
	static const struct {
		unsigned int type;
		uint16_t attr;
		const char *name, *modules, *options;
	} parts[] = {
		{ NFT_MSG_NEWCHAIN, NFTA_CHAIN_TYPE, "nat", "nft_chain_nat",
		  "CONFIG_NFT_NAT" },
		{ NFT_MSG_NEWRULE, NFTA_EXPR_NAME, "masq", "nft_masq",
		  "CONFIG_NFT_MASQ" },
		{ NFT_MSG_NEWRULE, NFTA_MATCH_NAME, "physdev", "nft_compat xt_physdev",
		  "CONFIG_NFT_COMPAT, CONFIG_NETFILTER_XT_MATCH_PHYSDEV" },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const size_t size = strlen(parts[i].name) + 1;
		const struct nlattr head = { (uint16_t)(MNL_ATTR_HDRLEN + size),
					     parts[i].attr };
		char attr[64];

		memcpy(attr, &head, MNL_ATTR_HDRLEN);
		memcpy(attr + MNL_ATTR_HDRLEN, parts[i].name, size);
		if (nft_msg_type(nlh) == parts[i].type &&
		    memmem(nlh, nlh->nlmsg_len, attr, head.nla_len)) {
			kernel_lacks(err, parts[i].modules, parts[i].options);
			return;
		}
	}
}

/* Sets the error for an answer to message `seq` of the batch; 0 = its envelope. */
static int refused(const struct nft_batch *b, uint32_t seq, int code, const char *words,
		   struct xhp_err *err)
{
	const struct nlmsghdr *nlh = NULL;

	while ((nlh = nft_msg_next(b, nlh)) && nlh->nlmsg_seq != seq)
		;
	if (!nlh && code == -EOPNOTSUPP)
		return no_nftables(err);
	if (nlh && nft_msg_type(nlh) == NFT_MSG_NEWTABLE &&
	    (code == -EOPNOTSUPP || code == -EAFNOSUPPORT))
		return no_family(msg_gen(nlh)->nfgen_family, err);
	if (words)
		err_set(err, code, "%s: %s", words, strerror(-code));
	else
		err_set(err, code, "%s", strerror(-code));
	if (nlh && (code == -ENOENT || code == -EOPNOTSUPP))
		name_part(nlh, err);
	return err_wrap(err, "%s", nlh ? msg_describe(nlh) : "cannot change nftables");
}

static int batch_sendmsg(const struct nft_batch *b, uint32_t ack_seq)
{
	char begin[64], end[64];
	struct sockaddr_nl to = { .nl_family = AF_NETLINK };
	struct iovec iov[] = {
		{ begin, nftnl_batch_begin(begin, 0)->nlmsg_len },
		{ b->msgs.s, b->msgs.len },
		{ end, nftnl_batch_end(end, ack_seq + 1)->nlmsg_len },
	};
	const struct msghdr msg = { .msg_name = &to,
				    .msg_namelen = sizeof(to),
				    .msg_iov = iov,
				    .msg_iovlen = 3 };
	int size = (int)b->msgs.len * 2;

	/* A batch is one datagram: more than the usual buffer with many addresses. */
	if (b->msgs.len > 65536)
		setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &size,
			   sizeof(size));
	return sendmsg(mnl_socket_get_fd(sock), &msg, 0) < 0 ? -errno : 0;
}

int nft_send(struct nft_batch *b, struct xhp_err *err)
{
	struct nlmsghdr *last = NULL, *nlh;
	bool acked = false;
	const char *words;
	int code, n;

	if (!b->msgs.len)
		return 0;
	code = sock_open(err);
	if (code)
		return code;
	while ((nlh = (struct nlmsghdr *)nft_msg_next(b, last))) {
		if (tracing)
			trace_nft("->", nlh);
		last = nlh;
	}
	last->nlmsg_flags |= NLM_F_ACK;
	code = batch_sendmsg(b, last->nlmsg_seq);
	if (code) {
		sock_drop();
		return err_sys(err, code, "cannot send to nftables");
	}

	/* The kernel has worked it off, and answered, when sendmsg() returns. */
	while ((n = (int)recv(mnl_socket_get_fd(sock), answer, sizeof(answer),
			      MSG_DONTWAIT)) > 0)
		for (nlh = (void *)answer; mnl_nlmsg_ok(nlh, n);
		     nlh = mnl_nlmsg_next(nlh, &n)) {
			int e;

			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			e = kernel_error(nlh, &words);
			if (e && !code)
				code = refused(b, nlh->nlmsg_seq, e, words, err);
			acked |= !e;
		}
	if (!code && !acked)
		code = err_sys(err, n < 0 && errno != EAGAIN ? -errno : -EIO,
			       "nftables gave no answer");
	*b = (struct nft_batch){ 0 };
	TRACE("nftables <- %s", trace_end(code, err));
	return code;
}

/* ---- Reading ---- */

int nft_ask(uint16_t type, uint16_t flags, enum nft_family family, const char *table,
	    uint16_t attr, const char *name, mnl_cb_t cb, void *data, struct xhp_err *err)
{
	static _Alignas(8) char buf[1024];
	static uint32_t seq;
	struct nlmsghdr *req;
	int n, ret = sock_open(err);

	if (ret)
		return ret;
	req = nftnl_nlmsg_build_hdr(buf, type, family, flags, ++seq);
	if (table)
		mnl_attr_put_strz(req, NFTA_RULE_TABLE, table);
	if (name)
		mnl_attr_put_strz(req, attr, name);
	if (tracing)
		trace_nft("->", req);
	if (mnl_socket_sendto(sock, req, req->nlmsg_len) < 0) {
		ret = -errno;
		sock_drop();
		return err_sys(err, ret, "cannot send to nftables");
	}
	do {
		n = (int)mnl_socket_recvfrom(sock, answer, sizeof(answer));
		ret = n < 0 ? -1
			    : mnl_cb_run(answer, (size_t)n, seq,
					 mnl_socket_get_portid(sock), cb, data);
	} while (ret > 0);
	TRACE("nftables <- %s", ret ? strerror(errno) : "ok");
	if (!ret)
		return 0;
	ret = -errno;
	if (n < 0 || (flags & NLM_F_DUMP))
		sock_drop();
	return err_sys(err, ret, "cannot read nftables' table %s/%s",
		       nft_family_name(family), table ? table : "*");
}

/* What the kernel answers where a thing, its family or all of nftables is missing. */
static bool is_absent(int code)
{
	return code == -ENOENT || code == -EOPNOTSUPP || code == -EAFNOSUPPORT ||
	       code == -EINVAL;
}

struct comment {
	uint8_t type;
	const char *text;
};

static int comment_cb(const struct nftnl_udata *attr, void *data)
{
	struct comment *c = data;
	const char *text = nftnl_udata_get(attr);
	uint8_t len = nftnl_udata_len(attr);

	if (nftnl_udata_type(attr) == c->type && len && !text[len - 1])
		c->text = mem_strdup(text);
	return 0;
}

static const char *comment_of(const void *udata, uint32_t len, uint8_t type)
{
	struct comment c = { type, "" };

	if (udata)
		nftnl_udata_parse(udata, len, comment_cb, &c);
	return c.text;
}

struct tables {
	const char **names;
	unsigned int n;
};

static int tables_cb(const struct nlmsghdr *nlh, void *data)
{
	struct tables *ret = data;
	struct nftnl_table *t = must(nftnl_table_alloc());
	uint32_t len = 0;

	if (nftnl_table_nlmsg_parse(nlh, t) == 0) {
		const void *udata = nftnl_table_get_data(t, NFTNL_TABLE_USERDATA, &len);

		if (!strcmp(comment_of(udata, len, NFTNL_UDATA_TABLE_COMMENT), NFT_MARK))
			*MEM_PUSH(ret->names, ret->n) =
				mem_strdup(nftnl_table_get_str(t, NFTNL_TABLE_NAME));
	}
	nftnl_table_free(t);
	return MNL_CB_OK;
}

int nft_tables(enum nft_family family, const char ***ret, unsigned int *ret_n,
	       struct xhp_err *err)
{
	struct tables found;
	int code, tries = 10;

	do {
		found = (struct tables){ 0 };
		code = nft_ask(NFT_MSG_GETTABLE, NLM_F_DUMP, family, NULL, 0, NULL,
			       tables_cb, &found, err);
	} while (code == -EINTR && --tries);
	if (code && !is_absent(code))
		return code;
	*ret = found.names;
	*ret_n = found.n;
	return 0;
}

int nft_table_marked(enum nft_family family, const char *table, bool *ret,
		     struct xhp_err *err)
{
	struct tables found = { 0 };
	int code = nft_ask(NFT_MSG_GETTABLE, NLM_F_ACK, family, table, 0, NULL, tables_cb,
			   &found, err);

	if (code)
		return is_absent(code) ? -ENOENT : code;
	*ret = found.n > 0;
	return 0;
}

int nft_chain_cb(const struct nlmsghdr *nlh, void *data)
{
	nftnl_chain_nlmsg_parse(nlh, data);
	return MNL_CB_OK;
}

int nft_chain_exists(enum nft_family family, const char *table, const char *chain,
		     struct xhp_err *err)
{
	struct nftnl_chain *c = must(nftnl_chain_alloc());
	int code = nft_ask(NFT_MSG_GETCHAIN, NLM_F_ACK, family, table, NFTA_CHAIN_NAME,
			   chain, nft_chain_cb, c, err);

	nftnl_chain_free(c);
	return is_absent(code) ? -ENOENT : code;
}

struct ingress {
	const char *ifname, *table;
};

static int ingress_cb(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_chain *c = must(nftnl_chain_alloc());
	struct ingress *ret = data;
	const char *const *devices, *dev;

	if (nftnl_chain_nlmsg_parse(nlh, c) == 0 &&
	    nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM) &&
	    nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM) == NF_NETDEV_INGRESS) {
		dev = nftnl_chain_get_str(c, NFTNL_CHAIN_DEV);
		devices = (const char *const *)nftnl_chain_get_array(c,
								     NFTNL_CHAIN_DEVICES);
		for (; !dev && devices && *devices; devices++)
			dev = strcmp(*devices, ret->ifname) ? NULL : *devices;
		if (dev && !strcmp(dev, ret->ifname))
			ret->table =
				mem_strdup(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE));
	}
	nftnl_chain_free(c);
	return MNL_CB_OK;
}

int nft_ingress_find(const char *ifname, const char **ret_table, struct xhp_err *err)
{
	struct ingress found = { 0 };
	int code, tries = 10;

	do {
		found = (struct ingress){ .ifname = ifname };
		code = nft_ask(NFT_MSG_GETCHAIN, NLM_F_DUMP, NFT_NETDEV, NULL, 0, NULL,
			       ingress_cb, &found, err);
	} while (code == -EINTR && --tries);
	if (code && !is_absent(code))
		return code;
	*ret_table = found.table;
	return 0;
}

static const char *rule_text(const struct nftnl_rule *r)
{
	struct nftnl_expr_iter *it = must(nftnl_expr_iter_create(r));
	struct nftnl_expr *e;
	struct buf b = { 0 };
	char one[512];

	while ((e = nftnl_expr_iter_next(it))) {
		const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
		const uint8_t *info;
		uint32_t len = 0;

		if (!strcmp(name, "counter"))
			continue;
		nftnl_expr_snprintf(one, sizeof(one), e, NFTNL_OUTPUT_DEFAULT, 0);
		buf_printf(&b, "%s[ %s", b.len ? " " : "", one);
		if (!strcmp(name, "match")) /* the library leaves out what it matches */
			for (info = nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &len); len--;)
				buf_printf(&b, "%02x", *info++);
		buf_add(&b, "]", 1);
	}
	nftnl_expr_iter_destroy(it);
	return b.s ? b.s : "";
}

struct rules {
	const char *chain; /* only this one; NULL: all */
	struct nft_listed *v;
	unsigned int n;
};

static int rules_cb(const struct nlmsghdr *nlh, void *data)
{
	struct rules *ret = data;
	struct nftnl_rule *r = must(nftnl_rule_alloc());
	const char *chain;

	if (nftnl_rule_nlmsg_parse(nlh, r) == 0 &&
	    (chain = nftnl_rule_get_str(r, NFTNL_RULE_CHAIN)) &&
	    (!ret->chain || !strcmp(ret->chain, chain))) {
		uint32_t len = 0;
		const void *udata = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &len);

		*MEM_PUSH(ret->v, ret->n) = (struct nft_listed){
			.chain = mem_strdup(chain),
			.comment = comment_of(udata, len, NFTNL_UDATA_RULE_COMMENT),
			.text = rule_text(r),
			.handle = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE),
		};
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

int nft_rules(enum nft_family family, const char *table, const char *chain,
	      struct nft_listed **ret, unsigned int *ret_n, struct xhp_err *err)
{
	struct rules found;
	int code, tries = 10;

	do {
		found = (struct rules){ .chain = chain };
		code = nft_ask(NFT_MSG_GETRULE, NLM_F_DUMP, family, table,
			       NFTA_RULE_CHAIN, chain, rules_cb, &found, err);
	} while (code == -EINTR && --tries);
	if (code && !is_absent(code))
		return code;
	*ret = found.v;
	*ret_n = found.n;
	return 0;
}

int nft_rules_del(struct nft_batch *b, const char *chain, const char *comment,
		  unsigned int *ret_others, struct xhp_err *err)
{
	struct nft_listed *have;
	unsigned int n, others = 0;

	if (nft_rules(b->family, b->table, chain, &have, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(have[i].comment, comment))
			nft_rule_del(b, chain, have[i].handle);
		else
			others++;
	}
	if (ret_others)
		*ret_others = others;
	return 0;
}

void nft_batch_rules(const struct nft_batch *b, enum nft_family family,
		     struct nft_listed **ret, unsigned int *ret_n)
{
	const struct nlmsghdr *nlh = NULL;
	struct rules found = { 0 };

	while ((nlh = nft_msg_next(b, nlh)))
		if (nft_msg_type(nlh) == NFT_MSG_NEWRULE &&
		    msg_gen(nlh)->nfgen_family == family)
			rules_cb(nlh, &found);
	*ret = found.v;
	*ret_n = found.n;
}
