// SPDX-License-Identifier: LGPL-2.1-or-later
// subnet: a private address for the guest, and the one that it sees as its router.

#include <arpa/inet.h>
#include <sys/socket.h>

#include "actions.h"
#include "request.h"

/* The router is so far above its guest, and both have the same first three bytes. */
#define ROUTER_DISTANCE 127
#define LAST_HOST       254

struct args {
	struct prefixes ip, pool;
};

static const struct param params[] = {
	{ .key = "ip",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, ip),
	  .help = "the guest's own address, one of IPv4; else it is taken from the pool" },
	{ .key = "pool",
	  .type = V_PREFIXES,
	  .offset = offsetof(struct args, pool),
	  .dflt = "10.0.0.0/8",
	  .help = "256 addresses of it for each domain; /24 or larger" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "guest", .type = V_PREFIXES, .help = "the guest's address" },
	{ .name = "router", .type = V_PREFIXES, .help = "dom0's: 127 above it" },
	{ .name = NULL },
};

/* The stock script took the whole of ip= for one address, too, and ignored a length. */
static int given(const struct prefixes *ip, uint32_t *ret, struct xhp_err *err)
{
	const struct prefix *p = &ip->v[0];
	uint32_t addr;

	for (unsigned int i = 0; i < ip->n; i++) {
		if (ip->v[i].family != AF_INET)
			return err_set(err, -EAFNOSUPPORT,
				       "%s: only an IPv4 address can be translated",
				       prefix_text(&ip->v[i]));
	}
	if (ip->n > 1)
		return err_set(err, -EINVAL, "%s and %s: expected one address",
			       prefix_text(p), prefix_text(&ip->v[1]));
	memcpy(&addr, p->addr, sizeof(addr));
	*ret = ntohl(addr);
	return 0;
}

static int derived(const struct request *req, const struct prefixes *pool, uint32_t *ret,
		   struct xhp_err *err)
{
	const struct prefix *p = &pool->v[0];
	uint32_t base, domains;

	if (pool->n != 1 || p->family != AF_INET || p->len < 1 || p->len > 24)
		return err_set(err, -EINVAL,
			       "the pool %s is not one IPv4 prefix of /1 to /24",
			       prefixes_text(pool));
	domains = 1U << (24 - p->len);
	if (req->domid >= domains)
		return err_set(err, -ERANGE,
			       "domain %u has no addresses in the pool %s, which "
			       "has some for domains 0 to %u",
			       req->domid, prefix_text(p), domains - 1);
	if (req->devid >= LAST_HOST - ROUTER_DISTANCE)
		return err_set(err, -ERANGE,
			       "device %u has no address in the pool %s, which has some "
			       "for devices 0 to %u of a domain",
			       req->devid, prefix_text(p),
			       LAST_HOST - ROUTER_DISTANCE - 1);
	memcpy(&base, p->addr, sizeof(base));
	base = ntohl(base) & ~(domains * 256 - 1);
	*ret = base + req->domid * 256 + req->devid + 1;
	return 0;
}

static const char *address_text(uint32_t addr)
{
	struct prefix p = { AF_INET, 32, { 0 } };

	addr = htonl(addr);
	memcpy(p.addr, &addr, sizeof(addr));
	return prefix_text(&p);
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	uint32_t guest = 0;

	if (args->ip.set ? given(&args->ip, &guest, err)
			 : derived(ctx->req, &args->pool, &guest, err))
		return err->code;
	if ((guest & 0xff) + ROUTER_DISTANCE > LAST_HOST)
		return err_set(err, -ERANGE,
			       "%s leaves no address for its router, which is %d above "
			       "it: expected a last byte of at most %d",
			       address_text(guest), ROUTER_DISTANCE,
			       LAST_HOST - ROUTER_DISTANCE);
	step_result(step, "guest", address_text(guest));
	step_result(step, "router", address_text(guest + ROUTER_DISTANCE));
	return 0;
}

const struct action action_subnet = {
	.name = "subnet",
	.summary = "find a private address for the guest, and one for its router",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.check = check,
};
