// SPDX-License-Identifier: LGPL-2.1-or-later
// What is attached, and the names that people have for it.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "class.h"
#include "devices.h"
#include "engine.h"
#include "xhp.h"

/* --- what it is called --- */

/* xen-vbd-interface(7): a number that says which disk and which partition. */
static const char *disk_name(unsigned long devid)
{
	static const struct {
		unsigned int major, shift, first;
		const char *prefix;
	} kinds[] = { { 202, 4, 0, "xvd" },
		      { 8, 4, 0, "sd" },
		      { 3, 6, 0, "hd" },
		      { 22, 6, 2, "hd" } };
	unsigned long disk = devid >> 8 & 0xfffff, part = devid & 0xff;
	const char *prefix = devid >> 28 == 1 ? "xvd" : NULL, *letters = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !prefix; i++) {
		if (devid >> 8 != kinds[i].major)
			continue;
		prefix = kinds[i].prefix;
		disk = (devid & 0xff) >> kinds[i].shift;
		part = devid & ((1UL << kinds[i].shift) - 1);
		disk += kinds[i].first;
	}
	if (!prefix)
		return "";
	for (disk++; disk; disk = (disk - 1) / 26)
		letters = mem_printf("%c%s", (char)('a' + (disk - 1) % 26), letters);
	return part ? mem_printf("%s%s%lu", prefix, letters, part)
		    : mem_printf("%s%s", prefix, letters);
}

static const char *head(const struct journal *j, const char *name)
{
	const char *s = journal_head(j, name);

	return s ? s : "";
}

static const char *var(const struct journal *j, const char *name)
{
	const char *s = field_get(j->vars, j->nvars, name);

	return s ? s : "";
}

/* From the store, unless that does not answer; then as it was when it was attached. */
static const char *guest_name(const struct device *d)
{
	static const char *last, *name;
	static bool silent;
	struct xhp_err err;

	/* a number of before the boot is another guest's by now */
	if (silent || d->j.foreign_boot || !*d->domid)
		return var(&d->j, "vm/name");
	if (last && !strcmp(last, d->domid))
		return name;
	last = d->domid;
	if (store_read(mem_printf("/local/domain/%s/name", d->domid), &name, &err) == 0)
		return name;
	/* -EINVAL: what is there is no text */
	silent = err.code != -ENOENT && err.code != -EACCES && err.code != -EINVAL;
	return name = var(&d->j, "vm/name");
}

static const char *netdev_name(const struct journal *j)
{
	const char *ifindex = journal_head(j, "ifindex"), *name = head(j, "dev");
	struct xhp_err unused;
	struct link link;

	if (!ifindex)
		return "";
	if (!j->foreign_boot && nl_link_by_index(atoi(ifindex), &link, &unused) == 0)
		return mem_strdup(link.name.s);
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];

		if (!strcmp(r->action, "link") && !strcmp(r->kind, "name") &&
		    rec_get(r, "new"))
			name = rec_get(r, "new");
	}
	return name;
}

static const char *name_inside(const struct device *d)
{
	if (!strncmp(d->type, "vbd", 3))
		return disk_name(strtoul(d->devid, NULL, 10));
	return !strcmp(d->type, "vif") ? mem_printf("eth%s", d->devid) : "";
}

struct device device_was(const char *name, const char *type, const char *guest,
			 const char *uuid)
{
	struct device d = { .name = name, .type = type, .guest = guest, .netdev = "" };
	const char *number = mem_strdup(name), *dash;
	struct field *head = MEM_ARRAY(struct field, 3);

	d.domid = d.devid = d.as = "";
	dash = strrchr(number, '-');
	if (dash) {
		d.devid = dash + 1;
		number = mem_strndup(number, (size_t)(dash - number));
		dash = strrchr(number, '-');
	}
	if (!dash)
		return d; /* COLO's have no number */
	d.domid = dash + 1;
	if (!*type) /* it failed before that was known */
		d.type = type = !strncmp(name, "tap-", 4)
					? "vif"
					: mem_strndup(name, strcspn(name, "-"));
	d.as = name_inside(&d);
	head[0] = (struct field){ "path", mem_printf("backend/%s/%s/%s", type, d.domid,
						     d.devid) };
	head[1] = (struct field){ "uuid", uuid };
	head[2] = (struct field){ "dev",
				  !strcmp(type, "vif")
					  ? mem_printf("vif%s.%s%s", d.domid, d.devid,
						       *name == 't' ? "-emu" : "")
					  : "" };
	d.j.head = head;
	d.j.nhead = 3;
	return d;
}

int devices_list(struct device **ret, unsigned int *ret_n, unsigned int *ret_bad,
		 struct xhp_err *err)
{
	struct device *list = NULL;
	struct field *names;
	unsigned int n, count = 0;

	*ret_bad = 0;
	store_ask_briefly();
	if (journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		struct device d = { .name = names[i].name };

		if (journal_read(JOURNAL_DEVICES, d.name, &d.j, err) < 0) {
			if (err->code == -ENOENT)
				continue; /* detached meanwhile */
			log_err("%s: %s", d.name, err->text);
			(*ret_bad)++;
			continue;
		}
		if (!d.j.version)
			continue; /* a run has only just begun */
		d.type = head(&d.j, "type");
		d.domid = head(&d.j, "domid");
		d.devid = head(&d.j, "devid");
		d.guest = guest_name(&d);
		d.netdev = netdev_name(&d.j);
		d.as = name_inside(&d);
		*MEM_PUSH(list, count) = d;
	}
	*ret = list;
	*ret_n = count;
	return 0;
}

const char *device_guest(const struct device *d)
{
	if (!*d->domid)
		return "-";
	if (!*d->guest)
		return d->domid;
	return mem_printf("%s (%s)", printable(d->guest), d->domid);
}

/* --- finding one --- */

static bool is(const char *name, const char *text)
{
	return *name && !strcmp(name, text);
}

static bool is_guest(const struct device *d, const char *text)
{
	return is(d->guest, text) || is(d->domid, text) || is(head(&d->j, "uuid"), text);
}

/* What it is called among the devices of one guest. */
static bool is_part(const struct device *d, const char *text)
{
	return is(d->as, text) || is(d->netdev, text) || is(d->devid, text) ||
	       is(mem_printf("%s%s", d->type, d->devid), text);
}

/* Absolute, or an end of it that says class, domain and device. */
static bool is_path(const struct device *d, const char *text)
{
	const char *path = head(&d->j, "path");
	size_t len, n = strlen(text);

	if (*path != '/')
		path = mem_printf("/local/domain/%s/%s", head(&d->j, "self"), path);
	len = strlen(path);
	return n <= len && !strcmp(path + len - n, text) &&
	       (n == len || path[len - n - 1] == '/') &&
	       n >= strlen(mem_printf("%s/%s/%s", d->type, d->domid, d->devid));
}

static bool is_name(const struct device *d, const char *text)
{
	return is(d->netdev, text) || is(head(&d->j, "dev"), text) || is_path(d, text);
}

static bool is_guests(const struct device *d, const char *text)
{
	const char *sep = strpbrk(text, "/:");

	/* a guest's own name may hold one: try each */
	for (; sep; sep = strpbrk(sep + 1, "/:")) {
		if (is_guest(d, mem_strndup(text, (size_t)(sep - text))) &&
		    is_part(d, sep + 1))
			return true;
	}
	return false;
}

/* As a step asked for it, or else as the toolstack was told. */
static bool is_mac(const struct device *d, const char *text)
{
	const char *mac = var(&d->j, "mac"), *path = head(&d->j, "path");
	struct xhp_err unused;

	if (value_check(V_MAC, text, &unused) < 0 || strcmp(d->type, "vif") != 0 ||
	    d->j.foreign_boot)
		return false;
	/* of one that was, there is no more to be known */
	if (!*mac && (!*head(&d->j, "self") ||
		      store_read(mem_printf("%s/mac", path), &mac, &unused) < 0))
		return false;
	return !strcasecmp(mac, text);
}

/* What may be several devices': the guest alone, or a part alone. */
static bool is_short(const struct device *d, const char *text)
{
	return is(d->guest, text) || is(head(&d->j, "uuid"), text) || is(d->as, text) ||
	       is_mac(d, text);
}

/* An emulated NIC's tap, or what Remus and COLO put beside a vif. */
static bool is_beside(const struct device *d, const struct device *vif)
{
	if (strncmp(vif->name, "vif-", 4) != 0)
		return false;
	if (!strncmp(d->name, "tap-", 4))
		return !strcmp(d->name + 4, vif->name + 4);
	return strcmp(d->type, "vif") != 0 && is(vif->netdev, d->netdev);
}

struct candidates {
	const struct device *list;
	unsigned int n;
};

static const char *candidate(void *data, unsigned int i)
{
	const struct candidates *c = data;
	const struct device *d = i / 3 < c->n ? &c->list[i / 3] : NULL;

	if (!d)
		return NULL;
	if (i % 3 == 0)
		return d->name;
	if (i % 3 == 1)
		return *d->netdev ? d->netdev : d->name;
	return mem_printf("%s/%s", d->guest, d->as);
}

unsigned int device_named(const struct device *d, const char *text)
{
	if (!strcmp(d->name, text))
		return 0;
	if (is_name(d, text))
		return 1;
	if (is_guests(d, text))
		return 2;
	return is_short(d, text) ? 3 : DEVICE_NOT;
}

int devices_find(const struct device *list, unsigned int n, const char *text,
		 const struct device **ret, struct xhp_err *err)
{
	unsigned int best = DEVICE_NOT, count = 0;
	const struct device *found = NULL;
	struct candidates all = { list, n };
	struct buf names = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		unsigned int named = device_named(&list[i], text);

		if (named > best || named == DEVICE_NOT)
			continue;
		if (named < best) {
			best = named;
			count = 0;
			found = NULL;
			names = (struct buf){ 0 };
		}
		/* of them, the vif is meant */
		if (found && is_beside(found, &list[i]))
			count--;
		else if (found && is_beside(&list[i], found))
			continue;
		found = &list[i];
		count++;
		buf_printf(&names, "%s%s (%s)", names.len ? ", " : "", found->name,
			   device_guest(found));
	}
	if (count > 1)
		return err_set(err, -EEXIST, "%s may be any of %s", quoted(text),
			       names.s);
	if (count) {
		*ret = found;
		return 0;
	}
	return err_set(err, -ENOENT, "nothing is attached as %s%s", quoted(text),
		       meant(did_you_mean(text, candidate, &all)));
}

/* --- where it went, and how it is --- */

const char *device_state(struct device *d)
{
	struct xhp_err unused;
	int rc;

	if (d->j.foreign_boot)
		return STATE_OLD;
	if (!d->j.complete)
		return STATE_INCOMPLETE;
	rc = engine_audit(&d->j, &unused);
	return rc < 0 ? STATE_UNKNOWN : rc ? STATE_DRIFTED : STATE_ATTACHED;
}

/* Up to `end`: false if a field was empty. */
static bool say(const struct rec *rec, const char *text, const char *end, struct buf *b)
{
	bool all = true;

	while (text < end) {
		const char *close;

		if (*text == '[') {
			struct buf part = { 0 };

			close = strchr(text, ']');
			if (say(rec, text + 1, close, &part) && part.len)
				buf_add(b, part.s, part.len);
			text = close + 1;
		} else if (!strncmp(text, "${", 2)) {
			const char *value;

			close = strchr(text, '}');
			value = rec_get(
				rec, mem_strndup(text + 2, (size_t)(close - text - 2)));
			all &= value && *value;
			if (value)
				buf_add(b, value, strlen(value));
			text = close + 1;
		} else {
			buf_add(b, text++, 1);
		}
	}
	return all;
}

const char *rec_say(const struct rec *rec, const char *text)
{
	struct buf b = { 0 };

	buf_add(&b, "", 0);
	return say(rec, text, text + strlen(text), &b) ? b.s : NULL;
}

const struct shown *rec_shown(const struct rec *rec)
{
	const struct action *a = action_find(rec->action);

	for (const struct shown *s = a ? a->shown : NULL; s && s->kind; s++) {
		if (!strcmp(s->kind, rec->kind))
			return s;
	}
	return NULL;
}

const char *device_where(const struct device *d)
{
	const struct class *class = class_find(head(&d->j, "class"));
	const char *last = "";
	struct buf b = { 0 };

	for (unsigned int i = 0; i < d->j.nrecs; i++) {
		const struct rec *r = &d->j.recs[i];
		const struct shown *s = rec_shown(r);
		const char *text = s && s->where ? rec_say(r, s->where) : NULL;

		if (!text || r->undone || !strcmp(text, last))
			continue;
		buf_printf(&b, "%s%s", b.len ? ", " : "", text);
		last = text;
	}
	if (!b.len && class->where)
		return var(&d->j, class->where);
	return b.len ? b.s : "";
}

const char *device_filter(const struct journal *j)
{
	const char *class = journal_head(j, "class"), *ip;

	if (!class || strcmp(class, "vif") != 0)
		return NULL;
	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (j->recs[i].undone || strcmp(j->recs[i].action, "filter") != 0)
			continue;
		ip = rec_get(&j->recs[i], "ip");
		return ip && strcmp(ip, "any") != 0 ? ip : "MAC only";
	}
	return "UNFILTERED";
}

const char *time_text(const char *seconds)
{
	time_t t = seconds ? (time_t)strtoll(seconds, NULL, 10) : 0;
	char text[32] = "";
	struct tm tm;

	if (t && localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	return mem_strdup(text);
}
