// SPDX-License-Identifier: LGPL-2.1-or-later
// Commands in recipes: cut into words first, and then substituted.

#include <errno.h>
#include <string.h>

#include "command.h"
#include "template.h"
#include "vars.h"
#include "xhp.h"

struct word {
	struct seg *segs;
	unsigned int nsegs;
	unsigned int group; /* 1 is the first "[]"; 0 = in none */
};
struct command {
	struct word *words;
	unsigned int n;
};

/* Where the cutting stands. */
struct cut {
	struct command cmd;
	bool in_word, quote;
	unsigned int group, ngroups;
};

static void word_add(struct cut *c, const struct seg *seg)
{
	struct word *w;

	if (!c->in_word) {
		w = MEM_PUSH(c->cmd.words, c->cmd.n);
		w->group = c->group;
		c->in_word = true;
	}
	w = &c->cmd.words[c->cmd.n - 1];
	if (seg)
		*MEM_PUSH(w->segs, w->nsegs) = *seg;
}

static void word_add_text(struct cut *c, const char *s, size_t len)
{
	const struct seg seg = { .kind = SEG_TEXT, .text = mem_strndup(s, len) };

	if (len)
		word_add(c, &seg);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* `last`: nothing of the command follows this text. */
static int cut_text(struct cut *c, const char *s, bool last, const struct template *t,
		    struct xhp_err *err)
{
	while (*s) {
		bool ends = is_blank(s[1]) || (!s[1] && last);
		size_t len = strcspn(s, " \t\n\"[]");

		if (*s == '"') {
			c->quote = !c->quote;
			word_add(c, NULL);
			s++;
		} else if (c->quote) {
			len = strcspn(s, "\"");
			word_add_text(c, s, len);
			s += len;
		} else if (is_blank(*s)) {
			c->in_word = false;
			s++;
		} else if (*s == '[' && !c->in_word) {
			if (c->group)
				return err_usage(err, &t->pos,
						 "a \"[\" inside of another");
			c->group = ++c->ngroups;
			s++;
		} else if (*s == ']' && c->group && ends) {
			c->group = 0;
			c->in_word = false;
			s++;
		} else {
			len = len ? len : 1;
			word_add_text(c, s, len);
			s += len;
		}
	}
	return 0;
}

static int command_parse(const struct template *t, struct command *ret,
			 struct xhp_err *err)
{
	struct cut c = { 0 };

	for (unsigned int i = 0; i < t->nsegs; i++) {
		if (t->segs[i].kind != SEG_TEXT)
			word_add(&c, &t->segs[i]);
		else if (cut_text(&c, t->segs[i].text, i + 1 == t->nsegs, t, err) < 0)
			return err->code;
	}
	if (c.quote)
		return err_usage(err, &t->pos, "a quotation mark without its end");
	if (c.group)
		return err_usage(
			err, &t->pos,
			"a \"[\" without a \"]\" at the end of a word; in a word "
			"of its own it stands in quotes");
	*ret = c.cmd;
	return 0;
}

/* As it stands in the recipe. */
static const char *as_written(const struct word *w)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < w->nsegs; i++)
		buf_printf(&b, w->segs[i].kind == SEG_TEXT ? "%s" : "${%s}",
			   w->segs[i].text);
	return b.s ? b.s : "";
}

int command_check(const struct template *t, struct xhp_err *err)
{
	struct command cmd;
	const char *program;

	if (command_parse(t, &cmd, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < cmd.n; i++) {
		if (!cmd.words[i].nsegs)
			return err_usage(err, &t->pos, "an empty word");
	}
	if (!cmd.n)
		return err_usage(err, &t->pos, "no program");
	program = as_written(&cmd.words[0]);
	for (unsigned int i = 0; i < cmd.words[0].nsegs; i++) {
		if (cmd.words[0].segs[i].kind != SEG_TEXT || cmd.words[0].group)
			return err_usage(err, &t->pos,
					 "%s: the recipe itself has to say which program",
					 quoted(program));
	}
	if (strchr(program, '/') ? *program != '/' : value_check(V_TOKEN, program, err))
		return err_usage(err, &t->pos,
				 "%s is neither a program's name nor its absolute path",
				 quoted(program));
	return 0;
}

/* `ret_empty`: a value in it is. */
static int word_text(struct ctx *ctx, const struct scope *scope, const struct template *t,
		     const struct word *w, const char **ret, bool *ret_empty,
		     struct xhp_err *err)
{
	struct buf b = { 0 };

	*ret_empty = false;
	for (unsigned int i = 0; i < w->nsegs; i++) {
		const char *value;
		bool foreign;

		if (seg_expand(ctx, scope, t, &w->segs[i], V_COMMAND, &value, &foreign,
			       err) < 0)
			return err->code;
		if (foreign && !b.len && *value == '-')
			return err_set(err, -EINVAL,
				       "${%s} is %s, which would be taken for an option",
				       w->segs[i].text,
				       template_is_secret(scope, t)
					       ? "a secret that begins "
						 "with \"-\""
					       : quoted(value));
		*ret_empty |= !*value;
		buf_add(&b, value, strlen(value));
	}
	*ret = b.s ? b.s : "";
	if (value_check(V_TEXT, *ret, err) == 0)
		return 0;
	if (template_is_secret(scope, t))
		err_set(err, -EINVAL, "%s is not a text", as_written(w));
	return err->code;
}

int command_words(struct ctx *ctx, const struct scope *scope, const struct template *t,
		  struct texts *ret, struct xhp_err *err)
{
	struct texts words = { 0 };
	unsigned int left_out = 0, group_start = 0, group = 0;
	struct command cmd;

	if (command_parse(t, &cmd, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < cmd.n; i++) {
		const struct word *w = &cmd.words[i];
		const char *text = "";
		bool empty = false;

		if (w->group && w->group == left_out)
			continue;
		if (w->group != group)
			group_start = words.n;
		group = w->group;
		if (word_text(ctx, scope, t, w, &text, &empty, err) < 0)
			return err->code;
		if (group && empty) {
			words.n = group_start;
			left_out = group;
		} else if (!*text) {
			return err_set(err, -EINVAL, "the word %s is empty",
				       as_written(w));
		} else {
			*MEM_PUSH(words.v, words.n) = text;
		}
	}
	*ret = words;
	return 0;
}
