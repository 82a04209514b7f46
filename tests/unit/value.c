// SPDX-License-Identifier: LGPL-2.1-or-later
// Every type of value: what is taken, and as what; what is refused, and why.

#include <errno.h>
#include <sys/socket.h>

#include "unit.h"
#include "value.h"

union any {
	const char *text;
	bool yes;
	uint8_t word;
	struct num num;
	struct ifname ifname;
	struct mac mac;
	struct prefixes prefixes;
	struct vlans vlans;
	struct bridge_spec bridge;
	struct texts texts;
	struct map map;
};

/* The typed value as a text; "-" = not set. */
static const char *show(enum value_type type, const union any *v)
{
	struct buf b = { 0 };

	switch (type) {
	case V_TEXT:
	case V_TOKEN:
	case V_PATH:
		return v->text ? v->text : "-";
	case V_BOOL:
		return v->yes ? "yes" : "no";
	case V_ENUM:
		return mem_printf("word %u", v->word);
	case V_UINT:
	case V_RATE:
		if (v->num.word)
			return mem_printf("word %u", v->num.word);
		return v->num.set ? mem_printf("%llu", (unsigned long long)v->num.v)
				  : "-";
	case V_IFNAME:
		return *v->ifname.s ? mem_strdup(v->ifname.s) : "-";
	case V_MAC:
		if (v->mac.word)
			return mem_printf("word %u", v->mac.word);
		return v->mac.set ? mac_text(v->mac.b) : "-";
	case V_PREFIXES:
		buf_printf(&b, v->prefixes.set ? "%.0s" : "-%.0s", "");
		if (v->prefixes.word)
			buf_printf(&b, "word %u", v->prefixes.word);
		for (unsigned int i = 0; i < v->prefixes.n; i++)
			buf_printf(&b, "%s%s", i ? " " : "",
				   prefix_text(&v->prefixes.v[i]));
		break;
	case V_VLANS:
		buf_printf(&b, v->vlans.set ? "%.0s" : "-%.0s", "");
		for (unsigned int i = 0; i < v->vlans.n; i++) {
			const struct vlan *l = &v->vlans.v[i];

			buf_printf(&b, "%s%u..%u/%u%s%s", i ? " " : "", l->first, l->last,
				   l->step, l->untagged ? "u" : "", l->pvid ? "p" : "");
		}
		break;
	case V_BRIDGE:
		buf_printf(&b, "%s %u", v->bridge.name.s, v->bridge.tag);
		for (unsigned int i = 0; i < v->bridge.ntrunks; i++)
			buf_printf(&b, " %u", v->bridge.trunks[i]);
		break;
	case V_LIST:
	case V_LINES:
		buf_printf(&b, "%u:", v->texts.n);
		for (unsigned int i = 0; i < v->texts.n; i++)
			buf_printf(&b, "%s%s", i ? "|" : "", v->texts.v[i]);
		break;
	case V_MAP:
		buf_printf(&b, "%u:", v->map.n);
		for (unsigned int i = 0; i < v->map.n; i++)
			buf_printf(&b, "%s%s=%s", i ? "|" : "", v->map.v[i].key,
				   v->map.v[i].value);
		break;
	default:
		fail_msg("type %d", type);
	}
	return b.s;
}

/* `good` is what becomes of the text; else `bad` is part of the message. */
struct row {
	enum value_type type;
	const char *text, *good, *bad;
	const char *words;
	uint64_t min, max;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		const struct param p = { .key = "key",
					 .type = r->type,
					 .words = r->words,
					 .min = r->min,
					 .max = r->max };
		struct xhp_err err = { 0 };
		union any v = { 0 };
		int rc = value_parse(&p, r->text, &v, &err);

		if (r->good) {
			if (rc < 0)
				fail_msg("%s %s: %s", value_type_name(r->type),
					 quoted(r->text), err.text);
			assert_string_equal(show(r->type, &v), r->good);
			continue;
		}
		if (rc >= 0)
			fail_msg("%s %s was taken as %s", value_type_name(r->type),
				 quoted(r->text), show(r->type, &v));
		assert_int_equal(rc, -EINVAL);
		assert_int_equal(err.code, rc);
		assert_has(err.text, r->bad);
	}
}

#define LEN15 "abcdefghijklmno"

static void ifnames(void **state)
{
	static const struct row rows[] = {
		{ V_IFNAME, "", "-" },
		{ V_IFNAME, "vif1.0", "vif1.0" },
		{ V_IFNAME, "a", "a" },
		{ V_IFNAME, "eth0@x", "eth0@x" },
		{ V_IFNAME, LEN15, LEN15 },
		{ V_IFNAME, LEN15 "p",
		  .bad = "\"" LEN15 "p\" is not an interface name: longer "
			 "than 15 bytes" },
		{ V_IFNAME, ".", .bad = "\".\" is not an interface name: not a name" },
		{ V_IFNAME, "..", .bad = "not a name" },
		{ V_IFNAME, "../x",
		  .bad = "\"../x\" is not an interface name: a character" },
		{ V_IFNAME, "-x", .bad = "begins with \"-\"" },
		{ V_IFNAME, "a b", .bad = "a character" },
		{ V_IFNAME, "a/b", .bad = "a character" },
		{ V_IFNAME, "a:0", .bad = "a character" },
		{ V_IFNAME, "vif%d", .bad = "a character" },
		{ V_IFNAME, "$(id)", .bad = "a character" },
		{ V_IFNAME, "a;b", .bad = "a character" },
		{ V_IFNAME, "`id`", .bad = "a character" },
		{ V_IFNAME, "a*", .bad = "a character" },
		{ V_IFNAME, "b\xc3\xa4r", .bad = "\"b\xc3\xa4r\" is not" },
		{ V_IFNAME, "a\nb", .bad = "control byte in \"a\\x0ab\"" },
		{ V_IFNAME, " a", .bad = "a character" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void macs(void **state)
{
	static const struct row rows[] = {
		{ V_MAC, "", "-" },
		{ V_MAC, "00:16:3e:01:02:03", "00:16:3e:01:02:03" },
		{ V_MAC, "FE:ff:fF:Ff:ff:ff", "fe:ff:ff:ff:ff:ff" },
		{ V_MAC, "any", "word 2", .words = "none|any" },
		{ V_MAC, "an", .bad = "\"an\" is not a MAC", .words = "none|any" },
		{ V_MAC, "none|any", .bad = "\"none|any\"", .words = "none|any" },
		{ V_MAC, "01:16:3e:01:02:03", .bad = "not the address of one interface" },
		{ V_MAC, "ff:ff:ff:ff:ff:ff", .bad = "not the address of one interface" },
		{ V_MAC, "00:00:00:00:00:00", .bad = "not the address of one interface" },
		{ V_MAC, "00:16:3e:01:02",
		  .bad = "\"00:16:3e:01:02\" is not a MAC address" },
		{ V_MAC, "00:16:3e:01:02:03:04", .bad = "is not a MAC address" },
		{ V_MAC, "00:16:3e:01:02:3", .bad = "is not a MAC address" },
		{ V_MAC, "00:16:3e:01:02:03 ", .bad = "is not a MAC address" },
		{ V_MAC, "00-16-3e-01-02-03", .bad = "is not a MAC address" },
		{ V_MAC, "0g:16:3e:01:02:03", .bad = "is not a MAC address" },
		{ V_MAC, "0:016:3e:01:02:03", .bad = "is not a MAC address" },
		{ V_MAC, "$(reboot)", .bad = "\"$(reboot)\" is not a MAC address" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void numbers(void **state)
{
	static const struct row rows[] = {
		{ V_UINT, "", "-" },
		{ V_UINT, "0", "0" },
		{ V_UINT, "0010", "10" },
		{ V_UINT, "18446744073709551615", "18446744073709551615" },
		{ V_UINT, "18446744073709551616", .bad = "is not a number" },
		{ V_UINT, "99999999999999999999999", .bad = "is not a number" },
		{ V_UINT, "68", "68", .min = 68, .max = 65535 },
		{ V_UINT, "65535", "65535", .min = 68, .max = 65535 },
		{ V_UINT, "67", .bad = "\"67\" is not between 68 and 65535", .min = 68,
		  .max = 65535 },
		{ V_UINT, "65536", .bad = "\"65536\" is not between", .min = 68,
		  .max = 65535 },
		{ V_UINT, "auto", "word 1", .words = "auto" },
		{ V_UINT, "-1", .bad = "\"-1\" is not a number" },
		{ V_UINT, "+1", .bad = "is not a number" },
		{ V_UINT, " 1", .bad = "is not a number" },
		{ V_UINT, "1 ", .bad = "is not a number" },
		{ V_UINT, "0x10", .bad = "is not a number" },
		{ V_UINT, "1;reboot", .bad = "\"1;reboot\" is not a number" },
		{ V_RATE, "", "-" },
		{ V_RATE, "8kbit", "8000", .min = 8000 },
		{ V_RATE, "7kbit", .bad = "\"7kbit\" is not a rate", .min = 8000 },
		{ V_RATE, "100mbit", "100000000" },
		{ V_RATE, "1000000000gbit", "1000000000000000000" },
		{ V_RATE, "1000000001gbit", .bad = "is not a rate" },
		{ V_RATE, "0mbit", .bad = "is not a rate" },
		{ V_RATE, "100", .bad = "expected kbit, mbit or gbit a second" },
		{ V_RATE, "mbit", .bad = "is not a rate" },
		{ V_RATE, "1 mbit", .bad = "is not a rate" },
		{ V_RATE, "-1mbit", .bad = "is not a rate" },
		{ V_RATE, "1mbps", .bad = "is not a rate" },
		{ V_RATE, "1mbit;reboot", .bad = "\"1mbit;reboot\" is not a rate" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void addresses(void **state)
{
	static const struct row rows[] = {
		{ V_PREFIXES, "", "-" },
		{ V_PREFIXES, " ,\n", "-" },
		{ V_PREFIXES, "192.0.2.7", "192.0.2.7" },
		{ V_PREFIXES, "192.0.2.7/24", "192.0.2.7/24" },
		{ V_PREFIXES, "0.0.0.0/0", "0.0.0.0/0" },
		{ V_PREFIXES, "192.0.2.7/32 2001:DB8::1/128", "192.0.2.7 2001:db8::1" },
		{ V_PREFIXES, "192.0.2.7,192.0.2.8\n2001:db8::/64",
		  "192.0.2.7 192.0.2.8 2001:db8::/64" },
		{ V_PREFIXES, "192.0.2.7\t192.0.2.8", "192.0.2.7 192.0.2.8" },
		{ V_PREFIXES, "::ffff:192.0.2.7", "::ffff:192.0.2.7" },
		{ V_PREFIXES, "none", "word 1", .words = "none" },
		{ V_PREFIXES, "none 192.0.2.7", .bad = "\"none\" is not an IP",
		  .words = "none" },
		{ V_PREFIXES, "192.0.2.7/33",
		  .bad = "prefix length of \"192.0.2.7/33\"" },
		{ V_PREFIXES, "192.0.2.7/", .bad = "prefix length of" },
		{ V_PREFIXES, "192.0.2.7/-1", .bad = "prefix length of" },
		{ V_PREFIXES, "::/129", .bad = "\"129\" is not between 0 and 128" },
		{ V_PREFIXES, "192.0.2", .bad = "\"192.0.2\" is not an IP address" },
		{ V_PREFIXES, "192.0.2.256", .bad = "is not an IP address" },
		{ V_PREFIXES, "192.0.2.07x", .bad = "is not an IP address" },
		{ V_PREFIXES, "fe80::1%eth0", .bad = "is not an IP address" },
		{ V_PREFIXES, "192.0.2.7;reboot", .bad = "is not an IP address" },
		{ V_PREFIXES, "192.0.2.7 /24", .bad = "\"/24\" is not an IP address" },
		{ V_PREFIXES, "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
		  .bad = "is not an IP address" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* xl-network-configuration(5), "vlan" */
static void vlans(void **state)
{
	static const struct row rows[] = {
		{ V_VLANS, "", "-" },
		{ V_VLANS, "10", "10..10/1up" },
		{ V_VLANS, "10p", "10..10/1up" },
		{ V_VLANS, "10p/20", "10..10/1up 20..20/1" },
		{ V_VLANS, "10p/100+10x4", "10..10/1up 100..140/10" },
		{ V_VLANS, "10p/20-29u/30u", "10..10/1up 20..29/1u 30..30/1u" },
		{ V_VLANS, "1p/2-4094", "1..1/1up 2..4094/1" },
		{ V_VLANS, "4094", "4094..4094/1up" },
		{ V_VLANS, "1p/20-20", "1..1/1up 20..20/1" },
		{ V_VLANS, "1p/4000+47x2", "1..1/1up 4000..4094/47" },
		{ V_VLANS, "1p/4000+48x2", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10/20", .bad = "\"10/20\": no VLAN is marked \"p\"" },
		{ V_VLANS, "10-20", .bad = "no VLAN is marked" },
		{ V_VLANS, "10p/20p", .bad = "more than one VLAN is marked" },
		{ V_VLANS, "0", .bad = "\"0\" is not a list of VLANs like" },
		{ V_VLANS, "4095", .bad = "is not a list of VLANs" },
		{ V_VLANS, "65546", .bad = "is not a list of VLANs" },
		{ V_VLANS, "4294967306", .bad = "is not a list of VLANs" },
		{ V_VLANS, "20-10", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10-20p", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10up", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p/", .bad = "is not a list of VLANs" },
		{ V_VLANS, "/10p", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p,20", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p 20", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p/20+5", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p/20+x5", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10p/20x5", .bad = "is not a list of VLANs" },
		{ V_VLANS, "-10", .bad = "is not a list of VLANs" },
		{ V_VLANS, "10$(id)", .bad = "\"10$(id)\" is not a list of VLANs" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void bridges(void **state)
{
	static const struct row rows[] = {
		{ V_BRIDGE, "br0", "br0 0" },
		{ V_BRIDGE, "br0.100", "br0 100" },
		{ V_BRIDGE, "br0:1:4094", "br0 0 1 4094" },
		{ V_BRIDGE, "br0.7:1:2", "br0 7 1 2" },
		{ V_BRIDGE, "a.b.7", "a.b 7" },
		{ V_BRIDGE, LEN15 ".4094", LEN15 " 4094" },
		{ V_BRIDGE, LEN15 "p", .bad = "longer than 15 bytes" },
		{ V_BRIDGE, "br0.0", .bad = "\"br0.0\": the tag is not a VLAN" },
		{ V_BRIDGE, "br0.4095", .bad = "the tag is not a VLAN" },
		{ V_BRIDGE, "br0.4x", .bad = "the tag is not a VLAN" },
		{ V_BRIDGE, "br0.lan", "br0.lan 0" },
		{ V_BRIDGE, "br.lan:7", "br.lan 0 7" },
		{ V_BRIDGE, "br0.", .bad = "the tag is not a VLAN" },
		{ V_BRIDGE, ".5", .bad = "is not an interface name" },
		{ V_BRIDGE, "br0:", .bad = "\"br0:\": a trunk is not a VLAN" },
		{ V_BRIDGE, "br0:1:", .bad = "a trunk is not a VLAN" },
		{ V_BRIDGE, "br0:0", .bad = "a trunk is not a VLAN" },
		{ V_BRIDGE, "br0:1 2",
		  .bad = "is not NAME, NAME.TAG or NAME:TRUNK:TRUNK" },
		{ V_BRIDGE, ":1", .bad = "is not an interface name" },
		{ V_BRIDGE, "../br0", .bad = "\"../br0\"" },
		{ V_BRIDGE, "-br0", .bad = "begins with \"-\"" },
		{ V_BRIDGE, "br0;id", .bad = "a character" },
		{ V_BRIDGE,
		  "a123456789b123456789c123456789d123456789e123456789f123456789wxyz",
		  .bad = "too long" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void texts(void **state)
{
	static const struct row rows[] = {
		{ V_TEXT, "", "-" },
		{ V_TEXT, "a b;$(id) \xe2\x82\xac", "a b;$(id) \xe2\x82\xac" },
		{ V_TEXT, "a\nb", .bad = "control byte in \"a\\x0ab\"" },
		{ V_TEXT, "a\tb", .bad = "control byte in \"a\\x09b\"" },
		{ V_TEXT, "\x1b[2J", .bad = "control byte in \"\\x1b[2J\"" },
		{ V_TEXT, "a\x7f", .bad = "control byte in \"a\\x7f\"" },
		{ V_TEXT, "a\xc2\x9b", .bad = "control byte in \"a\\xc2\\x9b\"" },
		{ V_TEXT, "\xc2\xa0", "\xc2\xa0" },
		{ V_TEXT, "\x80", .bad = "\"\\x80\" is not valid UTF-8" },
		{ V_TEXT, "\xc0\xaf", .bad = "\"\\xc0\\xaf\" is not valid UTF-8" },
		{ V_TEXT, "\xe2\x82", .bad = "is not valid UTF-8" },
		{ V_TEXT, "\xed\xa0\x80", .bad = "is not valid UTF-8" },
		{ V_TEXT, "\xf4\x90\x80\x80", .bad = "is not valid UTF-8" },
		{ V_TEXT, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ V_TOKEN, "xen-4.17_a+b", "xen-4.17_a+b" },
		{ V_TOKEN, "-o", .bad = "\"-o\" begins with \"-\"" },
		{ V_TOKEN, "..", .bad = "begins with \".\"" },
		{ V_TOKEN, "a/b", .bad = "\"a/b\" has a character other than" },
		{ V_TOKEN, "a b", .bad = "has a character other than" },
		{ V_TOKEN, "\xc3\xa4", .bad = "has a character other than" },
		{ V_PATH, "/a b/../c", "/a b/../c" },
		{ V_PATH, "a/b", .bad = "\"a/b\" is not an absolute path" },
		{ V_PATH, "-/a", .bad = "is not an absolute path" },
		{ V_PATH, "/a\nb", .bad = "control byte" },
		{ V_BOOL, "", "no" },
		{ V_BOOL, "yes", "yes" },
		{ V_BOOL, "no", "no" },
		{ V_BOOL, "YES", .bad = "\"YES\" is neither \"yes\" nor \"no\"" },
		{ V_BOOL, "no|yes", .bad = "is neither" },
		{ V_BOOL, "1", .bad = "is neither" },
		{ V_ENUM, "", "word 0", .words = "a|bc" },
		{ V_ENUM, "a", "word 1", .words = "a|bc" },
		{ V_ENUM, "bc", "word 2", .words = "a|bc" },
		{ V_ENUM, "b", .bad = "\"b\" is none of a|bc", .words = "a|bc" },
		{ V_ENUM, "bcd", .bad = "is none of", .words = "a|bc" },
		{ V_ENUM, "attach", .bad = "; did you mean \"attached\"?",
		  .words = "attached|gone" },
		{ V_ENUM, "a|bc", .bad = "is none of", .words = "a|bc" },
		{ V_COMMAND, "a", .bad = "cannot be parsed" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

static void lists(void **state)
{
	static const struct row rows[] = {
		{ V_LIST, "", "0:" },
		{ V_LIST, " , \n", "0:" },
		{ V_LIST, "a", "1:a" },
		{ V_LIST, ",a b,c\nd\te, ", "5:a|b|c|d|e" },
		{ V_LIST, "a\rb", .bad = "control byte" },
		{ V_LINES, "a b\n  c, d \n\ne", "3:a b|c, d|e" },
		{ V_LINES, "vif\t2", "1:vif\t2" },
		{ V_LINES, "a\x01", .bad = "control byte in \"a\\x01\"" },
		{ V_MAP, "a=1\n b=2=3\nc=\n", "2:a=1|b=2=3" },
		{ V_MAP, "=1", .bad = "\"=1\" is not NAME=VALUE" },
		{ V_MAP, "a=1\nb", .bad = "\"b\" is not NAME=VALUE" },
	};

	(void)state;
	check_rows(rows, COUNT(rows));
}

/* 4095 bytes are taken by every type that takes any text, one more by none. */
static void over_long(void **state)
{
	static const enum value_type types[] = { V_TEXT, V_TOKEN, V_PATH, V_LIST, V_LINES,
						 V_MAP,  V_MAC,   V_UINT, V_VLANS };
	char *text = mem_alloc(4097);

	(void)state;
	memset(text, 'a', 4096);
	for (size_t i = 0; i < COUNT(types); i++) {
		struct xhp_err err = { 0 };

		assert_int_equal(value_check(types[i], text, &err), -EINVAL);
		assert_has(err.text, "longer than 4095 bytes: \"aaa");
		assert_has(err.text, "\" (cut)");
	}
	text[4095] = '\0';
	assert_int_equal(value_check(V_TEXT, text, &(struct xhp_err){ 0 }), 0);
	assert_int_equal(value_check(V_TOKEN, text, &(struct xhp_err){ 0 }), 0);
}

/* What is shown never has a control byte in it, nor half a character. */
static void quoting(void **state)
{
	char *text = mem_alloc(600);

	(void)state;
	assert_string_equal(quoted(""), "\"\"");
	assert_string_equal(quoted("a\xc3\xa4\n\x1b\x7f\xff"),
			    "\"a\xc3\xa4\\x0a\\x1b\\x7f\\xff\"");
	assert_string_equal(quoted("\xc2\x9b"), "\"\\xc2\\x9b\"");
	for (int i = 0; i < 300; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	assert_true(strlen(quoted(text)) < 140);
	assert_has(quoted(text), "\xc3\xa4\" (cut)");
}

static const char *word(void *data, unsigned int i)
{
	return ((const char **)data)[i];
}

static void near_names(void **state)
{
	static const char *words[] = { "bridge", "link", "up", "lookup", NULL };
	static const char *none[] = { NULL };
	static const struct {
		const char *name, *meant;
	} rows[] = {
		{ "brigde", "bridge" }, { "bridg", "bridge" },   { "bridges", "bridge" },
		{ "lnik", "link" },     { "pu", "up" },          { "route", NULL },
		{ "xyzzy", NULL },      { "look-up", "lookup" }, { "BRIDGE", NULL },
	};
	char *over = mem_alloc(200);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *meant = did_you_mean(rows[i].name, word, words);

		if (!rows[i].meant && meant)
			fail_msg("%s: %s", rows[i].name, meant);
		if (rows[i].meant)
			assert_string_equal(meant ? meant : "(nothing)", rows[i].meant);
	}
	assert_null(did_you_mean("up", word, none));
	memset(over, 'u', 199);
	assert_null(did_you_mean(over, word, words));
}

static void type_fit(void **state)
{
	(void)state;
	for (enum value_type t = 0; t < V_TYPES; t++) {
		assert_non_null(value_type_name(t));
		assert_true(value_types_fit(t, t));
		assert_true(value_types_fit(V_TEXT, t));
		assert_true(value_types_fit(t, V_TEXT));
		assert_true(value_types_fit(t, V_LIST));
	}
	assert_true(value_types_fit(V_UINT, V_VLANS));
	assert_true(value_types_fit(V_IFNAME, V_BRIDGE));
	assert_true(value_types_fit(V_BRIDGE, V_IFNAME));
	assert_false(value_types_fit(V_MAC, V_IFNAME));
	assert_false(value_types_fit(V_MAC, V_PREFIXES));
	assert_false(value_types_fit(V_PREFIXES, V_MAC));
	assert_false(value_types_fit(V_IFNAME, V_UINT));
	assert_false(value_types_fit(V_IFNAME, V_PATH));
	assert_false(value_types_fit(V_PATH, V_TOKEN));
	assert_false(value_types_fit(V_VLANS, V_UINT));
	assert_false(value_types_fit(V_UINT, V_BOOL));
}

/* What another error meant is not this one's, wherever the memory comes from. */
static void errors(void **state)
{
	static const struct pos pos = { .file = "x", .line = 1 };
	struct xhp_err err;

	(void)state;
	for (int i = 0; i < 3; i++) {
		memset(&err, 1, sizeof(err));
		assert_true((i == 0   ? err_set(&err, -EIO, "a %s", "b")
			     : i == 1 ? err_sys(&err, -EIO, "a %s", "b")
				      : err_usage(&err, &pos, "a %s", "b")) < 0);
		assert_int_equal(err.code, i == 2 ? -EINVAL : -EIO);
		assert_int_equal(err.usage, i == 2);
		assert_false(err.busy);
		assert_false(err.refused);
		assert_ptr_equal(err.pos.file, i == 2 ? pos.file : NULL);
		assert_string_equal(err.text, i == 1 ? "a b: Input/output error" : "a b");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ifnames),    cmocka_unit_test(macs),
		cmocka_unit_test(numbers),    cmocka_unit_test(addresses),
		cmocka_unit_test(vlans),      cmocka_unit_test(bridges),
		cmocka_unit_test(texts),      cmocka_unit_test(lists),
		cmocka_unit_test(over_long),  cmocka_unit_test(quoting),
		cmocka_unit_test(near_names), cmocka_unit_test(type_fit),
		cmocka_unit_test(errors),
	};

	return RUN_TESTS(tests);
}
