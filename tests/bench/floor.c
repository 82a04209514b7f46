// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor: what an attach costs if nothing is checked, recorded or explained.
//
// floor [route|nat|ovs|remus|colo] VERB, in libxl's environment: vif-bridge, or another.
// It makes the xenstore and netlink calls without which a vif is not attached; with ip=,
// one IPv4 address, those of its filter, too.

#include <arpa/inet.h>
#include <err.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xenstore.h>

#include "floor.h"

struct request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	char attributes[256];
};

static struct xs_handle *xs;
int netlink;
static char answer[16384];

const char *node(const char *name)
{
	char path[128];
	unsigned int len;

	snprintf(path, sizeof(path), "%s/%s", getenv("XENBUS_PATH"), name);
	return xs_read(xs, XBT_NULL, path, &len);
}

void node_write(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", getenv("XENBUS_PATH"), name);
	xs_write(xs, XBT_NULL, path, value, strlen(value));
}

struct rtattr *put(struct nlmsghdr *h, int type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static struct rtattr *attribute(struct request *r, int type, const void *data, size_t len)
{
	return put(&r->header, type, data, len);
}

static struct request request(int type, int flags, const char *ifname)
{
	struct request r = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(r.link)),
					 .nlmsg_type = type,
					 .nlmsg_flags = NLM_F_REQUEST | flags } };

	attribute(&r, IFLA_IFNAME, ifname, strlen(ifname) + 1);
	return r;
}

static void ask(struct request *r)
{
	struct nlmsghdr *h = (void *)answer;

	if (send(netlink, r, r->header.nlmsg_len, 0) < 0 ||
	    recv(netlink, answer, sizeof(answer), 0) < 0)
		err(1, "netlink");
	if (h->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(h))->error)
		errx(1, "netlink: error %d", ((struct nlmsgerr *)NLMSG_DATA(h))->error);
}

static int bridge(const char *name, uint32_t *mtu)
{
	struct request r = request(RTM_GETLINK, 0, name);
	struct nlmsghdr *h = (void *)answer;
	int len;

	ask(&r);
	len = IFLA_PAYLOAD(h);
	for (struct rtattr *a = IFLA_RTA(NLMSG_DATA(h)); RTA_OK(a, len);
	     a = RTA_NEXT(a, len))
		if (a->rta_type == IFLA_MTU && !*mtu)
			memcpy(mtu, RTA_DATA(a), sizeof(*mtu));
	return ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
}

static void join(const char *dev, int master, uint32_t mtu)
{
	static const unsigned char mac[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const unsigned char none = IN6_ADDR_GEN_MODE_NONE;
	struct request r = request(RTM_NEWLINK, NLM_F_ACK, dev);
	struct rtattr *spec, *inet6;
	char *end;

	attribute(&r, IFLA_ADDRESS, mac, sizeof(mac));
	attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
	attribute(&r, IFLA_MASTER, &master, sizeof(master));
	spec = attribute(&r, IFLA_AF_SPEC, NULL, 0);
	inet6 = attribute(&r, AF_INET6, NULL, 0);
	attribute(&r, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	end = (char *)&r + r.header.nlmsg_len;
	spec->rta_len = end - (char *)spec;
	inet6->rta_len = end - (char *)inet6;
	ask(&r);
}

void leave(const char *dev)
{
	struct request r = request(RTM_NEWLINK, NLM_F_ACK, dev);
	int none = 0;

	attribute(&r, IFLA_MASTER, &none, sizeof(none));
	r.link.ifi_change = IFF_UP;
	ask(&r);
}

void up(const char *dev)
{
	struct request r = request(RTM_NEWLINK, NLM_F_ACK, dev);

	r.link.ifi_flags = r.link.ifi_change = IFF_UP;
	ask(&r);
}

static void rename_to(const char *dev, const char *name)
{
	struct request r = request(RTM_GETLINK, 0, dev);
	struct request set = request(RTM_NEWLINK, NLM_F_ACK, name);

	ask(&r);
	set.link.ifi_index = ((struct ifinfomsg *)NLMSG_DATA((void *)answer))->ifi_index;
	ask(&set);
}

/* An MTU of 0 is not told. */
void publish(uint32_t mtu)
{
	const char *frontend = node("frontend");
	char path[256], text[16];

	snprintf(path, sizeof(path), "%s/mtu", frontend);
	snprintf(text, sizeof(text), "%u", mtu);
	if (mtu)
		xs_write(xs, XBT_NULL, path, text, strlen(text));
	snprintf(path, sizeof(path), "%s/hotplug-error", getenv("XENBUS_PATH"));
	xs_rm(xs, XBT_NULL, path);
	node_write("hotplug-status", "connected");
}

int main(int argc, char **argv)
{
	const char *dev = getenv("vif") ? getenv("vif") : getenv("vifname"), *vifname,
		   *mtu_node, *ip, *mac;
	struct in_addr guest;
	uint32_t mtu;
	int master;

	xs = xs_open(0);
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (argc < 2 || !dev || !xs || netlink < 0)
		errx(1, "usage: floor [route|nat|ovs|remus|colo] VERB");
	if (!strcmp(argv[1], "route") || !strcmp(argv[1], "nat"))
		return routed(dev, !strcmp(argv[1], "nat"), !strcmp(argv[2], "online"));
	if (!strcmp(argv[1], "ovs"))
		return switched(dev, !strcmp(argv[2], "online"));
	if (!strcmp(argv[1], "remus"))
		return buffered(dev, !strcmp(argv[2], "setup"));
	if (!strcmp(argv[1], "colo"))
		return mirrored(dev, getenv("forwarddev"), !strcmp(argv[2], "setup"));
	vifname = node("vifname");
	ip = node("ip");
	if (!strcmp(argv[1], "offline")) {
		dev = vifname ? vifname : dev;
		leave(dev);
		if (ip)
			filter_del(dev);
		return 0;
	}
	if (vifname) {
		rename_to(dev, vifname);
		dev = vifname;
	}
	mac = node("mac");
	mtu_node = node("mtu");
	mtu = mtu_node ? strtoul(mtu_node, NULL, 10) : 0;
	master = bridge(node("bridge"), &mtu);
	join(dev, master, mtu);
	if (ip) {
		inet_aton(ip, &guest);
		filter_add(dev, if_nametoindex(dev), mac, guest);
	}
	up(dev);
	publish(mtu);
	return 0;
}
