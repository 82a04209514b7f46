// SPDX-License-Identifier: LGPL-2.1-or-later
// Variables: where each value comes from, and who wins (xen-hotplug-recipe(5)).

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "vars.h"
#include "xhp.h"

/* A variable or node as it was read, before [defaults]. */
struct cached {
	const char *name, *value;
	const char *from; /* where it was found */
	bool recorded;    /* from outside and not the guest's own */
};

static struct cached *cache;
static unsigned int ncache;
static bool lenient;
static const char *note;

void vars_lenient(void)
{
	lenient = true;
}

const char *vars_note(void)
{
	return note;
}

static struct cached *cached_find(const char *name)
{
	for (unsigned int i = 0; i < ncache; i++) {
		if (!strcmp(cache[i].name, name))
			return &cache[i];
	}
	return NULL;
}

static struct cached *cached_add(const char *name, const char *value, const char *from,
				 bool recorded)
{
	struct cached *c = MEM_PUSH(cache, ncache);

	*c = (struct cached){ name, value, from, recorded };
	return c;
}

const struct field *vars_read(unsigned int *ret_n)
{
	struct field *fields = MEM_ARRAY(struct field, ncache + 1);
	unsigned int n = 0;

	for (unsigned int i = 0; i < ncache; i++) {
		if (cache[i].recorded)
			fields[n++] = (struct field){ cache[i].name, cache[i].value };
	}
	*ret_n = n;
	return fields;
}

/* A node that is not there is empty; one that cannot be read fails the attach. */
static int read_fails(const struct xhp_err *err)
{
	return err->code == -ENOENT || lenient ? 0 : err->code;
}

static int read_node(const char *path, const char **ret, struct xhp_err *err)
{
	*ret = "";
	return store_read(path, ret, err) < 0 ? read_fails(err) : 0;
}

/* A node of the backend: one look at the directory saves asking for absent ones. */
static int read_backend(struct ctx *ctx, const char *name, const char **ret, bool *ret_is,
			struct xhp_err *err)
{
	const char *dir = ctx->req->path;

	*ret = "";
	*ret_is = false;
	if (!dir)
		return 0;
	if (store_has(dir, name, ret_is, err) < 0) {
		if (err->code == -ENOENT || lenient)
			return 0;
		return err->code;
	}
	return *ret_is ? read_node(mem_printf("%s/%s", dir, name), ret, err) : 0;
}

static int outside_fixed(struct ctx *ctx, const char *name, const char **ret)
{
	const struct request *req = ctx->req;
	const char *value;

	if (!strcmp(name, "domid"))
		value = req->path ? mem_printf("%u", req->domid) : "";
	else if (!strcmp(name, "devid"))
		value = req->path ? mem_printf("%u", req->devid) : "";
	else if (!strcmp(name, "class"))
		value = req->type;
	else if (!strcmp(name, "command"))
		value = req->verb;
	else if (!strcmp(name, "xenbus_path"))
		value = req->path ? req->path : "";
	else if (!strcmp(name, "dev"))
		value = ctx->dev.name.s;
	else
		return -ENOENT;
	*ret = value;
	return 0;
}

/* A node below /vm/UUID, by way of the guest's own directory; "" without a guest. */
static int read_vm(struct ctx *ctx, const char *node, const char **ret,
		   struct xhp_err *err)
{
	const char *dir;

	*ret = "";
	if (!ctx->req->path)
		return 0;
	if (store_vm(ctx->req->domid, &dir, err) < 0)
		return read_fails(err);
	return *dir ? read_node(mem_printf("%s/%s", dir, node), ret, err) : 0;
}

/* What xl calls a guest while it comes in by live migration (xl_migrate.c). */
static const char *without_incoming(const char *name)
{
	static const char incoming[] = "--incoming";
	size_t len = strlen(name), n = sizeof(incoming) - 1;

	return len > n && !strcmp(name + len - n, incoming) ? mem_strndup(name, len - n)
							    : name;
}

/* An empty value is "not set", and gives way to the next source. */
static int outside_var(struct ctx *ctx, const struct var_def *def, const char **ret,
		       struct xhp_err *err)
{
	const char *name = def->type.key, *value = "", *from = "", *s;
	struct cached *c;
	bool is = false;

	if (!outside_fixed(ctx, name, ret))
		return 0;
	c = cached_find(name);
	if (c) {
		*ret = c->value;
		return 0;
	}
	if (def->flags & VAR_NODE) {
		from = mem_printf("%s/%s", ctx->req->path, name);
		if (read_backend(ctx, name, &value, &is, err) < 0)
			return err_wrap(err, "%s", name);
		if (is && !value[strspn(value, " \t,")]) {
			if ((def->flags & VAR_STRICT) && !lenient)
				return err_set(err, -EINVAL,
					       "%s: the node %s is there, but blank",
					       name, from);
			value = "";
		}
		/* libxl gives the tap of a renamed vif no name of its own */
		s = request_arg(ctx->req, "type_if");
		if (*value && !strcmp(name, "vifname") && s && !strcmp(s, "tap"))
			value = mem_printf("%s-emu", value);
	}
	if (def->vm) {
		from = mem_printf("vm/%s", def->vm);
		if (read_vm(ctx, def->vm, &value, err) < 0)
			return err_wrap(err, "%s", name);
		value = without_incoming(value);
	}
	if (!*value && (def->flags & VAR_ARG) && (s = request_arg(ctx->req, name))) {
		value = s;
		from = "argument";
	}
	if (!*value && def->env && (s = getenv(def->env))) {
		value = s;
		from = mem_printf("environment variable %s", def->env);
	}
	if (*value && def->canonical)
		value = def->canonical(value);
	if (*value) {
		union {
			struct prefixes prefixes;
			struct bridge_spec bridge;
			struct vlans vlans;
		} unused = { 0 };

		if (value_parse(&def->type, value, &unused, err) < 0) {
			if (!lenient)
				return err_wrap(err, "%s (%s)", name, from);
			value = "";
		}
	}
	cached_add(name, value, from, true);
	*ret = value;
	return 0;
}

/* libxl fills in "xenbr0" where the guest's configuration names no bridge. */
static bool is_filler(const char *name, const char *value)
{
	return !strcmp(name, "bridge") && !strcmp(value, "xenbr0") &&
	       !if_nametoindex(value);
}

static const struct entry *default_find(const struct scope *scope, const char *name,
					const struct scope **ret_scope)
{
	const struct entry *found =
		scope->parent ? default_find(scope->parent, name, ret_scope) : NULL;

	for (unsigned int i = 0; !found && i < scope->ndefaults; i++) {
		if (!strcmp(scope->defaults[i].key, name)) {
			found = &scope->defaults[i];
			*ret_scope = scope;
		}
	}
	return found;
}

static int var_value(struct ctx *ctx, const struct scope *scope, const char *name,
		     enum value_type type, const char **ret, bool *ret_foreign,
		     struct xhp_err *err);

/* What is being expanded only informs: then a driver domain may do without what it
 * cannot read of its guests. */
static bool only_informs;

static int missed(const struct seg *seg, const char **ret, struct xhp_err *err)
{
	if (!only_informs || err->code != -EACCES)
		return err->code;
	log_info("${%s} is left out: %s", seg->text, err->text);
	*ret = "";
	return 0;
}

/* One piece of a template, and whether it is a stranger's. */
static int seg_value(struct ctx *ctx, const struct scope *scope, const struct seg *seg,
		     enum value_type type, const char **ret, bool *ret_foreign,
		     struct xhp_err *err)
{
	const char *node, *dir;
	struct cached *c;
	bool is, guests;

	*ret_foreign = true;
	switch (seg->kind) {
	case SEG_TEXT:
		*ret = seg->text;
		*ret_foreign = false;
		return 0;
	case SEG_VAR:
		return var_value(ctx, scope, seg->text, type, ret, ret_foreign, err);
	case SEG_RESULT:
		*ret = seg->step->results[seg->result];
		*ret_foreign = !seg->step->gives[seg->result].trusted;
		if (!*ret)
			*ret = "";
		return 0;
	case SEG_NODE:
		break;
	}
	c = cached_find(seg->text);
	if (c) {
		*ret = c->value;
		return 0;
	}
	node = strchr(seg->text, '/') + 1;
	guests = !strncmp(seg->text, "frontend/", 9);
	*ret = "";
	if (!strncmp(seg->text, "backend/", 8)) {
		if (read_backend(ctx, node, ret, &is, err) < 0)
			return err->code;
	} else if (!strncmp(seg->text, "self/", 5)) {
		if (read_node(node, ret, err) < 0)
			return missed(seg, ret, err);
	} else if (!guests) {
		if (read_vm(ctx, node, ret, err) < 0)
			return missed(seg, ret, err);
	} else if (ctx->req->path) {
		if (read_node(mem_printf("%s/frontend", ctx->req->path), &dir, err) < 0)
			return missed(seg, ret, err);
		if (*dir && read_node(mem_printf("%s/%s", dir, node), ret, err) < 0)
			return missed(seg, ret, err);
	}
	cached_add(seg->text, *ret, seg->text, !guests);
	return 0;
}

/* `text` as one component of a path. */
static bool is_component(const char *text)
{
	return *text && strlen(text) <= NAME_MAX && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0 && !strchr(text, '/');
}

/* Why a stranger's `text` cannot be a piece of such a value, or NULL. */
static const char *unfit_piece(const char *text, enum value_type type, bool whole)
{
	if ((type == V_PATH || type == V_GLOB) && !whole && !is_component(text))
		return "which is not one component of a path";
	if ((type == V_LINES || type == V_MAP) && strchr(text, '\n'))
		return "which has several lines";
	return NULL;
}

/* A stranger's text in a pattern for fnmatch(3) stands for itself. */
static const char *glob_escaped(const char *text)
{
	struct buf b = { 0 };

	for (; *text; text++)
		buf_printf(&b, strchr("*?[]\\", *text) ? "\\%c" : "%c", *text);
	return b.s ? b.s : "";
}

int seg_expand(struct ctx *ctx, const struct scope *scope, const struct template *t,
	       const struct seg *seg, enum value_type type, const char **ret,
	       bool *ret_foreign, struct xhp_err *err)
{
	struct pos pos = t->pos;
	const char *value, *why;
	bool foreign;

	pos.col = seg->col < 0 ? 0 : pos.col + seg->col;
	if (seg_value(ctx, scope, seg, type, &value, &foreign, err) < 0) {
		if (!err->pos.file)
			err->pos = pos;
		return err->code;
	}
	why = foreign ? unfit_piece(value, type, t->nsegs == 1) : NULL;
	if (why) {
		err_set(err, -EINVAL, "${%s} is %s, %s", seg->text, quoted(value), why);
		err->pos = pos;
		return err->code;
	}
	*ret = foreign && type == V_GLOB ? glob_escaped(value) : value;
	*ret_foreign = foreign;
	return 0;
}

/* `type` is that of the key which the value is for, also through [use] and [defaults]. */
static int expand_foreign(struct ctx *ctx, const struct scope *scope,
			  const struct template *t, enum value_type type,
			  const char **ret, bool *ret_foreign, struct xhp_err *err)
{
	bool whole = t->nsegs == 1;
	struct buf b = { 0 };
	size_t skip;

	*ret_foreign = false;
	for (unsigned int i = 0; i < t->nsegs; i++) {
		const char *value;
		bool foreign;

		if (seg_expand(ctx, scope, t, &t->segs[i], type, &value, &foreign, err) <
		    0)
			return err->code;
		*ret_foreign |= foreign;
		buf_add(&b, value, strlen(value));
	}
	if (!b.s) {
		*ret = "";
		return 0;
	}
	/* once its pieces are fit, so is the path around them */
	if (type == V_LINES || type == V_MAP || type == V_GLOB ||
	    (type == V_PATH && !whole))
		*ret_foreign = false;
	while (b.len && strchr(" \t\n", b.s[b.len - 1]))
		b.s[--b.len] = '\0';
	skip = strspn(b.s, " \t\n");
	*ret = b.s + skip;
	return 0;
}

int expand(struct ctx *ctx, const struct scope *scope, const struct template *t,
	   enum value_type type, const char **ret, struct xhp_err *err)
{
	bool foreign;
	int rc;

	only_informs = t->informs;
	rc = expand_foreign(ctx, scope, t, type, ret, &foreign, err);
	only_informs = false;
	return rc;
}

static int var_value(struct ctx *ctx, const struct scope *scope, const char *name,
		     enum value_type type, const char **ret, bool *ret_foreign,
		     struct xhp_err *err)
{
	const struct var_def *def = class_var(ctx->recipe->class, name);
	const struct entry *dflt = NULL;
	const struct scope *where = scope;
	const char *value = "";
	static int depth;
	int rc;

	*ret_foreign = true;
	for (const struct scope *s = scope; s->parent; s = s->parent) {
		for (unsigned int i = 0; i < s->nuse; i++) {
			if (!strcmp(s->use[i].key, name))
				return expand_foreign(ctx, s->parent, &s->use[i].value,
						      type, ret, ret_foreign, err);
		}
	}
	if (def) {
		if (outside_var(ctx, def, &value, err) < 0)
			return err->code;
	} else {
		const char *arg = request_arg(ctx->req, name);

		value = arg ? arg : "";
	}
	dflt = default_find(scope, name, &where);
	if (*value && dflt && is_filler(name, value)) {
		note = "xenbr0 is not there: libxl's filler gives way to [defaults]";
		value = "";
	}
	if (*value || !dflt) {
		if (!*value && def && def->type.dflt)
			value = def->type.dflt;
		if (!*value && def && (def->flags & VAR_REQUIRED) && !lenient)
			return err_set(
				err, -EINVAL, "%s is not set: no %s", name,
				!ctx->req->path && (def->flags & VAR_ARG)
					? mem_printf("argument %s=...", name)
				: def->flags & VAR_NODE
					? mem_printf("node %s/%s", ctx->req->path, name)
					: mem_printf("environment variable %s",
						     def->env));
		*ret = value;
		return 0;
	}
	if (++depth > DEFAULTS_DEPTH) {
		rc = err_set(err, -ELOOP, "[defaults] %s refers to itself", name);
		err->pos = dflt->value.pos;
	} else {
		rc = expand_foreign(ctx, where, &dflt->value, type, ret, ret_foreign,
				    err);
	}
	depth--;
	return rc;
}

int var_get(struct ctx *ctx, const struct scope *scope, const char *name,
	    const char **ret, struct xhp_err *err)
{
	const struct var_def *def = class_var(ctx->recipe->class, name);
	bool foreign;

	return var_value(ctx, scope, name, def ? def->type.type : V_TEXT, ret, &foreign,
			 err);
}

int vars_changed(struct ctx *ctx, const struct journal *j, const char **ret_which,
		 struct xhp_err *err)
{
	*ret_which = NULL;
	for (unsigned int i = 0; i < j->nvars && !*ret_which; i++) {
		const char *name = j->vars[i].name, *value;
		const struct var_def *def = class_var(ctx->recipe->class, name);
		const struct seg seg = { .kind = SEG_NODE, .text = name };
		bool foreign;

		if (!def && !strchr(name, '/'))
			continue;
		if (def ? outside_var(ctx, def, &value, err) < 0
			: seg_value(ctx, ctx->recipe->root, &seg, V_TEXT, &value,
				    &foreign, err) < 0)
			return err->code;
		if (strcmp(value, j->vars[i].value) != 0)
			*ret_which = name;
	}
	return 0;
}
