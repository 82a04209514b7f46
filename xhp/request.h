/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the caller asked for: command line and environment. */
#ifndef XHP_REQUEST_H
#define XHP_REQUEST_H

#include "class.h"
#include "err.h"
#include "journal.h"

struct request {
	const struct class *class;
	const char *device; /* the recipe's `device` */
	const char *verb;
	enum verb_kind kind;
	const char *type; /* XENBUS_TYPE */
	/* XENBUS_PATH: relative paths are below our own domain's; NULL: there is none */
	const char *path;
	unsigned int domid, devid;
	bool early;         /* before the guest is there: no path, no domid, no devid */
	struct field *args; /* NAME=VALUE */
	unsigned int nargs;
};

/* The value of an argument, or NULL. */
const char *request_arg(const struct request *req, const char *name);

struct recipe;

/* Is it a path as xenstore permits it? */
bool request_is_path(const char *path);

/*
 * Fills in a request for a recipe. `argv` is VERB [NAME=VALUE...], NULL at its end.
 * Every fault names the argument or environment variable (err->usage).
 */
int request_parse(char **argv, const struct recipe *recipe, struct request *ret,
		  struct xhp_err *err);

#endif
