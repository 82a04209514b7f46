// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor of vif-route and vif-nat, for a guest with one IPv4 address.

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "floor.h"

static char answer[16384];

struct message message(int type, int flags, const void *header, size_t len)
{
	struct message m = { .h = { .nlmsg_len = NLMSG_LENGTH(len),
				    .nlmsg_type = type,
				    .nlmsg_flags = NLM_F_REQUEST | flags } };

	memcpy(NLMSG_DATA(&m.h), header, len);
	return m;
}

struct nlmsghdr *message_send(struct message *m)
{
	struct nlmsghdr *h = (void *)answer;
	ssize_t len;

	if (send(netlink, m, m->h.nlmsg_len, 0) < 0)
		err(1, "netlink");
	len = recv(netlink, answer, sizeof(answer), 0);
	if (len < 0)
		err(1, "netlink");
	if (h->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(h))->error)
		errx(1, "netlink: message %d, error %d", m->h.nlmsg_type,
		     ((struct nlmsgerr *)NLMSG_DATA(h))->error);
	return h;
}

/* The first IPv4 address of an interface. */
static struct in_addr address_of(unsigned int ifindex)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET, .ifa_index = ifindex };
	struct message m = message(RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa));
	struct in_addr addr = { 0 };
	struct nlmsghdr *h;
	int on = 1, len;

	setsockopt(netlink, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	h = message_send(&m);
	len = IFA_PAYLOAD(h);
	for (struct rtattr *a = IFA_RTA(NLMSG_DATA(h)); RTA_OK(a, len);
	     a = RTA_NEXT(a, len))
		if (a->rta_type == IFA_LOCAL)
			memcpy(&addr, RTA_DATA(a), sizeof(addr));
	if (h->nlmsg_type == RTM_NEWADDR) /* the end of the dump comes alone */
		recv(netlink, answer, sizeof(answer), 0);
	return addr;
}

static void change_address(unsigned int ifindex, struct in_addr addr, bool add)
{
	struct ifaddrmsg ifa = { .ifa_family = AF_INET,
				 .ifa_prefixlen = 32,
				 .ifa_index = ifindex };
	struct message m =
		message(add ? RTM_NEWADDR : RTM_DELADDR,
			NLM_F_ACK | (add ? NLM_F_CREATE : 0), &ifa, sizeof(ifa));

	put(&m.h, IFA_LOCAL, &addr, sizeof(addr));
	put(&m.h, IFA_ADDRESS, &addr, sizeof(addr));
	message_send(&m);
}

static void no_addresses(unsigned int ifindex)
{
	struct ifinfomsg ifi = { .ifi_index = (int)ifindex };
	struct message m = message(RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));
	struct rtattr *spec = put(&m.h, IFLA_AF_SPEC, NULL, 0);
	struct rtattr *inet6 = put(&m.h, AF_INET6, NULL, 0);
	uint8_t none = IN6_ADDR_GEN_MODE_NONE;

	put(&m.h, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	spec->rta_len = (char *)&m + m.h.nlmsg_len - (char *)spec;
	inet6->rta_len = (char *)&m + m.h.nlmsg_len - (char *)inet6;
	message_send(&m);
}

static void change_route(unsigned int ifindex, struct in_addr to, struct in_addr from,
			 bool add)
{
	struct rtmsg rtm = { .rtm_family = AF_INET,
			     .rtm_dst_len = 32,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = 120,
			     .rtm_scope = RT_SCOPE_LINK,
			     .rtm_type = RTN_UNICAST };
	struct message m =
		message(add ? RTM_NEWROUTE : RTM_DELROUTE,
			NLM_F_ACK | (add ? NLM_F_CREATE : 0), &rtm, sizeof(rtm));
	uint32_t metric = 2;

	put(&m.h, RTA_DST, &to, sizeof(to));
	put(&m.h, RTA_PREFSRC, &from, sizeof(from));
	put(&m.h, RTA_PRIORITY, &metric, sizeof(metric));
	put(&m.h, RTA_OIF, &ifindex, sizeof(ifindex));
	message_send(&m);
}

static void change_proxy(unsigned int ifindex, struct in_addr addr, bool add)
{
	struct ndmsg ndm = { .ndm_family = AF_INET,
			     .ndm_ifindex = (int)ifindex,
			     .ndm_state = NUD_PERMANENT,
			     .ndm_flags = NTF_PROXY };
	struct message m =
		message(add ? RTM_NEWNEIGH : RTM_DELNEIGH,
			NLM_F_ACK | (add ? NLM_F_CREATE : 0), &ndm, sizeof(ndm));

	put(&m.h, NDA_DST, &addr, sizeof(addr));
	message_send(&m);
}

static void set(const char *family, const char *dev, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, dev, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, 1) < 0)
		err(1, "%s", path);
	close(fd);
}

/* As 10.D.N.1 would be the router's in the old script's small cases. */
static struct in_addr private(const char *dev, unsigned int host)
{
	unsigned int domid = 0, devid = 0;

	sscanf(dev, "vif%u.%u", &domid, &devid);
	return (struct in_addr){ htonl(10u << 24 | domid << 8 | devid << 8 | host) };
}

int routed(const char *dev, bool nat, bool online)
{
	const char *ip = node("ip"), *uplink = node("gatewaydev"), *mac;
	unsigned int ifindex = if_nametoindex(dev);
	unsigned int via = nat ? 0 : if_nametoindex(uplink ? uplink : "");
	struct in_addr router, guest = private(dev, 1);

	mac = node("mac");
	if (ip)
		inet_aton(ip, &guest);
	router = nat ? private(dev, 128) : address_of(via);
	if (!online) {
		change_route(ifindex, guest, router, false);
		if (!nat)
			change_proxy(via, guest, false);
		set("ipv4", dev, "proxy_arp", "0");
		leave(dev);
		change_address(ifindex, router, false);
		filter_del(dev);
		return 0;
	}
	no_addresses(ifindex);
	change_address(ifindex, router, true);
	filter_add(dev, ifindex, mac, guest);
	up(dev);
	set("ipv4", dev, "proxy_arp", "1");
	set("ipv4", dev, "accept_redirects", "0");
	set("ipv6", dev, "accept_redirects", "0");
	set("ipv6", dev, "accept_ra", "0");
	if (!nat)
		change_proxy(via, guest, true);
	change_route(ifindex, guest, router, true);
	publish(0);
	return 0;
}
