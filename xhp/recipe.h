/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recipes: INI files, read into steps (xen-hotplug-recipe(5)). */
#ifndef XHP_RECIPE_H
#define XHP_RECIPE_H

#include "err.h"
#include "value.h"

struct action;
struct class;
struct step;
struct scope;

/* How deep [defaults] may refer to each other. */
#define DEFAULTS_DEPTH 16

/* A piece of a value: literal text, or a reference to be put in its place. */
enum seg_kind {
	SEG_TEXT,
	SEG_VAR,    /* a class variable or a name from [defaults] */
	SEG_RESULT, /* STEP.RESULT */
	SEG_NODE,   /* backend/..., frontend/..., vm/..., self/... */
};
struct seg {
	enum seg_kind kind;
	const char *text;  /* the literal; the name as written */
	int col;           /* in the value's first line, from 0; -1 = further down */
	struct step *step; /* SEG_RESULT */
	unsigned int result;
};
struct template
{
	const char *text; /* as written */
	struct pos pos;
	unsigned int nsegs;
	struct seg *segs;
	bool late;              /* has a late result in it */
	bool informs;           /* of a key that only informs (P_INFORMS) */
	const struct step *own; /* whose own results it may name */
};

/* KEY = VALUE. The value's lines are joined with newlines. */
struct entry {
	const char *key;
	struct template value;
	const struct param *param; /* of the step's action; NULL for common keys */
};

struct condition {
	struct template left, right; /* right.text NULL: "is set" */
	bool negated;
};

/* For plan: what of something is so now, and is to become. */
struct planned {
	const char *of, *what;
	const char *now; /* "" = nothing; NULL = not known */
	const char *wanted;
};

struct step {
	const char *name; /* label, else the action's name */
	const struct action *action;
	struct scope *scope;
	struct pos pos;
	struct entry *entries;
	unsigned int nentries;
	struct condition *when;
	unsigned int nwhen;
	bool optional;
	const struct template *shared;
	bool late;   /* some key has a late result in it */
	bool secret; /* its results are never shown, and go to keys with P_SECRET alone */
	bool lookup; /* only looks, and that before anything changes */
	/* its action's results, or those that its keys declare; ends with a NULL name */
	const struct result_def *gives;

	/* While a run lasts. */
	bool active, checked;
	void *args;
	const char **results; /* as many as it gives; NULL = empty */
	const char *why;      /* for plan: why it does nothing, or what the check chose */
	struct planned *planned;
	unsigned int nplanned;
};

/* One file of a recipe. What [use] brings in is a scope below the one that uses it. */
struct scope {
	const char *path; /* of the file */
	const char *name; /* without directory, for messages */
	struct scope *parent;
	struct entry *use;         /* the keys of [use]: set variables for this scope */
	struct entry *defaults;    /* [defaults] */
	struct template *requires; /* "${name}" each */
	unsigned int nuse, ndefaults, nrequires;
	const struct class *class;
	struct scope *next; /* all scopes of a recipe */
	bool bound;
	unsigned long long dev, ino;
};

struct recipe {
	struct scope *root;
	struct scope *scopes; /* all of them, linked by `next` */
	const struct class *class;
	const char *device; /* as written; for classes of the administrator's own */
	const char *description;
	struct step **steps; /* top to bottom, through all scopes */
	unsigned int nsteps;
	uint64_t hash; /* of all files' bytes; 0: there is no file */
	bool part;     /* lint: something that it uses could not be read */
};

/*
 * Loads and checks a recipe. `name` is a recipe's name ("vif-bridge"), looked for in the
 * administrator's directory and then in the shipped one, or a path (with a "/").
 * Errors have err->usage set; -ENOENT if there is no such recipe.
 */
int recipe_load(const char *name, struct recipe *ret, struct xhp_err *err);

/* One that runs a hotplug script of another's, as libxl would. */
int recipe_of_script(const char *device, const char *path, struct recipe *ret,
		     struct xhp_err *err);

/* A recipe without steps, for a detach that the journal alone carries out. */
void recipe_stub(const char *device, const char *path, struct recipe *ret);

/* Does some file of the recipe have `name` in its [defaults]? */
bool recipe_has_default(const struct recipe *recipe, const char *name);

/* The variable that may have been meant by `name` in that file, or NULL. */
const char *recipe_near_variable(const struct scope *scope, const char *name);

/* The names of the recipes that can be found, sorted. */
int recipe_names(const char ***ret, unsigned int *ret_n, struct xhp_err *err);

#endif
