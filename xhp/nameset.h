/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of names: a hash table that grows. */
#ifndef XHP_NAMESET_H
#define XHP_NAMESET_H

#include <stdbool.h>

/* Empty if it is all zero. */
struct nameset {
	const char **slots;
	unsigned int size, n;
};

/* The name is kept, not copied. */
void nameset_add(struct nameset *set, const char *name);
bool nameset_has(const struct nameset *set, const char *name);

#endif
