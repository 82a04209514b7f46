// SPDX-License-Identifier: LGPL-2.1-or-later
// The line reader: what inih alone would take wrongly, and where faults are said to be.

#include <errno.h>

#include "tokens.h"
#include "unit.h"

/* All of it in one text: "[action label] LINE:COL" and "key=value LINE:COL". */
static const char *show(const char *text, size_t len)
{
	struct token_section *sections = NULL;
	struct xhp_err err = { 0 };
	struct buf b = { 0 };
	unsigned int n = 0;

	if (tokens_read("FILE", NULL, text, len, &sections, &n, &err) < 0) {
		assert_true(err.usage);
		assert_int_equal(err.code, -EINVAL);
		assert_string_equal(err.pos.file, "FILE");
		return mem_printf("%d:%d: %s", err.pos.line, err.pos.col, err.text);
	}
	buf_printf(&b, "%s", "");
	for (unsigned int i = 0; i < n; i++) {
		const struct token_section *s = &sections[i];

		buf_printf(&b, "[%s%s%s] %d:%d\n", s->action, s->label ? " " : "",
			   s->label ? s->label : "", s->pos.line, s->pos.col);
		for (unsigned int k = 0; k < s->nkeys; k++)
			buf_printf(&b, "%s=%s %d:%d\n", s->keys[k].key, s->keys[k].value,
				   s->keys[k].pos.line, s->keys[k].pos.col);
	}
	return b.s;
}

struct row {
	const char *text, *shown;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(show(rows[i].text, strlen(rows[i].text)),
				    rows[i].shown);
}

#define NAME32 "a234567890123456789012345678901b"

static void good(void **state)
{
	static const struct row rows[] = {
		{ "", "" },
		{ "\n; comment\n  ; comment\n# comment\n\t# [x]\n", "" },
		{ "[up]\n", "[up] 1:2\n" },
		{ "[up]", "[up] 1:2\n" },
		{ "[up]\n[up]\n[x y]\n", "[up] 1:2\n[up] 2:2\n[x y] 3:2\n" },
		{ "[up \t l-1_x \t]  ; comment\n", "[up l-1_x] 1:2\n" },
		{ "[up ]; comment\n", "[up] 1:2\n" },
		{ "[" NAME32 " " NAME32 "]\n", "[" NAME32 " " NAME32 "] 1:2\n" },
		{ "[a]\nk = v\nl=w\nm =\n", "[a] 1:2\nk=v 2:5\nl=w 3:3\nm= 4:4\n" },
		{ "[a]\nk\t=\tv w \t\n", "[a] 1:2\nk=v w 2:5\n" },
		{ "[a]\nk = v ; comment\nl = v;w\nm = ; comment\n",
		  "[a] 1:2\nk=v 2:5\nl=v;w 3:5\nm= 4:5\n" },
		{ "[a]\nk = v # w\n", "[a] 1:2\nk=v # w 2:5\n" },
		{ "[a]\nk = x = y : z\nl = \"q\"\nm = [b]\n",
		  "[a] 1:2\nk=x = y : z 2:5\nl=\"q\" 3:5\nm=[b] 4:5\n" },
		/* a value goes on in indented lines */
		{ "[a]\nk = v\n  w ; comment\n\tx=1;y  \n  ; comment\n\n   z\n",
		  "[a] 1:2\nk=v\nw\nx=1;y\nz 2:5\n" },
		{ "[a]\nk = v ; comment\n  [b]\n", "[a] 1:2\nk=v\n[b] 2:5\n" },
		/* the value is not where its key is: no column */
		{ "[a]\nk =\n  v\n  w\nl = 1\n", "[a] 1:2\nk=v\nw 2:0\nl=1 5:5\n" },
		{ "[a]\r\nk = v\r\n  w\r\n\r\n  \r\n[b]\r\n  \r\n",
		  "[a] 1:2\nk=v\nw 2:5\n[b] 6:2\n" },
		{ "[use My.Recipe-1]\n", "[use My.Recipe-1] 1:2\n" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void bad_sections(void **state)
{
	static const struct row rows[] = {
		{ "[up\n", "1:1: \"[\" without \"]\"" },
		{ "[up] x\n", "1:6: text behind \"]\"" },
		{ "[up] [x]\n", "1:6: text behind \"]\"" },
		{ "[up]k = v\n", "1:5: text behind \"]\"" },
		{ "[up] # comment\n", "1:6: text behind \"]\"" },
		{ "[]\n", "1:2: not the name of an action" },
		{ "[ up]\n", "1:2: not the name of an action" },
		{ "[Up]\n", "1:2: not the name of an action" },
		{ "[1up]\n", "1:2: not the name of an action" },
		{ "[" NAME32 "c]\n", "1:2: not the name of an action" },
		{ "[up a.b]\n",
		  "1:5: not a label: lower case letters, digits, \"_\", \"-\"; at "
		  "most 32" },
		{ "\n[up  a b]\n",
		  "2:6: not a label: lower case letters, digits, \"_\", \"-\"; "
		  "at most 32" },
		{ "[up -a]\n",
		  "1:5: not a label: lower case letters, digits, \"_\", \"-\"; at "
		  "most 32" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void bad_keys(void **state)
{
	static const struct row rows[] = {
		{ "k = v\n", "1:1: key before the first [section]" },
		{ "  k\n", "1:3: indented line with no key above it" },
		{ "[a]\n  text\n", "2:3: indented line with no key above it" },
		{ "[a]\n  k = v\n", "2:3: indented line with no key above it" },
		{ "[a]\nk = v\n[b]\n\ttext\n",
		  "4:2: indented line with no key above it" },
		{ "[a]\nk = v\n  l  = w\n",
		  "3:3: indented key: it would be read as part of the value above" },
		{ "[a]\nx:y = z\n", "2:2: \":\" in a key" },
		{ "[a]\nx: y\n", "2:1: neither [section] nor KEY = VALUE" },
		{ "[a]\ntext\n", "2:1: neither [section] nor KEY = VALUE" },
		{ "[a]\ntext ; k = v\n", "2:0: neither [section] nor KEY = VALUE" },
		{ "[a]\n= v\n", "2:1: \"\" is not a key" },
		{ "[a]\nK = v\n", "2:1: \"K\" is not a key" },
		{ "[a]\na b = v\n", "2:1: \"a b\" is not a key" },
		{ "[a]\n" NAME32 "c = v\n", "2:1: \"" NAME32 "c\" is not a key" },
		{ "[a]\nk = v\nl = v\n\nk = w\n",
		  "5:1: \"k\" stands here already, in line 2" },
		/* blanks for inih, but not for the reader */
		{ "\rk = v\n", "1:1: control character" },
		{ "[a]\n\vk = v\n", "2:1: control character" },
		{ "[a]\nk = v\n\f[b]\n", "3:1: control character" },
		{ "[a]\nk = v\n\r[b]\nl = w\n", "3:1: control character" },
		{ "[a]\nk = \x1b[2J\n", "2:5: control character" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* inih has a buffer of 200 bytes, and cuts what is longer in two lines. */
static void long_lines(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_printf(&b, "[a]\nk = %0193d", 7);
	assert_string_equal(show(b.s, b.len), mem_printf("[a] 1:2\nk=%0193d 2:5\n", 7));
	buf_printf(&b, "\n  %0195d\n", 8);
	assert_string_equal(show(b.s, b.len),
			    mem_printf("[a] 1:2\nk=%0193d\n%0195d 2:5\n", 7, 8));
	buf_printf(&b, "l = %0194d\n", 9);
	assert_string_equal(
		show(b.s, b.len),
		"4:197: line longer than 197 bytes; go on in an indented line");
	assert_string_equal(
		show(b.s + b.len - 199, 199),
		"1:197: line longer than 197 bytes; go on in an indented line");
}

static void not_text(void **state)
{
	static const char nul[] = "[a]\nk = v\0w\n", bom[] = "\xef\xbb\xbf[a]\nk = v\n";

	(void)state;
	assert_string_equal(show(nul, sizeof(nul) - 1), "2:0: NUL byte: not a text file");
	assert_string_equal(show(bom, sizeof(bom) - 1),
			    "1:1: byte order mark: save the file as plain UTF-8");
	/* only at the start of the file is it invisible */
	assert_string_equal(show("[a]\n\xef\xbb\xbfk = v\n", 13),
			    "2:1: \"\xef\xbb\xbfk\" is not a key");
}

static void implicit_section(void **state)
{
	static const char text[] = "k = v\n\n[b]\n";
	struct token_section *s = NULL;
	struct xhp_err err = { 0 };
	unsigned int n = 0;

	(void)state;
	assert_int_equal(tokens_read("F", "settings", text, 6, &s, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(s[0].action, "settings");
	assert_int_equal(s[0].nkeys, 1);
	assert_string_equal(s[0].keys[0].key, "k");
	assert_int_equal(tokens_read("F", "settings", "", 0, &s, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(
		tokens_read("F", "settings", text, sizeof(text) - 1, &s, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(s[1].pos.line, 3);
}

static void names(void **state)
{
	(void)state;
	assert_true(token_is_name("a"));
	assert_true(token_is_name("a-b_1"));
	assert_true(token_is_name(NAME32));
	assert_false(token_is_name(NAME32 "c"));
	assert_false(token_is_name(""));
	assert_false(token_is_name("1a"));
	assert_false(token_is_name("-a"));
	assert_false(token_is_name("aB"));
	assert_false(token_is_name("a.b"));
	assert_false(token_is_name("\xc3\xa4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),     cmocka_unit_test(bad_sections),
		cmocka_unit_test(bad_keys), cmocka_unit_test(long_lines),
		cmocka_unit_test(not_text), cmocka_unit_test(implicit_section),
		cmocka_unit_test(names),
	};

	return RUN_TESTS(tests);
}
