// SPDX-License-Identifier: LGPL-2.1-or-later
// [forward] when-needed = always: the chain for what is forwarded, where there is none.

#include <sys/socket.h>

#include "forward.h"
#include "shared.h"

const struct forward_family forward_families[2] = {
	{ AF_INET, NFT_IP, "ip" },
	{ AF_INET6, NFT_IP6, "ip6" },
};

/* `table`: with its table, if that is not there either. */
static void put_chain(struct nft_batch *b, const struct forward_family *f, bool table)
{
	nft_in(b, f->nft, TABLE);
	if (table)
		nft_table_add(b, false);
	nft_base_chain_add(b, CHAIN, NULL, false);
}

/* One that is there without a record is somebody else's, and stays. */
static int ensure(struct ctx *ctx, bool first, void *data, struct xhp_err *err)
{
	const struct forward_family *f = data;
	struct nft_batch b = { 0 };
	bool marked;
	int rc = nft_chain_exists(f->nft, TABLE, CHAIN, err);

	(void)first;
	if (rc != -ENOENT)
		return rc;
	rc = nft_table_marked(f->nft, TABLE, &marked, err);
	if (rc && rc != -ENOENT)
		return rc;
	if (!ctx->journal->nrecs &&
	    RECORD(ctx, err, SCOPE_HOST, "forward", "chain", "family", f->name, "table",
		   rc ? "made" : NULL) < 0)
		return err->code;
	put_chain(&b, f, rc);
	return nft_send(&b, err);
}

int forward_chain_hold(struct ctx *ctx, unsigned int family, struct xhp_err *err)
{
	struct forward_family f = forward_families[family];

	return shared_hold(ctx, mem_printf("forward-%s", f.name),
			   mem_printf("%s/" TABLE "/" CHAIN, f.name), ensure, &f, err);
}

static const struct forward_family *family_of(const struct rec *rec)
{
	const char *name = rec_get(rec, "family");

	return &forward_families[name && !strcmp(name, forward_families[1].name)];
}

/* With a rule or a policy of somebody else's, the chain is theirs from now on. */
int forward_chain_undo(const struct rec *rec, struct xhp_err *err)
{
	const struct forward_family *f = family_of(rec);
	struct nft_batch like = { 0 }, b = { 0 };
	int rc;

	put_chain(&like, f, false);
	rc = nft_chains_audit(&like, err);
	if (!rc) {
		nft_in(&b, f->nft, TABLE);
		nft_chain_del_unused(&b, CHAIN);
		rc = nft_send(&b, err);
	}
	if (rc > 0 || rc == -EBUSY) {
		log_warn("others use the chain %s/" TABLE "/" CHAIN ": it stays",
			 f->name);
		return 0;
	}
	if (rc && rc != -ENOENT)
		return rc;
	if (!rec_get(rec, "table"))
		return 0;
	b = (struct nft_batch){ 0 };
	nft_in(&b, f->nft, TABLE);
	nft_table_del_unused(&b);
	rc = nft_send(&b, err);
	return rc == -EBUSY || rc == -ENOENT ? 0 : rc;
}

int forward_chain_audit(const struct rec *rec, struct xhp_err *err)
{
	const struct forward_family *f = family_of(rec);
	int rc = nft_chain_exists(f->nft, TABLE, CHAIN, err);

	if (rc == -ENOENT)
		return err_set(err, -ESTALE, "the chain %s/" TABLE "/" CHAIN " is gone",
			       f->name),
		       1;
	return rc;
}

int forward_chain_repair(const struct rec *rec, struct xhp_err *err)
{
	struct nft_batch b = { 0 };

	put_chain(&b, family_of(rec), true);
	return nft_send(&b, err);
}
