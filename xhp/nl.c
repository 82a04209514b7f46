// SPDX-License-Identifier: LGPL-2.1-or-later
// rtnetlink, on libnl-3's core alone: no caches, no libnl-route, a get where one will do.

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "mem.h"
#include "nl.h"
#include "nl_priv.h"
#include "trace.h"
#include "xhp.h"

static struct nl_sock *sock;
static _Alignas(8) char answer[65536]; /* no message of the kernel's is longer */

static int open_socket(struct xhp_err *err)
{
	static const int options[] = { NETLINK_EXT_ACK, NETLINK_CAP_ACK,
				       NETLINK_GET_STRICT_CHK };
	const int on = 1;
	int rc;

	if (sock)
		return 0;
	sock = nl_socket_alloc();
	rc = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;
	if (rc < 0) {
		nl_socket_free(sock);
		sock = NULL;
		return err_set(err, -EIO, "rtnetlink: %s", nl_geterror(rc));
	}
	nl_socket_disable_auto_ack(sock); /* a get answers by itself */
	/* kernels before 4.20 lack one or the other, and work without */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, options[i], &on,
			   sizeof(on));
	return 0;
}

/* An acknowledgement or an error, with the kernel's own words if it has any. */
static int take_ack(struct nlmsghdr *h, struct xhp_err *err)
{
	const struct nlmsgerr *e = nlmsg_data(h);
	struct nlattr *msg = NULL;

	if (!e->error)
		return 0;
	if ((h->nlmsg_flags & NLM_F_ACK_TLVS) && (h->nlmsg_flags & NLM_F_CAPPED))
		msg = nla_find((struct nlattr *)(void *)(e + 1),
			       (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*e))),
			       NLMSGERR_ATTR_MSG);
	if (msg)
		return err_set(err, e->error, "%s (%.*s)", strerror(-e->error),
			       nla_len(msg), (const char *)nla_data(msg));
	return err_set(err, e->error, "%s", strerror(-e->error));
}

/* A dump that fails on the way says so in its last message. */
static int take_done(struct nlmsghdr *h, struct xhp_err *err)
{
	int code = 0;

	if (nlmsg_datalen(h) >= (int)sizeof(code))
		memcpy(&code, nlmsg_data(h), sizeof(code));
	return code < 0 ? err_set(err, code, "%s", strerror(-code)) : 0;
}

/* As nl_recv(), which clears 64 KiB for each answer. Returns the length. */
static int receive(struct xhp_err *err)
{
	struct sockaddr_nl from;
	struct iovec iov = { answer, sizeof(answer) };
	struct msghdr msg = { .msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	do {
		msg.msg_namelen = sizeof(from);
		len = recvmsg(nl_socket_get_fd(sock), &msg, 0);
	} while (len < 0 ? errno == EINTR : from.nl_pid != 0);
	if (len < 0)
		return err_sys(err, -errno, "rtnetlink");
	if (!len || msg.msg_flags & MSG_TRUNC)
		return err_set(err, -EMSGSIZE, "rtnetlink: an answer that is cut short");
	return (int)len;
}

static int talk_once(struct nl_msg *msg, nl_reply_fn fn, void *data, bool *ret_intr,
		     struct xhp_err *err)
{
	bool done = false, intr = false;
	unsigned int seq;
	int rc;

	nlmsg_hdr(msg)->nlmsg_seq = NL_AUTO_SEQ;
	rc = nl_send_auto(sock, msg);
	if (rc < 0)
		return err_set(err, -EIO, "rtnetlink: %s", nl_geterror(rc));
	seq = nlmsg_hdr(msg)->nlmsg_seq;
	rc = 0;
	while (!done) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
		int len = receive(err);

		if (len < 0)
			return len;
		for (; nlmsg_ok(h, len) && !done; h = nlmsg_next(h, &len)) {
			int code = 0;

			if (h->nlmsg_seq != seq)
				continue;
			intr |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			/* a get without NLM_F_ACK ends with its one message */
			done = h->nlmsg_type == NLMSG_ERROR ||
			       h->nlmsg_type == NLMSG_DONE ||
			       !(h->nlmsg_flags & NLM_F_MULTI);
			if (rc < 0)
				continue;
			if (h->nlmsg_type == NLMSG_ERROR) {
				code = take_ack(h, err);
				TRACE("rtnetlink <- %s", trace_end(code, err));
			} else if (h->nlmsg_type != NLMSG_DONE && tracing) {
				trace_rtnl("<-", h);
			}
			if (h->nlmsg_type == NLMSG_ERROR)
				; /* an answer of its own */
			else if (h->nlmsg_type == NLMSG_DONE)
				code = take_done(h, err);
			else if (fn)
				code = fn(h, data, err);
			rc = code < 0 ? code : 0;
		}
	}
	*ret_intr = intr;
	return rc;
}

int nl_talk(struct nl_msg *msg, nl_reply_fn fn, void *data, struct xhp_err *err)
{
	bool again = false;
	int rc = open_socket(err);

	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_REQUEST;
	do {
		if (again && !rc)
			rc = deadline_check(err);
		if (again && !rc)
			rc = fn(NULL, data, err);
		if (!rc && tracing)
			trace_rtnl("->", nlmsg_hdr(msg));
		if (!rc)
			rc = talk_once(msg, fn, data, &again, err);
	} while (!rc && again);
	nlmsg_free(msg);
	return rc;
}

struct nl_msg *nl_new_msg(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, (void *)(uintptr_t)header, len, NLMSG_ALIGNTO) < 0)
		abort(); /* out of memory: the journal has what was done */
	return msg;
}

struct nl_msg *nl_new_big_msg(int type, int flags, const void *header, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_size(65536);

	if (!msg || !nlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags) ||
	    nlmsg_append(msg, (void *)(uintptr_t)header, len, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

int nl_put(int rc)
{
	if (rc < 0)
		abort(); /* a message of ours is never larger than a page */
	return rc;
}

/* --- links --- */

/* addrgenmode stands in IFLA_AF_SPEC / AF_INET6 / IFLA_INET6_ADDR_GEN_MODE. */
static uint8_t addrgenmode_of(struct nlattr *spec)
{
	struct nlattr *inet6, *mode;

	inet6 = spec ? nla_find(nla_data(spec), nla_len(spec), AF_INET6) : NULL;
	mode = inet6 ? nla_find(nla_data(inet6), nla_len(inet6), IFLA_INET6_ADDR_GEN_MODE)
		     : NULL;
	return mode ? nla_get_u8(mode) : 0xff;
}

static void copy_kind(char dst[16], struct nlattr *info, int type)
{
	struct nlattr *kind = info ? nla_find(nla_data(info), nla_len(info), type) : NULL;

	if (kind)
		nla_strlcpy(dst, kind, 16);
}

static int take_link(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	const struct ifinfomsg *ifi = nlmsg_data(h);
	struct link *link = data;
	struct nlattr *attr[IFLA_MAX + 1];

	if (h->nlmsg_type != RTM_NEWLINK)
		return 0;
	if (nlmsg_parse(h, sizeof(*ifi), attr, IFLA_MAX, NULL) < 0 || !attr[IFLA_IFNAME])
		return err_set(err, -EBADMSG, "rtnetlink: malformed link");
	*link = (struct link){ .ifindex = ifi->ifi_index, .flags = ifi->ifi_flags };
	nla_strlcpy(link->name.s, attr[IFLA_IFNAME], IFNAMSIZ);
	if (attr[IFLA_ADDRESS] && nla_len(attr[IFLA_ADDRESS]) == 6)
		memcpy(link->mac, nla_data(attr[IFLA_ADDRESS]), 6);
	if (attr[IFLA_MTU])
		link->mtu = nla_get_u32(attr[IFLA_MTU]);
	if (attr[IFLA_MASTER])
		link->master = (int)nla_get_u32(attr[IFLA_MASTER]);
	if (attr[IFLA_TXQLEN])
		link->txqueuelen = nla_get_u32(attr[IFLA_TXQLEN]);
	if (attr[IFLA_IFALIAS])
		nla_strlcpy(link->alias, attr[IFLA_IFALIAS], sizeof(link->alias));
	link->addrgenmode = addrgenmode_of(attr[IFLA_AF_SPEC]);
	copy_kind(link->kind, attr[IFLA_LINKINFO], IFLA_INFO_KIND);
	copy_kind(link->port_kind, attr[IFLA_LINKINFO], IFLA_INFO_SLAVE_KIND);
	return 0;
}

static int get_link(struct nl_msg *msg, struct link *ret, struct xhp_err *err)
{
	struct link link = { 0 };

	nl_put(nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
	if (nl_talk(msg, take_link, &link, err) < 0)
		return err->code;
	if (!link.ifindex)
		return err_set(err, -ENODEV, "No such device");
	*ret = link;
	return 0;
}

int nl_link_by_name(const char *name, struct link *ret, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg = nl_new_msg(RTM_GETLINK, 0, &ifi, sizeof(ifi));

	nl_put(nla_put_string(msg, IFLA_IFNAME, name));
	if (get_link(msg, ret, err) < 0)
		return err_wrap(err, "interface %s", name);
	return 0;
}

int nl_link_by_index(int ifindex, struct link *ret, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };

	if (get_link(nl_new_msg(RTM_GETLINK, 0, &ifi, sizeof(ifi)), ret, err) < 0)
		return err_wrap(err, "interface %d", ifindex);
	return 0;
}

int nl_link_name(int ifindex, struct link *ret, struct xhp_err *err)
{
	struct ifreq request = { .ifr_ifindex = ifindex };

	if (open_socket(err) < 0)
		return err->code;
	if (ioctl(nl_socket_get_fd(sock), SIOCGIFNAME, &request) < 0)
		return err_sys(err, -errno, "interface %d", ifindex);
	TRACE("interface %d is %s", ifindex, request.ifr_name);
	*ret = (struct link){ .ifindex = ifindex };
	strcpy(ret->name.s, request.ifr_name);
	return 0;
}

int nl_link_change(int ifindex, const struct link_change *c, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex,
				       .ifi_flags = c->up ? IFF_UP : 0,
				       .ifi_change = c->set_up ? IFF_UP : 0 };
	struct nl_msg *msg = nl_new_msg(RTM_SETLINK, NLM_F_ACK, &ifi, sizeof(ifi));

	if (c->name)
		nl_put(nla_put_string(msg, IFLA_IFNAME, c->name));
	if (c->mac)
		nl_put(nla_put(msg, IFLA_ADDRESS, 6, c->mac));
	if (c->mtu)
		nl_put(nla_put_u32(msg, IFLA_MTU, c->mtu));
	if (c->alias)
		nl_put(nla_put(msg, IFLA_IFALIAS, (int)strlen(c->alias), c->alias));
	if (c->set_txqueuelen)
		nl_put(nla_put_u32(msg, IFLA_TXQLEN, c->txqueuelen));
	if (c->set_master)
		nl_put(nla_put_u32(msg, IFLA_MASTER, (uint32_t)c->master));
	if (c->set_addrgen) {
		struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
		struct nlattr *inet6 = nla_nest_start(msg, AF_INET6);

		nl_put(nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, c->addrgenmode));
		nla_nest_end(msg, inet6);
		nla_nest_end(msg, spec);
	}
	return nl_talk(msg, NULL, NULL, err);
}

int nl_link_del(int ifindex, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { .ifi_index = ifindex };
	struct nl_msg *msg = nl_new_msg(RTM_DELLINK, NLM_F_ACK, &ifi, sizeof(ifi));

	return nl_talk(msg, NULL, NULL, err);
}

struct link_list {
	struct link *v;
	unsigned int n;
	int master; /* of nl_ports() */
};

static int take_bridge(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct link_list *list = data;
	struct link link = { 0 };

	if (!h) {
		*list = (struct link_list){ 0 };
		return 0;
	}
	if (take_link(h, &link, err) < 0)
		return err->code;
	/* older kernels do not filter */
	if (!strcmp(link.kind, "bridge"))
		*MEM_PUSH(list->v, list->n) = link;
	return 0;
}

static int compare_links(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->name.s, ((const struct link *)b)->name.s);
}

static int take_port(struct nlmsghdr *h, void *data, struct xhp_err *err)
{
	struct link_list *list = data;
	struct link link = { 0 };

	if (!h) {
		list->n = 0;
		return 0;
	}
	if (take_link(h, &link, err) < 0)
		return err->code;
	if (link.master == list->master)
		*MEM_PUSH(list->v, list->n) = link;
	return 0;
}

int nl_ports(int master, struct link **ret, unsigned int *ret_n, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg = nl_new_msg(RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	struct link_list list = { .master = master };

	nl_put(nla_put_u32(msg, IFLA_MASTER, (uint32_t)master));
	nl_put(nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
	if (nl_talk(msg, take_port, &list, err) < 0)
		return err_wrap(err, "list of a bridge's ports");
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), compare_links);
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}

int nl_bridges(struct link **ret, unsigned int *ret_n, struct xhp_err *err)
{
	const struct ifinfomsg ifi = { 0 };
	struct nl_msg *msg = nl_new_msg(RTM_GETLINK, NLM_F_DUMP, &ifi, sizeof(ifi));
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	struct link_list list = { 0 };

	nl_put(nla_put_string(msg, IFLA_INFO_KIND, "bridge"));
	nla_nest_end(msg, info);
	nl_put(nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS));
	if (nl_talk(msg, take_bridge, &list, err) < 0)
		return err_wrap(err, "list of bridges");
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), compare_links);
	*ret = list.v;
	*ret_n = list.n;
	return 0;
}
