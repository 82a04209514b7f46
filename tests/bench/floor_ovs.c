// SPDX-License-Identifier: LGPL-2.1-or-later
// The floor of vif-openvswitch: one transaction, and the wait for ovs-vswitchd.

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "floor.h"

static char answer[65536];

/* An answer comes when it is whole: its braces match. Strings with braces: none of ours.
 */
static const char *ask(int fd, const char *request)
{
	size_t len = 0;
	int depth = 0;

	if (write(fd, request, strlen(request)) < 0)
		err(1, "ovsdb-server");
	do {
		ssize_t n = read(fd, answer + len, sizeof(answer) - 1 - len);

		if (n <= 0)
			errx(1, "ovsdb-server: no answer");
		for (; n; n--, len++)
			depth += answer[len] == '{' ? 1 : answer[len] == '}' ? -1 : 0;
	} while (depth);
	answer[len] = '\0';
	if (!strstr(answer, "\"error\":null") || strstr(answer, "\"details\""))
		errx(1, "ovsdb-server: %s", answer);
	return answer;
}

static const char *after(const char *text, const char *label)
{
	const char *s = strstr(text, label);

	if (!s)
		errx(1, "ovsdb-server: no %s in %s", label, text);
	return s + strlen(label);
}

#define CALL "{\"id\":1,\"method\":\"transact\",\"params\":[\"Open_vSwitch\","
#define NEXT                                                          \
	"{\"op\":\"mutate\",\"table\":\"Open_vSwitch\",\"where\":[]," \
	"\"mutations\":[[\"next_cfg\",\"+=\",1]]},"                   \
	"{\"op\":\"select\",\"table\":\"Open_vSwitch\",\"where\":[]," \
	"\"columns\":[\"next_cfg\"]}"

static int server(void)
{
	const struct sockaddr_un addr = { AF_UNIX, "/run/openvswitch/db.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		err(1, "%s", addr.sun_path);
	return fd;
}

static void attach(int fd, const char *dev, const char *bridge)
{
	char call[2048];
	int number;

	snprintf(call, sizeof(call),
		 CALL "{\"op\":\"insert\",\"table\":\"Interface\",\"uuid-name\":\"i\","
		      "\"row\":{\"name\":\"%s\"}},"
		      "{\"op\":\"insert\",\"table\":\"Port\",\"uuid-name\":\"p\","
		      "\"row\":{\"name\":\"%s\",\"interfaces\":[\"named-uuid\",\"i\"]}},"
		      "{\"op\":\"mutate\",\"table\":\"Bridge\","
		      "\"where\":[[\"name\",\"==\",\"%s\"]],\"mutations\":[[\"ports\","
		      "\"insert\",[\"set\",[[\"named-uuid\",\"p\"]]]]]}," NEXT "]}",
		 dev, dev, bridge);
	number = atoi(after(ask(fd, call), "\"next_cfg\":"));
	snprintf(call, sizeof(call),
		 CALL "{\"op\":\"wait\",\"table\":\"Open_vSwitch\",\"where\":[],"
		      "\"columns\":[\"cur_cfg\"],\"until\":\"==\","
		      "\"rows\":[{\"cur_cfg\":%d}],\"timeout\":5000}]}",
		 number);
	ask(fd, call);
}

/* A device that goes waits for nobody. */
static void detach(int fd, const char *dev, const char *bridge)
{
	char call[1024], uuid[37] = "";

	snprintf(call, sizeof(call),
		 CALL "{\"op\":\"select\",\"table\":\"Port\","
		      "\"where\":[[\"name\",\"==\",\"%s\"]],\"columns\":[\"_uuid\"]}]}",
		 dev);
	memcpy(uuid, after(ask(fd, call), "[\"uuid\",\""), 36);
	snprintf(call, sizeof(call),
		 CALL "{\"op\":\"mutate\",\"table\":\"Bridge\","
		      "\"where\":[[\"name\",\"==\",\"%s\"]],\"mutations\":[[\"ports\","
		      "\"delete\",[\"set\",[[\"uuid\",\"%s\"]]]]]}," NEXT "]}",
		 bridge, uuid);
	ask(fd, call);
}

int switched(const char *dev, bool online)
{
	const char *bridge = node("bridge");
	int fd = server();

	if (!online) {
		leave(dev);
		detach(fd, dev, bridge);
		return 0;
	}
	attach(fd, dev, bridge);
	up(dev);
	publish(0);
	return 0;
}
