// SPDX-License-Identifier: LGPL-2.1-or-later
// Sends a guest's frames and looks which ones arrive: the tests of the filter.
//
// frames send IFACE HEX
// frames table [OPTION...] TXNETNS TXIFACE RXNETNS RXIFACE
//	--v4, --v6	only addresses of that family are listed
//	--mac any	the filter does not look at MACs
//	--unfiltered	all must arrive: is the table itself right?

#define _GNU_SOURCE
#include "frames.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	QUIET_MS = 50,
	MISSING_MS = 60000,
	RECEIVE_BUFFER = 4 << 20,
};

struct mode {
	bool no4, no6, any_mac, unfiltered;
};

static struct frame *frames;
static bool *arrived;

/* A socket stays in the namespace that it was made in. */
static int packet_socket(const char *netns, const char *ifname)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, size = RECEIVE_BUFFER, fd;
	char path[256];

	if (netns) {
		snprintf(path, sizeof(path), "/run/netns/%s", netns);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET))
			err(2, "%s", path);
		close(fd);
	}
	addr.sll_ifindex = if_nametoindex(ifname);
	if (!addr.sll_ifindex)
		err(2, "%s", ifname);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(2, "packet socket on %s", ifname);
	return fd;
}

static void frame_send(int fd, const struct frame *f)
{
	if (send(fd, f->data, f->len, 0) != (ssize_t)f->len)
		err(2, "send");
}

/* The kernel hands the outer VLAN tag beside the frame: put it back. */
static void tag_restore(struct frame *f, struct msghdr *msg)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	uint16_t tag[2];

	if (!cmsg || cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA)
		return;
	memcpy(&aux, CMSG_DATA(cmsg), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	tag[0] = htons(aux.tp_vlan_tpid);
	tag[1] = htons(aux.tp_vlan_tci);
	memmove(f->data + 16, f->data + 12, f->len - 12);
	memcpy(f->data + 12, tag, sizeof(tag));
	f->len += sizeof(tag);
}

static bool frame_receive(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct sockaddr_ll from;
	struct frame f;
	struct iovec iov = { f.data, sizeof(f.data) - 4 };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len;

	if (poll(&pollfd, 1, timeout_ms) <= 0)
		return false;
	len = recvmsg(fd, &msg, 0);
	if (len < 0)
		err(2, "receive");
	if (from.sll_pkttype == PACKET_OUTGOING || len < ETH_HLEN)
		return true;
	f.len = len;
	tag_restore(&f, &msg);
	for (size_t i = 0; i < row_count; i++)
		if (frames[i].len == f.len && !memcmp(frames[i].data, f.data, f.len))
			arrived[i] = true;
	return true;
}

static bool should_pass(const struct row *r, const struct mode *mode)
{
	if (mode->unfiltered)
		return true;
	switch (r->expect) {
	case IF4:
		return !mode->no4;
	case IF6:
		return !mode->no6;
	case MAC4:
		return !mode->no4 && mode->any_mac;
	case MAC6:
		return !mode->no6 && mode->any_mac;
	default:
		return false;
	}
}

static bool all_there(const struct mode *mode)
{
	for (size_t i = 0; i < row_count; i++)
		if (should_pass(&rows[i], mode) && !arrived[i])
			return false;
	return true;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void build_all(void)
{
	frames = calloc(row_count, sizeof(*frames));
	arrived = calloc(row_count, sizeof(*arrived));
	if (!frames || !arrived)
		err(2, "memory");
	for (size_t i = 0; i < row_count; i++) {
		row_build(&frames[i], &rows[i]);
		for (size_t j = 0; j < i; j++)
			if (frames[i].len == frames[j].len &&
			    !memcmp(frames[i].data, frames[j].data, frames[i].len))
				errx(2, "'%s' and '%s' are the same frame", rows[j].name,
				     rows[i].name);
	}
}

static void print_hex(const struct frame *f)
{
	printf("#  ");
	for (size_t i = 0; i < f->len; i++)
		printf("%02x", f->data[i]);
	putchar('\n');
}

static int table(const struct mode *mode, char **where)
{
	int tx = packet_socket(where[0], where[1]),
	    rx = packet_socket(where[2], where[3]);
	long deadline;
	int failed = 0;

	build_all();
	for (size_t i = 0; i < row_count; i++)
		frame_send(tx, &frames[i]);
	deadline = now_ms() + MISSING_MS;
	while (frame_receive(rx, QUIET_MS) || (!all_there(mode) && now_ms() < deadline))
		;
	printf("1..%zu\n", row_count);
	for (size_t i = 0; i < row_count; i++) {
		bool pass = should_pass(&rows[i], mode), ok = pass == arrived[i];

		printf("%sok %zu - %s: %s\n", ok ? "" : "not ", i + 1,
		       pass ? "passes" : "is dropped", rows[i].name);
		if (ok)
			continue;
		failed++;
		printf("# it %s\n", arrived[i] ? "arrived" : "did not arrive");
		print_hex(&frames[i]);
	}
	return failed > 0;
}

static void usage(void)
{
	fprintf(stderr, "usage: frames send IFACE HEX\n"
			"       frames table [--v4|--v6] [--mac any] [--unfiltered] "
			"TXNETNS TXIFACE RXNETNS RXIFACE\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct mode mode = { 0 };
	struct frame f = { 0 };
	int i = 2;

	if (argc == 4 && !strcmp(argv[1], "send")) {
		frame_hex(&f, argv[3]);
		frame_send(packet_socket(NULL, argv[2]), &f);
		return 0;
	}
	if (argc < 3 || strcmp(argv[1], "table"))
		usage();
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--v4"))
			mode.no6 = true;
		else if (!strcmp(argv[i], "--v6"))
			mode.no4 = true;
		else if (!strcmp(argv[i], "--unfiltered"))
			mode.unfiltered = true;
		else if (!strcmp(argv[i], "--mac") && i + 1 < argc &&
			 !strcmp(argv[i + 1], "any"))
			mode.any_mac = i++;
		else
			usage();
	}
	if (argc - i != 4)
		usage();
	return table(&mode, argv + i);
}
