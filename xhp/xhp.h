/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What actions see of the engine. */
#ifndef XHP_H
#define XHP_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"
#include "journal.h"
#include "log.h"
#include "mem.h"
#include "nl.h"
#include "recipe.h"
#include "store.h"
#include "value.h"

struct request;

/* One run: what the engine and the steps share. */
struct ctx {
	const struct request *req;
	const struct recipe *recipe; /* NULL when only a journal is at hand (gc) */
	struct journal *journal; /* of the step at work: the device's, or a shared one */
	const char *device;      /* "vif-1-0": names the journal and all our marks */
	struct link dev;         /* the device's own interface; follows a rename */
	unsigned int mtu;        /* that the guest is to be told; 0 = none */
	bool rollback;           /* the undo is a roll-back, not a detach */
	bool planning;           /* nothing is going to be applied */
	bool require_filter;     /* the settings refuse what nothing filters */
	bool filtered; /* a step is going to filter the device's own interface */
	const struct step *refused; /* the check failed at this one; it is not optional */
	const struct step *around;  /* leads the device's frames around every filter */
	uint8_t sharing;            /* of disks, by the settings: 1 exclusive, 2 shared */
	bool published;             /* a step has told the toolstack that all is done */
	struct {
		bool open;
		int fd; /* the file that [loop] shows */
		const char *path;
		unsigned int loop; /* as this loop device */
	} image;
};

struct result_def {
	const char *name;
	bool late;    /* known only after the step was applied */
	bool trusted; /* the administrator's own text, not from outside */
	enum value_type type;
	const char *help;
};

/*
 * What status and tree say of a record: "${field}" of it is put in place, "[...]" drops
 * out if a field in it is empty. Either text may be NULL.
 */
struct shown {
	const char *kind;  /* of the record; NULL ends the table */
	const char *where; /* where the device went: "${bridge}[ VLAN ${vlan}]" */
	const char *under; /* what it hangs from: "bridge ${bridge}" */
};

/*
 * An action. All functions return 0 or -errno with an error set, and may be NULL.
 * `args` is zeroed memory of args_size bytes, into which the params were parsed.
 */
struct action {
	const char *name;
	const char *summary;
	const struct param *params; /* ends with a NULL key */
	size_t args_size;
	const struct result_def *results; /* ends with a NULL name; may be NULL */
	const struct shown *shown;        /* of its records; may be NULL */
	const char *lost_with; /* "a.service b.service": what a start of them removes */
	const char *declares;  /* for help: what declare() adds in place of `results` */
	enum {
		ORDER_ANY,
		ORDER_FILTER, /* before whatever lets frames through */
		ORDER_UP,     /* lets frames through */
		ORDER_LAST,   /* hooks */
	} order;
	/* Elsewhere it is legal, and surely a mistake: lint warns. */
	enum { PLACE_ANY, PLACE_BEFORE_UP, PLACE_UP, PLACE_AFTER_UP } place;

	/* When the recipe is loaded: judges the keys as they are written, and declares
	 * what results they give (step_declare()). */
	int (*declare)(struct step *step, struct xhp_err *err);
	/* lint: what is wrong with a step that is legal, or NULL. */
	const char *(*lint)(const struct step *step);
	/* Looks, and sets the early results; changes nothing. */
	int (*check)(struct ctx *ctx, struct step *step, void *args, struct xhp_err *err);
	/* What apply() is going to change, with plan_change(); only looks, at what is so
	 * before the run. */
	int (*plan)(struct ctx *ctx, struct step *step, void *args, struct xhp_err *err);
	/* journal_record() first, then the change; may be several of those. */
	int (*apply)(struct ctx *ctx, struct step *step, void *args, struct xhp_err *err);
	/* Undoes one record, which may or may not have been carried out. Already gone is
	 * success; somebody else's is left alone with log_warn(). */
	int (*undo)(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);
	/* Is the record's change still in place? 0, or 1 with the difference in err. */
	int (*audit)(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);
	/* Makes the record's change again, after audit() has found it gone. */
	int (*repair)(struct ctx *ctx, const struct rec *rec, struct xhp_err *err);
	/* gc: removes what carries our mark but stands in no journal, if the kernel's
	 * object is gone and then `is_gone` says so of its device, too. That is asked
	 * last: gc --dry-run tells what it is asked for, and says no. */
	int (*sweep)(bool (*is_gone)(const char *device), struct xhp_err *err);
	/* Without a journal, at detach, before the steps: gives others' results back from
	 * what is in xenstore. */
	int (*recall)(struct ctx *ctx, struct step *step, struct xhp_err *err);
	/* Without a journal, at detach: removes what the stock script would have made. */
	int (*detach_stock)(struct ctx *ctx, struct step *step, void *args,
			    struct xhp_err *err);
};

/* The actions, sorted by name (actions/registry.c). */
extern const struct action *const actions[];
extern const unsigned int nactions;
const struct action *action_find(const char *name);

/* Sets an early (in check) or late (in apply) result. `value` NULL or "" = empty. */
void step_result(struct step *step, const char *name, const char *value);

/* For plan(): `what` of `of`, which is `now` ("": nothing; NULL: not known), is going to
 * be `wanted`. The texts must last. */
void plan_change(struct step *step, const char *of, const char *what, const char *now,
		 const char *wanted);

/* The key as it stands in the recipe, or NULL. */
const struct entry *step_entry(const struct step *step, const char *key);

/* For declare(): adds the fields of a key with patterns, which has no references. */
int step_patterns(const struct entry *e, struct texts *fields, struct xhp_err *err);

/* For declare(): the step gives these results, texts from outside. */
void step_declare(struct step *step, const struct texts *names, bool late);

/* A class variable's value ("" if empty), as ${name} in the step's file would give it. */
int step_var(struct ctx *ctx, struct step *step, const char *name, const char **ret,
	     struct xhp_err *err);

/* journal_record() for the step's action, in the current journal. */
#define RECORD(ctx, err, scope, act, kind, ...) \
	journal_record((ctx)->journal, (err), (scope), (act), (kind), ##__VA_ARGS__, NULL)

/* Fails with -ETIMEDOUT once this phase's time is over; for loops that wait. */
int deadline_check(struct xhp_err *err);
/* Milliseconds left in this phase, at least 0. */
int deadline_left(void);

/* The device's interface, or the one that `given` names, as the kernel has it now. */
int dev_or(struct ctx *ctx, const struct ifname *given, struct link *ret,
	   struct xhp_err *err);

#endif
