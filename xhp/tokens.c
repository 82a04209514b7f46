// SPDX-License-Identifier: LGPL-2.1-or-later
// INI files into sections and keys, with inih and a line reader of our own.

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "problems.h"
#include "tokens.h"
#include "value.h"

#define LINE_LIMIT 197 /* inih's buffer of 200, less "\r\n\0" */

struct reader {
	const char *file, *next, *end;
	struct token_section *sections;
	unsigned int nsections;
	struct pos pos; /* of the line at work */
	bool indented;
	bool skip; /* what goes on with a bad line */
	bool failed;
	struct xhp_err *err;
};

/* -1 to stop, or 0 if all faults are to be found: then the line counts for nothing. */
static int fail(struct reader *r, int col, const char *text)
{
	if (r->failed)
		return -1;
	r->pos.col = col;
	err_usage(r->err, &r->pos, "%s", text);
	r->failed = problem(r->err) < 0;
	r->skip = true;
	return r->failed ? -1 : 0;
}

bool token_is_name(const char *s)
{
	size_t len = strlen(s);

	if (len < 1 || len > 32 || !islower((unsigned char)*s))
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

/* "[action]" or "[action label]", then nothing but a comment. */
static int section_line(struct reader *r, const char *line)
{
	const char *end = strchr(line, ']'), *s = line + 1, *blank;
	struct token_section *section = MEM_PUSH(r->sections, r->nsections);
	char *head;

	section->action = ""; /* until it is known to be good */
	section->pos = r->pos;
	section->pos.col = 2;
	if (!end)
		return fail(r, 1, "\"[\" without \"]\"");
	for (const char *c = end + 1; *c; c++) {
		if (*c == ';' && (c == end + 1 || isblank((unsigned char)c[-1])))
			break;
		if (isspace((unsigned char)*c))
			continue;
		if (fail(r, (int)(c - line) + 1, "text behind \"]\"") < 0)
			return -1;
		break;
	}
	head = mem_strndup(s, (size_t)(end - s));
	blank = head + strcspn(head, " \t");
	if (*blank) {
		head[blank - head] = '\0';
		section->label = blank + 1 + strspn(blank + 1, " \t");
		for (size_t n = strlen(section->label); n; n--) {
			if (!isblank((unsigned char)section->label[n - 1]))
				break;
			head[section->label - head + (long)n - 1] = '\0';
		}
		if (!*section->label)
			section->label = NULL;
	}
	if (!token_is_name(head))
		return fail(r, 2, "not the name of an action");
	section->action = head;
	/* the label of [use] is a recipe's name: recipe_find() looks at it */
	if (section->label && strcmp(section->action, "use") != 0 &&
	    !token_is_name(section->label))
		return fail(
			r, (int)(section->label - head) + 2,
			"not a label: lower case letters, digits, \"_\", \"-\"; at most "
			"32");
	return 0;
}

/* An indented line goes on with the value above it; inih would keep its comment. */
static int continuation_line(struct reader *r, char *line)
{
	char *s = line + strspn(line, " \t"), *c = s;

	if (r->skip || *s == '\n' || *s == ';' || *s == '#')
		return 0;
	if (!r->nsections || !r->sections[r->nsections - 1].nkeys)
		return fail(r, (int)(s - line) + 1, "indented line with no key above it");
	while (islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_' ||
	       *c == '-')
		c++;
	if (c > s && isblank((unsigned char)*c) && c[strspn(c, " \t")] == '=')
		return fail(r, (int)(s - line) + 1,
			    "indented key: it would be read as part of the value above");
	for (c = s + 1; *c; c++) {
		if (*c == ';' && isblank((unsigned char)c[-1])) {
			strcpy(c, "\n");
			break;
		}
	}
	return 0;
}

static int key_line(struct reader *r, const char *line)
{
	size_t len = strcspn(line, "=:");

	if (line[len] == ':' && strchr(line, '='))
		return fail(r, (int)len + 1, "\":\" in a key");
	if (line[len] != '=')
		return fail(r, 1, "neither [section] nor KEY = VALUE");
	if (!r->nsections)
		return fail(r, 1, "key before the first [section]");
	return 0;
}

/* inih's fgets: hands out one line, after looking at it. */
static char *next_line(char *str, int num, void *stream)
{
	struct reader *r = stream;
	const char *eol;
	size_t len;
	int rc = 0;

	if (r->failed || r->next >= r->end)
		return NULL;
	r->skip &= isblank((unsigned char)*r->next) != 0;
	eol = memchr(r->next, '\n', (size_t)(r->end - r->next));
	len = (size_t)((eol ? eol : r->end) - r->next);
	r->pos.line++;
	r->pos.src = mem_strndup(r->next, len < 400 ? len : 400);
	if (memchr(r->next, '\0', len)) {
		fail(r, 0, "NUL byte: not a text file");
		r->failed = true;
		return NULL;
	}
	if (len > LINE_LIMIT || (int)len + 2 > num) {
		r->next += len + 1;
		if (fail(r, LINE_LIMIT,
			 "line longer than 197 bytes; go on in an indented line") < 0)
			return NULL;
		return strcpy(str, "\n");
	}
	memcpy(str, r->next, len);
	r->next += len + 1;
	if (len && str[len - 1] == '\r')
		len--;
	strcpy(str + len, "\n");
	/* inih takes some of them for blanks */
	for (size_t i = 0; i < len; i++) {
		if (iscntrl((unsigned char)str[i]) && str[i] != '\t') {
			if (fail(r, (int)i + 1, "control character") < 0)
				return NULL;
			return strcpy(str, "\n");
		}
	}
	r->indented = isblank((unsigned char)*str);
	if (r->pos.line == 1 && !strncmp(str, "\xef\xbb\xbf", 3)) {
		if (fail(r, 1, "byte order mark: save the file as plain UTF-8") < 0)
			return NULL;
		memmove(str, str + 3, strlen(str + 3) + 1);
		r->pos.src += 3;
		r->skip = false;
	}
	if (r->indented)
		rc = continuation_line(r, str);
	else if (*str == '[')
		rc = section_line(r, r->pos.src);
	else if (!strchr(";#\n", *str))
		rc = key_line(r, str);
	/* an indented line that is skipped must not go on with the key before */
	if (r->skip && *str != '[')
		strcpy(str, "\n");
	return rc < 0 ? NULL : str;
}

static int take_key(void *user, const char *section_unused, const char *key,
		    const char *value)
{
	struct reader *r = user;
	struct token_section *section = &r->sections[r->nsections - 1];
	struct token_key *k;
	const char *eq;

	(void)section_unused; /* cut at 50 bytes */
	if (r->failed)
		return 0;
	if (r->indented) {
		k = &section->keys[section->nkeys - 1];
		if (!*k->value)
			k->pos.col = 0;
		k->value = mem_printf("%s%s%s", k->value, *k->value ? "\n" : "", value);
		return 1;
	}
	if (!token_is_name(key)) {
		return !fail(r, 1, mem_printf("%s is not a key", quoted(key)));
	}
	for (unsigned int i = 0; i < section->nkeys; i++) {
		if (!strcmp(section->keys[i].key, key)) {
			return !fail(r, 1,
				     mem_printf("\"%s\" stands here already, in line %d",
						key, section->keys[i].pos.line));
		}
	}
	k = MEM_PUSH(section->keys, section->nkeys);
	k->key = mem_strdup(key);
	k->value = mem_strdup(value);
	k->pos = r->pos;
	eq = strchr(r->pos.src, '=') + 1;
	k->pos.col = (int)(eq + strspn(eq, " \t") - r->pos.src) + 1;
	return 1;
}

int tokens_read(const char *file, const char *implicit, const char *text, size_t len,
		struct token_section **ret, unsigned int *ret_n, struct xhp_err *err)
{
	struct reader r = { .file = file,
			    .next = text,
			    .end = text + len,
			    .pos.file = file,
			    .err = err };
	int line;

	if (implicit)
		MEM_PUSH(r.sections, r.nsections)->action = implicit;
	line = ini_parse_stream(next_line, &r, take_key, &r);

	if (!r.failed && line > 0 && !problems_count()) {
		r.pos = (struct pos){ .file = file, .line = line };
		fail(&r, 0, "neither [section] nor KEY = VALUE");
	}
	if (r.failed)
		return err->code;
	*ret = r.sections;
	*ret_n = r.nsections;
	return 0;
}
