// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzzes the loading of a recipe: tokens, templates, steps and what binds them.

#include "recipe.h"
#include "fuzz.h"
#include "tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token_section *sections;
	struct xhp_err err = { 0 };
	struct recipe recipe;
	unsigned int n = 0;
	int rc;

	mem_reset();
	rc = tokens_read("F", "settings", (const char *)data, size, &sections, &n, &err);
	if (rc < 0)
		check_error(&err, rc);
	for (unsigned int i = 0; !rc && i < n; i++) {
		must(i == 0 || token_is_name(sections[i].action));
		for (unsigned int k = 0; k < sections[i].nkeys; k++)
			must(token_is_name(sections[i].keys[k].key) &&
			     sections[i].keys[k].value);
	}
	if (size > 100000)
		return 0;
	rc = recipe_load(input_file(data, size), &recipe, &err);
	if (rc < 0) {
		must(err.usage);
		check_error(&err, rc);
		return 0;
	}
	must(recipe.nsteps && recipe.root && recipe.class);
	for (unsigned int i = 0; i < recipe.nsteps; i++)
		must(recipe.steps[i]->action && token_is_name(recipe.steps[i]->name));
	return 0;
}
