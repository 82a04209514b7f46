// SPDX-License-Identifier: LGPL-2.1-or-later
// Device classes: their variables, verbs, names and what is written last.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "class.h"
#include "request.h"
#include "vars.h"
#include "xhp.h"

static const struct var_def common_vars[] = {
	{ .type = { .key = "domid", .type = V_UINT, .help = "the guest's domain number" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "devid", .type = V_UINT, .help = "the device's number" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "class", .type = V_TOKEN, .help = "XENBUS_TYPE" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "command", .type = V_TOKEN, .help = "the verb" },
	  .flags = VAR_FIXED },
	{ .type = { .key = "xenbus_path",
		    .type = V_TEXT,
		    .help = "the backend's directory in xenstore" },
	  .flags = VAR_FIXED },
	{ .type = { .key = NULL } },
};

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

/* The directory was read for the variables: no error there saves asking for its removal.
 */
static bool has_old_error(const char *path)
{
	struct xhp_err unused;
	bool has = true;

	return store_has(path, "hotplug-error", &has, &unused) < 0 || has;
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
	if (has_old_error(path))
		items[n++] = (struct store_item){ .path = mem_printf("%s/hotplug-error",
								     path) };
	items[n++] = (struct store_item){ .path = mem_printf("%s/hotplug-status", path),
					  .value = "connected" };
	return store_publish(path, items, n, err);
}

static void error_finish(const char *path, const struct xhp_err *why)
{
	const struct pos *pos = &why->pos;
	const struct store_item items[] = {
		{ .path = mem_printf("%s/hotplug-error", path),
		  .value = pos->file ? mem_printf("%.1024s:%d: %s", pos->file, pos->line,
						  why->text)
				     : why->text,
		  .is_private = true },
		{ .path = mem_printf("%s/hotplug-status", path),
		  .value = why->busy ? "busy" : "error" },
	};
	struct xhp_err err;

	if (store_publish(path, items, 2, &err) < 0 && err.code != -ENOENT)
		log_warn("hotplug-error not written: %s", err.text);
}

static enum verb_kind plain_verb(const struct request *req)
{
	if (!strcmp(req->verb, "add"))
		return VERB_ATTACH;
	return !strcmp(req->verb, "remove") ? VERB_DETACH : VERB_UNKNOWN;
}

static const char *plain_device(const struct request *req)
{
	return mem_printf("%s-%u-%u", req->type, req->domid, req->devid);
}

static int plain_finish_ok(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *path = ctx->req->path;
	const struct store_item items[] = {
		{ .path = mem_printf("%s/hotplug-error", path) },
		{ .path = mem_printf("%s/hotplug-status", path), .value = "connected" },
	};

	return verb == VERB_ATTACH ? store_publish(path, items, 2, err) : 0;
}

static const struct class classes[] = {
	{
		.name = "vif",
		.vars = vif_vars,
		.verbs = "online|offline, with type_if=tap add|remove",
		.finish =
			"the frontend's mtu, then hotplug-status = connected; tap: nothing",
		.verb = vif_verb,
		.device = vif_device,
		.find = vif_find,
		.finish_ok = vif_finish_ok,
		.finish_err = error_finish,
	},
	/* any class without a row of its own */
	{
		.name = NULL,
		.vars = NULL,
		.verbs = "add|remove",
		.finish = "hotplug-status = connected",
		.verb = plain_verb,
		.device = plain_device,
		.finish_ok = plain_finish_ok,
		.finish_err = error_finish,
	},
};
enum { NCLASSES = sizeof(classes) / sizeof(classes[0]) };

const struct class *class_find(const char *device)
{
	unsigned int i = 0;

	while (i < NCLASSES - 1 && strcmp(classes[i].name, device) != 0)
		i++;
	return &classes[i];
}

const struct class *class_nth(unsigned int i)
{
	return i < NCLASSES - 1 ? &classes[i] : NULL;
}

bool class_serves(const struct class *class, const char *device, const char *type)
{
	size_t len = strlen(type);

	for (const char *t = class->types; t && *t;
	     t += strcspn(t, "|"), t += *t == '|') {
		if (strcspn(t, "|") == len && !strncmp(t, type, len))
			return true;
	}
	return !class->types && !strcmp(device, type);
}

const struct var_def *class_var_nth(const struct class *class, unsigned int i)
{
	unsigned int own = 0;

	while (class->vars && class->vars[own].type.key)
		own++;
	if (i < own)
		return &class->vars[i];
	i -= own;
	return i < sizeof(common_vars) / sizeof(common_vars[0]) - 1 ? &common_vars[i]
								    : NULL;
}

const struct var_def *class_var(const struct class *class, const char *name)
{
	const struct var_def *def;

	for (unsigned int i = 0; (def = class_var_nth(class, i)); i++) {
		if (!strcmp(def->type.key, name))
			return def;
	}
	return NULL;
}
