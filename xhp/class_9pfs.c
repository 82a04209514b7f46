// SPDX-License-Identifier: LGPL-2.1-or-later
// The class of 9pfs exports, by QEMU (9pfs) or by xen-9pfsd (xen_9pfs).

#include <stdlib.h>
#include <time.h>

#include "class_priv.h"
#include "engine.h"
#include "request.h"
#include "text.h"
#include "vars.h"
#include "xhp.h"

/* libxl_9pfs.c: libxl__set_xenstore_p9 */
static const struct var_def vars[] = {
	{ .type = { .key = "path",
		    .type = V_PATH,
		    .help = "the directory that the guest's configuration exports" },
	  .flags = VAR_REQUIRED | VAR_NODE | VAR_STRICT | VAR_ARG },
	{ .type = { .key = "security_model",
		    .type = V_ENUM,
		    .words = "none|passthrough|mapped|mapped-xattr|mapped-file",
		    .dflt = "none",
		    .help = "whose the files are that the guest makes" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "max-space",
		    .type = V_UINT,
		    .max = UINT32_MAX,
		    .help = "MiB that the guest may fill; 0 = any (xen_9pfs)" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "max-files",
		    .type = V_UINT,
		    .max = UINT32_MAX,
		    .help = "files that it may have; 0 = any (xen_9pfs)" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "max-open-files",
		    .type = V_UINT,
		    .max = UINT32_MAX,
		    .help = "and open at once (xen_9pfs)" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "auto-delete",
		    .type = V_UINT,
		    .max = 1,
		    .help = "1: the oldest files go when a limit is reached (xen_9pfs)" },
	  .flags = VAR_NODE | VAR_ARG },
	{ .type = { .key = "guest", .type = V_TEXT, .help = "the guest's name" },
	  .flags = VAR_ARG,
	  .vm = "name" },
	{ .type = { .key = "uuid", .type = V_TOKEN, .help = "the guest's UUID" },
	  .flags = VAR_ARG,
	  .vm = "uuid" },
	{ .type = { .key = NULL } },
};

static enum verb_kind verb(const struct request *req)
{
	if (!strcmp(req->verb, "prepare"))
		return VERB_PREPARE;
	return !strcmp(req->verb, "forget") ? VERB_FORGET : class_plain_verb(req);
}

/* What was prepared goes by its path: the guest has no number yet. */
static const char *prepared(const struct request *req, const char *path)
{
	return mem_printf("%s-prepared-%016llx", req->type,
			  (unsigned long long)text_hash(HASH_START, path, strlen(path)));
}

static const char *device(const struct request *req)
{
	const char *path = request_arg(req, "path");

	return req->early ? prepared(req, path ? path : "") : class_plain_device(req);
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/*
 * What lies in another export can be exchanged for a link by the guest that has that one,
 * be it the same guest: then the backend opens whatever the link leads to.
 */
static int check_nested(struct ctx *ctx, struct xhp_err *err)
{
	struct field *names;
	const char *path;
	unsigned int n;

	if (var_get(ctx, ctx->recipe->root, "path", &path, err) < 0 ||
	    journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		const char *name = names[i].name;
		struct xhp_err unused;
		struct journal j;

		if (!strstr(name, "9pfs-") || !strcmp(name, ctx->device) ||
		    journal_read(JOURNAL_DEVICES, name, &j, &unused) < 0 ||
		    j.foreign_boot)
			continue;
		for (unsigned int k = 0; k < j.nvars; k++) {
			const char *other = j.vars[k].value;

			if (strcmp(j.vars[k].name, "path") != 0 ||
			    (!is_below(path, other) && !is_below(other, path)))
				continue;
			return err_set(err, -EPERM,
				       "%s and %s, which %s has, lie one in the other: a "
				       "guest could put a link to any place there",
				       quoted(path), quoted(other), name);
		}
	}
	return 0;
}

/* All that the backend reads has to be what it says, also what no step asks for. */
static int find(struct ctx *ctx, enum verb_kind kind, struct xhp_err *err)
{
	const char *value;

	for (const struct var_def *v = vars; kind == VERB_ATTACH && v->type.key; v++) {
		if (!(v->flags & VAR_NODE))
			continue;
		if (var_get(ctx, ctx->recipe->root, v->type.key, &value, err) < 0)
			return err->code;
		/* xen-9pfsd.c, new_device() */
		if (!strcmp(v->type.key, "security_model") &&
		    !strcmp(ctx->req->type, "xen_9pfs") && strcmp(value, "none") != 0)
			return err_set(err, -EINVAL,
				       "security_model %s: xen-9pfsd knows none but "
				       "\"none\"",
				       quoted(value));
	}
	return kind == VERB_ATTACH ? check_nested(ctx, err) : 0;
}

/* The device holds now what was prepared for it; nobody else does. */
static int take_over(struct ctx *ctx, struct xhp_err *err)
{
	const char *path, *name;
	struct journal j;

	if (var_get(ctx, ctx->recipe->root, "path", &path, err) < 0)
		return err->code;
	name = prepared(ctx->req, path);
	if (journal_read(JOURNAL_DEVICES, name, &j, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	if (journal_open(JOURNAL_DEVICES, name, false, &j, err) < 0)
		return err->code;
	if (!j.foreign_boot && engine_undo(&j, false, err) < 0) {
		journal_close(&j, false);
		return err->code;
	}
	journal_close(&j, true);
	return 0;
}

static int finish_ok(struct ctx *ctx, enum verb_kind kind, struct xhp_err *err)
{
	/* of two at the same instant, each had looked before the other was in its journal
	 */
	if (kind == VERB_ATTACH && !ctx->journal->complete && check_nested(ctx, err) < 0)
		return err->code;
	if (kind != VERB_ATTACH || ctx->req->early)
		return 0;
	if (take_over(ctx, err) < 0)
		return err_wrap(err, "what was prepared for it");
	return class_connected(ctx, kind, err);
}

/*
 * Neither backend asks anybody before it exports, xen-9pfsd at once, QEMU when the
 * guest's driver connects. Both let go when the directory in xenstore goes. What they
 * were about to write then brings it back: for a while, it is removed again.
 */
static void refuse(const char *path, const struct xhp_err *why)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	const char *state = "";
	struct xhp_err err;
	bool exported;

	store_read(mem_printf("%s/state", path), &state, &err);
	exported = atoi(state) > (strstr(path, "/xen_9pfs/") ? 1 : 2);
	for (int i = 0; i < 5; i++) {
		bool there = !i || store_read(path, &state, &err) != -ENOENT;

		if (there && store_remove(path, &err) < 0) {
			log_err("%s is refused, and its backend cannot be closed: %s",
				path, err.text);
			return;
		}
		nanosleep(&moment, NULL);
	}
	log_warn("%s %s; its backend is closed now: %s", path,
		 exported ? "was exported before it was refused"
			  : "is refused before the guest's driver was connected",
		 why->text);
}

static void finish_err(const char *path, const struct xhp_err *why)
{
	if (why->refused)
		refuse(path, why);
	else
		class_error(path, why);
}

const struct class class_9pfs = {
	.name = "9pfs",
	.types = "9pfs|xen_9pfs",
	.vars = vars,
	.verbs = "add|remove; before the guest is created prepare|forget path=PATH",
	.finish = "hotplug-status = connected; if it is refused, the backend is closed",
	.where = "path",
	.verb = verb,
	.device = device,
	.find = find,
	.finish_ok = finish_ok,
	.finish_err = finish_err,
};
