// SPDX-License-Identifier: LGPL-2.1-or-later
// Patterns: how a text is cut into named fields (xen-hotplug-recipe(5)).

#include <errno.h>
#include <string.h>

#include "mem.h"
#include "pattern.h"
#include "tokens.h"

#define GROUPS_MAX 8 /* one in another */

static void bit_set(uint8_t bits[32], char c)
{
	bits[(unsigned char)c / 8] |= (uint8_t)(1 << (unsigned char)c % 8);
}

static bool bit_is(const uint8_t bits[32], char c)
{
	return bits[(unsigned char)c / 8] & 1 << (unsigned char)c % 8;
}

/* {NAME}, or {NAME=DEFAULT} where it may be missing. */
static int parse_field(const char *s, size_t len, bool optional, struct pattern_item *ret,
		       struct xhp_err *err)
{
	const char *eq = memchr(s, '=', len);
	size_t name = eq ? (size_t)(eq - s) : len;

	ret->kind = PATTERN_FIELD;
	ret->field = mem_strndup(s, name);
	if (!token_is_name(ret->field))
		return err_set(err, -EINVAL, "%s is not the name of a field",
			       quoted(ret->field));
	if (!eq)
		return 0;
	if (!optional)
		return err_set(err, -EINVAL,
			       "{%s} cannot be missing: a default is for what is in "
			       "\"[]\"",
			       ret->field);
	ret->dflt = mem_strndup(eq + 1, len - name - 1);
	return 0;
}

static int parse(const char **pos, unsigned int depth, struct pattern *ret,
		 struct xhp_err *err)
{
	const char *s = *pos, *end;

	for (; *s && !(depth && *s == ']'); s++) {
		struct pattern_item *item = MEM_PUSH(ret->items, ret->n);

		if (*s == '{') {
			end = s + strcspn(s, "}");
			if (!*end)
				return err_set(err, -EINVAL,
					       "%s does not begin a {field}", quoted(s));
			if (parse_field(s + 1, (size_t)(end - s - 1), depth, item, err) <
			    0)
				return err->code;
			s = end;
		} else if (*s == '[') {
			item->kind = PATTERN_GROUP;
			item->group = MEM_NEW(struct pattern);
			if (depth == GROUPS_MAX)
				return err_set(err, -EINVAL, "too many \"[\"");
			s++;
			if (parse(&s, depth + 1, item->group, err) < 0)
				return err->code;
			if (*s != ']')
				return err_set(err, -EINVAL, "a \"[\" without its \"]\"");
		} else if (*s == '}' || *s == ']') {
			return err_set(err, -EINVAL, "a \"%c\" that nothing has opened",
				       *s);
		} else {
			item->c = *s;
		}
	}
	*pos = s;
	return 0;
}

/*
 * What can come behind each field, from the last to the first: `follow` is a bit for each
 * character that can come behind `p`, and `field` is set if a field can; at the return,
 * they tell what `p` can begin with.
 */
static int close_fields(struct pattern *p, uint8_t follow[32], bool *field,
			struct xhp_err *err)
{
	for (unsigned int i = p->n; i-- > 0;) {
		struct pattern_item *item = &p->items[i];
		uint8_t inner[32];
		bool first = *field;

		switch (item->kind) {
		case PATTERN_CHAR:
			memset(follow, 0, 32);
			bit_set(follow, item->c);
			*field = false;
			break;
		case PATTERN_FIELD:
			if (*field)
				return err_set(
					err, -EINVAL,
					"nothing says where {%s} ends: a field may "
					"come right behind it",
					item->field);
			memcpy(item->follow, follow, 32);
			memset(follow, 0, 32);
			*field = true;
			break;
		case PATTERN_GROUP:
			memcpy(inner, follow, 32);
			if (close_fields(item->group, inner, &first, err) < 0)
				return err->code;
			if (!item->group->n || item->group->items[0].kind != PATTERN_CHAR)
				return err_set(err, -EINVAL,
					       "what is in \"[]\" has to begin with a "
					       "character of its own");
			for (int k = 0; k < 32; k++)
				follow[k] |= inner[k];
			break;
		}
	}
	return 0;
}

int pattern_parse(const char *text, struct pattern *ret, struct xhp_err *err)
{
	struct pattern p = { 0 };
	uint8_t follow[32] = { 0 };
	bool field = false;

	if (parse(&text, 0, &p, err) < 0 || close_fields(&p, follow, &field, err) < 0)
		return err->code;
	*ret = p;
	return 0;
}

void pattern_fields(const struct pattern *p, struct texts *fields)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pattern_item *item = &p->items[i];
		unsigned int k = 0;

		if (item->kind == PATTERN_GROUP)
			pattern_fields(item->group, fields);
		if (item->kind != PATTERN_FIELD)
			continue;
		while (k < fields->n && strcmp(fields->v[k], item->field) != 0)
			k++;
		if (k == fields->n)
			*MEM_PUSH(fields->v, fields->n) = item->field;
	}
}

/* What is missing has its defaults. */
static void add_defaults(const struct pattern *p, struct map *found)
{
	for (unsigned int i = 0; i < p->n; i++) {
		const struct pattern_item *item = &p->items[i];

		if (item->kind == PATTERN_GROUP)
			add_defaults(item->group, found);
		else if (item->kind == PATTERN_FIELD && item->dflt)
			*MEM_PUSH(found->v, found->n) =
				(struct pair){ item->field, item->dflt };
	}
}

/* The text behind what matches, or NULL; adds what it finds to `found`. */
static const char *match(const struct pattern *p, const char *s, struct map *found)
{
	for (unsigned int i = 0; i < p->n && s; i++) {
		const struct pattern_item *item = &p->items[i];
		const char *start = s;

		switch (item->kind) {
		case PATTERN_CHAR:
			s = *s == item->c ? s + 1 : NULL;
			break;
		case PATTERN_FIELD:
			while (*s && !bit_is(item->follow, *s))
				s++;
			if (s == start)
				return NULL;
			*MEM_PUSH(found->v, found->n) =
				(struct pair){ item->field,
					       mem_strndup(start, (size_t)(s - start)) };
			break;
		case PATTERN_GROUP:
			if (*s == item->group->items[0].c)
				s = match(item->group, s, found);
			else
				add_defaults(item->group, found);
			break;
		}
	}
	return s;
}

bool pattern_match(const struct pattern *p, const char *text,
		   void (*take)(void *data, const char *field, const char *value),
		   void *data)
{
	struct map found = { 0 };
	const char *end = match(p, text, &found);

	if (!end || *end)
		return false;
	for (unsigned int i = 0; i < found.n && take; i++)
		take(data, found.v[i].key, found.v[i].value);
	return true;
}
