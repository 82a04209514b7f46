/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/*
 * The journal: what was changed for one device, or for one shared thing, and what was
 * there before. Written before each change; everything that undoes reads it alone.
 *
 * A journal is a text file of lines "WORD FIELD...", a field being TEXT or NAME=TEXT with
 * blanks, "%", "=" and non-printing bytes as %XX:
 *
 *	xen-hotplug 1			format version
 *	boot ID				/proc/sys/kernel/random/boot_id
 *	head NAME=VALUE...		class, domid, devid, self, uuid, ifindex, recipe, ...
 *	var NAME VALUE			a variable as it was read from outside
 *	step NAME ACTION FILE:LINE	the records below are this step's
 *	rec N SCOPE ACTION KIND NAME=VALUE...
 *	result NAME VALUE		what a shared step gives to those that join it
 *	holder NAME / left NAME		shared journals: who uses the thing
 *	done MICROSECONDS		attached; without it, the run was cut short
 *	undone N			record N was undone
 *
 * A last line without newline was cut off while it was written: the change that it
 * announces was not made, and it is dropped. The file is its own lock (lock.h).
 */
/* clang-format on */
#ifndef XHP_JOURNAL_H
#define XHP_JOURNAL_H

#include "err.h"
#include "mem.h"

enum rec_scope {
	SCOPE_HOST,   /* always undone */
	SCOPE_DEVICE, /* a property of a netdev that goes away: undone on roll-back only
		       */
};

struct field {
	const char *name, *value;
};

/* The value of the first field of that name, or NULL. */
const char *field_get(const struct field *f, unsigned int n, const char *name);

struct rec {
	unsigned int id;
	enum rec_scope scope;
	const char *step, *action, *kind;
	const char *where; /* "FILE:LINE" of the step */
	unsigned int nfields;
	struct field *fields;
	bool undone;
};

struct journal {
	const char *name; /* "vif-1-0" */
	const char *path;
	int fd;        /* open and locked; -1: read only, not locked */
	bool complete; /* "done" is there */
	bool foreign_boot;
	unsigned int version;
	unsigned long attach_us;
	struct field *head, *vars, *results;
	unsigned int nhead, nvars, nresults;
	struct rec *recs;
	unsigned int nrecs;
	const char **holders;
	unsigned int nholders, nstale;    /* holder and left lines that count no more */
	const char *cur_step, *cur_where; /* the step that records are added for */
	const char *pending;              /* its line, not written yet */
};

/* Below the state directory. */
#define JOURNAL_DEVICES "devices"
#define JOURNAL_SHARED  "shared"

/*
 * Opens and locks `dir`/`name` and reads what is there; makes an empty one if there is
 * none. Waits for the lock until the deadline, or not at all if `nowait` (-EWOULDBLOCK).
 * -ENOTSUP if a newer, unknown version wrote it.
 */
int journal_open(const char *dir, const char *name, bool nowait, struct journal *ret,
		 struct xhp_err *err);

/* Reads without a lock (status, check): -ENOENT if there is none. */
int journal_read(const char *dir, const char *name, struct journal *ret,
		 struct xhp_err *err);

/* The kernel's name for this boot. */
const char *journal_boot(void);

/* Nothing was ever written, or nothing of it is left to be undone. */
bool journal_empty(const struct journal *j);

/* Unlocks. Removes the file if `remove`, or if nothing was ever written to it. */
void journal_close(struct journal *j, bool remove);

/* Empties a journal, for a new attach under the same lock. */
int journal_reset(struct journal *j, struct xhp_err *err);

/* The names in a directory of the state's; an absent directory is empty. */
int journal_names(const char *dir, struct field **ret, unsigned int *ret_n,
		  struct xhp_err *err);
/* The same, sorted. */
int journal_list(const char *dir, struct field **ret, unsigned int *ret_n,
		 struct xhp_err *err);

const char *journal_head(const struct journal *j, const char *name);

/* Writes the header and the variables; fields without a value are left out. */
int journal_begin(struct journal *j, const struct field *head, unsigned int nhead,
		  const struct field *vars, unsigned int nvars, struct xhp_err *err);

/* The records that follow are this step's; written together with the first of them. */
void journal_step(struct journal *j, const char *step, const char *action,
		  const char *where);

/* Appends "WORD FIELD [VALUE]": result, holder, left, done. */
int journal_line(struct journal *j, const char *word, const char *field,
		 const char *value, struct xhp_err *err);

/* Writes a shared journal anew, without the lines of those who have come and gone. */
void journal_compact(struct journal *j);

/* The record number `i` of the array is not to be undone any more. */
int journal_undone(struct journal *j, unsigned int i, struct xhp_err *err);

/*
 * Announces one change, before it is made: `fields` is a list of NAME, VALUE pairs that
 * ends with NULL; a NULL value is left out. The values are copied. Not to be called with
 * the change made.
 */
int journal_record(struct journal *j, struct xhp_err *err, enum rec_scope scope,
		   const char *action, const char *kind, ...) __attribute__((sentinel));

/* A record's field, or NULL. */
const char *rec_get(const struct rec *r, const char *name);
/* A record's number, or `missing` if it is not there. */
long rec_num(const struct rec *r, const char *name, long missing);

#endif
