/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes in xenstore that a recipe names: backend/N, frontend/N, vm/N, self/N. */
#ifndef ACTIONS_NODES_H
#define ACTIONS_NODES_H

#include "xhp.h"

/* Is it one of `roots`, such as "backend/|frontend/", and a node's name below it? */
bool node_is(const char *name, const char *roots);

/* Its path. -ENOENT if the directory that it is to stand in is not there. */
int node_path(struct ctx *ctx, const char *name, const char **ret, struct xhp_err *err);

#endif
