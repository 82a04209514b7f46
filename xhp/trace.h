/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* run --trace: every message to the kernel, xenstore and others, in readable form. */
#ifndef XHP_TRACE_H
#define XHP_TRACE_H

#include <string.h>

#include "err.h"

struct nlmsghdr;

extern bool tracing;
void trace_start(void);

/* What is never shown: stands as "(secret)" in every line. */
void trace_secret(const char *text);

void trace_line(const char *fmt, ...) XHP_PRINTF(1, 2);
/* Costs a look at a flag when off: the arguments are not evaluated then. */
#define TRACE(...)                                \
	do {                                      \
		if (__builtin_expect(tracing, 0)) \
			trace_line(__VA_ARGS__);  \
	} while (0)

/* "ok", or what went wrong. */
const char *trace_end(int rc, const struct xhp_err *err);

void trace_words(const char *what, const char *const words[]);

#define TRACED_IOCTL(fd, request, ...)                                           \
	({                                                                       \
		int answer_ = ioctl(fd, request, ##__VA_ARGS__);                 \
		TRACE("ioctl %s (%#lx): %s", #request, (unsigned long)(request), \
		      answer_ < 0 ? strerror(errno) : "ok");                     \
		answer_;                                                         \
	})

/* An rtnetlink or nftables message; "->" and "<-" say which way. */
void trace_rtnl(const char *way, const struct nlmsghdr *h);
void trace_nft(const char *way, const struct nlmsghdr *h);

#endif
