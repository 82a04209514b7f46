// SPDX-License-Identifier: LGPL-2.1-or-later
// All problems of a recipe at once, for lint.

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "problems.h"

static bool collecting;
static struct problem *all;
static unsigned int nall, ntaken;

void problems_collect(void)
{
	collecting = true;
	all = NULL;
	nall = ntaken = 0;
}

/* Several recipes may use one file: what is wrong there is told once. */
static void add(const struct pos *pos, const char *text, bool warning)
{
	for (unsigned int i = 0; i < nall; i++) {
		const struct problem *p = &all[i];

		if (pos->file && p->pos.file && !strcmp(p->pos.file, pos->file) &&
		    p->pos.line == pos->line && p->pos.col == pos->col &&
		    !strcmp(p->text, text))
			return;
	}
	*MEM_PUSH(all, nall) = (struct problem){ *pos, text, warning };
}

int problem(const struct xhp_err *err)
{
	if (!collecting)
		return err->code;
	add(&err->pos, mem_strdup(err->text), false);
	return 0;
}

void problem_warning(const struct pos *pos, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	add(pos, b.s, true);
}

static int compare(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;
	int rc = x->pos.file && y->pos.file ? strcmp(x->pos.file, y->pos.file) : 0;

	if (!rc)
		rc = x->pos.line - y->pos.line;
	return rc ? rc : x->pos.col - y->pos.col;
}

const struct problem *problems_take(unsigned int *ret_n)
{
	const struct problem *first = all + ntaken;

	*ret_n = nall - ntaken;
	if (*ret_n)
		qsort(all + ntaken, *ret_n, sizeof(*all), compare);
	ntaken = nall;
	return first;
}

unsigned int problems_count(void)
{
	return nall - ntaken;
}
