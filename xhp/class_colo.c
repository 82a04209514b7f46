// SPDX-License-Identifier: LGPL-2.1-or-later
// The class of what COLO needs of a vif: a guest that runs on two hosts at once (Xen's
// libxl_colo_nic.c and colo-proxy-setup). libxl tells neither domain nor path.

#include <stdlib.h>

#include "class_priv.h"
#include "request.h"
#include "vars.h"
#include "xhp.h"

static const struct var_def colo_vars[] = {
	{ .type = { .key = "vifname", .type = V_IFNAME, .help = "the guest's interface" },
	  .flags = VAR_REQUIRED | VAR_FIXED,
	  .env = "vifname" },
	{ .type = { .key = "dev", .type = V_IFNAME, .help = "the same" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "forwarddev",
		    .type = V_IFNAME,
		    .help = "the interface that leads to the other host" },
	  .flags = VAR_REQUIRED,
	  .env = "forwarddev" },
	{ .type = { .key = "bridge", .type = V_BRIDGE, .help = "the guest's bridge" },
	  .flags = VAR_REQUIRED,
	  .env = "bridge" },
	{ .type = { .key = "mode",
		    .type = V_ENUM,
		    .words = "primary|secondary",
		    .help = "on which of the two hosts we are" },
	  .flags = VAR_REQUIRED,
	  .env = "mode" },
	{ .type = { .key = "index",
		    .type = V_UINT,
		    .max = 100,
		    .help = "the number of the guest's pair" },
	  .flags = VAR_REQUIRED,
	  .env = "index" },
	{ .type = { .key = NULL } },
};

static int colo_take(struct request *req, const char *path, struct xhp_err *err)
{
	const char *name = getenv("vifname");
	struct ifname unused;

	(void)path; /* if there is one, it is somebody else's */
	if (!name || !*name)
		return err_usage(err, NULL,
				 "the environment variable vifname is not set: which "
				 "interface?");
	if (ifname_parse(name, &unused, err) < 0) {
		err->usage = true;
		return err_wrap(err, "environment variable vifname");
	}
	req->type = req->device;
	return 0;
}

static const char *colo_device(const struct request *req)
{
	return mem_printf("%s-%s", req->type, getenv("vifname"));
}

static int colo_find(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *unused;

	/* also what the recipe makes no use of: it is wrong as a whole */
	for (const struct var_def *v = colo_vars; verb == VERB_ATTACH && v->type.key;
	     v++) {
		if ((v->flags & VAR_REQUIRED) &&
		    var_get(ctx, ctx->recipe->root, v->type.key, &unused, err) < 0)
			return err->code;
	}
	if (!nl_link_by_name(getenv("vifname"), &ctx->dev, err))
		return 0;
	return verb == VERB_DETACH && err->code == -ENODEV ? 0 : err->code;
}

/* Exit status and log are all that libxl learns. */
static int colo_finish_ok(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	(void)ctx;
	(void)verb;
	(void)err;
	return 0;
}

static void colo_finish_err(const char *path, const struct xhp_err *why)
{
	(void)path;
	(void)why;
}

const struct class class_colo = {
	.name = "colo",
	.vars = colo_vars,
	.verbs = "setup|teardown",
	.finish = "nothing",
	.take = colo_take,
	.verb = class_setup_verb,
	.device = colo_device,
	.find = colo_find,
	.finish_ok = colo_finish_ok,
	.finish_err = colo_finish_err,
};
