// SPDX-License-Identifier: LGPL-2.1-or-later
// A set of names, by open addressing; at least half of the slots are free.

#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "nameset.h"

static const char **find(const struct nameset *set, const char *name)
{
	uint32_t hash = 2166136261U; /* FNV-1a */
	unsigned int i;

	for (const char *s = name; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619U;
	for (i = hash; set->slots[i % set->size]; i++) {
		if (!strcmp(set->slots[i % set->size], name))
			break;
	}
	return &set->slots[i % set->size];
}

static void grow(struct nameset *set)
{
	struct nameset bigger = { .size = set->size ? set->size * 2 : 64, .n = set->n };

	bigger.slots = MEM_ARRAY(const char *, bigger.size);
	for (unsigned int i = 0; i < set->size; i++) {
		if (set->slots[i])
			*find(&bigger, set->slots[i]) = set->slots[i];
	}
	*set = bigger;
}

void nameset_add(struct nameset *set, const char *name)
{
	const char **slot;

	if (set->n * 2 >= set->size)
		grow(set);
	slot = find(set, name);
	set->n += !*slot;
	*slot = name;
}

bool nameset_has(const struct nameset *set, const char *name)
{
	return set->size && *find(set, name);
}
