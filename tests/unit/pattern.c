// SPDX-License-Identifier: LGPL-2.1-or-later
// Patterns: what they take, and what each field gets.

#include "pattern.h"
#include "unit.h"

static void take(void *data, const char *field, const char *value)
{
	struct buf *b = data;

	buf_printf(b, "%s%s=%s", b->len ? " " : "", field, value);
}

static void texts(void **state)
{
	static const struct {
		const char *pattern, *text, *found; /* NULL: does not match */
	} rows[] = {
		{ "{a}", "x", "a=x" },
		{ "{a}", "x y/{z}", "a=x y/{z}" },
		{ "{a}", "", NULL },
		{ "a", "a", "" },
		{ "a", "aa", NULL },
		{ "aa", "a", NULL },
		{ "{pool}/{name}", "p/n", "pool=p name=n" },
		{ "{pool}/{name}", "p/n/m", "pool=p name=n/m" },
		{ "{pool}/{name}", "p", NULL },
		{ "{pool}/{name}", "p/", NULL },
		{ "{pool}/{name}", "/n", NULL },
		{ "{user} {password}", "u p q", "user=u password=p q" },
		{ "Primary[/{peer}]", "Primary", "" },
		{ "Primary[/{peer}]", "Primary/Secondary", "peer=Secondary" },
		{ "Primary[/{peer}]", "Primary/", NULL },
		{ "Primary[/{peer}]", "PrimaryX", NULL },
		{ "Primary[/{peer}]", "Secondary/Primary", NULL },
		{ "{p}/{n}[@{s}]", "p/n", "p=p n=n" },
		{ "{p}/{n}[@{s}]", "p/n@s", "p=p n=n s=s" },
		{ "{p}/{n}[@{s}]", "p/n@", NULL },
		{ "{p}/{n}[@{s}]", "p/@s", NULL },
		{ "{h}[:{p}][/{e}]", "h", "h=h" },
		{ "{h}[:{p}][/{e}]", "h/e", "h=h e=e" },
		{ "{h}[:{p}][/{e}]", "h:1/e", "h=h p=1 e=e" },
		{ "{h}[:{p=80}][/{e}]", "h", "h=h p=80" },
		{ "{h}[:{p=80}][/{e}]", "h:1/e", "h=h p=1 e=e" },
		{ "{h}[:{p=80}][/{e}]", "h/e", "h=h p=80 e=e" },
		{ "{h}[:{p=}[+{q=a b}]]", "h", "h=h p= q=a b" },
		{ "{h}[:{p=}[+{q=a b}]]", "h:1", "h=h p=1 q=a b" },
		{ "{h}[:{p}[+{q}]]x{e}", "h:1+2xe", "h=h p=1 q=2 e=e" },
		{ "{h}[:{p}[+{q}]]x{e}", "h:1xe", "h=h p=1 e=e" },
		/* no second try: the part begins, so it is there */
		{ "{a}[/b]/c", "x/c", NULL },
		{ "{a}[/b]/c", "x/b/c", "a=x" },
		{ "[a]b", "b", "" },
		{ "[a]b", "ab", "" },
		{ "\xc3\xa4{a}", "\xc3\xa4\xc3\xb6", "a=\xc3\xb6" },
		{ "tapdev{minor}", "tapdev12", "minor=12" },
		{ "pid={pid} minor={m}", "pid=1 minor=2", "pid=1 m=2" },
		/* all or nothing */
		{ "{a}:{b}!", "x:y", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct xhp_err err = { 0 };
		struct buf b = { 0 };
		struct pattern p;

		if (pattern_parse(rows[i].pattern, &p, &err) < 0)
			fail_msg("%s: %s", rows[i].pattern, err.text);
		if (pattern_match(&p, rows[i].text, take, &b) != !!rows[i].found)
			fail_msg("%s on \"%s\"", rows[i].pattern, rows[i].text);
		assert_string_equal(b.s ? b.s : "", rows[i].found ? rows[i].found : "");
	}
}

static void errors(void **state)
{
	static const struct {
		const char *pattern, *error;
	} rows[] = {
		{ "{a}{b}", "nothing says where {a} ends" },
		{ "{a}[x]{b}", "nothing says where {a} ends" },
		{ "{a}[x{b}]{c}", "nothing says where {b} ends" },
		{ "[{a}]", "has to begin with a character" },
		{ "{a}[{b}]", "has to begin with a character" },
		{ "{a}[]", "has to begin with a character" },
		{ "[[x]]", "has to begin with a character" },
		{ "{a", "does not begin a {field}" },
		{ "{}", "\"\" is not the name of a field" },
		{ "{A}", "\"A\" is not the name of a field" },
		{ "{a b}", "\"a b\" is not the name of a field" },
		{ "[x{=1}]", "\"\" is not the name of a field" },
		{ "{a=1}", "{a} cannot be missing" },
		{ "[x{b=2}]{a=1}", "{a} cannot be missing" },
		{ "a}", "that nothing has opened" },
		{ "a]", "that nothing has opened" },
		{ "[a", "without its" },
		{ "[a[b]", "without its" },
		{ "[a[b[c[d[e[f[g[h[i]]]]]]]]]", "too many" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pattern untouched = { 0 };
		struct xhp_err err = { 0 };

		if (pattern_parse(rows[i].pattern, &untouched, &err) == 0)
			fail_msg("%s was taken", rows[i].pattern);
		assert_has(err.text, rows[i].error);
		assert_null(untouched.items);
	}
}

static void fields(void **state)
{
	struct texts list = { 0 };
	struct xhp_err err;
	struct pattern p;

	(void)state;
	assert_int_equal(pattern_parse("{a}/{b}[@{c}[:{a}]]", &p, &err), 0);
	pattern_fields(&p, &list);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.v[0], "a");
	assert_string_equal(list.v[1], "b");
	assert_string_equal(list.v[2], "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(errors),
		cmocka_unit_test(fields),
	};

	return RUN_TESTS(tests);
}
