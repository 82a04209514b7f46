// SPDX-License-Identifier: LGPL-2.1-or-later
// nftables: compares a batch with what the kernel has.
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <stdlib.h>
#include <string.h>

#include "nft_priv.h"

#define must(p) nft_must(p)

static int chain_audit(const struct nft_batch *b, const struct nlmsghdr *nlh,
		       struct xhp_err *err)
{
	struct nftnl_chain *want = must(nftnl_chain_alloc());
	struct nftnl_chain *have = must(nftnl_chain_alloc());
	const char *name, *want_dev, *have_dev;
	int code;

	nftnl_chain_nlmsg_parse(nlh, want);
	name = mem_strdup(nftnl_chain_get_str(want, NFTNL_CHAIN_NAME));
	code = nft_ask(NFT_MSG_GETCHAIN, NLM_F_ACK, b->family, b->table, NFTA_CHAIN_NAME,
		       name, nft_chain_cb, have, err);
	if (!code && nftnl_chain_is_set(want, NFTNL_CHAIN_HOOKNUM)) {
		want_dev = nftnl_chain_get_str(want, NFTNL_CHAIN_DEV);
		have_dev = nftnl_chain_get_str(have, NFTNL_CHAIN_DEV);
		if (nftnl_chain_get_u32(want, NFTNL_CHAIN_POLICY) !=
			    nftnl_chain_get_u32(have, NFTNL_CHAIN_POLICY) ||
		    nftnl_chain_get_s32(want, NFTNL_CHAIN_PRIO) !=
			    nftnl_chain_get_s32(have, NFTNL_CHAIN_PRIO) ||
		    (want_dev && (!have_dev || strcmp(want_dev, have_dev) != 0))) {
			err_set(err, -ESTALE,
				"the chain %s of the table %s/%s was changed", name,
				nft_family_name(b->family), b->table);
			code = 1;
		}
	}
	nftnl_chain_free(want);
	nftnl_chain_free(have);
	return code;
}

/* A set's elements as sorted texts; two sets are equal if these are. */
struct elements {
	const char **v;
	unsigned int n;
};

static int element_cb(struct nftnl_set_elem *e, void *data)
{
	struct elements *ret = data;
	struct buf b = { 0 };
	uint32_t len = 0;
	const uint8_t *key = nftnl_set_elem_get(e, NFTNL_SET_ELEM_KEY, &len);

	while (len--)
		buf_printf(&b, "%02x", *key++);
	if (nftnl_set_elem_is_set(e, NFTNL_SET_ELEM_FLAGS))
		buf_printf(&b, " %x", nftnl_set_elem_get_u32(e, NFTNL_SET_ELEM_FLAGS));
	*MEM_PUSH(ret->v, ret->n) = b.s ? b.s : "";
	return 0;
}

static int elements_cb(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_set *s = must(nftnl_set_alloc());

	if (nftnl_set_elems_nlmsg_parse(nlh, s) == 0)
		nftnl_set_elem_foreach(s, element_cb, data);
	nftnl_set_free(s);
	return MNL_CB_OK;
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int set_audit(const struct nft_batch *b, const struct nlmsghdr *set,
		     struct xhp_err *err)
{
	const struct nlmsghdr *nlh = set;
	struct nftnl_set *s = must(nftnl_set_alloc());
	struct elements want = { 0 }, have;
	const char *name;
	unsigned int i;
	int code, tries = 10;

	nftnl_set_nlmsg_parse(set, s);
	name = mem_strdup(nftnl_set_get_str(s, NFTNL_SET_NAME));
	nftnl_set_free(s);
	while ((nlh = nft_msg_next(b, nlh)) && nft_msg_type(nlh) == NFT_MSG_NEWSETELEM)
		elements_cb(nlh, &want);
	do {
		have = (struct elements){ 0 };
		code = nft_ask(NFT_MSG_GETSETELEM, NLM_F_DUMP, b->family, b->table,
			       NFTA_SET_ELEM_LIST_SET, name, elements_cb, &have, err);
	} while (code == -EINTR && --tries);
	if (code)
		return code;
	if (want.n == have.n && want.n) {
		qsort(want.v, want.n, sizeof(*want.v), text_cmp);
		qsort(have.v, have.n, sizeof(*have.v), text_cmp);
	}
	for (i = 0; i < want.n && i < have.n && !strcmp(want.v[i], have.v[i]); i++)
		;
	if (i == want.n && i == have.n)
		return 0;
	err_set(err, -ESTALE, "the set %s of the table %s/%s has other addresses", name,
		nft_family_name(b->family), b->table);
	return 1;
}

static int rules_audit(const struct nft_batch *b, struct xhp_err *err)
{
	struct nft_listed *want, *have;
	unsigned int i, nwant, nhave;
	int code = nft_rules(b->family, b->table, NULL, &have, &nhave, err);

	if (code)
		return code;
	nft_batch_rules(b, b->family, &want, &nwant);
	for (i = 0; i < nwant && i < nhave; i++)
		if (strcmp(want[i].chain, have[i].chain) != 0 ||
		    strcmp(want[i].text, have[i].text) != 0)
			break;
	if (i == nwant && i == nhave)
		return 0;
	if (i < nhave && (i == nwant || nhave > nwant))
		err_set(err, -ESTALE,
			"a rule was added to the chain %s of the table %s/%s",
			have[i].chain, nft_family_name(b->family), b->table);
	else
		err_set(err, -ESTALE,
			"a rule of the chain %s of the table %s/%s is missing or changed",
			want[i].chain, nft_family_name(b->family), b->table);
	return 1;
}

int nft_chains_audit(const struct nft_batch *b, struct xhp_err *err)
{
	const struct nlmsghdr *nlh = NULL;
	int code = 0;

	while (!code && (nlh = nft_msg_next(b, nlh)))
		if (nft_msg_type(nlh) == NFT_MSG_NEWCHAIN)
			code = chain_audit(b, nlh, err);
	return code;
}

int nft_audit(const struct nft_batch *b, struct xhp_err *err)
{
	const struct nlmsghdr *nlh = NULL;
	bool marked = false;
	int code = nft_table_marked(b->family, b->table, &marked, err);

	if (!code && !marked)
		return err_set(err, -ESTALE, "the table %s/%s is not ours any more",
			       nft_family_name(b->family), b->table),
		       1;
	while (!code && (nlh = nft_msg_next(b, nlh)))
		if (nft_msg_type(nlh) == NFT_MSG_NEWCHAIN)
			code = chain_audit(b, nlh, err);
		else if (nft_msg_type(nlh) == NFT_MSG_NEWSET)
			code = set_audit(b, nlh, err);
	if (!code)
		code = rules_audit(b, err);
	if (code != -ENOENT)
		return code;
	err_set(err, -ESTALE, "the table %s/%s, or a part of it, was removed",
		nft_family_name(b->family), b->table);
	return 1;
}

int nft_rules_audit(const struct nft_batch *b, const char *chain, const char *comment,
		    struct xhp_err *err)
{
	struct nft_listed *want, *have;
	unsigned int nwant, nhave, found = 0, marked = 0;

	nft_batch_rules(b, b->family, &want, &nwant);
	if (nft_rules(b->family, b->table, chain, &have, &nhave, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < nhave; i++) {
		if (strcmp(have[i].comment, comment) != 0)
			continue;
		marked++;
		for (unsigned int j = 0; j < nwant; j++)
			if (want[j].text && !strcmp(want[j].text, have[i].text)) {
				want[j].text = NULL;
				found++;
				break;
			}
	}
	if (found == nwant && marked == nwant)
		return 0;
	err_set(err, -ESTALE, "%u of %u rules are in the chain %s/%s/%s", found, nwant,
		nft_family_name(b->family), b->table, chain);
	return 1;
}
