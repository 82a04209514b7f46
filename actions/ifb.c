// SPDX-License-Identifier: LGPL-2.1-or-later
// ifb: an interface to which frames can be redirected, that others may hold them back.

#include <linux/if_link.h>

#include "actions.h"
#include "lock.h"
#include "nl_tc.h"
#include "request.h"

/* Under it the stock script looks for one that nobody uses. */
#define LOCK "pickifb"

struct args {
	const char *node;
};

static const struct param params[] = {
	{ .key = "node",
	  .type = V_TEXT,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, node),
	  .help = "where its name is written: backend/NODE" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "name", .late = true, .type = V_IFNAME, .help = "the interface" },
	{ .name = NULL },
};

static const char *node_path(const struct ctx *ctx, const char *node)
{
	return mem_printf("%s/%s", ctx->req->path, strchr(node, '/') + 1);
}

static const char *ifb_name(const struct ctx *ctx)
{
	return mem_printf("ifb%u.%u", ctx->req->domid, ctx->req->devid);
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *name = ifb_name(ctx), *now;
	struct ifname unused;
	struct link link;

	(void)step;
	if (strncmp(args->node, "backend/", 8) != 0 ||
	    value_check(V_TOKEN, args->node + 8, err) < 0)
		return err_set(err, -EINVAL, "node is %s: expected backend/NODE",
			       quoted(args->node));
	if (!ctx->req->path)
		return err_set(err, -EINVAL, "a device of this class has no backend/");
	if (ifname_parse(name, &unused, err) < 0)
		return err->code;
	if (!nl_link_by_name(name, &link, err))
		return err_set(err, -EEXIST, "there is an interface %s already", name);
	if (err->code != -ENODEV)
		return err->code;
	/* a driver domain may not: not even its undo could */
	return store_read(node_path(ctx, args->node), &now, err) == -EACCES ? err->code
									    : 0;
}

static int make(struct ctx *ctx, const char *name, struct xhp_err *err)
{
	struct link_change quiet = { .set_addrgen = true,
				     .addrgenmode = IN6_ADDR_GEN_MODE_NONE };
	struct link link;
	uint8_t mac[6];

	if (random_mac(mac, err) < 0 || RECORD(ctx, err, SCOPE_HOST, "ifb", "made",
					       "name", name, "mac", mac_text(mac)) < 0)
		return err->code;
	if (nl_ifb_add(name, mac, err) < 0 || nl_link_by_name(name, &link, err) < 0)
		return err->code;
	if (link.addrgenmode == 0xff || !nl_link_change(link.ifindex, &quiet, err))
		return 0;
	return err_wrap(err, "cannot keep %s from making addresses", name);
}

static int publish(const char *backend, const char *path, const char *name,
		   struct xhp_err *err)
{
	const struct store_item item = { .path = path, .value = name };

	return store_publish(backend, &item, 1, err);
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *path = node_path(ctx, args->node), *now = "";

	if (store_read(path, &now, err) < 0 && err->code != -ENOENT)
		return err->code;
	plan_change(step, ifb_name(ctx), "interface", "", "made");
	plan_change(step, path, "node", now, ifb_name(ctx));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *name = ifb_name(ctx), *path = node_path(ctx, args->node);
	CLEANUP_FD int dir = state_dir("", err);
	int lock, rc;

	if (dir < 0)
		return dir;
	lock = lock_claim(dir, LOCK, true, false, err);
	if (lock < 0)
		return lock;
	rc = make(ctx, name, err);
	if (!rc)
		rc = RECORD(ctx, err, SCOPE_HOST, "ifb", "node", "backend",
			    ctx->req->path, "path", path, "value", name);
	if (!rc)
		rc = publish(ctx->req->path, path, name, err);
	lock_release(dir, LOCK, lock);
	step_result(step, "name", name);
	return rc;
}

static int from_record(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	const char *name = rec_get(rec, "name"), *mac = rec_get(rec, "mac");
	struct link link;

	if (strcmp(rec->kind, "made") != 0 || !name || !mac)
		return rec_unknown(rec, err);
	if (nl_link_by_name(name, &link, err) < 0)
		return err->code;
	if (strcmp(link.kind, "ifb") != 0 || strcmp(mac_text(link.mac), mac) != 0)
		return err_set(err, -ESTALE, "%s is another interface by now", name);
	*ret = link;
	return 0;
}

/* The node may go with the domain. */
static int node_now(const struct rec *rec, const char **ret, struct xhp_err *err)
{
	const char *path = rec_get(rec, "path");

	if (!path || !rec_get(rec, "backend") || !rec_get(rec, "value"))
		return rec_unknown(rec, err);
	*ret = "";
	if (store_read(path, ret, err) < 0 && err->code != -ENOENT)
		return err->code;
	return 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *now;
	struct link link;

	(void)ctx;
	if (!strcmp(rec->kind, "node")) {
		if (node_now(rec, &now, err) < 0)
			return err->code;
		return strcmp(now, rec_get(rec, "value"))
			       ? 0
			       : store_remove(rec_get(rec, "path"), err);
	}
	if (from_record(rec, &link, err) < 0) {
		if (err->code == -ESTALE)
			log_warn("%s: it is left alone", err->text);
		return err->code == -ENODEV || err->code == -ESTALE ? 0 : err->code;
	}
	if (nl_link_del(link.ifindex, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot remove %s", link.name.s);
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *now;
	struct link link;

	(void)ctx;
	if (strcmp(rec->kind, "node") != 0) {
		if (from_record(rec, &link, err) == 0)
			return 0;
		return err->code == -EPROTO ? err->code : 1;
	}
	if (node_now(rec, &now, err) < 0)
		return err->code;
	if (!strcmp(now, rec_get(rec, "value")))
		return 0;
	err_set(err, -ESTALE, "%s is %s, not %s", rec_get(rec, "path"), quoted(now),
		rec_get(rec, "value"));
	return 1;
}

/* The name alone: with the interface went what was held back on it. */
static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	(void)ctx;
	if (strcmp(rec->kind, "node") != 0)
		return err_set(err, -EOPNOTSUPP, "what was held back there is lost");
	return publish(rec_get(rec, "backend"), rec_get(rec, "path"),
		       rec_get(rec, "value"), err);
}

/*
 * The stock script takes one that is there, and wires all of it by itself: the node's,
 * its root qdisc, and the guest's interface with a qdisc "ingress".
 */
static int detach_stock(struct ctx *ctx, struct step *step, void *data,
			struct xhp_err *err)
{
	const struct args *args = data;
	struct tc_qdisc qdisc = { 0 };
	const char *path, *name = "";
	struct link link;

	(void)step;
	if (strncmp(args->node, "backend/", 8) != 0 || !ctx->req->path)
		return 0;
	path = node_path(ctx, args->node);
	if (store_read(path, &name, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	if (ctx->dev.ifindex && tc_clsact_get(ctx->dev.ifindex, &qdisc, err) < 0)
		return err->code;
	if (!strcmp(qdisc.kind, "ingress") &&
	    tc_clsact_del(ctx->dev.ifindex, qdisc.kind, err) < 0 && err->code != -ENOENT)
		return err_wrap(err, "%s", ctx->dev.name.s);
	if (!nl_link_by_name(name, &link, err) && !strcmp(link.kind, "ifb")) {
		if (link_set_up(&link, false, err) < 0 ||
		    tc_root_get(link.ifindex, &qdisc, err) < 0)
			return err->code;
		if (!strcmp(qdisc.kind, "plug") &&
		    tc_root_del(link.ifindex, qdisc.handle, err) < 0 &&
		    err->code != -ENOENT)
			return err_wrap(err, "%s", link.name.s);
	}
	return store_remove(path, err);
}

const struct action action_ifb = {
	.name = "ifb",
	.summary = "make an interface to redirect frames to",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.detach_stock = detach_stock,
};
