// SPDX-License-Identifier: LGPL-2.1-or-later
// iptables' legacy tables: rules in the chain FORWARD.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "legacy.h"
#include "trace.h"
#include "xhp.h"

#define LOCK_PATH "/run/xtables.lock" /* iptables' own */
#define TABLE     "filter"
#define CHAIN     "FORWARD"

/* libiptc/libiptc.h and libip6tc.h, whose functions differ in name and entry alone. */
struct libiptc {
	void *lib;
	void *(*init)(const char *table);
	void (*free)(void *handle);
	const void *(*first_rule)(const char *chain, void *handle);
	const void *(*next_rule)(const void *prev, void *handle);
	const char *(*get_target)(const void *entry, void *handle);
	int (*insert_entry)(const char *chain, const void *entry, unsigned int at,
			    void *handle);
	int (*delete_num_entry)(const char *chain, unsigned int at, void *handle);
	int (*commit)(void *handle);
	const char *(*strerror)(int code);
};

static int libiptc_load(uint8_t family, const struct libiptc **ret, struct xhp_err *err)
{
	static struct libiptc libs[2];
	const bool v6 = family == AF_INET6;
	struct libiptc *l = &libs[v6];
	const char *path = v6 ? "libip6tc.so.2" : "libip4tc.so.2", *why;
	const struct {
		const char *name;
		void *function;
	} symbols[] = {
		{ "init", &l->init },
		{ "free", &l->free },
		{ "first_rule", &l->first_rule },
		{ "next_rule", &l->next_rule },
		{ "get_target", &l->get_target },
		{ "insert_entry", &l->insert_entry },
		{ "delete_num_entry", &l->delete_num_entry },
		{ "commit", &l->commit },
		{ "strerror", &l->strerror },
	};

	*ret = l;
	if (l->lib)
		return 0;
	l->lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	why = dlerror();
	for (unsigned int i = 0; l->lib && i < sizeof(symbols) / sizeof(*symbols); i++) {
		char name[64];
		void *address;

		snprintf(name, sizeof(name), "%s_%s", v6 ? "ip6tc" : "iptc",
			 symbols[i].name);
		address = dlsym(l->lib, name);
		if (!address) {
			why = mem_printf("it has no %s", name);
			dlclose(l->lib);
			l->lib = NULL;
		}
		memcpy(symbols[i].function, &address, sizeof(address));
	}
	if (!l->lib)
		return err_set(
			err, -ELIBACC,
			"iptables' legacy tables are in use, and cannot be changed "
			"without %s: %s",
			path, why);
	return 0;
}

bool legacy_in_use(uint8_t family)
{
	const char *path = family == AF_INET6 ? "/proc/net/ip6_tables_names"
					      : "/proc/net/ip_tables_names";
	FILE *f = fopen(path, "re");
	char line[64];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = !strcmp(line, TABLE "\n");
	if (f)
		fclose(f);
	return found;
}

/* ---- Entries: a header, matches and a target, one behind the other ---- */

union any_entry {
	struct ipt_entry v4;
	struct ip6t_entry v6;
	char bytes[1024];
};

/* What the two families' headers have in different places. */
struct parts {
	size_t header; /* the part that matches */
	size_t size;   /* of the whole head: the first match follows */
	uint16_t target_offset;
};

static struct parts entry_parts(uint8_t family, const void *entry)
{
	const struct ipt_entry *v4 = entry;
	const struct ip6t_entry *v6 = entry;

	if (family == AF_INET6)
		return (struct parts){ sizeof(v6->ipv6), sizeof(*v6), v6->target_offset };
	return (struct parts){ sizeof(v4->ip), sizeof(*v4), v4->target_offset };
}

static void *match_add(union any_entry *e, size_t *len, const char *name, size_t size)
{
	struct xt_entry_match *m = (void *)(e->bytes + *len);

	m->u.user.match_size = (uint16_t)(sizeof(*m) + XT_ALIGN(size));
	strcpy(m->u.user.name, name);
	*len += m->u.user.match_size;
	return m->data;
}

/* As iptables writes a name without "+": the zero at its end has to match too. */
static void ifname_match(char *name, unsigned char *mask, const char *ifname)
{
	const size_t len = strlen(ifname) + 1;

	memcpy(name, ifname, len);
	memset(mask, 0xff, len);
}

static void source_match(uint8_t *addr, uint8_t *mask, const struct prefix *p)
{
	for (unsigned int i = 0; i < (p->family == AF_INET ? 4 : 16); i++) {
		mask[i] = prefix_mask(p, i);
		addr[i] = p->addr[i] & mask[i];
	}
}

/* `comment` may be NULL. The order of the matches is the one of the stock scripts. */
static void entry_build(union any_entry *e, const struct accept *a, const char *comment)
{
	struct ipt_ip *ip = &e->v4.ip;
	struct ip6t_ip6 *ip6 = &e->v6.ipv6;
	const bool v6 = a->family == AF_INET6;
	size_t len = v6 ? sizeof(e->v6) : sizeof(e->v4), target_offset;
	struct xt_standard_target *target;

	memset(e, 0, sizeof(*e));
	if (a->source && v6)
		source_match(ip6->src.s6_addr, ip6->smsk.s6_addr, a->source);
	else if (a->source)
		source_match((uint8_t *)&ip->src, (uint8_t *)&ip->smsk, a->source);
	if (a->bridged) {
		struct xt_physdev_info *info =
			match_add(e, &len, "physdev", sizeof(*info));

		info->bitmask = XT_PHYSDEV_OP_BRIDGED;
		info->bitmask |= a->to ? XT_PHYSDEV_OP_OUT : XT_PHYSDEV_OP_IN;
		if (a->to)
			ifname_match(info->physoutdev, (unsigned char *)info->out_mask,
				     a->ifname);
		else
			ifname_match(info->physindev, (unsigned char *)info->in_mask,
				     a->ifname);
	} else if (a->to) {
		ifname_match(v6 ? ip6->outiface : ip->outiface,
			     v6 ? ip6->outiface_mask : ip->outiface_mask, a->ifname);
	} else {
		ifname_match(v6 ? ip6->iniface : ip->iniface,
			     v6 ? ip6->iniface_mask : ip->iniface_mask, a->ifname);
	}
	if (a->dhcp) {
		struct xt_udp *udp = match_add(e, &len, "udp", sizeof(*udp));

		*udp = (struct xt_udp){ .spts = { 68, 68 }, .dpts = { 67, 67 } };
		ip->proto = IPPROTO_UDP; /* there is no such rule for IPv6 */
	}
	if (comment) {
		struct xt_comment_info *info =
			match_add(e, &len, "comment", sizeof(*info));

		snprintf(info->comment, sizeof(info->comment), "%s", comment);
	}
	target_offset = len;
	target = (void *)(e->bytes + len);
	target->target.u.user.target_size = sizeof(*target);
	strcpy(target->target.u.user.name, "ACCEPT");
	len += sizeof(*target);
	if (v6) {
		e->v6.target_offset = (uint16_t)target_offset;
		e->v6.next_offset = (uint16_t)len;
	} else {
		e->v4.target_offset = (uint16_t)target_offset;
		e->v4.next_offset = (uint16_t)len;
	}
}

/* NULL: it has none. */
static const char *entry_comment(uint8_t family, const void *entry)
{
	const struct parts p = entry_parts(family, entry);
	const struct xt_entry_match *m;

	for (size_t at = p.size; at < p.target_offset; at += m->u.match_size) {
		m = (const void *)((const char *)entry + at);
		if (!strcmp(m->u.user.name, "comment"))
			return mem_strndup(
				(const char *)m->data,
				strnlen((const char *)m->data, XT_MAX_COMMENT_LEN));
	}
	return NULL;
}

/* The kernel leaves what is behind a match's name as it was in the library's buffer. */
static bool match_equals(const struct xt_entry_match *a, const struct xt_entry_match *b)
{
	return a->u.match_size == b->u.match_size &&
	       a->u.user.revision == b->u.user.revision &&
	       !strcmp(a->u.user.name, b->u.user.name) &&
	       !memcmp(a->data, b->data, a->u.match_size - sizeof(*a));
}

static bool entry_equals(uint8_t family, const void *entry, const char *target,
			 const struct accept *rule)
{
	const struct parts p = entry_parts(family, entry);
	const struct xt_entry_match *m;
	union any_entry want;

	entry_build(&want, rule, NULL);
	if (strcmp(target, "ACCEPT") || memcmp(entry, &want, p.header) ||
	    p.target_offset != entry_parts(family, &want).target_offset)
		return false;
	for (size_t at = p.size; at < p.target_offset; at += m->u.match_size) {
		m = (const void *)((const char *)entry + at);
		if (!match_equals(m, (const void *)(want.bytes + at)))
			return false;
	}
	return true;
}

/* ---- The exchange ---- */

static int lock(int *ret, struct xhp_err *err)
{
	int fd = open(LOCK_PATH, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open " LOCK_PATH);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (deadline_check(err) < 0) {
			close(fd);
			return err_wrap(err, "somebody holds " LOCK_PATH);
		}
		usleep(2000);
	}
	*ret = fd;
	return 0;
}

/* Which rules have to go, counted from 0. */
static unsigned int *rules_find(const struct libiptc *l, void *handle, uint8_t family,
				const char *comment, const struct accept *rules,
				unsigned int n, unsigned int *ret_n)
{
	unsigned int *found = NULL, nfound = 0, at = 0;
	const void *e;

	for (e = l->first_rule(CHAIN, handle); e; e = l->next_rule(e, handle), at++) {
		const char *own = comment ? entry_comment(family, e) : NULL;
		bool is = own && !strcmp(own, comment);

		for (unsigned int i = 0; !comment && i < n && !is; i++)
			is = rules[i].family == family &&
			     entry_equals(family, e, l->get_target(e, handle), &rules[i]);
		if (is)
			*MEM_PUSH(found, nfound) = at;
	}
	*ret_n = nfound;
	return found;
}

static int exchange(const struct libiptc *l, void *handle, uint8_t family,
		    const char *comment, const struct accept *rules, unsigned int n)
{
	unsigned int ngone, *gone, changes;
	union any_entry e;

	gone = rules_find(l, handle, family, comment, rules, n, &ngone);
	changes = ngone;
	while (ngone--)
		if (!l->delete_num_entry(CHAIN, gone[ngone], handle))
			return -errno;
	for (unsigned int i = n; comment && i--;) {
		if (rules[i].family != family)
			continue;
		entry_build(&e, &rules[i], comment);
		if (!l->insert_entry(CHAIN, &e, 0, handle))
			return -errno;
		changes++;
	}
	return changes && !l->commit(handle) ? -errno : 0;
}

int legacy_exchange(uint8_t family, const char *comment, const struct accept *rules,
		    unsigned int n, struct xhp_err *err)
{
	const struct libiptc *l;
	CLEANUP_FD int fd = -1;
	int rc, tries = 10;
	void *handle;

	TRACE("iptables exchange of %s: %u rules", comment, n);
	if (libiptc_load(family, &l, err) < 0 || lock(&fd, err) < 0)
		return err->code;
	do { /* again if somebody without the lock was faster */
		handle = l->init(TABLE);
		rc = handle ? exchange(l, handle, family, comment, rules, n) : -errno;
		if (handle)
			l->free(handle);
	} while (rc == -EAGAIN && --tries);
	if (!rc)
		return 0;
	err_set(err, rc, "cannot change iptables' legacy chain " CHAIN ": %s",
		l->strerror(-rc));
	return rc == -ENOENT ? kernel_lacks(err, "xt_physdev xt_comment",
					    "CONFIG_NETFILTER_XT_MATCH_PHYSDEV, "
					    "CONFIG_NETFILTER_XT_MATCH_COMMENT")
			     : rc;
}

/* For reading alone; without the lock. */
static void *open_table(uint8_t family, const struct libiptc **ret, struct xhp_err *err)
{
	void *handle;

	if (libiptc_load(family, ret, err) < 0)
		return NULL;
	handle = (*ret)->init(TABLE);
	if (!handle)
		err_set(err, -errno, "cannot read iptables' legacy chain " CHAIN ": %s",
			(*ret)->strerror(errno));
	return handle;
}

int legacy_audit(uint8_t family, const char *comment, unsigned int n, struct xhp_err *err)
{
	const struct libiptc *l;
	unsigned int have;
	void *handle = open_table(family, &l, err);

	if (!handle)
		return err->code;
	rules_find(l, handle, family, comment, NULL, 0, &have);
	l->free(handle);
	if (have == n)
		return 0;
	err_set(err, -ESTALE,
		"%u rules of iptables' legacy chain " CHAIN " instead of %u", have, n);
	return 1;
}

int legacy_comments(uint8_t family, struct texts *ret, struct xhp_err *err)
{
	const struct libiptc *l;
	void *handle = open_table(family, &l, err);
	const void *e;

	if (!handle)
		return err->code;
	for (e = l->first_rule(CHAIN, handle); e; e = l->next_rule(e, handle)) {
		const char *comment = entry_comment(family, e);
		unsigned int i = 0;

		while (comment && i < ret->n && strcmp(ret->v[i], comment) != 0)
			i++;
		if (comment && i == ret->n)
			*MEM_PUSH(ret->v, ret->n) = comment;
	}
	l->free(handle);
	return 0;
}
