// SPDX-License-Identifier: LGPL-2.1-or-later
// What a record says: what was asked, what was there before; and what is there now.

#include "records.h"
#include "engine.h"
#include "xhp.h"

const char *field_before(const struct field *f)
{
	if (!strcmp(f->name, "old"))
		return f->name;
	return !strncmp(f->name, "old-", 4) ? f->name + 4 : NULL;
}

const char *field_text(const struct field *f)
{
	struct texts words = { 0 };
	char *copy, *word;

	if (!strchr(f->value, '\n'))
		return printable(f->value);
	copy = mem_strdup(f->value);
	while ((word = strsep(&copy, "\n")))
		*MEM_PUSH(words.v, words.n) = word;
	return words_text(&words);
}

const char *rec_asked(const struct rec *rec)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < rec->nfields; i++) {
		const struct field *f = &rec->fields[i];

		if (!field_before(f))
			buf_printf(&b, "%s%s=%s", b.len ? " " : "", f->name,
				   field_text(f));
	}
	return b.s ? b.s : "";
}

static bool can_audit(const struct rec *rec)
{
	const struct action *a = action_find(rec->action);

	return a ? a->audit != NULL : true;
}

const char *rec_now(struct journal *j, const struct rec *rec, struct xhp_err *err)
{
	int rc;

	if (!can_audit(rec))
		return "not checked";
	rc = engine_audit_one(j, rec, err);
	if (!rc)
		err->text[0] = '\0'; /* of an error that the audit has judged */
	return rc < 0 ? "unknown" : rc ? "drifted" : "in place";
}

static json_t *text_json(const char *value)
{
	json_t *s = json_string(value);

	return s ? s : json_string(quoted(value));
}

void json_set_text(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name, value && *value ? text_json(value) : json_null());
}

void json_set_field(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name, text_json(value));
}

static json_t *fields_json(const struct rec *r, bool old)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < r->nfields; i++) {
		const char *name = field_before(&r->fields[i]);

		if (!name == !old)
			json_set_field(o, old ? name : r->fields[i].name,
				       field_text(&r->fields[i]));
	}
	return o;
}

json_t *rec_json(struct journal *j, const struct rec *r)
{
	struct xhp_err err = { 0 };
	json_t *o = json_object();

	json_set_text(o, "step", r->step);
	json_set_text(o, "action", r->action);
	json_set_text(o, "kind", r->kind);
	json_set_text(o, "from", r->where);
	json_object_set_new(o, "asked", fields_json(r, false));
	json_object_set_new(o, "before", fields_json(r, true));
	json_set_text(o, "state", rec_now(j, r, &err));
	json_set_text(o, "difference", err.text);
	return o;
}
