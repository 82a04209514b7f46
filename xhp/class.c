// SPDX-License-Identifier: LGPL-2.1-or-later
// Device classes: their variables, verbs, names and what is written last.

#include <string.h>

#include "class_priv.h"
#include "request.h"
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

/* The directory was read for the variables: no error there saves asking for its removal.
 */
bool class_has_error(const char *path)
{
	struct xhp_err unused;
	bool has = true;

	return store_has(path, "hotplug-error", &has, &unused) < 0 || has;
}

void class_error(const char *path, const struct xhp_err *why)
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

enum verb_kind class_plain_verb(const struct request *req)
{
	if (!strcmp(req->verb, "add"))
		return VERB_ATTACH;
	return !strcmp(req->verb, "remove") ? VERB_DETACH : VERB_UNKNOWN;
}

enum verb_kind class_setup_verb(const struct request *req)
{
	if (!strcmp(req->verb, "setup"))
		return VERB_ATTACH;
	return !strcmp(req->verb, "teardown") ? VERB_DETACH : VERB_UNKNOWN;
}

const char *class_plain_device(const struct request *req)
{
	return mem_printf("%s-%u-%u", req->type, req->domid, req->devid);
}

int class_connected(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err)
{
	const char *path = ctx->req->path;
	const struct store_item items[] = {
		{ .path = mem_printf("%s/hotplug-error", path) },
		{ .path = mem_printf("%s/hotplug-status", path), .value = "connected" },
	};

	if (verb == VERB_ATTACH)
		return store_publish(path, items, 2, err);
	/* the next detach is not to take it for attached */
	return store_remove(mem_printf("%s/hotplug-status", path), err);
}

/* Any class without a file of its own. */
static const struct class class_plain = {
	.verbs = "add|remove",
	.finish = "hotplug-status = connected",
	.verb = class_plain_verb,
	.device = class_plain_device,
	.finish_ok = class_connected,
	.finish_err = class_error,
};

/* The plain one is last. */
static const struct class *const classes[] = {
	&class_9pfs, &class_colo, &class_remus, &class_vif, &class_vbd, &class_plain,
};
enum { NCLASSES = sizeof(classes) / sizeof(classes[0]) };

const struct class *class_find(const char *device)
{
	unsigned int i = 0;

	while (i < NCLASSES - 1 && strcmp(classes[i]->name, device) != 0)
		i++;
	return classes[i];
}

const struct class *class_nth(unsigned int i)
{
	return i < NCLASSES - 1 ? classes[i] : NULL;
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
	for (const struct var_def *own = class->vars; own && own->type.key; own++)
		if (!i--)
			return own;
	return i < sizeof(common_vars) / sizeof(common_vars[0]) - 1 ? &common_vars[i]
								    : NULL;
}

const struct var_def *class_var(const struct class *class, const char *name)
{
	const struct var_def *def = class->vars;

	for (; def && def->type.key; def++) {
		if (!strcmp(def->type.key, name))
			return def;
	}
	for (def = common_vars; def->type.key; def++) {
		if (!strcmp(def->type.key, name))
			return def;
	}
	return NULL;
}
