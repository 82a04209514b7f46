// SPDX-License-Identifier: LGPL-2.1-or-later
// [link] addresses: dom0's own on the interface.

#include <linux/if_addr.h>
#include <stdio.h>
#include <sys/socket.h>

#include "link.h"

const char *link_num(long v)
{
	return mem_printf("%ld", v);
}

/* A number that is left out where it is the kernel's default. */
static const char *unless(uint32_t v, uint32_t dflt)
{
	return v == dflt ? NULL : mem_printf("%u", v);
}

int link_flush(struct ctx *ctx, const struct link *link, struct xhp_err *err)
{
	struct address *list;
	unsigned int n;

	if (nl_addresses(link->ifindex, &list, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		const struct address *a = &list[i];

		if (RECORD(ctx, err, SCOPE_DEVICE, "link", "address-removed", "ifindex",
			   link_num(link->ifindex), "address", prefix_text(&a->prefix),
			   "peer", a->peer.family ? prefix_text(&a->peer) : NULL,
			   "broadcast",
			   a->broadcast.family ? prefix_text(&a->broadcast) : NULL,
			   "label", *a->label ? a->label : NULL, "scope",
			   unless(a->scope, 0), "flags", unless(a->flags, 0), "valid",
			   unless(a->valid, UINT32_MAX), "preferred",
			   unless(a->preferred, UINT32_MAX), "metric",
			   unless(a->metric, 0)) < 0)
			return err->code;
		if (nl_address_del(link->ifindex, a, err) < 0 &&
		    err->code != -EADDRNOTAVAIL)
			return err->code;
	}
	return 0;
}

static bool is_among(const struct prefix *p, const struct address *list, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!memcmp(p, &list[i].prefix, sizeof(*p)))
			return true;
	}
	return false;
}

static int add_address(struct ctx *ctx, const struct link *link, const struct prefix *p,
		       struct xhp_err *err)
{
	/* it is on the uplink already: nobody else has it */
	const struct address a = { .prefix = *p,
				   .flags = p->family == AF_INET6 ? IFA_F_NODAD : 0 };

	if (RECORD(ctx, err, SCOPE_HOST, "link", "address-added", "ifindex",
		   link_num(link->ifindex), "address", prefix_text(p), "flags",
		   unless(a.flags, 0)) < 0)
		return err->code;
	if (nl_address_add(link->ifindex, &a, err) < 0)
		return err_wrap(err, "%s", link->name.s);
	return 0;
}

/* With an IPv6 address, a link-local one: without it, the kernel looks for no neighbour
 * on behalf of others. */
int link_address(struct ctx *ctx, const struct link *link, const struct prefixes *list,
		 struct xhp_err *err)
{
	struct prefix local = link_local_of(link->mac);
	struct address *have = NULL;
	unsigned int n = 0;
	bool v6 = false;

	if (list->n && nl_addresses(link->ifindex, &have, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < list->n; i++) {
		v6 |= list->v[i].family == AF_INET6;
		if (!is_among(&list->v[i], have, n) &&
		    add_address(ctx, link, &list->v[i], err) < 0)
			return err->code;
	}
	local.len = 64;
	return v6 && !is_among(&local, have, n) ? add_address(ctx, link, &local, err) : 0;
}

static int optional_prefix(const struct rec *rec, const char *name, struct prefix *ret,
			   struct xhp_err *err)
{
	const char *text = rec_get(rec, name);

	return text ? prefix_parse(text, ret, err) : 0;
}

static int address_of(const struct rec *rec, struct address *ret, struct xhp_err *err)
{
	const char *text = rec_get(rec, "address"), *label = rec_get(rec, "label");
	struct address a = {
		.scope = (uint8_t)rec_num(rec, "scope", 0),
		.flags = (uint32_t)rec_num(rec, "flags", 0),
		.valid = (uint32_t)rec_num(rec, "valid", UINT32_MAX),
		.preferred = (uint32_t)rec_num(rec, "preferred", UINT32_MAX),
		.metric = (uint32_t)rec_num(rec, "metric", 0),
	};

	if (!text)
		return err_set(err, -EINVAL, "record %u has no address", rec->id);
	/* as an older version wrote it */
	if (rec_get(rec, "nodad"))
		a.flags |= IFA_F_NODAD;
	if (prefix_parse(text, &a.prefix, err) < 0 ||
	    optional_prefix(rec, "peer", &a.peer, err) < 0 ||
	    optional_prefix(rec, "broadcast", &a.broadcast, err) < 0)
		return err->code;
	if (label && strlen(label) < sizeof(a.label))
		strcpy(a.label, label);
	*ret = a;
	return 0;
}

int link_audit_address(const struct rec *rec, const struct link *link,
		       struct xhp_err *err)
{
	struct address a, *have;
	unsigned int n;

	if (address_of(rec, &a, err) < 0 ||
	    nl_addresses(link->ifindex, &have, &n, err) < 0)
		return err->code;
	if (is_among(&a.prefix, have, n))
		return 0;
	err_set(err, -ESTALE, "%s has not the address %s any more", link->name.s,
		rec_get(rec, "address"));
	return 1;
}

int link_put_address(const struct rec *rec, const struct link *link, bool there,
		     struct xhp_err *err)
{
	struct address a;
	int rc;

	if (address_of(rec, &a, err) < 0)
		return err->code;
	rc = there ? nl_address_add(link->ifindex, &a, err)
		   : nl_address_del(link->ifindex, &a, err);
	if (rc == -EADDRNOTAVAIL || rc == -EEXIST || rc == -ENODEV)
		return 0;
	return rc;
}
