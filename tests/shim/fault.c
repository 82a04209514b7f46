// SPDX-License-Identifier: LGPL-2.1-or-later
// LD_PRELOAD: makes one call of the program fail, or kills the program there.
//
// FAULT_AT     which of the calls that count, from 1; N+ = and all that follow
// FAULT_KINDS  which count, by letters: n = a netlink message, j = a write below
//              /run/xen-hotplug, s = a request to xenstored, l = a change of a loop
//              device or the search for a free one, p = a step along a path that a
//              guest is given, or a directory made or removed there, d = a message to
//              ovsdb-server; n, j and s, if it is not set
// FAULT_HOW    fail = the call is not made and fails (s: xenstored refuses it);
//              lost = it is made and fails; before, after = SIGKILL before or after
//              it; torn = half of it is made, then SIGKILL; wait = a netlink message,
//              a loop device or ovsdb-server's message waits, 2 minutes at most, until
//              there is a file FAULT_LOG.go;
//              intr = a dump is told as one that a change overtook (NLM_F_DUMP_INTR);
//              swap = somebody exchanges FAULT_SWAP and FAULT_SWAP.swap right before it
// FAULT_NO_NETFILTER  there are no netfilter sockets, as in a kernel without nftables
// FAULT_LACKS  a part that the kernel is to lack: the name under which messages ask for
//              it ("ifb", "plug", "masq", iptables' "comment") becomes one that no kernel
//              knows; or "nf_tables", or "netdev", which is its family
// FAULT_LOG    a file that gets a line for each call and each fork, and FAULT before
//              the one that is hit

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNKNOWN_REQUEST 0xffff /* xenstored answers ENOSYS */

struct request { /* xs_wire.h: struct xsd_sockmsg */
	uint32_t type, id, tx, len;
};

static ssize_t raw_write(int fd, const void *data, size_t len)
{
	return syscall(SYS_write, fd, data, len);
}

static void note(const char *text, size_t len)
{
	const char *path = getenv("FAULT_LOG");
	char line[512];
	size_t n = len < sizeof(line) ? len : sizeof(line);
	int fd;

	if (!path)
		return;
	for (size_t i = 0; i < n; i++)
		line[i] = text[i] ? text[i] : ' ';
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND,
			  0600);
	raw_write(fd, line, n);
	syscall(SYS_close, fd);
}

/* Does this call meet its fate? `how` is what is to happen then. */
static const char *hit(char kind)
{
	static int count;
	const char *kinds = getenv("FAULT_KINDS"), *at = getenv("FAULT_AT");

	if (!at || !strchr(kinds ? kinds : "njs", kind))
		return "";
	count++;
	if (strchr(at, '+') ? count < atoi(at) : count != atoi(at))
		return "";
	note("\nFAULT", 6);
	return getenv("FAULT_HOW");
}

static void die_if(const char *how, const char *when)
{
	if (!strcmp(how, when))
		syscall(SYS_kill, getpid(), SIGKILL);
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

static int is_journal(int fd)
{
	static const char dir[] = "/run/xen-hotplug/";
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > (ssize_t)sizeof(dir) && !memcmp(path, dir, sizeof(dir) - 1);
}

static ssize_t write_journal(int fd, const void *data, size_t len)
{
	const char *how = hit('j');
	ssize_t n;

	note("\njournal ", 9);
	note(data, len && ((const char *)data)[len - 1] == '\n' ? len - 1 : len);
	die_if(how, "before");
	if (!strcmp(how, "fail")) {
		errno = ENOSPC;
		return -1;
	}
	if (!strcmp(how, "torn")) {
		raw_write(fd, data, len / 2);
		die_if(how, "torn");
	}
	n = raw_write(fd, data, len);
	die_if(how, "after");
	return n;
}

/* Newer versions of libxenstore use sendmsg(): no signal if xenstored is gone. */
static ssize_t raw_send(int fd, const void *data, size_t len)
{
	return syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL, NULL, 0);
}

/* The head of a request; what it is about is written on its own. */
static ssize_t write_head(int fd, const void *data, const char **ret_how)
{
	struct request r;
	char line[32];

	memcpy(&r, data, sizeof(r));
	*ret_how = hit('s');
	note(line, (size_t)snprintf(line, sizeof(line), "\nstore %u ", r.type));
	die_if(*ret_how, "before");
	if (!strcmp(*ret_how, "fail"))
		r.type = UNKNOWN_REQUEST;
	return raw_send(fd, &r, sizeof(r));
}

static ssize_t write_store(int fd, const void *data, size_t len)
{
	static uint32_t body; /* bytes of the request that are still to come */
	static const char *how = "";
	ssize_t n;

	if (!body) {
		body = ((const struct request *)data)->len;
		n = write_head(fd, data, &how);
	} else {
		note(data, len);
		n = raw_send(fd, data, len);
		body -= (uint32_t)len;
	}
	if (!body)
		die_if(how, "after");
	return n;
}

static bool is_store(int fd)
{
	return option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_TYPE) == SOCK_STREAM;
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (is_journal(fd))
		return write_journal(fd, data, len);
	if (is_store(fd))
		return write_store(fd, data, len);
	return raw_write(fd, data, len);
}

static void wait_if(const char *how)
{
	char go[256];

	if (strcmp(how, "wait") != 0)
		return;
	snprintf(go, sizeof(go), "%s.go", getenv("FAULT_LOG"));
	for (int i = 0; i < 120000 && access(go, F_OK); i++)
		usleep(1000);
}

static bool interrupted; /* the dump that is being answered */

static bool fails_before(int fd, const char **ret_how)
{
	*ret_how = "";
	if (option(fd, SO_DOMAIN) != AF_NETLINK)
		return false;
	*ret_how = hit('n');
	note("\nnetlink", 8);
	die_if(*ret_how, "before");
	wait_if(*ret_how);
	interrupted |= !strcmp(*ret_how, "intr");
	errno = ENOBUFS;
	return !strcmp(*ret_how, "fail");
}

static ssize_t then(ssize_t n, const char *how)
{
	die_if(how, "after");
	if (strcmp(how, "lost") != 0)
		return n;
	errno = ENOBUFS;
	return -1;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	const char *how = hit('d');

	note("\novsdb", 6);
	wait_if(how);
	return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

/* Attributes of text that are this name: their length, and what they hold, tell them. */
static void misname(char *data, size_t len, const char *name)
{
	const size_t size = strlen(name) + 1;
	const uint16_t whole = (uint16_t)(NLA_HDRLEN + size);

	for (size_t at = 0; at + whole <= len; at += NLA_ALIGNTO)
		if (!memcmp(data + at, &whole, sizeof(whole)) &&
		    !memcmp(data + at + NLA_HDRLEN, name, size))
			data[at + NLA_HDRLEN] = '?';
}

/* The family is spoilt where a table is made, or all that is meant for nftables. */
static void misdirect(struct nlmsghdr *h, int left, bool family)
{
	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		struct nfgenmsg *gen = NLMSG_DATA(h);

		if (family && gen->nfgen_family == NFPROTO_NETDEV)
			gen->nfgen_family = NFPROTO_NUMPROTO - 1;
		else if (!family && h->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
			gen->res_id = htons(NFNL_SUBSYS_ACCT); /* takes no batch */
		else if (!family && h->nlmsg_type >= NLMSG_MIN_TYPE)
			h->nlmsg_type |= 0xff00;
	}
}

static void *spoilt(int fd, const void *data, size_t len)
{
	const char *lacks = getenv("FAULT_LACKS");
	void *copy;

	if (!lacks || option(fd, SO_DOMAIN) != AF_NETLINK)
		return (void *)(uintptr_t)data;
	copy = memcpy(malloc(len), data, len);
	if (strcmp(lacks, "netdev") && strcmp(lacks, "nf_tables"))
		misname(copy, len, lacks);
	else if (option(fd, SO_PROTOCOL) == NETLINK_NETFILTER)
		misdirect(copy, (int)len, !strcmp(lacks, "netdev"));
	return copy;
}

static ssize_t send_store(int fd, const struct msghdr *msg)
{
	ssize_t sum = 0, n;

	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		if (!msg->msg_iov[i].iov_len)
			continue;
		n = write_store(fd, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		if (n < 0)
			return n;
		sum += n;
	}
	return sum;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	struct iovec iov[4];
	const char *how;

	if (is_store(fd))
		return send_store(fd, msg);
	if (fails_before(fd, &how))
		return -1;
	for (size_t i = 0; i < m.msg_iovlen && i < 4; i++) {
		iov[i] = m.msg_iov[i];
		iov[i].iov_base = spoilt(fd, iov[i].iov_base, iov[i].iov_len);
	}
	if (m.msg_iovlen <= 4)
		m.msg_iov = iov;
	return then(syscall(SYS_sendmsg, fd, &m, flags), how);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	const char *how;

	if (fails_before(fd, &how))
		return -1;
	data = spoilt(fd, data, len);
	return then(syscall(SYS_sendto, fd, data, len, flags, to, to_len), how);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n = syscall(SYS_recvmsg, fd, msg, flags);
	struct nlmsghdr *h = n > 0 ? msg->msg_iov[0].iov_base : NULL;
	int left = (int)n;

	if (!interrupted || option(fd, SO_DOMAIN) != AF_NETLINK)
		return n;
	for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_flags & NLM_F_MULTI)
			h->nlmsg_flags |= NLM_F_DUMP_INTR;
		interrupted &= h->nlmsg_type != NLMSG_DONE;
	}
	return n;
}

int ioctl(int fd, unsigned long request, ...)
{
	const char *how;
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request != LOOP_CTL_GET_FREE && request != LOOP_CONFIGURE &&
	    request != LOOP_CLR_FD)
		return (int)syscall(SYS_ioctl, fd, request, arg);
	how = hit('l');
	note("\nloop", 5);
	die_if(how, "before");
	wait_if(how);
	if (!strcmp(how, "fail")) {
		errno = ENOSPC;
		return -1;
	}
	rc = (int)syscall(SYS_ioctl, fd, request, arg);
	die_if(how, "after");
	return rc;
}

/* iptables' tables: a match is asked for by its name alone. */
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	const char *lacks = getenv("FAULT_LACKS");
	void *copy, *at;

	if (lacks && name == IPT_SO_SET_REPLACE && level == IPPROTO_IP) {
		copy = memcpy(malloc(len), value, len);
		at = memmem(copy, len, lacks, strlen(lacks) + 1);
		if (at)
			*(char *)at = '?';
		value = copy;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

int socket(int domain, int type, int protocol)
{
	if (domain != AF_NETLINK || protocol != NETLINK_NETFILTER ||
	    !getenv("FAULT_NO_NETFILTER"))
		return (int)syscall(SYS_socket, domain, type, protocol);
	errno = EPROTONOSUPPORT;
	return -1;
}

static void step_on_path(const char *name)
{
	const char *path = getenv("FAULT_SWAP"), *how = hit('p');
	char other[256];

	note("\npath ", 6);
	note(name, strlen(name));
	if (strcmp(how, "swap") != 0)
		return;
	snprintf(other, sizeof(other), "%s.swap", path);
	if (renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
		abort();
}

/* openat2() has no wrapper of its own. */
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == SYS_openat2)
		step_on_path((const char *)a[1]);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int mkdirat(int dir, const char *name, mode_t mode)
{
	step_on_path(name);
	return (int)syscall(SYS_mkdirat, dir, name, mode);
}

int unlinkat(int dir, const char *name, int flags)
{
	step_on_path(name);
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

pid_t fork(void)
{
	note("\nfork", 5);
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
