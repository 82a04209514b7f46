// SPDX-License-Identifier: LGPL-2.1-or-later
// Texts as people see them: quoted in messages, and compared with what may be meant.

#include <limits.h>
#include <string.h>

#include "mem.h"
#include "text.h"
#include "value.h"

uint64_t text_hash(uint64_t hash, const char *s, size_t len)
{
	while (len--)
		hash = (hash ^ (unsigned char)*s++) * 0x100000001b3ULL;
	return hash;
}

int utf8_len(const unsigned char *s)
{
	static const struct {
		unsigned char first, last, lo, hi;
		int len;
	} rows[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (*s < rows[i].first || *s > rows[i].last)
			continue;
		if (rows[i].len > 1 && (s[1] < rows[i].lo || s[1] > rows[i].hi))
			return 0;
		for (int k = 2; k < rows[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return rows[i].len;
	}
	return 0;
}

bool utf8_is_control(const unsigned char *s)
{
	return *s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0);
}

const char *quoted(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	struct buf b = { 0 };

	buf_add(&b, "\"", 1);
	while (*s && b.len < 120) {
		int len = utf8_len(s);

		if (!len || utf8_is_control(s)) {
			buf_printf(&b, "\\x%02x", *s);
			len = 1;
		} else {
			buf_add(&b, (const char *)s, (size_t)len);
		}
		s += len;
	}
	buf_printf(&b, "\"%s", *s ? " (cut)" : "");
	return b.s;
}

const char *printable(const char *text)
{
	struct xhp_err unused;

	return value_check(V_TEXT, text, &unused) < 0 ? quoted(text) : text;
}

const char *words_text(const struct texts *words)
{
	struct buf b = { 0 };

	for (unsigned int i = 0; i < words->n; i++) {
		const char *word = printable(words->v[i]);

		buf_printf(&b, "%s%s", i ? " " : "",
			   word == words->v[i] && strpbrk(word, " \"'") ? quoted(word)
									: word);
	}
	return b.s ? b.s : "";
}

/* Levenshtein's distance with swaps, of short names. */
static unsigned int distance(const char *a, const char *b)
{
	enum { MAX = 48 };
	unsigned int row[3][MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > MAX || lb > MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned int *cur = row[i % 3], *up = row[(i + 2) % 3],
			     *up2 = row[(i + 1) % 3];

		cur[0] = (unsigned int)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned int d = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (cur[j - 1] + 1 < d)
				d = cur[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			cur[j] = d;
		}
	}
	return row[la % 3][lb];
}

const char *meant(const char *name)
{
	return name ? mem_printf("; did you mean \"%s\"?", name) : "";
}

const char *did_you_mean(const char *name, const char *(*candidate)(void *, unsigned int),
			 void *data)
{
	unsigned int best = (unsigned int)strlen(name) / 3 + 1;
	const char *found = NULL, *c;

	for (unsigned int i = 0; (c = candidate(data, i)); i++) {
		unsigned int d = distance(name, c);

		if (d < best || (d == best && !found)) {
			best = d;
			found = c;
		}
	}
	return found;
}
