// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzzes lint: loading goes on after an error, with steps that are not complete.

#include "../../xhp/lint.c"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct problem *found;
	struct xhp_err err = { 0 };
	struct recipe recipe;
	unsigned int n;
	int rc;

	mem_reset();
	if (size > 100000)
		return 0;
	problems_collect();
	rc = recipe_load(input_file(data, size), &recipe, &err);
	must(!rc || problems_count() || *err.text);
	if (!rc)
		lint_recipe(&recipe);
	found = problems_take(&n);
	for (unsigned int i = 0; i < n; i++) {
		must(*found[i].text && found[i].warning == !rc);
		must(!i || found[i].pos.line >= found[i - 1].pos.line ||
		     strcmp(found[i].pos.file, found[i - 1].pos.file) != 0);
	}
	return 0;
}
