// SPDX-License-Identifier: LGPL-2.1-or-later
// The class of network buffers for Remus: one for each vif of a guest whose state is
// copied to another host (Xen's libxl_netbuffer.c and remus-netbuf-setup).

#include <stdlib.h>

#include "class_priv.h"
#include "request.h"
#include "vars.h"
#include "xhp.h"

static const struct var_def remus_vars[] = {
	{ .type = { .key = "vifname", .type = V_IFNAME, .help = "the guest's interface" },
	  .flags = VAR_REQUIRED | VAR_FIXED,
	  .env = "vifname" },
	{ .type = { .key = "dev", .type = V_IFNAME, .help = "the same" },
	  .flags = VAR_FIXED },
	{ .type = { .key = NULL } },
};

/* /libxl/DOMID/remus/netbuf/DEVID, and no XENBUS_TYPE */
static int remus_take(struct request *req, const char *path, struct xhp_err *err)
{
	char *copy = mem_strdup(path ? path : ""), *part[7];
	uint64_t domid, devid;
	int n = 0;

	while (n < 7 && (part[n] = strsep(&copy, "/")))
		n++;
	if (n != 6 || *part[0] || strcmp(part[1], "libxl") != 0 ||
	    strcmp(part[3], "remus") != 0 || strcmp(part[4], "netbuf") != 0 ||
	    uint_parse(part[2], 0, 0x7ff0, &domid, err) < 0 ||
	    uint_parse(part[5], 0, UINT32_MAX, &devid, err) < 0)
		return err_usage(err, NULL,
				 "XENBUS_PATH %s is not /libxl/DOMID/remus/netbuf/DEVID",
				 path ? quoted(path) : "is not set: it");
	req->path = path;
	req->domid = (unsigned int)domid;
	req->devid = (unsigned int)devid;
	req->type = req->device;
	return 0;
}

static int remus_find(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *name;

	if (var_get(ctx, ctx->recipe->root, "vifname", &name, err) < 0)
		return err->code;
	if (*name && !nl_link_by_name(name, &ctx->dev, err))
		return 0;
	return verb == VERB_DETACH && (!*name || err->code == -ENODEV) ? 0 : err->code;
}

/* libxl takes a hotplug-error for a failure, whatever the exit status. */
static int remus_finish_ok(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *path = ctx->req->path;

	if (verb == VERB_ATTACH)
		return class_connected(ctx, verb, err);
	if (store_remove(mem_printf("%s/hotplug-status", path), err) < 0 ||
	    store_remove(mem_printf("%s/hotplug-error", path), err) < 0)
		return err->code;
	store_tidy(path, mem_printf("/libxl/%u", ctx->req->domid));
	return 0;
}

const struct class class_remus = {
	.name = "remus",
	.vars = remus_vars,
	.verbs = "setup|teardown",
	.finish = "hotplug-status = connected; teardown removes it",
	.take = remus_take,
	.verb = class_setup_verb,
	.device = class_plain_device,
	.find = remus_find,
	.finish_ok = remus_finish_ok,
	.finish_err = class_error,
};
