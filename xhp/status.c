// SPDX-License-Identifier: LGPL-2.1-or-later
// status: what is attached, by which recipe, since when, and is it as it was made.

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "deadline.h"
#include "devices.h"
#include "engine.h"
#include "recipe.h"
#include "records.h"
#include "xhp.h"

/* What the table shows of a device. */
enum { DEVICE, NAME, WHERE, RECIPE, GUEST, SINCE, TOOK, STATE, FILTER, COLUMNS };
struct row {
	const char *cell[COLUMNS];
};

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

/* What a new attach would be done by is not what this one was done by. */
static bool recipe_changed(const struct journal *j)
{
	const char *path = journal_head(j, "recipe"), *hash = journal_head(j, "hash");
	struct xhp_err unused;
	struct recipe recipe;

	return path && *path == '/' && hash &&
	       (recipe_load(path, &recipe, &unused) < 0 ||
		strtoull(hash, NULL, 16) != recipe.hash);
}

static const char *took(const struct journal *j)
{
	return mem_printf("%lu.%01lu ms", j->attach_us / 1000, j->attach_us / 100 % 10);
}

static struct row make_row(struct device *d)
{
	const char *recipe = journal_head(&d->j, "recipe"), *base;
	const char *changed = recipe_changed(&d->j) ? " (changed)" : "";

	base = recipe ? strrchr(recipe, '/') : NULL;
	return (struct row){ {
		[DEVICE] = d->name,
		[NAME] = or_dash(*d->netdev ? d->netdev : d->as),
		[WHERE] = or_dash(device_where(d)),
		[RECIPE] = mem_printf("%s%s", or_dash(base ? base + 1 : recipe), changed),
		[GUEST] = device_guest(d),
		[SINCE] = or_dash(time_text(journal_head(&d->j, "since"))),
		[TOOK] = d->j.complete ? took(&d->j) : "-",
		[STATE] = device_state(d),
		[FILTER] = or_dash(device_filter(&d->j)),
	} };
}

/* On a terminal: a character takes one place, whatever its bytes are. */
static int width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void show_table(struct device *list, unsigned int n)
{
	static const struct row head = { { "DEVICE", "NAME", "WHERE", "RECIPE", "GUEST",
					   "SINCE", "TOOK", "STATE", "FILTER" } };
	struct row *rows = MEM_ARRAY(struct row, n + 1);
	int width[COLUMNS] = { 0 };

	rows[0] = head;
	for (unsigned int i = 0; i < n; i++)
		rows[i + 1] = make_row(&list[i]);
	for (unsigned int i = 0; i <= n; i++) {
		for (int c = 0; c < FILTER; c++) {
			int len = width_of(rows[i].cell[c]);

			width[c] = len > width[c] ? len : width[c];
		}
	}
	for (unsigned int i = 0; n && i <= n; i++) {
		for (int c = 0; c < FILTER; c++)
			printf("%s%*s", rows[i].cell[c],
			       width[c] - width_of(rows[i].cell[c]) + 1, "");
		printf("%s\n", rows[i].cell[FILTER]);
	}
	if (!n)
		printf("nothing is attached\n");
}

/* --- what was there before, what was asked, what is there now --- */

static void show_fields(const char *title, const struct rec *r, bool old)
{
	bool first = true;

	for (unsigned int i = 0; i < r->nfields; i++) {
		const char *name = field_before(&r->fields[i]);

		if (!name == old)
			continue;
		printf("%s%s=%s", first ? title : " ", old ? name : r->fields[i].name,
		       field_text(&r->fields[i]));
		first = false;
	}
	if (!first)
		printf("\n");
}

static void show_one(struct device *d)
{
	struct journal *j = &d->j;
	const char *last = "";

	printf("%s: %s, guest %s%s%s%s%s\n", d->name, device_state(d), device_guest(d),
	       *d->netdev ? ", interface " : "", d->netdev, *d->as ? ", there " : "",
	       d->as);
	printf("  recipe   %s%s\n", or_dash(journal_head(j, "recipe")),
	       recipe_changed(j) ? ", changed since: that holds from the next attach on"
				 : "");
	printf("  since    %s, in %lu.%03lu ms\n",
	       or_dash(time_text(journal_head(j, "since"))), j->attach_us / 1000,
	       j->attach_us % 1000);
	printf("  where    %s\n  filter   %s\n  path     %s\n", or_dash(device_where(d)),
	       or_dash(device_filter(j)), or_dash(journal_head(j, "path")));
	if (journal_head(j, "note"))
		printf("  note     %s\n", journal_head(j, "note"));
	for (unsigned int i = 0; i < j->nvars; i++) {
		if (*j->vars[i].value)
			printf("  %-8s %s\n", j->vars[i].name,
			       printable(j->vars[i].value));
	}
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];
		struct xhp_err err = { 0 };
		const char *state;

		if (r->undone)
			continue;
		if (strcmp(last, r->step) != 0)
			printf("  [%s]  %s\n", r->step, r->where);
		last = r->step;
		state = rec_now(j, r, &err);
		printf("    %s\n", r->kind);
		show_fields("      asked   ", r, false);
		show_fields("      before  ", r, true);
		printf("      now     %s%s%s\n", state, *err.text ? ": " : "", err.text);
	}
}

/* --- JSON --- */

static void set_number(json_t *o, const char *name, const char *value)
{
	json_object_set_new(o, name,
			    value && *value ? json_integer(strtoll(value, NULL, 10))
					    : json_null());
}

static json_t *device_json(struct device *d)
{
	json_t *o = json_object(), *changes = json_array(), *vars = json_object();
	const struct journal *j = &d->j;
	const char *state = device_state(d), *filter = device_filter(&d->j);

	json_set_text(o, "device", d->name);
	json_set_text(o, "class", journal_head(j, "class"));
	json_set_text(o, "type", d->type);
	set_number(o, "domid", d->domid);
	set_number(o, "devid", d->devid);
	json_set_text(o, "guest", d->guest);
	json_set_text(o, "uuid", journal_head(j, "uuid"));
	json_set_text(o, "path", journal_head(j, "path"));
	json_set_text(o, "interface", d->netdev);
	json_set_text(o, "inside", d->as);
	json_set_text(o, "where", device_where(d));
	json_set_text(o, "recipe", journal_head(j, "recipe"));
	json_object_set_new(o, "recipe-changed", json_boolean(recipe_changed(j)));
	set_number(o, "since", journal_head(j, "since"));
	json_object_set_new(o, "attach_us", json_integer((json_int_t)j->attach_us));
	json_set_text(o, "state", state);
	json_object_set_new(o, "healthy", json_boolean(!strcmp(state, STATE_ATTACHED)));
	json_object_set_new(o, "filtered",
			    filter ? json_boolean(strcmp(filter, "UNFILTERED") != 0)
				   : json_null());
	json_set_text(o, "note", journal_head(j, "note"));
	for (unsigned int i = 0; i < j->nvars; i++)
		json_set_field(vars, j->vars[i].name, j->vars[i].value);
	json_object_set_new(o, "variables", vars);
	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (!j->recs[i].undone)
			json_array_append_new(changes, rec_json(&d->j, &j->recs[i]));
	}
	json_object_set_new(o, "changes", changes);
	return o;
}

int cmd_status(int argc, char **argv, struct xhp_err *err)
{
	const struct device *one = NULL;
	const char *name = NULL;
	struct device *list;
	unsigned int n, bad;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (*argv[i] == '-' || name)
			return err_usage(err, NULL, "status: unknown argument %s",
					 quoted(argv[i]));
		else
			name = argv[i];
	}
	deadline_start(DEADLINE_MINUTES);
	if (devices_list(&list, &n, &bad, err) < 0 ||
	    (name && devices_find(list, n, name, &one, err) < 0))
		return err->code;
	if (one) {
		list[0] = *one;
		n = 1;
	}
	if (json) {
		json_t *all = json_array();

		for (unsigned int i = 0; i < n; i++)
			json_array_append_new(all, device_json(&list[i]));
		json_dumpf(all, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
	} else if (one) {
		show_one(&list[0]);
	} else {
		show_table(list, n);
	}
	return bad ? err_set(err, -EIO, "%u journals cannot be read", bad) : 0;
}
