// SPDX-License-Identifier: LGPL-2.1-or-later
// Nodes in xenstore that a recipe names: backend/N, frontend/N, vm/N, self/N.

#include "nodes.h"
#include "request.h"
#include "template.h"

bool node_is(const char *name, const char *roots)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash + 1 - name) : 0;

	for (const char *r = roots; len; r += strcspn(r, "|") + 1) {
		if (strcspn(r, "|") == len && !strncmp(r, name, len))
			break;
		if (!strchr(r, '|'))
			return false;
	}
	return len && template_is_node_path(name);
}

int node_path(struct ctx *ctx, const char *name, const char **ret, struct xhp_err *err)
{
	const char *node = strchr(name, '/') + 1, *dir = ctx->req->path;

	if (!strncmp(name, "self/", 5)) {
		*ret = node;
		return 0;
	}
	if (!dir)
		return err_set(err, -ENOENT, "%s: there is no device yet", name);
	if (!strncmp(name, "frontend/", 9)) {
		if (store_read(mem_printf("%s/frontend", dir), &dir, err) < 0)
			return err->code;
	} else if (!strncmp(name, "vm/", 3)) {
		if (store_vm(ctx->req->domid, &dir, err) < 0)
			return err->code;
	}
	*ret = mem_printf("%s/%s", dir, node);
	return 0;
}
