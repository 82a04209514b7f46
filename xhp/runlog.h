/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last runs, with their steps' times and their errors: for `log`, and to count. */
#ifndef XHP_RUNLOG_H
#define XHP_RUNLOG_H

#include <jansson.h>

#include "err.h"

/* A run begins; what is noted before that is lost. */
void runlog_begin(const char *recipe, const char *verb);
void runlog_device(const char *device, const char *type, bool attach);
/* Whose it is, as far as that is known; NULL: no news. The texts must last. */
void runlog_guest(const char *uuid, const char *name);
/* From here on, time is spent on this. The text must last. */
void runlog_step(const char *name);
void runlog_warning(const char *text);
/* The run's end: one write to the ring. `err` NULL: it went well. */
void runlog_end(const struct xhp_err *err);

/*
 * All runs that are remembered, oldest first, as objects; lines that are none are left
 * out. `ret_totals`: "TYPE attach" or "TYPE detach" -> { runs, failed, us }, of those
 * that are forgotten, too; may be NULL.
 */
int runlog_read(json_t **ret_runs, json_t **ret_totals, struct xhp_err *err);

#endif
