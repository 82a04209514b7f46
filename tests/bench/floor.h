/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of the floor. */
#ifndef FLOOR_H
#define FLOOR_H

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern int netlink;

struct message {
	struct nlmsghdr h;
	char data[256];
};
struct message message(int type, int flags, const void *header, size_t len);
struct nlmsghdr *message_send(struct message *m); /* gives the answer */

const char *node(const char *name);
void node_write(const char *name, const char *value);
struct rtattr *put(struct nlmsghdr *h, int type, const void *data, size_t len);
void leave(const char *dev); /* down, and out of its bridge */
void up(const char *dev);
void filter_add(const char *dev, unsigned int index, const char *mac_text,
		struct in_addr guest);
void filter_del(const char *dev);
void publish(uint32_t mtu);

int routed(const char *dev, bool nat, bool online);
int switched(const char *dev, bool online);
int buffered(const char *dev, bool setup);
int mirrored(const char *dev, const char *to, bool setup);

#endif
