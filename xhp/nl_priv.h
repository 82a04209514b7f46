/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between nl.c, which has the socket and the links, and nl_ip.c. */
#ifndef XHP_NL_PRIV_H
#define XHP_NL_PRIV_H

#include <netlink/msg.h>

#include "nl.h"

/* Called for every message of an answer; with NULL when a dump begins anew, and what it
 * has told so far is to be forgotten. */
typedef int (*nl_reply_fn)(struct nlmsghdr *h, void *data, struct xhp_err *err);

/* A message with its fixed header. */
struct nl_msg *nl_new_msg(int type, int flags, const void *header, size_t len);

/* The same, with room for more than a page of attributes. */
struct nl_msg *nl_new_big_msg(int type, int flags, const void *header, size_t len);

/* Ends the process if there was no memory for an attribute; else returns `rc`. */
int nl_put(int rc);

/* Sends a request, frees it, and hands the answer to `fn` until it is complete. A dump
 * that was overtaken by a change (NLM_F_DUMP_INTR) is asked for again. */
int nl_talk(struct nl_msg *msg, nl_reply_fn fn, void *data, struct xhp_err *err);

#endif
