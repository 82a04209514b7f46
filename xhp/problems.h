/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All problems of a recipe at once, for lint; a run ends with the first. */
#ifndef XHP_PROBLEMS_H
#define XHP_PROBLEMS_H

#include "err.h"

struct problem {
	struct pos pos;
	const char *text;
	bool warning;
};

/* From here on, problem() collects, into a new list; else it passes every error on. */
void problems_collect(void);

/* Notes an error and returns 0, so that the caller goes on; or returns the error's code.
 */
int problem(const struct xhp_err *err);

/* Notes what is legal, and surely a mistake. */
void problem_warning(const struct pos *pos, const char *fmt, ...) XHP_PRINTF(2, 3);

/* What was collected since the last call, by file and line. */
const struct problem *problems_take(unsigned int *ret_n);
/* How many there are so far. */
unsigned int problems_count(void);

#endif
