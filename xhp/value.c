// SPDX-License-Identifier: LGPL-2.1-or-later
// Texts from outside become typed values here, and nowhere else.

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "pattern.h"
#include "text.h"
#include "value.h"

#define TEXT_MAX 4096
#define BLANKS   " \t\n,"

static const char *const type_names[V_TYPES] = {
	[V_TEXT] = "text",
	[V_TOKEN] = "token",
	[V_PATH] = "absolute path",
	[V_BOOL] = "yes or no",
	[V_ENUM] = "word",
	[V_UINT] = "number",
	[V_RATE] = "rate",
	[V_IFNAME] = "interface name",
	[V_MAC] = "MAC address",
	[V_PREFIXES] = "list of IP addresses or prefixes",
	[V_VLANS] = "list of VLANs",
	[V_BRIDGE] = "bridge name",
	[V_LIST] = "list",
	[V_LINES] = "lines",
	[V_MAP] = "NAME=VALUE lines",
	[V_GLOB] = "absolute path with \"*\"",
	[V_PATTERNS] = "pattern",
	[V_COMMAND] = "command",
};

const char *value_type_name(enum value_type type)
{
	return type_names[type];
}

bool value_types_fit(enum value_type from, enum value_type to)
{
	if (from == to || from == V_TEXT || from == V_TOKEN)
		return true;
	switch (to) {
	case V_TEXT:
	case V_LIST:
	case V_LINES:
	case V_MAP:
	case V_COMMAND:
		return true;
	case V_GLOB:
		return from == V_PATH;
	case V_TOKEN:
		return from == V_UINT || from == V_IFNAME || from == V_BOOL ||
		       from == V_ENUM;
	case V_IFNAME:
		return from == V_BRIDGE;
	case V_BRIDGE:
		return from == V_IFNAME;
	case V_VLANS:
		return from == V_UINT;
	case V_ENUM:
	case V_BOOL:
		return from == V_ENUM || from == V_BOOL;
	default:
		return false;
	}
}

/* What no type lets through. Newlines and tabs only where they part the items. */
static int text_check(const char *text, bool lines, struct xhp_err *err)
{
	const unsigned char *s = (const unsigned char *)text;
	int len;

	for (; *s; s += len) {
		len = utf8_len(s);
		if (!len)
			return err_set(err, -EINVAL, "%s is not valid UTF-8",
				       quoted(text));
		if (utf8_is_control(s) && !(lines && (*s == '\n' || *s == '\t')))
			return err_set(err, -EINVAL, "control byte in %s", quoted(text));
	}
	if (s - (const unsigned char *)text >= TEXT_MAX)
		return err_set(err, -EINVAL, "longer than %d bytes: %s", TEXT_MAX - 1,
			       quoted(text));
	return 0;
}

/*
 * dev_valid_name() in the kernel's net/core/dev.c; "%" would number the name there, and
 * the rest would mean something in a shell, such as the one of a hook.
 */
int ifname_parse(const char *text, struct ifname *ret, struct xhp_err *err)
{
	size_t len = strlen(text);
	const char *why = NULL;

	if (!len || !strcmp(text, ".") || !strcmp(text, ".."))
		why = "not a name";
	else if (len >= IFNAMSIZ)
		why = "longer than 15 bytes";
	else if (*text == '-')
		why = "begins with \"-\"";
	for (const char *s = text; *s && !why; s++) {
		if (!isgraph((unsigned char)*s) || strchr("/:%$`;&|<>(){}[]*?!'\"\\", *s))
			why = "a character that no interface name may have";
	}
	if (why)
		return err_set(err, -EINVAL, "%s is not an interface name: %s",
			       quoted(text), why);
	memcpy(ret->s, text, len + 1);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mac_parse(const char *text, uint8_t ret[6], struct xhp_err *err)
{
	uint8_t mac[6], any = 0;
	const char *s = text;

	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(s[0]), lo = hi < 0 ? -1 : hex_digit(s[1]);

		if (lo < 0 || s[2] != (i < 5 ? ':' : '\0'))
			return err_set(err, -EINVAL,
				       "%s is not a MAC address like 00:16:3e:01:02:03",
				       quoted(text));
		mac[i] = (uint8_t)(hi << 4 | lo);
		any |= mac[i];
		s += 3;
	}
	if (mac[0] & 1 || !any)
		return err_set(err, -EINVAL, "%s is not the address of one interface",
			       quoted(text));
	memcpy(ret, mac, 6);
	return 0;
}

int uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	       struct xhp_err *err)
{
	uint64_t v = 0;
	const char *s;

	for (s = text; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			break;
	}
	if (s == text || *s)
		return err_set(err, -EINVAL, "%s is not a number", quoted(text));
	if (v < min || v > max)
		return err_set(err, -EINVAL, "%s is not between %llu and %llu",
			       quoted(text), (unsigned long long)min,
			       (unsigned long long)max);
	*ret = v;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret, struct xhp_err *err)
{
	const char *slash = strchr(text, '/');
	char addr[INET6_ADDRSTRLEN];
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p = { 0 };
	uint64_t bits;

	if (len < sizeof(addr)) {
		memcpy(addr, text, len);
		addr[len] = '\0';
		if (inet_pton(AF_INET, addr, p.addr) == 1)
			p.family = AF_INET;
		else if (inet_pton(AF_INET6, addr, p.addr) == 1)
			p.family = AF_INET6;
	}
	if (!p.family)
		return err_set(err, -EINVAL, "%s is not an IP address or prefix",
			       quoted(text));
	bits = p.family == AF_INET ? 32 : 128;
	if (slash && uint_parse(slash + 1, 0, bits, &bits, err) < 0)
		return err_wrap(err, "prefix length of %s", quoted(text));
	p.len = (uint8_t)bits;
	*ret = p;
	return 0;
}

/* VLAN ID, as strtoul would, but no further than the digits. */
static const char *vlan_id(const char *s, uint16_t *ret)
{
	unsigned int v = 0;
	const char *start = s;

	while (*s >= '0' && *s <= '9' && v < 10000)
		v = v * 10 + (unsigned int)(*s++ - '0');
	if (s == start || v < 1 || v > 4094)
		return NULL;
	*ret = (uint16_t)v;
	return s;
}

/* One term of xl-network-configuration(5)'s "vlan". */
static const char *vlan_term(const char *s, struct vlan *v)
{
	uint16_t count = 1;
	unsigned int last;

	s = vlan_id(s, &v->first);
	if (!s)
		return NULL;
	v->last = v->first;
	v->step = 1;
	if (*s == '-') {
		s = vlan_id(s + 1, &v->last);
		if (!s || v->last < v->first)
			return NULL;
	} else if (*s == '+') {
		s = vlan_id(s + 1, &v->step);
		if (!s || *s != 'x')
			return NULL;
		s = vlan_id(s + 1, &count);
		last = v->first + (unsigned int)v->step * count;
		if (!s || last > 4094)
			return NULL;
		v->last = (uint16_t)last;
	}
	if (*s == 'u') {
		v->untagged = true;
		s++;
	} else if (*s == 'p' && v->first == v->last) {
		v->pvid = v->untagged = true;
		s++;
	}
	return *s == '/' || !*s ? s : NULL;
}

static int vlans_parse(const char *text, struct vlans *ret, struct xhp_err *err)
{
	unsigned int pvids = 0;
	struct vlans list = { .set = true };

	for (const char *s = text;; s++) {
		struct vlan *v = MEM_PUSH(list.v, list.n);

		s = vlan_term(s, v);
		if (!s)
			return err_set(
				err, -EINVAL,
				"%s is not a list of VLANs like 10p/20-29/100+10x4u",
				quoted(text));
		pvids += v->pvid;
		if (!*s)
			break;
	}
	if (list.n == 1 && list.v[0].first == list.v[0].last && !list.v[0].untagged) {
		list.v[0].pvid = list.v[0].untagged = true;
		pvids = 1;
	}
	if (pvids != 1)
		return err_set(err, -EINVAL, "%s: %s VLAN is marked \"p\" as the PVID",
			       quoted(text), pvids ? "more than one" : "no");
	*ret = list;
	return 0;
}

static int bridge_parse(const char *text, struct bridge_spec *ret, struct xhp_err *err)
{
	struct bridge_spec spec = { 0 };
	const char *end = text + strcspn(text, ":"), *dot;
	char name[64];

	if ((size_t)(end - text) >= sizeof(name))
		return err_set(err, -EINVAL, "%s is not a bridge name: too long",
			       quoted(text));
	memcpy(name, text, (size_t)(end - text));
	name[end - text] = '\0';
	dot = strrchr(name, '.');
	if (dot && (!dot[1] || isdigit((unsigned char)dot[1]))) {
		const char *rest = vlan_id(dot + 1, &spec.tag);

		if (!rest || *rest)
			return err_set(err, -EINVAL,
				       "%s: the tag is not a VLAN (1 to 4094)",
				       quoted(text));
		name[dot - name] = '\0';
	}
	while (*end == ':') {
		end = vlan_id(end + 1, MEM_PUSH(spec.trunks, spec.ntrunks));
		if (!end)
			return err_set(err, -EINVAL,
				       "%s: a trunk is not a VLAN (1 to 4094)",
				       quoted(text));
	}
	if (*end)
		return err_set(err, -EINVAL,
			       "%s is not NAME, NAME.TAG or NAME:TRUNK:TRUNK",
			       quoted(text));
	if (ifname_parse(name, &spec.name, err) < 0)
		return err->code;
	*ret = spec;
	return 0;
}

static int token_check(const char *text, struct xhp_err *err)
{
	if (*text == '-' || *text == '.')
		return err_set(err, -EINVAL, "%s begins with \"%c\"", quoted(text),
			       *text);
	for (const char *s = text; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr("_.+-", *s))
			return err_set(
				err, -EINVAL,
				"%s has a character other than letters, digits and "
				"\"_.+-\"",
				quoted(text));
	}
	return 0;
}

/* 1-based index of `text` in "a|b|c", 0 if it is not there. */
static uint8_t word_index(const char *words, const char *text)
{
	size_t len = strlen(text);
	uint8_t i = 1;

	for (const char *w = words; w && *w; i++) {
		size_t n = strcspn(w, "|");

		if (n == len && !memcmp(w, text, n))
			return i;
		w += n + (w[n] == '|');
	}
	return 0;
}

static void texts_split(const char *text, const char *separators, struct texts *ret)
{
	struct texts list = { 0 };

	for (const char *s = text; *(s += strspn(s, separators));) {
		size_t len = strcspn(s, separators);
		const char *item = s;

		s += len;
		while (len && (item[len - 1] == ' ' || item[len - 1] == '\t'))
			len--;
		while (len && (*item == ' ' || *item == '\t'))
			item++, len--;
		if (len)
			*MEM_PUSH(list.v, list.n) = mem_strndup(item, len);
	}
	*ret = list;
}

static int prefixes_parse(const char *text, struct prefixes *ret, struct xhp_err *err)
{
	struct texts items;
	struct prefixes list = { .set = true };

	texts_split(text, BLANKS, &items);
	for (unsigned int i = 0; i < items.n; i++) {
		if (prefix_parse(items.v[i], MEM_PUSH(list.v, list.n), err) < 0)
			return err->code;
	}
	if (list.n)
		*ret = list;
	return 0;
}

static int patterns_parse(const char *text, struct patterns *ret, struct xhp_err *err)
{
	struct patterns list = { 0 };
	struct texts items;

	texts_split(text, "\n", &items);
	for (unsigned int i = 0; i < items.n; i++) {
		if (pattern_parse(items.v[i], MEM_PUSH(list.v, list.n), err) < 0)
			return err->code;
	}
	*ret = list;
	return 0;
}

static int map_parse(const char *text, struct map *ret, struct xhp_err *err)
{
	struct texts items;
	struct map map = { 0 };

	texts_split(text, "\n", &items);
	for (unsigned int i = 0; i < items.n; i++) {
		const char *eq = strchr(items.v[i], '=');

		if (!eq || eq == items.v[i])
			return err_set(err, -EINVAL, "%s is not NAME=VALUE",
				       quoted(items.v[i]));
		if (eq[1])
			*MEM_PUSH(map.v, map.n) = (struct pair){
				mem_strndup(items.v[i], (size_t)(eq - items.v[i])), eq + 1
			};
	}
	*ret = map;
	return 0;
}

/* As tc(8) writes rates. */
static int rate_parse(const struct param *p, const char *text, struct num *ret,
		      struct xhp_err *err)
{
	static const char *const units[] = { "kbit", "mbit", "gbit" };
	const char *digits = mem_strndup(text, strspn(text, "0123456789"));
	const char *unit = text + strlen(digits);
	uint64_t factor = 1000, v;

	for (int i = 0; i < 3; i++, factor *= 1000) {
		if (strcmp(unit, units[i]) != 0)
			continue;
		if (uint_parse(digits, 1, 1000000000, &v, err) < 0 || v * factor < p->min)
			break;
		*ret = (struct num){ .set = true, .v = v * factor };
		return 0;
	}
	return err_set(
		err, -EINVAL,
		"%s is not a rate: expected kbit, mbit or gbit a second, as 100mbit",
		quoted(text));
}

static int parse(const struct param *p, const char *text, void *dst, struct xhp_err *err)
{
	bool lines = p->type == V_LINES || p->type == V_MAP || p->type == V_LIST ||
		     p->type == V_PREFIXES || p->type == V_PATTERNS;
	uint8_t word;

	if (text_check(text, lines, err) < 0)
		return err->code;
	if (!*text)
		return 0;
	word = word_index(p->words, text);

	switch (p->type) {
	case V_PATH:
	case V_GLOB:
		if (*text != '/')
			return err_set(err, -EINVAL, "%s is not an absolute path",
				       quoted(text));
		*(const char **)dst = text;
		return 0;
	case V_TOKEN:
		if (token_check(text, err) < 0)
			return err->code;
		*(const char **)dst = text;
		return 0;
	case V_TEXT:
		*(const char **)dst = text;
		return 0;
	case V_BOOL:
		word = word_index("no|yes", text);
		if (!word)
			return err_set(err, -EINVAL, "%s is neither \"yes\" nor \"no\"",
				       quoted(text));
		*(bool *)dst = word == 2;
		return 0;
	case V_ENUM:
		if (!word)
			return err_set(err, -EINVAL, "%s is none of %s", quoted(text),
				       p->words);
		*(uint8_t *)dst = word;
		return 0;
	case V_UINT: {
		struct num *n = dst;

		n->set = true;
		n->word = word;
		return word ? 0
			    : uint_parse(text, p->min, p->max ? p->max : UINT64_MAX,
					 &n->v, err);
	}
	case V_RATE:
		return rate_parse(p, text, dst, err);
	case V_IFNAME:
		return ifname_parse(text, dst, err);
	case V_MAC: {
		struct mac *m = dst;

		m->set = true;
		m->word = word;
		return word ? 0 : mac_parse(text, m->b, err);
	}
	case V_PREFIXES:
		if (word) {
			*(struct prefixes *)dst =
				(struct prefixes){ true, word, 0, NULL };
			return 0;
		}
		return prefixes_parse(text, dst, err);
	case V_VLANS:
		return vlans_parse(text, dst, err);
	case V_BRIDGE:
		return bridge_parse(text, dst, err);
	case V_LIST:
		texts_split(text, BLANKS, dst);
		return 0;
	case V_LINES:
		texts_split(text, "\n", dst);
		return 0;
	case V_MAP:
		return map_parse(text, dst, err);
	case V_PATTERNS:
		return patterns_parse(text, dst, err);
	case V_COMMAND:
	case V_TYPES:
		break;
	}
	return err_set(err, -EINVAL, "a %s cannot be parsed as a value",
		       value_type_name(p->type));
}

static const char *word_candidate(void *words, unsigned int i)
{
	const char *w = words;
	size_t len;

	for (; w && i; i--) {
		w = strchr(w, '|');
		w += w ? 1 : 0;
	}
	if (!w)
		return NULL;
	len = strcspn(w, "|");
	return mem_printf("%.*s", (int)len, w);
}

int value_parse(const struct param *p, const char *text, void *dst, struct xhp_err *err)
{
	const char *near;

	if (parse(p, text, dst, err) == 0)
		return 0;
	near = did_you_mean(text, word_candidate, (void *)p->words);
	/* "on" is as near to "no" as it is far from it */
	return near && strlen(near) > 2
		       ? err_set(err, err->code, "%s%s", err->text, meant(near))
		       : err->code;
}

int value_check(enum value_type type, const char *text, struct xhp_err *err)
{
	union {
		struct prefixes prefixes;
		struct bridge_spec bridge;
		struct vlans vlans;
		struct texts texts;
		struct ifname ifname;
		const char *s;
	} any = { 0 };
	const struct param p = { .type = type };

	return value_parse(&p, text, &any, err);
}

const char *mac_text(const uint8_t m[6])
{
	return mem_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
			  m[5]);
}

const char *prefix_text(const struct prefix *p)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(p->family, p->addr, addr, sizeof(addr));
	return prefix_is_host(p) ? mem_strdup(addr) : mem_printf("%s/%d", addr, p->len);
}

bool prefix_is_host(const struct prefix *p)
{
	return p->len == (p->family == AF_INET ? 32 : 128);
}

uint8_t prefix_mask(const struct prefix *p, unsigned int i)
{
	unsigned int bits = p->len > 8 * i ? p->len - 8 * i : 0;

	return bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
}
