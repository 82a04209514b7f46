/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: check all, apply in order, undo in reverse (xen-hotplug(8)). */
#ifndef XHP_ENGINE_H
#define XHP_ENGINE_H

#include "journal.h"
#include "recipe.h"
#include "request.h"

/*
 * Attaches or detaches one device, all or nothing, and tells the toolstack. On failure
 * what was done is undone, and hotplug-error written.
 */
int engine_run(const struct request *req, const struct recipe *recipe,
	       struct xhp_err *err);

/* Says on standard output what engine_run() would do, and changes nothing; also of a verb
 * that is not for the device. */
int engine_plan(const struct request *req, const struct recipe *recipe, bool json,
		struct xhp_err *err);

/*
 * Undoes what a journal holds, last first: every undo is tried, and what failed stays.
 * `rollback`: also what belongs to the device itself. The first error is returned.
 */
int engine_undo(struct journal *j, bool rollback, struct xhp_err *err);

/* The same for what is shared: it belongs to no device, and nothing is skipped. */
int engine_undo_shared(struct journal *j, bool rollback, struct xhp_err *err);

/*
 * Compares what a journal holds with what there is, and tells each difference; puts it
 * back if `repair`, in the order in which it was made. The number of differences left.
 */
enum drift { DRIFTED, REPAIRED, UNKNOWN /* could not be looked at */ };
unsigned int engine_compare(struct journal *j, bool repair,
			    void (*tell)(void *data, const struct rec *rec,
					 enum drift drift, const char *what),
			    void *data);

/* One record: 0 = in place, or nothing to compare; 1 with the difference; negative. */
int engine_audit_one(struct journal *j, const struct rec *rec, struct xhp_err *err);

/* Puts back what of a journal is not in place any more; stops at the first failure. */
int engine_repair(struct journal *j, struct xhp_err *err);

/* Is what a complete journal holds still in place? 0, or 1 with the difference. */
int engine_audit(struct journal *j, struct xhp_err *err);

#endif
