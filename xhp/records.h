/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a record says: what was asked, what was there before; and what is there now. */
#ifndef XHP_RECORDS_H
#define XHP_RECORDS_H

#include <jansson.h>

#include "journal.h"

/* The name without "old-", or NULL if the field is not about what was before. */
const char *field_before(const struct field *f);

/* Its value in one line: a list's words as a command line has them. */
const char *field_text(const struct field *f);

/* What is asked for: "NAME=TEXT NAME=TEXT". */
const char *rec_asked(const struct rec *rec);

/* "in place", "drifted", with the difference in err, "not checked" or "unknown". */
const char *rec_now(struct journal *j, const struct rec *rec, struct xhp_err *err);

/* As the schema's "change". */
json_t *rec_json(struct journal *j, const struct rec *rec);

/* A text, or null if there is none; what is none in JSON is quoted. */
void json_set_text(json_t *o, const char *name, const char *value);
/* The same, and an empty text where there is none. */
void json_set_field(json_t *o, const char *name, const char *value);

#endif
