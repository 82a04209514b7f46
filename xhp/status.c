// SPDX-License-Identifier: LGPL-2.1-or-later
// status: what is attached, by which recipe, since when. Reads journals and recipes
// alone.

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "commands.h"
#include "recipe.h"
#include "xhp.h"

/* What the table shows of a device. */
struct row {
	const char *device, *netdev, *where, *recipe, *since, *filter, *state;
};

static const struct rec *find_record(const struct journal *j, const char *action)
{
	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (!j->recs[i].undone && !strcmp(j->recs[i].action, action))
			return &j->recs[i];
	}
	return NULL;
}

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

/* What the device is held to: as recorded, for a recipe may take it from anywhere. */
static const char *filter_of(const struct journal *j)
{
	const struct rec *filter = find_record(j, "filter");
	const char *ip = filter ? rec_get(filter, "ip") : NULL;

	if (!journal_head(j, "ifindex"))
		return "-";
	if (!filter)
		return "UNFILTERED";
	return ip && strcmp(ip, "any") != 0 ? ip : "MAC only";
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

static struct row make_row(const struct journal *j)
{
	const struct rec *bridge = find_record(j, "bridge");
	const struct rec *up = find_record(j, "up");
	const char *since = journal_head(j, "since");
	const char *recipe = journal_head(j, "recipe"), *base;
	time_t t = since ? (time_t)strtoll(since, NULL, 10) : 0;
	struct row row = { .device = j->name };
	char text[32] = "";
	struct tm tm;

	if (t && localtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	base = recipe ? strrchr(recipe, '/') : NULL;
	row.netdev = or_dash(up ? rec_get(up, "ifname") : journal_head(j, "dev"));
	row.where = or_dash(bridge ? rec_get(bridge, "bridge") : NULL);
	row.recipe = or_dash(base ? base + 1 : recipe);
	if (recipe_changed(j))
		row.recipe = mem_printf("%s (changed)", row.recipe);
	row.since = or_dash(mem_strdup(text));
	row.filter = filter_of(j);
	row.state = j->foreign_boot ? "before boot"
		    : j->complete   ? "attached"
				    : "incomplete";
	return row;
}

static json_t *fields_json(const struct field *fields, unsigned int n)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < n; i++)
		json_object_set_new(o, fields[i].name, json_string(fields[i].value));
	return o;
}

static json_t *journal_json(const struct journal *j)
{
	struct row row = make_row(j);
	json_t *o = fields_json(j->head, j->nhead), *steps = json_array();

	json_object_set_new(o, "device", json_string(j->name));
	json_object_set_new(o, "interface", json_string(row.netdev));
	json_object_set_new(o, "state", json_string(row.state));
	json_object_set_new(
		o, "filtered",
		json_boolean(journal_head(j, "ifindex") && find_record(j, "filter")));
	json_object_set_new(o, "recipe-changed", json_boolean(recipe_changed(j)));
	json_object_set_new(o, "attach_us", json_integer((json_int_t)j->attach_us));
	json_object_set_new(o, "variables", fields_json(j->vars, j->nvars));
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];
		json_t *step;

		if (r->undone)
			continue;
		step = fields_json(r->fields, r->nfields);
		json_object_set_new(step, "step", json_string(r->step));
		json_object_set_new(step, "action", json_string(r->action));
		json_object_set_new(step, "kind", json_string(r->kind));
		json_object_set_new(step, "from", json_string(r->where));
		json_array_append_new(steps, step);
	}
	json_object_set_new(o, "changes", steps);
	return o;
}

static void show_one(const struct journal *j)
{
	struct row row = make_row(j);
	const char *last = "";

	printf("%s: %s, interface %s\n", row.device, row.state, row.netdev);
	printf("  recipe   %s%s\n  since    %s, in %lu.%03lu ms\n  filter   %s\n",
	       or_dash(journal_head(j, "recipe")),
	       recipe_changed(j) ? ", changed since: that holds from the next attach on"
				 : "",
	       row.since, j->attach_us / 1000, j->attach_us % 1000, row.filter);
	if (journal_head(j, "note"))
		printf("  note     %s\n", journal_head(j, "note"));
	for (unsigned int i = 0; i < j->nvars; i++) {
		if (*j->vars[i].value)
			printf("  %-8s %s\n", j->vars[i].name, j->vars[i].value);
	}
	for (unsigned int i = 0; i < j->nrecs; i++) {
		const struct rec *r = &j->recs[i];

		if (r->undone)
			continue;
		if (strcmp(last, r->step) != 0)
			printf("  [%s]  (%s)\n", r->step, r->where);
		last = r->step;
		printf("    %s", r->kind);
		for (unsigned int k = 0; k < r->nfields; k++)
			printf(" %s=%s", r->fields[k].name, r->fields[k].value);
		printf("\n");
	}
}

static void show_table(const struct row *rows, unsigned int n)
{
	if (!n) {
		printf("nothing is attached\n");
		return;
	}
	printf("%-10s %-15s %-15s %-18s %-19s %-10s %s\n", "DEVICE", "INTERFACE", "WHERE",
	       "RECIPE", "SINCE", "STATE", "FILTER");
	for (unsigned int i = 0; i < n; i++)
		printf("%-10s %-15s %-15s %-18s %-19s %-10s %s\n", rows[i].device,
		       rows[i].netdev, rows[i].where, rows[i].recipe, rows[i].since,
		       rows[i].state, rows[i].filter);
}

int cmd_status(int argc, char **argv, struct xhp_err *err)
{
	const char *device = NULL;
	struct field *names;
	struct row *rows;
	json_t *list = NULL;
	unsigned int n, shown = 0;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (*argv[i] == '-' || device)
			return err_usage(err, NULL, "status: unknown argument %s",
					 quoted(argv[i]));
		else
			device = argv[i];
	}
	if (journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	rows = MEM_ARRAY(struct row, n + 1);
	if (json)
		list = json_array();
	for (unsigned int i = 0; i < n; i++) {
		struct journal j;

		if (device && strcmp(device, names[i].name) != 0)
			continue;
		if (journal_read(JOURNAL_DEVICES, names[i].name, &j, err) < 0) {
			if (err->code == -ENOENT)
				continue; /* detached meanwhile */
			return err->code;
		}
		if (!j.version)
			continue; /* a run has only just begun */
		if (json)
			json_array_append_new(list, journal_json(&j));
		else if (device)
			show_one(&j);
		rows[shown++] = make_row(&j);
	}
	if (device && !shown)
		return err_set(err, -ENOENT, "nothing is attached as %s", quoted(device));
	if (json) {
		json_dumpf(list, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		printf("\n");
	} else if (!device) {
		show_table(rows, shown);
	}
	return 0;
}
