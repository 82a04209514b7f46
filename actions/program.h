/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outside programs: where they are, and how they are run. */
#ifndef ACTIONS_PROGRAM_H
#define ACTIONS_PROGRAM_H

#include "proc.h"
#include "xhp.h"

/*
 * The path of a program, by its name in the fixed path or by an absolute path. -ENOENT
 * with the package that has it; -EPERM if others than root can write to it.
 */
int program_find(const char *name, const char **ret, struct xhp_err *err);

/*
 * Runs a command, the first word being the program's name, with an environment of our
 * own: PATH, LC_ALL, HOME, and of what libxl gives a script XENBUS_PATH, XENBUS_TYPE,
 * XENBUS_BASE_PATH and script. The child is in the journal until proc_done(), if a
 * journal is given.
 */
int program_run(const struct ctx *ctx, struct journal *j, const struct texts *words,
		unsigned int timeout_s, struct proc *ret, struct xhp_err *err);

/* What it said last: on standard error, else on standard output, else to xenstore. */
const char *program_said(const struct ctx *ctx, const struct proc *p);

#endif
