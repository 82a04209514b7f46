// SPDX-License-Identifier: LGPL-2.1-or-later
// gateway: the address of dom0's that a routed guest sees as its router.

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "actions.h"

struct args {
	struct ifname dev;
};

static const struct param params[] = {
	{ .key = "dev",
	  .type = V_IFNAME,
	  .offset = offsetof(struct args, dev),
	  .help = "whose address it is; else eth0's, else the default route's interface's" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "dev", .type = V_IFNAME, .help = "the interface" },
	{ .name = "ip4", .type = V_PREFIXES, .help = "its first IPv4 address, if any" },
	{ .name = "ip6",
	  .type = V_PREFIXES,
	  .help = "its first global IPv6 address, if any" },
	{ .name = NULL },
};

static int find_dev(const struct args *args, struct link *ret, struct xhp_err *err)
{
	int ifindex;

	if (*args->dev.s)
		return nl_link_by_name(args->dev.s, ret, err);
	if (!nl_link_by_name("eth0", ret, err))
		return 0;
	if (nl_default_route(&ifindex, err) < 0)
		return err_set(
			err, -ENODEV,
			"no interface is named, there is no eth0, and no default route");
	return nl_link_by_index(ifindex, ret, err);
}

static bool is_usable(const struct address *a)
{
	return a->scope == RT_SCOPE_UNIVERSE &&
	       !(a->flags & (IFA_F_SECONDARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE));
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const char *found[2] = { NULL, NULL };
	struct address *list;
	struct link link;
	unsigned int n;

	(void)ctx;
	if (find_dev(data, &link, err) < 0)
		return err->code;
	if (nl_addresses(link.ifindex, &list, &n, err) < 0)
		return err_wrap(err, "%s", link.name.s);
	for (unsigned int i = 0; i < n; i++) {
		struct prefix host = list[i].prefix;
		int v6 = host.family == AF_INET6;

		host.len = v6 ? 128 : 32;
		if (!found[v6] && is_usable(&list[i]))
			found[v6] = prefix_text(&host);
	}
	if (!found[0] && !found[1])
		return err_set(err, -EADDRNOTAVAIL,
			       "%s has no address that a guest could see as its router%s",
			       link.name.s, link.flags & IFF_UP ? "" : ": it is down");
	step_result(step, "dev", mem_strdup(link.name.s));
	step_result(step, "ip4", found[0]);
	step_result(step, "ip6", found[1]);
	return 0;
}

const struct action action_gateway = {
	.name = "gateway",
	.summary = "find the address that a routed guest sees as its router",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.check = check,
};
