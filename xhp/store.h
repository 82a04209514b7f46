/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Xenstore, through libxenstore: one connection, opened on first use. */
#ifndef XHP_STORE_H
#define XHP_STORE_H

#include "err.h"

/*
 * Without a xenstored, all of these are -ENOTCONN: never -ENOENT or -EACCES.
 *
 * Reads a node. Relative paths are below our own domain's. 0 with a terminated text that
 * lives until the process ends; -ENOENT if there is no such node; else another -errno
 * and an error. A node with a NUL byte in it is -EINVAL.
 */
int store_read(const char *path, const char **ret, struct xhp_err *err);

/* Is there a node `name` right below `dir`? Asks the store once for each directory. */
int store_has(const char *dir, const char *name, bool *ret, struct xhp_err *err);

/*
 * The names right below `dir`; -ENOENT if there is no such node. They live until the
 * process ends.
 */
int store_list(const char *dir, const char *const **ret, unsigned int *ret_n,
	       struct xhp_err *err);

/* Our own domain's number. */
int store_self(unsigned int *ret, struct xhp_err *err);

/* The directory /vm/UUID of a guest; asked once for several questions about the same. */
int store_vm(unsigned int domid, const char **ret, struct xhp_err *err);

/* A guest's UUID; NULL where it cannot be read, as in a driver domain. */
const char *store_uuid(unsigned int domid);

/* A value to write below a directory; NULL removes the node. */
struct store_item {
	const char *path;
	const char *value;
	bool is_private;   /* readable by the owner alone */
	bool optional;     /* a refusal (EACCES) is a warning */
	const char *if_is; /* only if the node has this value now */
};

/*
 * Writes all items in one transaction that first looks for `backend`/state and
 * `backend`/frontend: if they are gone, nothing is written and -ENOENT returned. Below
 * /libxl/DOMID, where libxl keeps what is its own, it is the domain's directory there. To
 * remove nodes needs no backend.
 */
int store_publish(const char *backend, const struct store_item *items, unsigned int n,
		  struct xhp_err *err);
/* With `backend`/state; -ESTALE if that is not this state of XenBus. */
int store_publish_in(const char *backend, const char *in_state,
		     const struct store_item *items, unsigned int n, struct xhp_err *err);

/* Removes an empty directory, and those above it that are empty then, below `stop`. */
void store_tidy(const char *path, const char *stop);

/* Removes a node and all below it; that it is gone already is success. */
int store_remove(const char *path, struct xhp_err *err);

/*
 * Waits until the node holds `value`, looked at whenever it changes. -ETIMEDOUT with what
 * it holds.
 */
int store_wait(const char *path, const char *value, unsigned int timeout_s,
	       struct xhp_err *err);

/* For the deadline's signal handler: makes a pending or later request fail. */
void store_abandon(void);

/*
 * For those who can do without it: asks whether there is an answer, but for some seconds
 * at most. Without one, all requests from then on fail at once.
 */
void store_ask_briefly(void);

/* After that, in a later phase: the next request makes a new connection. */
void store_again(void);

#endif
