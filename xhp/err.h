/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One error: made where it happened, wrapped with context upward, printed once. */
#ifndef XHP_ERR_H
#define XHP_ERR_H

#include <stdbool.h>

#define XHP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* A place in a recipe. `src` is the raw line, `col` counts bytes from 1, 0 = unknown. */
struct pos {
	const char *file;
	const char *src;
	int line, col;
};

struct xhp_err {
	int code;        /* -errno */
	bool usage;      /* wrong usage or recipe: exit status 2 instead of 1 */
	bool busy;       /* a disk is in use: hotplug-status "busy" instead of "error" */
	bool refused;    /* the device was judged, and is not to be used */
	struct pos pos;  /* the recipe line concerned, if any */
	char text[2048]; /* one line, no newline */
};

/* Sets the error and returns `code` (a negative errno), so that callers can return it. */
int err_set(struct xhp_err *err, int code, const char *fmt, ...) XHP_PRINTF(3, 4);

/* Like err_set, with ": " and the kernel's word for `code` behind the text. */
int err_sys(struct xhp_err *err, int code, const char *fmt, ...) XHP_PRINTF(3, 4);

/* A fault of the command line or of a recipe: exit status 2. `pos` may be NULL. */
int err_usage(struct xhp_err *err, const struct pos *pos, const char *fmt, ...)
	XHP_PRINTF(3, 4);

/*
 * Says behind the error's text that it is because the kernel lacks this part: the modules
 * that have it (NULL: none), and the options that it is built with; returns its code.
 */
int kernel_lacks(struct xhp_err *err, const char *modules, const char *options);

/* Puts "FMT: " before the error's text; returns its code. */
int err_wrap(struct xhp_err *err, const char *fmt, ...) XHP_PRINTF(2, 3);

#endif
