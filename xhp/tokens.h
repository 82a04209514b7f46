/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sections and keys of an INI file, with their places. */
#ifndef XHP_TOKENS_H
#define XHP_TOKENS_H

#include <stddef.h>

#include "err.h"

struct token_key {
	const char *key;
	const char *value; /* lines joined with newlines; comments and blanks cut off */
	struct pos pos;    /* of the value */
};

struct token_section {
	const char *action; /* "[action label]"; label NULL if there is none */
	const char *label;
	struct pos pos;
	struct token_key *keys;
	unsigned int nkeys;
};

/*
 * `implicit` names the section of keys that stand before any other, or is NULL: those
 * are an error then.
 *
 * Splits `text` with inih and takes over where inih is silent: sections without keys,
 * text behind "]", indented keys, "x:y = z", comments on continuation lines, long lines.
 * `file` names it in messages. 0, or -EINVAL (err->usage) with file, line and column.
 */
int tokens_read(const char *file, const char *implicit, const char *text, size_t len,
		struct token_section **ret, unsigned int *ret_n, struct xhp_err *err);

/* A label or key: [a-z][a-z0-9_-]{0,31} */
bool token_is_name(const char *s);

#endif
