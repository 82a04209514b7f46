/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories that guests are given: below the settings' roots, and nowhere else. */
#ifndef XHP_EXPORT_H
#define XHP_EXPORT_H

#include <sys/stat.h>

#include "err.h"

/*
 * The root of the settings' `export-roots` that `path` lies below, not being it. `within`
 * (or NULL) is a narrower one: `path` is it or lies below it. -EPERM if there is none;
 * "." and "..", empty names and a "/" at the end are refused in any path.
 */
int export_root(const char *path, const char *within, const char **ret,
		struct xhp_err *err);

/*
 * Opens the directory `path` below `root` (O_PATH). No symbolic link is followed below
 * the root, and of all directories on the way only the last may be writable by others
 * than root: nobody can exchange what was looked at. -ELOOP, -ENOTDIR, -EPERM.
 *
 * If some directory is missing: -ENOENT, or, if `ret_missing` is given, the descriptor of
 * the last that is there, with `ret_missing` pointing into `path` at the first that is
 * not. It is NULL if none is missing.
 */
int export_open(const char *root, const char *path, const char **ret_missing,
		struct xhp_err *err);

/* One name, in a directory that export_open() has opened. */
int export_open_in(int dir, const char *name, struct xhp_err *err);

/*
 * Calls `visit` for all that is below an open directory, what is in a directory before
 * itself, on the same file system. -ELOOP if it is nested too deep.
 */
int export_walk(int dir,
		int (*visit)(void *data, int dir, const char *name, const struct stat *st,
			     struct xhp_err *err),
		void *data, struct xhp_err *err);

#endif
