/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Typed values: the only way in for a string from outside. */
#ifndef XHP_VALUE_H
#define XHP_VALUE_H

#include <linux/if.h>
#include <stdint.h>

#include "err.h"

/*
 * Every type has a "not set" state, which is what zeroed memory holds. `word` is the
 * 1-based index into the parameter's `words` if one of those stood in place of a value
 * (as in "mac = any"), else 0.
 */
struct ifname {
	char s[IFNAMSIZ]; /* "" = not set */
};
struct mac {
	bool set;
	uint8_t word;
	uint8_t b[6];
};
struct prefix {
	uint8_t family;   /* AF_INET or AF_INET6 */
	uint8_t len;      /* bits */
	uint8_t addr[16]; /* network byte order, host bits as written */
};
struct prefixes {
	bool set;
	uint8_t word;
	unsigned int n;
	struct prefix *v;
};
struct num {
	bool set;
	uint8_t word;
	uint64_t v;
};
/* xl-network-configuration(5), "vlan": first..last in steps; untagged; pvid: first only
 */
struct vlan {
	uint16_t first, last, step;
	bool untagged, pvid;
};
struct vlans {
	bool set;
	unsigned int n;
	struct vlan *v;
};
/* NAME, NAME.TAG, NAME:T1:T2, NAME.TAG:T1:T2 (vif-openvswitch's syntax) */
struct bridge_spec {
	struct ifname name;
	uint16_t tag; /* 0 = none */
	unsigned int ntrunks;
	uint16_t *trunks;
};
/* A list of texts: blank- or comma-separated words, or one item a line. */
struct texts {
	unsigned int n;
	const char **v;
};
struct pair {
	const char *key, *value;
};
struct map {
	unsigned int n;
	struct pair *v;
};
struct pattern;
struct patterns {
	unsigned int n;
	struct pattern *v;
};

enum value_type {
	V_TEXT,     /* const char *, NULL = not set */
	V_TOKEN,    /* const char *: [A-Za-z0-9_.+-]+, not beginning with - or . */
	V_PATH,     /* const char *: absolute */
	V_BOOL,     /* bool: yes or no */
	V_ENUM,     /* uint8_t: 1-based index into `words`, 0 = not set */
	V_UINT,     /* struct num: decimal, `min` to `max` */
	V_RATE,     /* struct num: bits a second, as NUMBER kbit, mbit or gbit */
	V_IFNAME,   /* struct ifname */
	V_MAC,      /* struct mac: unicast, six hex pairs */
	V_PREFIXES, /* struct prefixes */
	V_VLANS,    /* struct vlans */
	V_BRIDGE,   /* struct bridge_spec */
	V_LIST,     /* struct texts, split at blanks and commas */
	V_LINES,    /* struct texts, an item a line */
	V_MAP,      /* struct map: NAME=VALUE items a line; empty values drop out */
	V_GLOB,     /* const char *: absolute, for fnmatch(3); only what the recipe itself
		       says is special */
	V_PATTERNS, /* struct patterns, one a line (pattern.h); step_patterns() */
	V_COMMAND,  /* const struct template *: words that are cut first (command.h) */
	V_TYPES
};

enum param_flags {
	P_REQUIRED = 1, /* "!": empty is an error */
	P_ENABLES = 2,  /* "*": the step does nothing without (any of) these */
	P_SHOWN = 4,    /* only shown, stored or logged: may hold the guest's own words */
	P_SECRET = 8,   /* may hold secrets: the action neither shows nor journals it */
	P_OWN = 16,     /* may name the step's own results: its value is a const struct
			   template *, which the action expands when it has them */
	P_INFORMS = 32, /* only for people: what may not be read is empty there */
	P_OTHERWISE = 64, /* who serves the device if what the step is for is not there:
			     expanded only then (otherwise.h) */
};

/* One key of an action: the same row parses, lints, helps and documents. */
struct param {
	const char *key;
	enum value_type type;
	uint8_t flags;
	uint16_t offset;   /* of the typed value in the action's args */
	const char *dflt;  /* parsed when the value is empty */
	const char *words; /* "a|b|c": V_ENUM's choices; elsewhere, words instead of a
			      value */
	uint64_t min, max; /* V_UINT */
	const char *help;
};

/* What the type is called in messages and manual pages. */
const char *value_type_name(enum value_type type);

/* Can a text that is known to be of type `from` be of type `to`? For errors at load. */
bool value_types_fit(enum value_type from, enum value_type to);

/*
 * Parses `text` as param's type into `dst` (a zeroed value of that type). An empty text
 * is "not set" and leaves `dst` alone. No type lets control bytes (but for newlines and
 * tabs in lists and lines), invalid UTF-8 or over-long input through.
 * 0, or -EINVAL with a message that quotes the input and says what was expected.
 */
int value_parse(const struct param *param, const char *text, void *dst,
		struct xhp_err *err);

/* Checks `text` as `type` without keeping the result. */
int value_check(enum value_type type, const char *text, struct xhp_err *err);

/* Single types, for code that has a text and no parameter. */
int ifname_parse(const char *text, struct ifname *ret, struct xhp_err *err);
int mac_parse(const char *text, uint8_t ret[6], struct xhp_err *err);
int prefix_parse(const char *text, struct prefix *ret, struct xhp_err *err);
int uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	       struct xhp_err *err);

/* Texts of values, as people write them; valid until the process ends. */
const char *mac_text(const uint8_t mac[6]);
const char *prefix_text(const struct prefix *p);
/* One address, and no more. */
bool prefix_is_host(const struct prefix *p);
/* The i-th byte of its mask. */
uint8_t prefix_mask(const struct prefix *p, unsigned int i);

/* The text as it can be shown in one line: control and invalid bytes as \xNN, cut. */
const char *quoted(const char *text);

/* The same of what may be a text as it is: then it is that. */
const char *printable(const char *text);

/* Words as a command line has them: what is not plain is quoted. */
const char *words_text(const struct texts *words);

/* "; did you mean "NAME"?", or nothing if `name` is NULL. */
const char *meant(const char *name);

/* The candidate nearest to `name` if it is near enough to be meant, else NULL. */
const char *did_you_mean(const char *name, const char *(*candidate)(void *, unsigned int),
			 void *data);

#endif
