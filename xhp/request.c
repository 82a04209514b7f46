// SPDX-License-Identifier: LGPL-2.1-or-later
// What the caller asked for, as libxl passes it (libxl_linux.c,
// libxl__get_hotplug_script_info).

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "recipe.h"
#include "request.h"
#include "value.h"

const char *request_arg(const struct request *req, const char *name)
{
	return field_get(req->args, req->nargs, name);
}

static int take_arg(struct request *req, const struct recipe *recipe, const char *arg,
		    struct xhp_err *err)
{
	const char *eq = strchr(arg, '='), *name, *near;
	const struct var_def *def;

	if (!eq)
		return err_usage(err, NULL, "argument %s is not NAME=VALUE", quoted(arg));
	name = mem_strndup(arg, (size_t)(eq - arg));
	def = class_var(req->class, name);
	if (def && (def->flags & VAR_FIXED) && !(def->flags & VAR_ARG) &&
	    !(req->early && !strcmp(name, "class")))
		return err_usage(err, NULL, "argument %s: \"%s\" cannot be set",
				 quoted(arg), name);
	if (!def && !recipe_has_default(recipe, name)) {
		near = recipe_near_variable(recipe->root, name);
		return err_usage(err, NULL,
				 "argument %s: the recipe has no such variable%s",
				 quoted(arg), meant(near));
	}
	if (request_arg(req, name))
		return err_usage(err, NULL, "argument \"%s\" is given twice", name);
	*MEM_PUSH(req->args, req->nargs) = (struct field){ name, eq + 1 };
	return 0;
}

/* .../TYPE/DOMID/DEVID */
static int take_path(struct request *req, const char *path, struct xhp_err *err)
{
	const char *part[3], *end;
	uint64_t domid, devid;

	if (!path)
		return err_usage(
			err, NULL,
			"XENBUS_PATH is not set: which device? "
			"(libxl sets it; for a trial: XENBUS_PATH=backend/%s/1/0)",
			req->device);
	end = path + strlen(path);
	for (int i = 2; i >= 0; i--) {
		const char *slash = memrchr(path, '/', (size_t)(end - path));

		part[i] = mem_strndup(slash ? slash + 1 : path,
				      (size_t)(end - (slash ? slash + 1 : path)));
		end = slash ? slash : path;
	}
	if (uint_parse(part[1], 0, 0x7ff0, &domid, err) < 0 ||
	    uint_parse(part[2], 0, UINT32_MAX, &devid, err) < 0 || !*part[0])
		return err_usage(err, NULL,
				 "XENBUS_PATH %s does not end with TYPE/DOMID/DEVID",
				 quoted(path));
	req->path = path;
	req->domid = (unsigned int)domid;
	req->devid = (unsigned int)devid;
	req->type = getenv("XENBUS_TYPE");
	if (!req->type || !*req->type)
		req->type = part[0];
	return 0;
}

/* Nobody has given it a number yet: it goes by what the arguments say. */
static void take_early(struct request *req)
{
	const char *type = request_arg(req, "class");

	if (!type)
		type = getenv("XENBUS_TYPE");
	req->type = type && *type ? type : req->device;
	req->kind = req->kind == VERB_PREPARE ? VERB_ATTACH : VERB_DETACH;
}

/* The store's own limit is XENSTORE_ABS_PATH_MAX (xs_wire.h). */
bool request_is_path(const char *path)
{
	return *path && strlen(path) <= 1024 && !strstr(path, "//") &&
	       path[strlen(path) - 1] != '/' &&
	       !path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789-/_@")];
}

static int take_device(struct request *req, struct xhp_err *err)
{
	const char *path = getenv("XENBUS_PATH");

	if (path && !*path)
		path = NULL;
	if (!path)
		return req->class->take ? req->class->take(req, NULL, err)
					: take_path(req, NULL, err);
	if (!request_is_path(path))
		return err_usage(err, NULL, "XENBUS_PATH %s is not a path in xenstore",
				 quoted(path));
	return req->class->take ? req->class->take(req, path, err)
				: take_path(req, path, err);
}

int request_parse(char **argv, const struct recipe *recipe, struct request *ret,
		  struct xhp_err *err)
{
	const struct class *class = recipe->class;
	const char *device = recipe->device;
	struct request req = { .class = class, .device = device };

	if (!*argv)
		return err_usage(err, NULL, "no verb: for a %s, one of %s", device,
				 class->verbs);
	req.verb = *argv++;
	req.kind = class->verb(&req);
	req.early = req.kind == VERB_PREPARE || req.kind == VERB_FORGET;
	for (; *argv; argv++) {
		if (take_arg(&req, recipe, *argv, err) < 0)
			return err->code;
	}
	req.kind = class->verb(&req);
	if (req.kind == VERB_UNKNOWN)
		return err_usage(err, NULL, "verb %s: for a %s, one of %s",
				 quoted(req.verb), device, class->verbs);
	if (req.kind == VERB_IGNORE) {
		*ret = req;
		return 0;
	}
	if (req.early)
		take_early(&req);
	else if (take_device(&req, err) < 0)
		return err->code;
	if (!class_serves(class, device, req.type))
		return err_usage(err, NULL, "the recipe is for a %s, the device is a %s",
				 device, quoted(req.type));
	*ret = req;
	return 0;
}
