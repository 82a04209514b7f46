// SPDX-License-Identifier: LGPL-2.1-or-later
// Fuzzes the types of values: a letter for the type ("a" is the first), then the text.

#include "fuzz.h"

static void check_vlans(const struct vlans *list)
{
	unsigned int pvids = 0;

	for (unsigned int i = 0; i < list->n; i++) {
		const struct vlan *v = &list->v[i];

		must(v->first >= 1 && v->last <= 4094 && v->first <= v->last && v->step);
		must((v->last - v->first) % v->step == 0);
		must(!v->pvid || (v->untagged && v->first == v->last));
		pvids += v->pvid;
	}
	must(pvids == 1);
}

static void check_prefixes(const struct prefixes *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		struct prefix again;
		struct xhp_err err;

		must(prefix_parse(prefix_text(&list->v[i]), &again, &err) == 0);
		must(!memcmp(&again, &list->v[i], sizeof(again)));
	}
}

static const char *candidate(void *data, unsigned int i)
{
	static const char *const names[] = { "bridge", "link", "up" };

	(void)data;
	return i < 3 ? names[i] : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		struct prefixes prefixes;
		struct bridge_spec bridge;
		struct vlans vlans;
		struct texts texts;
		struct map map;
		struct mac mac;
		struct ifname ifname;
		struct num num;
	} v = { 0 };
	struct param p = { .key = "k", .words = "any|none" };
	struct xhp_err err = { 0 };
	const char *text;
	uint8_t again[6];
	int rc;

	if (!size)
		return 0;
	mem_reset();
	p.type = (uint8_t)(*data - 'a') % V_COMMAND;
	text = mem_strndup((const char *)data + 1, size - 1);
	must(value_check(V_TEXT, quoted(text), &err) == 0);
	did_you_mean(text, candidate, NULL);
	rc = value_parse(&p, text, &v, &err);
	if (rc < 0) {
		check_error(&err, rc);
		return 0;
	}
	must(strlen(text) < 4096 && !strpbrk(text, "\x01\x1b\r\x7f"));
	switch (*text ? p.type : V_TYPES) {
	case V_IFNAME:
		must(*v.ifname.s && strlen(v.ifname.s) < IFNAMSIZ);
		must(!strpbrk(v.ifname.s, "/ %:\n"));
		break;
	case V_MAC:
		must(v.mac.word || (mac_parse(mac_text(v.mac.b), again, &err) == 0 &&
				    !memcmp(again, v.mac.b, 6)));
		break;
	case V_PREFIXES:
		check_prefixes(&v.prefixes);
		break;
	case V_VLANS:
		check_vlans(&v.vlans);
		break;
	case V_BRIDGE:
		must(*v.bridge.name.s && v.bridge.tag <= 4094);
		for (unsigned int i = 0; i < v.bridge.ntrunks; i++)
			must(v.bridge.trunks[i] >= 1 && v.bridge.trunks[i] <= 4094);
		break;
	case V_LIST:
		for (unsigned int i = 0; i < v.texts.n; i++)
			must(*v.texts.v[i] && !strpbrk(v.texts.v[i], " ,\n\t"));
		break;
	case V_MAP:
		for (unsigned int i = 0; i < v.map.n; i++)
			must(*v.map.v[i].key && *v.map.v[i].value &&
			     !strchr(v.map.v[i].key, '='));
		break;
	default:
		break;
	}
	return 0;
}
