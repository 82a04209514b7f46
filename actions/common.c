// SPDX-License-Identifier: LGPL-2.1-or-later
// What several actions share.

#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "actions.h"
#include "nl_tc.h"
#include "sysctl.h"

/* Negative: an error. */
static int rec_ifindex(const struct rec *rec, struct xhp_err *err)
{
	long ifindex = rec_num(rec, "ifindex", 0);

	if (ifindex <= 0)
		return err_set(err, -EINVAL, "record %u has no ifindex", rec->id);
	return (int)ifindex;
}

int rec_link(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	int ifindex = rec_ifindex(rec, err);

	return ifindex < 0 ? ifindex : nl_link_by_index(ifindex, ret, err);
}

int rec_link_name(const struct rec *rec, struct link *ret, struct xhp_err *err)
{
	int ifindex = rec_ifindex(rec, err);

	return ifindex < 0 ? ifindex : nl_link_name(ifindex, ret, err);
}

const char *number_text(unsigned long long n)
{
	return mem_printf("%llu", n);
}

int rec_unknown(const struct rec *rec, struct xhp_err *err)
{
	return err_set(err, -EPROTO, "[%s] has no record of kind \"%s\" in this version",
		       rec->action, rec->kind);
}

#define OWNER "xen-hotplug "

const char *rule_mark(const char *device)
{
	return mem_printf(OWNER "%s", device);
}

/* Is its interface still there, as netback or libxl calls it? */
static bool has_interface(const char *device)
{
	const char *tap = strncmp(device, "tap-", 4) ? "" : "-emu";
	unsigned int domid, devid;
	struct xhp_err unused;
	struct link link;

	return sscanf(device + strcspn(device, "-"), "-%u-%u", &domid, &devid) != 2 ||
	       nl_link_by_name(mem_printf("vif%u.%u%s", domid, devid, tap), &link,
			       &unused) != -ENODEV;
}

int sweep_mark(const char *comment, bool (*is_gone)(const char *device),
	       int (*take)(const char *mark, struct xhp_err *err), struct xhp_err *err)
{
	const char *device = comment + strlen(OWNER);

	if (strncmp(comment, OWNER, strlen(OWNER)) != 0 || has_interface(device) ||
	    !is_gone(device))
		return 0;
	if (take(comment, err) < 0)
		return err->code;
	log_info("removed the rules \"%s\": their device and journal are gone", comment);
	return 0;
}

int sweep_rules(enum nft_family family, const char *table, const char *chain,
		bool (*is_gone)(const char *device),
		int (*take)(const char *mark, struct xhp_err *err), struct xhp_err *err)
{
	struct nft_listed *rules;
	unsigned int n;

	if (nft_rules(family, table, chain, &rules, &n, err) < 0)
		return err->code == -EOPNOTSUPP ? 0 : err->code;
	for (unsigned int i = 0; i < n; i++) {
		bool again = false;

		for (unsigned int k = 0; k < i && !again; k++)
			again = !strcmp(rules[k].comment, rules[i].comment);
		if (!again && sweep_mark(rules[i].comment, is_gone, take, err) < 0)
			return err->code;
	}
	return 0;
}

int random_mac(uint8_t ret[6], struct xhp_err *err)
{
	if (getrandom(ret, 6, 0) != 6)
		return err_sys(err, -errno, "getrandom");
	ret[0] = (uint8_t)((ret[0] & 0xfc) | 2);
	return 0;
}

struct prefix link_local_of(const uint8_t mac[6])
{
	struct prefix p = { AF_INET6, 128, { 0xfe, 0x80 } };

	memcpy(p.addr + 8, mac, 3);
	p.addr[8] ^= 2;
	p.addr[11] = 0xff;
	p.addr[12] = 0xfe;
	memcpy(p.addr + 13, mac + 3, 3);
	return p;
}

int link_set_up(const struct link *link, bool up, struct xhp_err *err)
{
	const struct link_change change = { .set_up = true, .up = up };

	if (!(link->flags & IFF_UP) == !up)
		return 0;
	if (nl_link_change(link->ifindex, &change, err) < 0 && err->code != -ENODEV)
		return err_wrap(err, "cannot take %s %s", link->name.s,
				up ? "up" : "down");
	return 0;
}

void plan_text(struct step *step, const struct link *link, const char *what,
	       const char *now, const char *wanted)
{
	plan_change(step, mem_strdup(link->name.s), what, now, wanted);
}

void plan_mtu(struct step *step, const struct link *link, uint32_t mtu)
{
	plan_text(step, link, "mtu", number_text(link->mtu), number_text(mtu));
}

void plan_link_up(struct step *step, const struct link *link, bool up)
{
	plan_text(step, link, "state", link->flags & IFF_UP ? "up" : "down",
		  up ? "up" : "down");
}

const char *prefixes_text(const struct prefixes *list)
{
	struct buf b = { 0 };

	if (!list->set || list->word)
		return "any";
	for (unsigned int i = 0; i < list->n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", prefix_text(&list->v[i]));
	return b.s ? b.s : "";
}

int rec_prefixes(const struct rec *rec, const char *name, struct prefixes *ret,
		 struct xhp_err *err)
{
	const char *text = rec_get(rec, name);
	struct prefixes list = { .set = true };
	char *copy, *word;

	if (!text)
		return err_set(err, -EINVAL, "record %u has no %s", rec->id, name);
	list.word = !strcmp(text, "any");
	copy = mem_strdup(list.word ? "" : text);
	while ((word = strsep(&copy, " ")))
		if (*word && prefix_parse(word, MEM_PUSH(list.v, list.n), err) < 0)
			return err->code;
	*ret = list;
	return 0;
}

/* The kind of record is the kind of qdisc. */
int root_qdisc_undo(const struct rec *rec, struct xhp_err *err)
{
	struct tc_qdisc now;
	struct link link;

	if (rec_link(rec, &link, err) < 0 || tc_root_get(link.ifindex, &now, err) < 0)
		return err->code == -ENODEV ? 0 : err->code;
	if (now.handle == TC_HANDLE && !strcmp(now.kind, rec->kind)) {
		if (tc_root_del(link.ifindex, now.handle, err) < 0 &&
		    err->code != -ENOENT && err->code != -ENODEV)
			return err_wrap(err, "%s", link.name.s);
	} else if (*now.kind) {
		log_warn("%s has another's qdisc %s by now: it stays", link.name.s,
			 now.kind);
	}
	return 0;
}

int root_qdisc_audit(const struct rec *rec, uint64_t rate, struct xhp_err *err)
{
	struct tc_qdisc now;
	struct link link;

	if (rec_link(rec, &link, err) < 0)
		return 1;
	if (tc_root_get(link.ifindex, &now, err) < 0)
		return err->code;
	if (now.handle != TC_HANDLE || strcmp(now.kind, rec->kind) != 0)
		err_set(err, -ESTALE, "the qdisc %s of %s is gone", rec->kind,
			link.name.s);
	else if (rate && now.rate / 8 != rate / 8)
		err_set(err, -ESTALE, "%s is held to %llu bit/s, not %llu", link.name.s,
			(unsigned long long)now.rate, (unsigned long long)rate);
	else
		return 0;
	return 1;
}

int root_qdisc_plan(struct step *step, const struct link *link, const char *wanted,
		    struct xhp_err *err)
{
	struct tc_qdisc now;

	if (tc_root_get(link->ifindex, &now, err) < 0)
		return err->code;
	plan_text(step, link, "root qdisc", mem_strdup(now.kind), wanted);
	return 0;
}

int root_qdisc_free(const struct link *link, struct xhp_err *err)
{
	struct tc_qdisc now;

	if (tc_root_get(link->ifindex, &now, err) < 0)
		return err->code;
	if (*now.kind)
		return err_set(err, -EEXIST,
			       "%s has a root qdisc %s of somebody else's already",
			       link->name.s, now.kind);
	return 0;
}

const char *sysctl_conf(const char *family, const struct link *link, const char *name)
{
	return mem_printf("net/%s/conf/%s/%s", family, link->name.s, name);
}

int sysctl_set(struct ctx *ctx, const char *action, enum rec_scope scope,
	       const struct link *link, const char *family, const char *name,
	       const char *value, struct xhp_err *err)
{
	const char *path = sysctl_conf(family, link, name), *old;

	if (sysctl_read(path, &old, err) < 0)
		return err->code;
	if (!strcmp(old, value))
		return 0;
	if (RECORD(ctx, err, scope, action, "sysctl", "ifindex",
		   mem_printf("%d", link->ifindex), "family", family, "name", name, "old",
		   old, "value", value) < 0)
		return err->code;
	return sysctl_write(path, value, err);
}

int sysctl_plan(struct step *step, const struct link *link, const char *family,
		const char *name, const char *value, struct xhp_err *err)
{
	const char *now;

	if (sysctl_read(sysctl_conf(family, link, name), &now, err) < 0)
		return err->code;
	plan_text(step, link, mem_printf("%s/%s", family, name), now, value);
	return 0;
}

/* By the ifindex: an interface that has got the name since is another one. */
static int sysctl_of(const struct rec *rec, const char **ret_path, const char **ret_now,
		     struct xhp_err *err)
{
	const char *family = rec_get(rec, "family"), *name = rec_get(rec, "name");
	struct link link;

	if (!family || !name || !rec_get(rec, "value") || !rec_get(rec, "old"))
		return rec_unknown(rec, err);
	if (rec_link_name(rec, &link, err) < 0)
		return err->code;
	*ret_path = sysctl_conf(family, &link, name);
	return sysctl_read(*ret_path, ret_now, err);
}

/* With the interface its settings are gone; what somebody else has set since, stays. */
int sysctl_undo(const struct rec *rec, struct xhp_err *err)
{
	const char *path, *now;

	if (sysctl_of(rec, &path, &now, err) < 0)
		return err->code == -ENODEV || err->code == -ENOENT ? 0 : err->code;
	if (strcmp(now, rec_get(rec, "value")) != 0)
		return 0;
	if (sysctl_write(path, rec_get(rec, "old"), err) < 0 && err->code != -ENOENT)
		return err->code;
	return 0;
}

int sysctl_audit(const struct rec *rec, struct xhp_err *err)
{
	const char *path, *now;

	if (sysctl_of(rec, &path, &now, err) == 0) {
		if (!strcmp(now, rec_get(rec, "value")))
			return 0;
		err_set(err, -ESTALE, "%s is %s, not %s", path, now,
			rec_get(rec, "value"));
	}
	return 1;
}

int sysctl_repair(const struct rec *rec, struct xhp_err *err)
{
	const char *path, *now;

	if (sysctl_of(rec, &path, &now, err) < 0)
		return err->code;
	return sysctl_write(path, rec_get(rec, "value"), err);
}
