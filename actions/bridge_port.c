// SPDX-License-Identifier: LGPL-2.1-or-later
// A bridge port's options and VLANs.

#include <stdio.h>
#include <stdlib.h>

#include "bridge.h"

const char *port_options_text(const struct port_options *o)
{
	struct buf b = { 0 };

	for (int i = 0; i < PORT_OPTIONS; i++) {
		if (o->set[i])
			buf_printf(&b, "%s%s:%u", b.len ? "," : "", port_option_names[i],
				   o->v[i]);
	}
	return b.s;
}

static int options_parse(const char *text, struct port_options *ret, struct xhp_err *err)
{
	char *copy = mem_strdup(text), *word;

	while ((word = strsep(&copy, ","))) {
		char *value = strchr(word, ':');
		int i = 0;

		if (value)
			*value++ = '\0';
		while (i < PORT_OPTIONS && strcmp(word, port_option_names[i]) != 0)
			i++;
		if (i == PORT_OPTIONS || !value)
			return err_set(err, -EPROTO, "\"%s\" is no option of a port",
				       quoted(word));
		ret->set[i] = true;
		ret->v[i] = (uint8_t)atoi(value);
	}
	return 0;
}

const char *port_vlans_text(const struct vlan_set *set)
{
	struct buf b = { 0 };
	unsigned int end;

	if (!set)
		return NULL;
	for (unsigned int vid = 1; vid < 4095; vid = end + 1) {
		end = vid;
		if (!set->v[vid])
			continue;
		while (end < 4094 && set->v[end + 1] == set->v[vid] &&
		       !(set->v[vid] & VLAN_PVID))
			end++;
		buf_printf(&b, "%s%u", b.len ? "," : "", vid);
		if (end > vid)
			buf_printf(&b, "-%u", end);
		buf_printf(&b, "%s%s", set->v[vid] & VLAN_PVID ? "p" : "",
			   set->v[vid] & VLAN_UNTAGGED ? "u" : "");
	}
	return b.s ? b.s : "none";
}

static int vlans_parse(const char *text, struct vlan_set **ret, struct xhp_err *err)
{
	struct vlan_set *set = MEM_NEW(struct vlan_set);
	char *copy = mem_strdup(strcmp(text, "none") ? text : ""), *word;

	while ((word = strsep(&copy, ","))) {
		unsigned int first = 0, last = 0;
		int n = 0, flags = VLAN_MEMBER;

		if (!*word)
			continue;
		if (sscanf(word, "%u%n-%u%n", &first, &n, &last, &n) == 1)
			last = first;
		if (!n || first < 1 || last < first || last > 4094)
			return err_set(err, -EPROTO, "\"%s\" are no VLANs", quoted(word));
		for (const char *s = word + n; *s; s++)
			flags |= *s == 'p' ? VLAN_PVID : *s == 'u' ? VLAN_UNTAGGED : 0;
		for (unsigned int vid = first; vid <= last; vid++)
			set->v[vid] = (uint8_t)flags;
	}
	*ret = set;
	return 0;
}

int port_of(const struct rec *rec, const char *prefix, struct port *ret,
	    struct xhp_err *err)
{
	const char *options = rec_get(rec, mem_printf("%soptions", prefix)),
		   *vlans = rec_get(rec, mem_printf("%svlan", prefix));
	struct port p = { .enable = rec_get(rec, "enable") };

	if ((options && options_parse(options, &p.options, err) < 0) ||
	    (vlans && vlans_parse(vlans, &p.vlans, err) < 0))
		return err->code;
	*ret = p;
	return 0;
}

bool port_is_plain(const struct port *p)
{
	bool plain = !p->vlans;

	for (int i = 0; i < PORT_OPTIONS; i++)
		plain &= !p->options.set[i];
	return plain;
}

static bool has_options(const struct port *p)
{
	const struct port options = { .options = p->options };

	return !port_is_plain(&options);
}

int port_now(int ifindex, const struct port *like, struct port *ret, struct xhp_err *err)
{
	struct port p = { 0 };

	if (has_options(like) && nl_port_options(ifindex, &p.options, err) < 0)
		return err->code;
	for (int i = 0; i < PORT_OPTIONS; i++)
		p.options.set[i] &= like->options.set[i];
	if (like->vlans) {
		p.vlans = MEM_NEW(struct vlan_set);
		if (nl_port_vlans(ifindex, p.vlans, err) < 0)
			return err->code;
	}
	*ret = p;
	return 0;
}

int port_no_vlans(const char *bridge, struct xhp_err *err)
{
	return err_set(
		err, -EOPNOTSUPP,
		"no port of %s can be held to a VLAN: this kernel's bridges do not "
		"know VLANs (it was built without CONFIG_BRIDGE_VLAN_FILTERING)",
		bridge);
}

int port_check(const struct port *p, const struct link *bridge, struct xhp_err *err)
{
	struct bridge b;

	if (!p->vlans)
		return 0;
	if (nl_bridge_get(bridge->ifindex, &b, err) < 0)
		return err->code;
	if (!b.vlans)
		return port_no_vlans(bridge->name.s, err);
	if (b.filtering || p->enable)
		return 0;
	return err_set(
		err, -EPERM,
		"%s does not filter VLANs, so that no port can be held to one: \"ip "
		"link set %s type bridge vlan_filtering 1\" turns it on, and so "
		"does vlan-filtering = enable in the recipe; give its other ports "
		"their VLANs first",
		bridge->name.s, bridge->name.s);
}

/* What the kernel did not know, it did not tell. */
static int check_options(const struct port *p, const struct link *link,
			 struct xhp_err *err)
{
	struct port now;

	if (port_now(link->ifindex, p, &now, err) < 0)
		return err->code;
	for (int i = 0; i < PORT_OPTIONS; i++) {
		if (p->options.set[i] && !now.options.set[i])
			return err_set(err, -EOPNOTSUPP,
				       "this kernel's bridges do not know \"%s\"",
				       port_option_names[i]);
		if (p->options.set[i] && now.options.v[i] != p->options.v[i])
			return err_set(err, -ESTALE, "%s of %s is %u, not %u",
				       port_option_names[i], link->name.s,
				       now.options.v[i], p->options.v[i]);
	}
	return 0;
}

/* For all of its ports, so it is never turned off again. */
static int turn_on(const struct link *bridge, struct bridge *b, struct xhp_err *err)
{
	if (nl_bridge_filter(bridge->ifindex, err) < 0)
		return err_wrap(err, "cannot make %s filter VLANs", bridge->name.s);
	log_warn("%s filters VLANs from now on: frames with a VLAN tag pass only between "
		 "ports that have this VLAN",
		 bridge->name.s);
	b->filtering = true;
	return 0;
}

int port_set(const struct port *p, const struct link *link, const struct link *bridge,
	     bool joined, struct xhp_err *err)
{
	struct vlan_set now = { 0 };
	struct bridge b = { 0 };

	if (port_is_plain(p))
		return 0;
	if (p->vlans) {
		if (port_check(p, bridge, err) < 0 ||
		    nl_bridge_get(bridge->ifindex, &b, err) < 0 ||
		    (!b.filtering && turn_on(bridge, &b, err) < 0))
			return err->code;
		if (joined && b.default_pvid)
			now.v[b.default_pvid] = VLAN_MEMBER | VLAN_UNTAGGED | VLAN_PVID;
		else if (!joined && nl_port_vlans(link->ifindex, &now, err) < 0)
			return err->code;
	}
	if (nl_port_change(link->ifindex, &p->options, &now, p->vlans, err) < 0)
		return err_wrap(err, "cannot set the options and VLANs of %s in %s",
				link->name.s, bridge->name.s);
	return has_options(p) ? check_options(p, link, err) : 0;
}

int port_restore(const struct port *p, const struct link *link, struct xhp_err *err)
{
	struct vlan_set now = { 0 };

	if ((p->vlans && nl_port_vlans(link->ifindex, &now, err) < 0) ||
	    nl_port_change(link->ifindex, &p->options, &now, p->vlans, err) < 0)
		return err_wrap(err, "cannot give %s its old options and VLANs back",
				link->name.s);
	return 0;
}

int port_audit(const struct port *p, const struct link *link, const struct link *bridge,
	       struct xhp_err *err)
{
	struct bridge b = { 0 };
	struct port now;

	if (port_is_plain(p))
		return 0;
	if (has_options(p) && check_options(p, link, err) < 0)
		return 1;
	if (!p->vlans)
		return 0;
	if (nl_bridge_get(bridge->ifindex, &b, err) < 0 ||
	    port_now(link->ifindex, p, &now, err) < 0)
		return err->code;
	if (!b.filtering)
		err_set(err, -ESTALE, "%s does not filter VLANs any more",
			bridge->name.s);
	else if (memcmp(now.vlans, p->vlans, sizeof(*p->vlans)) != 0)
		err_set(err, -ESTALE, "the VLANs of %s are %s, not %s", link->name.s,
			port_vlans_text(now.vlans), port_vlans_text(p->vlans));
	else
		return 0;
	return 1;
}
