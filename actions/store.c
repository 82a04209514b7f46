// SPDX-License-Identifier: LGPL-2.1-or-later
// store: nodes beside those that the class itself writes.

#include "actions.h"
#include "nodes.h"
#include "request.h"

#define ROOTS "backend/|frontend/"

struct args {
	struct map nodes;
};

static const struct param params[] = {
	{ .key = "nodes",
	  .type = V_MAP,
	  .flags = P_REQUIRED | P_SHOWN,
	  .offset = offsetof(struct args, nodes),
	  .help = "lines backend/NAME=VALUE or frontend/NAME=VALUE" },
	{ .key = NULL },
};

/* The names, with something in place of each reference. */
static int declare(struct step *step, struct xhp_err *err)
{
	const struct entry *e = step_entry(step, "nodes");
	const struct param map_type = { .type = V_MAP };
	struct map map = { 0 };
	struct buf b = { 0 };

	for (unsigned int i = 0; e && i < e->value.nsegs; i++)
		buf_printf(&b, "%s",
			   e->value.segs[i].kind == SEG_TEXT ? e->value.segs[i].text
							     : "?");
	if (!e || !b.s)
		return 0; /* said elsewhere */
	if (value_parse(&map_type, b.s, &map, err) < 0)
		return err_usage(err, &e->value.pos, "nodes: %s", err->text);
	for (unsigned int i = 0; i < map.n; i++) {
		if (!node_is(map.v[i].key, ROOTS))
			return err_usage(err, &e->value.pos,
					 "nodes: %s is not backend/NAME or frontend/NAME",
					 quoted(map.v[i].key));
	}
	return 0;
}

/* Is the directory there? Writing a node would make it. */
static int check_directory(const char *path, struct xhp_err *err)
{
	const char *dir = mem_strndup(path, (size_t)(strrchr(path, '/') - path)), *unused;

	if (store_read(dir, &unused, err) < 0)
		return err_wrap(err, "the directory of %s", path);
	return 0;
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;

	for (unsigned int i = 0; i < args->nodes.n; i++) {
		const char *now = "", *path;

		if (node_path(ctx, args->nodes.v[i].key, &path, err) < 0 ||
		    (store_read(path, &now, err) < 0 && err->code != -ENOENT))
			return err->code;
		plan_change(step, path, "node", now, args->nodes.v[i].value);
	}
	return 0;
}

/* All of them, in one transaction; a record for each. */
static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	struct store_item *items = MEM_ARRAY(struct store_item, args->nodes.n + 1);

	(void)step;
	for (unsigned int i = 0; i < args->nodes.n; i++) {
		const struct pair *pair = &args->nodes.v[i];
		const char *old = NULL, *path;

		if (node_path(ctx, pair->key, &path, err) < 0 ||
		    check_directory(path, err) < 0 ||
		    (store_read(path, &old, err) < 0 && err->code != -ENOENT))
			return err->code;
		items[i] = (struct store_item){ .path = path, .value = pair->value };
		if (RECORD(ctx, err, SCOPE_HOST, "store", "node", "backend",
			   ctx->req->path, "node", path, "value", pair->value, "old",
			   old) < 0)
			return err->code;
	}
	return store_publish(ctx->req->path, items, args->nodes.n, err);
}

static int rec_item(const struct rec *rec, struct store_item *ret, struct xhp_err *err)
{
	if (strcmp(rec->kind, "node") != 0 || !rec_get(rec, "backend") ||
	    !rec_get(rec, "node") || !rec_get(rec, "value"))
		return rec_unknown(rec, err);
	*ret = (struct store_item){ .path = rec_get(rec, "node"),
				    .value = rec_get(rec, "value") };
	return 0;
}

/* What somebody else has written since stays; and with the backend all is gone. */
static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct store_item item;

	(void)ctx;
	if (rec_item(rec, &item, err) < 0)
		return err->code;
	item.if_is = item.value;
	item.value = rec_get(rec, "old");
	if (store_publish(rec_get(rec, "backend"), &item, 1, err) < 0 &&
	    err->code != -ENOENT)
		return err->code;
	return 0;
}

static int audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct store_item item;
	const char *now = "";

	(void)ctx;
	if (rec_item(rec, &item, err) < 0 ||
	    (store_read(item.path, &now, err) < 0 && err->code != -ENOENT))
		return err->code;
	if (!strcmp(now, item.value))
		return 0;
	err_set(err, -ESTALE, "%s is %s, not %s", item.path,
		*now ? quoted(now) : "not set", quoted(item.value));
	return 1;
}

static int repair(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	struct store_item item;

	(void)ctx;
	if (rec_item(rec, &item, err) < 0)
		return err->code;
	return store_publish(rec_get(rec, "backend"), &item, 1, err);
}

/* The name of the node whose value is a reference alone: the line in front of it. */
static const char *node_of(const struct template *t, unsigned int i)
{
	const char *before =
		i && t->segs[i - 1].kind == SEG_TEXT ? t->segs[i - 1].text : "";
	const char *behind = i + 1 < t->nsegs ? t->segs[i + 1].text : "\n";
	const char *line = strrchr(before, '\n');
	size_t len;

	line = line ? line + 1 : before;
	line += strspn(line, " \t");
	len = strlen(line);
	if (i + 1 < t->nsegs && t->segs[i + 1].kind != SEG_TEXT)
		return NULL;
	behind += strspn(behind, " \t");
	if (len < 2 || line[len - 1] != '=' || (*behind && *behind != '\n'))
		return NULL;
	return mem_strndup(line, len - 1);
}

static int recall(struct ctx *ctx, struct step *step, struct xhp_err *err)
{
	const struct template *t = &step_entry(step, "nodes")->value;

	for (unsigned int i = 0; i < t->nsegs; i++) {
		const struct seg *seg = &t->segs[i];
		const char *name, *path, *value;

		if (seg->kind != SEG_RESULT || seg->step->results[seg->result])
			continue;
		name = node_of(t, i);
		if (name && node_path(ctx, name, &path, err) == 0 &&
		    store_read(path, &value, err) == 0)
			step_result(seg->step, seg->step->gives[seg->result].name, value);
	}
	return 0;
}

const struct action action_store = {
	.name = "store",
	.summary = "write nodes in xenstore, and put back what was there",
	.params = params,
	.args_size = sizeof(struct args),
	.declare = declare,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.audit = audit,
	.repair = repair,
	.recall = recall,
};
