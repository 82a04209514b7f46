/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recipes as files. */
#ifndef XHP_FIND_H
#define XHP_FIND_H

#include "recipe.h"

struct file {
	char *text; /* terminated */
	size_t len;
	unsigned long long dev, ino;
	unsigned int mode;
};

struct stat;

/*
 * Whoever can write to what makes us act is root: is it root's, and writable by nobody
 * else? -EPERM; `name` is for the message.
 */
int owner_check(const struct stat *st, const char *name, struct xhp_err *err);

/*
 * Reads a file that only root can write to, in a directory that only root can write to;
 * `what` it is, for messages. -ENOENT and others with err->usage set.
 */
int file_read(const char *path, const char *what, struct file *ret, struct xhp_err *err);
/* The same where its server may not answer: -ETIMEDOUT as guarded() has it. */
int file_read_guarded(const char *path, const char *what, struct file *ret,
		      struct xhp_err *err);

/* Is it a recipe that has been made a program: #!.../xen-hotplug run? */
bool recipe_is_program(int fd);

/*
 * The file of a recipe: the administrator's directory, then the shipped ones; a path
 * as it is, but not in [use] (`parent` set). Never finds a file that is using it.
 */
int recipe_find(const char *name, const struct scope *parent, const struct pos *pos,
		const char **ret, struct xhp_err *err);

#endif
