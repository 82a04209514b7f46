/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Patterns: how a text is cut into named fields. */
#ifndef XHP_PATTERN_H
#define XHP_PATTERN_H

#include "err.h"
#include "value.h"

/*
 * pattern = { literal | "{" field [ "=" default ] "}" | "[" pattern "]" }; what is in
 * "[]" may be missing, and has its default then.
 */
struct pattern_item {
	enum { PATTERN_CHAR, PATTERN_FIELD, PATTERN_GROUP } kind;
	char c;
	const char *field, *dflt; /* NULL: none */
	struct pattern *group;
	uint8_t follow[32]; /* PATTERN_FIELD: a bit for each character that can come next
			     */
};
struct pattern {
	unsigned int n;
	struct pattern_item *items;
};

/*
 * Reads one pattern. Where a field would end must be seen from the next character alone:
 * two fields in a row, or an optional part that begins with a field, are errors.
 */
int pattern_parse(const char *text, struct pattern *ret, struct xhp_err *err);

/* Adds the names of its fields to a list, each once. */
void pattern_fields(const struct pattern *p, struct texts *fields);

/*
 * Matches all of `text`, from left to right and without a second try: a field ends at the
 * first character that can follow it there, and the last one takes the rest; none is
 * empty. Gives each field's value to `take`, or calls it not at all.
 */
bool pattern_match(const struct pattern *p, const char *text,
		   void (*take)(void *data, const char *field, const char *value),
		   void *data);

#endif
