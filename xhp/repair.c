// SPDX-License-Identifier: LGPL-2.1-or-later
// check and repair: is what was attached still as it was made, and if not, put it back.

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "commands.h"
#include "deadline.h"
#include "devices.h"
#include "engine.h"
#include "metrics.h"
#include "records.h"
#include "shared.h"
#include "xhp.h"

/* The device at work. */
struct report {
	const struct device *d;
	json_t *list; /* of differences; NULL: text */
	bool repairing;
};

/* systemd leaves a link behind for each unit that runs: since when it does. */
static time_t unit_started(const char *unit)
{
	struct stat st;

	return lstat(mem_printf("/run/systemd/units/invocation:%s", unit), &st) < 0
		       ? 0
		       : st.st_ctime;
}

/* Only what is known: a service that may do this was started after the attach. */
static const char *cause(const struct device *d, const struct rec *rec)
{
	const struct action *a = action_find(rec->action);
	const char *since = journal_head(&d->j, "since");
	char *units = mem_strdup(a && a->lost_with ? a->lost_with : ""), *save = NULL;

	for (char *u = strtok_r(units, " ", &save); u; u = strtok_r(NULL, " ", &save)) {
		time_t started = unit_started(u);

		if (since && started >= strtoll(since, NULL, 10))
			return mem_printf(
				"%s was started at %s, after this was made", u,
				time_text(mem_printf("%lld", (long long)started)));
	}
	return NULL;
}

static void tell(void *data, const struct rec *rec, enum drift drift, const char *what)
{
	static const char *const words[] = {
		[DRIFTED] = "drifted", [REPAIRED] = "repaired", [UNKNOWN] = "unknown"
	};
	const struct report *r = data;
	const struct action *a = action_find(rec->action);
	const char *why = cause(r->d, rec);
	bool can = a ? a->repair != NULL : !strcmp(rec->action, SHARED_ACTION);

	if (r->list) {
		json_t *o = json_object();

		json_set_field(o, "step", rec->step);
		json_set_field(o, "action", rec->action);
		json_set_field(o, "kind", rec->kind);
		json_set_field(o, "from", rec->where);
		json_set_field(o, "difference", what);
		json_set_text(o, "cause", why);
		json_set_field(o, "wanted", rec_asked(rec));
		json_object_set_new(o, "repairable", json_boolean(can));
		json_object_set_new(o, "repaired", json_boolean(drift == REPAIRED));
		json_array_append_new(r->list, o);
		return;
	}
	printf("%s: [%s] %s: %s\n", r->d->name, rec->step, words[drift], what);
	if (why)
		printf("    known: %s\n", why);
	if (r->repairing || drift == UNKNOWN)
		return;
	if (can)
		printf("    repair: makes it again: %s %s  (%s)\n", rec->kind,
		       rec_asked(rec), rec->where);
	else
		printf("    repair: cannot; detach and attach the device\n");
}

static json_t *device_json(const struct device *d, json_t *differences)
{
	bool whole = d->j.complete && !d->j.foreign_boot;
	json_t *o = json_object();

	json_set_field(o, "device", d->name);
	json_set_field(o, "type", d->type);
	json_object_set_new(o, "domid", json_integer(strtol(d->domid, NULL, 10)));
	json_set_text(o, "guest", d->guest);
	json_object_set_new(o, "complete", json_boolean(whole));
	json_object_set_new(o, "healthy",
			    json_boolean(whole && !json_array_size(differences)));
	json_object_set_new(o, "differences", differences);
	return o;
}

/* The number of differences that are left; under the device's lock if `repair`. */
static int one(struct device *d, bool repair, json_t *json, unsigned int *left,
	       struct xhp_err *err)
{
	struct report report = { .d = d, .repairing = repair };

	if (repair && journal_open(JOURNAL_DEVICES, d->name, false, &d->j, err) < 0)
		return err->code;
	if (!d->j.version) { /* detached meanwhile */
		journal_close(&d->j, false);
		return 0;
	}
	if (json)
		report.list = json_array();
	if (!d->j.complete || d->j.foreign_boot) {
		(*left)++;
		if (!json)
			printf("%s: %s (xen-hotplug gc)\n", d->name,
			       d->j.foreign_boot ? "from before the last boot"
						 : "a run was cut short");
	} else {
		*left += engine_compare(&d->j, repair, tell, &report);
	}
	if (json)
		json_array_append_new(json, device_json(d, report.list));
	journal_close(&d->j, false);
	return 0;
}

static struct metrics_class *classes;
static unsigned int nclasses;

static void count(const struct device *d, unsigned int differences)
{
	size_t len = strcspn(d->name, "-");
	struct metrics_class *c = NULL;

	for (unsigned int i = 0; i < nclasses && !c; i++) {
		if (!strncmp(classes[i].class, d->name, len) && !classes[i].class[len])
			c = &classes[i];
	}
	if (!c) {
		c = MEM_PUSH(classes, nclasses);
		c->class = mem_strndup(d->name, len);
	}
	c->devices++;
	c->unhealthy += differences > 0;
	c->differences += differences;
}

static int each(int argc, char **argv, bool repair, struct xhp_err *err)
{
	unsigned int n, bad, left = 0, before;
	const struct device *found;
	const char *name = NULL, *prometheus = NULL;
	struct device *list;
	json_t *json = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = json_array();
		else if (!repair && !strcmp(argv[i], "--prometheus") && i + 1 == argc)
			return err_usage(err, NULL, "--prometheus: into which file?");
		else if (!repair && !strcmp(argv[i], "--prometheus"))
			prometheus = argv[++i];
		else if (*argv[i] == '-' || name)
			return err_usage(err, NULL, "%s: unknown argument %s", argv[0],
					 quoted(argv[i]));
		else
			name = argv[i];
	}
	if (prometheus && name)
		return err_usage(err, NULL,
				 "--prometheus counts all devices, not %s alone",
				 quoted(name));
	deadline_start(DEADLINE_MINUTES);
	if (devices_list(&list, &n, &bad, err) < 0 ||
	    (name && devices_find(list, n, name, &found, err) < 0))
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		if (name && found != &list[i])
			continue;
		before = left;
		if (one(&list[i], repair, json, &left, err) < 0)
			return err->code;
		count(&list[i], left - before);
	}
	if (json) {
		json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
	}
	if (prometheus && metrics_write(prometheus, classes, nclasses, err) < 0)
		return err->code;
	fflush(stdout); /* the verdict comes last */
	if (bad)
		return err_set(err, -EIO, "%u journals cannot be read", bad);
	if (left)
		return err_set(err, -ESTALE, "%u difference%s%s", left,
			       left == 1 ? "" : "s",
			       !repair     ? ""
			       : left == 1 ? " is left"
					   : " are left");
	return 0;
}

int cmd_check(int argc, char **argv, struct xhp_err *err)
{
	return each(argc, argv, false, err);
}

int cmd_repair(int argc, char **argv, struct xhp_err *err)
{
	log_to_syslog();
	return each(argc, argv, true, err);
}
