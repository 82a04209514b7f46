/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device classes: their variables, verbs, names and what is written last. */
#ifndef XHP_CLASS_H
#define XHP_CLASS_H

#include "value.h"

struct ctx;
struct request;
struct xhp_err;

enum var_flags {
	VAR_REQUIRED = 1,
	VAR_NODE = 2,   /* the backend's node of this name */
	VAR_STRICT = 4, /* a node that exists but is blank fails */
	VAR_ARG = 8,    /* NAME=VALUE on the command line */
	VAR_FIXED = 16, /* says which device this is: no recipe sets it */
};

/* Sources, strongest first: node, argument, environment, [defaults], `type.dflt`. */
struct var_def {
	struct param type; /* key is the variable's name */
	uint8_t flags;
	const char *env; /* environment variable, or NULL */
	const char *vm;  /* the guest's node of this name, as in ${vm/NODE}, or NULL */
	/* Puts what is read in its one form, or leaves it as it is; may be NULL. */
	const char *(*canonical)(const char *value);
};

enum verb_kind {
	VERB_UNKNOWN,
	VERB_ATTACH,
	VERB_DETACH,
	VERB_IGNORE,
	VERB_PREPARE, /* an attach before the guest is there, and what takes it back */
	VERB_FORGET,
};

struct class
{
	const char *name;  /* a recipe's `device` */
	const char *types; /* "a|b": XENBUS_TYPEs that it serves; NULL: its name alone */
	const struct var_def *vars; /* ends with a NULL key; besides the common ones */
	const char *verbs;          /* "attach|detach", for messages */
	const char *finish;         /* what it writes last, for help and plan */
	const char *where; /* the variable that says where it went, if no step does */

	/*
	 * Finds out which device it is, from XENBUS_PATH as far as it is set and a path,
	 * or from the environment; NULL: .../TYPE/DOMID/DEVID. Without a path, its domain
	 * is not known either.
	 */
	int (*take)(struct request *req, const char *path, struct xhp_err *err);
	/* What the verb means, given the arguments. */
	enum verb_kind (*verb)(const struct request *req);
	/* Journal name, such as "vif-1-0". */
	const char *(*device)(const struct request *req);
	/* The backend's node that says that somebody has attached it; may be NULL. */
	const char *(*proof)(const struct request *req);
	/* Before the check: finds the device's interface (ctx->dev); may be NULL. */
	int (*find)(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err);
	/* Last on success. */
	int (*finish_ok)(struct ctx *ctx, enum verb_kind verb, struct xhp_err *err);
	/* Reports a failure to the toolstack, below the backend's `path`; best effort. */
	void (*finish_err)(const char *path, const struct xhp_err *why);
};

/* The class for a recipe's `device`; any token is a class, most of them plain. */
const struct class *class_find(const char *device);
/* The classes with a table of their own, for help: NULL past the last. */
const struct class *class_nth(unsigned int i);
/* Does the class serve this XENBUS_TYPE? A plain class serves what it is called. */
bool class_serves(const struct class *class, const char *device, const char *type);

/* A variable of the class, or one that all classes have. NULL: none such. */
const struct var_def *class_var(const struct class *class, const char *name);
/* For "did you mean" and help: the i-th variable's definition, NULL past the last. */
const struct var_def *class_var_nth(const struct class *class, unsigned int i);

#endif
