/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes: never through a shell, never past the deadline. */
#ifndef XHP_PROC_H
#define XHP_PROC_H

#include <sys/types.h>

#include "err.h"
#include "journal.h"
#include "mem.h"

/* The kind of record that announces a child, of whatever action. */
#define PROC_KIND "child"

struct proc {
	const char *const *argv; /* the first is the absolute path */
	const char *const *env;  /* the whole environment */
	int timeout_s;
	bool apart; /* standard error does not go to `output` */

	int status;
	struct buf output, errors; /* the first 64 KiB of each */
	int rec; /* its record in the journal, until proc_done(); -1 = none */
};

/*
 * Runs a program and waits for it. Standard input is /dev/null; no descriptor but the
 * standard ones is inherited. It dies with us, and is killed, with all its children,
 * after `timeout_s` seconds or at the deadline. What it leaves in the background when it
 * ends by itself is not waited for, and lives on. If `j` is given, `action`'s child is in
 * the journal until proc_done().
 * 0 with the exit status; -ETIMEDOUT; -EINTR if a signal ended it; else -errno.
 */
int proc_run(struct journal *j, const char *action, struct proc *p, struct xhp_err *err);

/* It has ended, and what is to be known of it stands in the journal. */
void proc_done(struct journal *j, struct proc *p);

/* Ends what is left of a child and its children: what was recorded, and nothing else. */
int proc_undo(const struct rec *rec, struct xhp_err *err);

/* When a process started, in clock ticks since the boot; 0: there is none such. */
unsigned long long proc_start_time(pid_t pid);

/* Ends that very process, if it is still there: asked first, and then made to. */
int proc_end(pid_t pid, unsigned long long start, struct xhp_err *err);

/* The last two lines of a program's output that say something, as they can be shown. */
const char *proc_last_lines(const struct buf *output);

#endif
