// SPDX-License-Identifier: LGPL-2.1-or-later
// The class of network interfaces: a vif, or an emulated NIC's tap.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "class_priv.h"
#include "request.h"
#include "vars.h"
#include "xhp.h"

/* libxl_linux.c: get_hotplug_env; libxl_nic.c: libxl__set_xenstore_nic */
static const struct var_def vif_vars[] = {
	{ .type = { .key = "type_if",
		    .type = V_ENUM,
		    .words = "vif|tap",
		    .dflt = "vif",
		    .help = "the interface itself, or an emulated NIC's tap" },
	  .flags = VAR_ARG | VAR_FIXED },
	{ .type = { .key = "dev",
		    .type = V_IFNAME,
		    .help = "the device's interface; its new name after a rename" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "vifname",
		    .type = V_IFNAME,
		    .help = "the name that the guest's configuration gives it" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "bridge",
		    .type = V_BRIDGE,
		    .help = "the bridge that the guest's configuration names" },
	  .flags = VAR_NODE | VAR_ARG,
	  .env = "bridge" },
	{ .type = { .key = "mac", .type = V_MAC, .help = "the guest's MAC address" },
	  .flags = VAR_REQUIRED | VAR_NODE | VAR_STRICT | VAR_ARG },
	{ .type = { .key = "ip",
		    .type = V_PREFIXES,
		    .help = "the addresses that the guest may use" },
	  .flags = VAR_NODE | VAR_STRICT | VAR_ARG,
	  .env = "ip" },
	{ .type = { .key = "vlan", .type = V_VLANS, .help = "its VLANs, in xl's syntax" },
	  .flags = VAR_NODE | VAR_STRICT | VAR_ARG },
	{ .type = { .key = "mtu",
		    .type = V_UINT,
		    .min = 68,
		    .max = 65535,
		    .help = "the MTU that the guest's configuration asks for" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "gatewaydev",
		    .type = V_IFNAME,
		    .help = "whose address a routed guest sees as its router" },
	  .flags = VAR_NODE | VAR_ARG,
	  .env = "netdev" },
	{ .type = { .key = "rate", .type = V_TEXT, .help = "netback's rate limit" },
	  .flags = VAR_NODE },
	{ .type = { .key = "type", .type = V_TOKEN, .help = "vif or vif_ioemu" },
	  .flags = VAR_NODE },
	{ .type = { .key = "handle",
		    .type = V_UINT,
		    .max = UINT32_MAX,
		    .help = "the number that the guest knows it by" },
	  .flags = VAR_NODE },
	{ .type = { .key = NULL } },
};

static bool is_tap(const struct request *req)
{
	const char *type = request_arg(req, "type_if");

	return type && !strcmp(type, "tap");
}

static enum verb_kind vif_verb(const struct request *req)
{
	static const char *const verbs[][2] = { { "online", "offline" },
						{ "add", "remove" } };
	const char *type = request_arg(req, "type_if");

	if (type && strcmp(type, "vif") != 0 && strcmp(type, "tap") != 0)
		return VERB_UNKNOWN;
	for (int tap = 0; tap < 2; tap++) {
		for (int detach = 0; detach < 2; detach++) {
			if (strcmp(req->verb, verbs[tap][detach]) != 0)
				continue;
			if (tap != is_tap(req))
				return VERB_IGNORE;
			return detach ? VERB_DETACH : VERB_ATTACH;
		}
	}
	return VERB_UNKNOWN;
}

static const char *vif_device(const struct request *req)
{
	return mem_printf("%s-%u-%u", is_tap(req) ? "tap" : "vif", req->domid,
			  req->devid);
}

/* Does netback say that this interface is our device's? (xenbus: DEVICE/nodename) */
static bool netdev_is_ours(const char *ifname, const char *path)
{
	CLEANUP_FD int fd = open(mem_printf("/sys/class/net/%s/device/nodename", ifname),
				 O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t len = strlen(path);

	if (n <= 0)
		return false;
	while (n > 0 && (text[n - 1] == '\n' || !text[n - 1]))
		n--;
	text[n] = '\0';
	return (size_t)n <= len && !strcmp(path + len - (size_t)n, text);
}

static int vif_find(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	bool tap = is_tap(ctx->req);
	const char *env = tap ? "INTERFACE" : "vif", *name = getenv(env), *renamed;
	struct ifname checked;
	struct link link;

	if (!name || !*name) {
		/* netback's own naming (xenvif_alloc in Linux' interface.c) */
		name = mem_printf("vif%u.%u%s", ctx->req->domid, ctx->req->devid,
				  tap ? "-emu" : "");
	} else if (ifname_parse(name, &checked, err) < 0) {
		return err_wrap(err, "environment variable %s", env);
	}
	if (!nl_link_by_name(name, &ctx->dev, err))
		return 0;
	if (err->code != -ENODEV)
		return err->code;
	if (var_get(ctx, ctx->recipe->root, "vifname", &renamed, err) < 0)
		return err->code;
	if (*renamed && !tap && netdev_is_ours(renamed, ctx->req->path) &&
	    !nl_link_by_name(renamed, &link, err)) {
		ctx->dev = link;
		return 0;
	}
	if (verb == VERB_DETACH)
		return 0; /* gone already */
	return err_set(err, -ENODEV, "there is no interface %s%s", name,
		       *renamed
			       ? mem_printf(", and none that is its new name %s", renamed)
			       : "");
}

static int vif_finish_ok(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *path = ctx->req->path;
	struct store_item items[3];
	unsigned int n = 0;

	if (verb != VERB_ATTACH)
		return 0;
	if (is_tap(ctx->req))
		return 0;
	/* in a driver domain the node is ours to rewrite, but not to create */
	if (ctx->mtu)
		items[n++] = (struct store_item){
			.path = mem_printf("/local/domain/%u/device/vif/%u/mtu",
					   ctx->req->domid, ctx->req->devid),
			.value = mem_printf("%u", ctx->mtu),
			.optional = true,
		};
	if (class_has_error(path))
		items[n++] = (struct store_item){ .path = mem_printf("%s/hotplug-error",
								     path) };
	items[n++] = (struct store_item){ .path = mem_printf("%s/hotplug-status", path),
					  .value = "connected" };
	return store_publish(path, items, n, err);
}

const struct class class_vif = {
	.name = "vif",
	.vars = vif_vars,
	.verbs = "online|offline, with type_if=tap add|remove",
	.finish = "the frontend's mtu, then hotplug-status = connected; tap: nothing",
	.verb = vif_verb,
	.device = vif_device,
	.find = vif_find,
	.finish_ok = vif_finish_ok,
	.finish_err = class_error,
};
