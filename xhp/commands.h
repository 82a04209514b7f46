/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The subcommands: one table dispatches and helps. */
#ifndef XHP_COMMANDS_H
#define XHP_COMMANDS_H

#include "err.h"

struct command {
	const char *name;
	const char *args;
	const char
		*summary; /* NULL: for our own scripts; those are last, and not listed */
	const char *details; /* more lines of help, or NULL */
	/* argv[0] is the command's name. 0 or -errno. */
	int (*run)(int argc, char **argv, struct xhp_err *err);
};

extern const struct command commands[]; /* ends with a NULL name */

int cmd_check(int argc, char **argv, struct xhp_err *err);
int cmd_complete(int argc, char **argv, struct xhp_err *err);
int cmd_disable(int argc, char **argv, struct xhp_err *err);
int cmd_disk_check(int argc, char **argv, struct xhp_err *err);
int cmd_enable(int argc, char **argv, struct xhp_err *err);
int cmd_gc(int argc, char **argv, struct xhp_err *err);
int cmd_help(int argc, char **argv, struct xhp_err *err);
int cmd_lint(int argc, char **argv, struct xhp_err *err);
int cmd_log(int argc, char **argv, struct xhp_err *err);
int cmd_repair(int argc, char **argv, struct xhp_err *err);
int cmd_run(int argc, char **argv, struct xhp_err *err);
int cmd_tree(int argc, char **argv, struct xhp_err *err);
int cmd_status(int argc, char **argv, struct xhp_err *err);
int cmd_udev(int argc, char **argv, struct xhp_err *err);
int cmd_watch(int argc, char **argv, struct xhp_err *err);

/* The scripts' names that can be taken over, sorted. */
int enable_names(const char ***ret, unsigned int *ret_n, struct xhp_err *err);

#endif
