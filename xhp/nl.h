/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links, addresses and bridge ports, through rtnetlink (rtnetlink(7), linux/if_link.h).
 */
#ifndef XHP_NL_H
#define XHP_NL_H

#include "value.h"

/* What the kernel tells of a network interface. */
struct link {
	int ifindex; /* 0 = none */
	struct ifname name;
	uint8_t mac[6];
	uint32_t mtu, txqueuelen;
	uint32_t flags;      /* IFF_UP ... */
	int master;          /* ifindex, 0 = none */
	uint8_t addrgenmode; /* enum in6_addr_gen_mode; 0xff = IPv6 is off here */
	char kind[16];       /* "bridge", "veth", "" ... */
	char port_kind[16];  /* kind of its master */
	char alias[256];     /* "" = none */
};

/* What to change; each is left alone unless `set_` says so. */
struct link_change {
	const char
		*name; /* rename: the interface must be down, or the kernel new enough */
	const uint8_t *mac;
	uint32_t mtu;
	const char *alias; /* "": none */
	uint32_t txqueuelen;
	bool set_master, set_addrgen, set_up, set_txqueuelen;
	int master; /* 0 = out of its bridge */
	uint8_t addrgenmode;
	bool up;
};

/* -ENODEV if there is none such (then `err` says so too). */
int nl_link_by_name(const char *name, struct link *ret, struct xhp_err *err);
int nl_link_by_index(int ifindex, struct link *ret, struct xhp_err *err);

/* One RTM_SETLINK. The error carries the kernel's own words (extended ack). */
int nl_link_change(int ifindex, const struct link_change *change, struct xhp_err *err);

int nl_link_del(int ifindex, struct xhp_err *err);

/* The bridges of this network namespace, by name; found with one filtered dump. */
int nl_bridges(struct link **ret, unsigned int *ret_n, struct xhp_err *err);

/* What is in a bridge, by name. */
int nl_ports(int master, struct link **ret, unsigned int *ret_n, struct xhp_err *err);

struct address {
	struct prefix prefix;
	struct prefix peer; /* family 0: none */
	struct prefix broadcast;
	char label[IFNAMSIZ];      /* IPv4 only */
	uint8_t scope;             /* RT_SCOPE_* */
	uint32_t flags;            /* IFA_F_* */
	uint32_t valid, preferred; /* seconds; UINT32_MAX: for ever */
	uint32_t metric; /* of the routes that come with it; 0: the kernel's default */
};

/* The addresses of one interface; found with one dump that the kernel filters. */
int nl_addresses(int ifindex, struct address **ret, unsigned int *ret_n,
		 struct xhp_err *err);
/* With all that nl_addresses() tells of one; of its flags, those that a user may set. */
int nl_address_add(int ifindex, const struct address *a, struct xhp_err *err);
/* The one with this prefix and peer. */
int nl_address_del(int ifindex, const struct address *a, struct xhp_err *err);

/* Marks our routes (rtm_protocol; rt_protos has no name for it). */
#define NL_ROUTE_PROTOCOL 120

/* A route to what is on the link, in the main table. */
struct route {
	struct prefix dst;
	struct prefix src; /* family 0: none is preferred */
	int ifindex;
	uint32_t metric; /* 0: the kernel's default */
};
int nl_route_add(const struct route *r, struct xhp_err *err);
/* -ESRCH if it is not there. */
int nl_route_del(const struct route *r, struct xhp_err *err);
/* With that source, if one is preferred; whatever its metric. */
int nl_route_exists(const struct route *r, bool *ret, struct xhp_err *err);
/* The interface of the default route, IPv4's before IPv6's. -ENETUNREACH: none. */
int nl_default_route(int *ret_ifindex, struct xhp_err *err);

/* What we answer ARP or neighbour solicitations for, on that interface. */
int nl_proxy_add(int ifindex, const struct prefix *p, struct xhp_err *err);
/* -ENOENT if it is not there. */
int nl_proxy_del(int ifindex, const struct prefix *p, struct xhp_err *err);
int nl_proxy_exists(int ifindex, const struct prefix *p, bool *ret, struct xhp_err *err);

/* Who has an address on the link, for good: the kernel does not ask, nor is it told. */
int nl_neighbour_set(int ifindex, const struct prefix *p, const uint8_t mac[6],
		     struct xhp_err *err);
/* -ENOENT if it is not there. */
int nl_neighbour_del(int ifindex, const struct prefix *p, struct xhp_err *err);
/* `ret_fixed`: there is such an entry, of `ret_mac`. One that was learnt is none. */
int nl_neighbour_get(int ifindex, const struct prefix *p, bool *ret_fixed,
		     uint8_t ret_mac[6], struct xhp_err *err);

#endif
