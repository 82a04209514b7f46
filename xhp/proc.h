/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Child processes: never through a shell, never past the deadline. */
#ifndef XHP_PROC_H
#define XHP_PROC_H

#include "err.h"
#include "journal.h"
#include "mem.h"

/* The kind of record that announces a child, of whatever action. */
#define PROC_KIND "child"

/*
 * Runs a program and waits for it. `argv[0]` is its absolute path; `env` is its whole
 * environment. Standard input is /dev/null, standard output and error go to `output`, of
 * which the first 64 KiB are kept; no other descriptor is inherited. It dies with us, and
 * is killed, with all its children, after `timeout_s` seconds or at the deadline. What
 * it leaves in the background when it ends by itself is not waited for, and lives on. If
 * `j` is given, `action`'s child is in the journal while it runs.
 * 0 with the exit status; -ETIMEDOUT; -EINTR if a signal ended it; else -errno.
 */
int proc_run(struct journal *j, const char *action, const char *const argv[],
	     const char *const env[], int timeout_s, struct buf *output, int *ret_status,
	     struct xhp_err *err);

/* Ends what is left of a child and its children: what was recorded, and nothing else. */
int proc_undo(const struct rec *rec, struct xhp_err *err);

/* The last two lines of a program's output that say something, as they can be shown. */
const char *proc_last_lines(const struct buf *output);

#endif
