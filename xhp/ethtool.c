// SPDX-License-Identifier: LGPL-2.1-or-later
// An interface's offloads, through the ethtool ioctl.

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ethtool.h"
#include "mem.h"
#include "trace.h"

const char *const offload_names[OFFLOADS] = {
	[OFFLOAD_GRO] = "gro",
	[OFFLOAD_TSO] = "tso",
};
static const struct {
	uint32_t get, set;
} commands[OFFLOADS] = {
	[OFFLOAD_GRO] = { ETHTOOL_GGRO, ETHTOOL_SGRO },
	[OFFLOAD_TSO] = { ETHTOOL_GTSO, ETHTOOL_STSO },
};

static int ask(const char *ifname, enum offload which, struct ethtool_value *value,
	       struct xhp_err *err)
{
	CLEANUP_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_data = (void *)value };

	if (fd < 0)
		return err_sys(err, -errno, "socket");
	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	if (TRACED_IOCTL(fd, SIOCETHTOOL, &ifr) < 0)
		return err_sys(err, -errno, "%s of %s", offload_names[which], ifname);
	return 0;
}

int offload_get(const char *ifname, enum offload which, bool *ret, struct xhp_err *err)
{
	struct ethtool_value value = { .cmd = commands[which].get };

	if (ask(ifname, which, &value, err) < 0)
		return err->code;
	*ret = value.data;
	return 0;
}

int offload_set(const char *ifname, enum offload which, bool on, struct xhp_err *err)
{
	struct ethtool_value value = { .cmd = commands[which].set, .data = on };

	return ask(ifname, which, &value, err);
}
