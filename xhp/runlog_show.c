// SPDX-License-Identifier: LGPL-2.1-or-later
// log: the last runs, with their steps' times and their errors.

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "deadline.h"
#include "devices.h"
#include "records.h"
#include "runlog.h"
#include "xhp.h"

#define SHOWN 20

static const char *text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_int_t number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void show(json_t *o)
{
	const char *recipe = text(o, "recipe"), *slash = strrchr(recipe, '/');
	const char *device = text(o, "device");
	json_int_t us = number(o, "us");
	json_t *part;
	size_t i;

	printf("%s %s %s by %s: %s, %lld.%03lld ms (pid %lld)\n   ",
	       time_text(mem_printf("%lld", (long long)number(o, "time"))),
	       *device ? device : text(o, "path"), text(o, "verb"),
	       slash ? slash + 1 : recipe,
	       json_object_get(o, "error") ? "FAILED" : "done", (long long)us / 1000,
	       (long long)us % 1000, (long long)number(o, "pid"));
	json_array_foreach (json_object_get(o, "steps"), i, part) {
		us = json_integer_value(json_array_get(part, 1));
		printf(" %s %lld.%03lld", json_string_value(json_array_get(part, 0)),
		       (long long)us / 1000, (long long)us % 1000);
	}
	printf("\n");
	json_array_foreach (json_object_get(o, "warnings"), i, part)
		printf("    warning: %s\n", json_string_value(part));
	if (json_object_get(o, "error"))
		printf("    error: %s%s%s\n", text(o, "at"), *text(o, "at") ? ": " : "",
		       text(o, "error"));
}

/* ---- Whose runs are they? ---- */

/* "vif-1-0"; of a run that failed before it knew, by XENBUS_PATH. */
static const char *device_of(json_t *o)
{
	const char *device = text(o, "device"), *path = text(o, "path"), *s;
	int slashes = 0;
	char *name;

	if (*device)
		return device;
	for (s = path + strlen(path); s > path; s--) {
		if (s[-1] == '/' && ++slashes == 3)
			break;
	}
	if (slashes < 2)
		return "";
	name = mem_strdup(s);
	for (char *c = name; *c; c++)
		*c = *c == '/' ? '-' : *c;
	return name;
}

/* The name of the guest that has this UUID, if it runs. */
static const char *present_name(const char *device, const char *uuid)
{
	const struct device d = device_was(device, "", "", uuid);
	const unsigned int domid = (unsigned int)strtoul(d.domid, NULL, 10);
	const char *now = *d.domid ? store_uuid(domid) : NULL, *name;
	struct xhp_err unused;

	if (!now || strcmp(now, uuid) != 0 ||
	    store_read(mem_printf("/local/domain/%u/name", domid), &name, &unused) < 0)
		return "";
	return name;
}

/* By UUID: of a guest's runs one may know its name, and then all do. */
static json_t *guest_names(json_t *runs)
{
	json_t *names = json_object(), *o;
	size_t i;

	json_array_foreach (runs, i, o) {
		if (*text(o, "uuid") && *text(o, "guest"))
			json_set_field(names, text(o, "uuid"), text(o, "guest"));
	}
	json_array_foreach (runs, i, o) {
		const char *uuid = text(o, "uuid");

		if (*uuid && !json_object_get(names, uuid))
			json_set_field(names, uuid, present_name(device_of(o), uuid));
	}
	return names;
}

/* The journals' names of what is attached, each with how surely `name` names it. */
static json_t *attached_as(const char *name)
{
	json_t *found = json_object();
	struct xhp_err unused;
	struct device *list;
	unsigned int n, bad;

	if (devices_list(&list, &n, &bad, &unused) < 0)
		return found;
	for (unsigned int i = 0; i < n; i++)
		json_object_set_new(found, list[i].name,
				    json_integer(device_named(&list[i], name)));
	return found;
}

/* The runs of all devices that are called so, or were: a guest's name is all of its. */
static json_t *named(json_t *runs, const char *name)
{
	json_t *attached = attached_as(name), *names = guest_names(runs), *o;
	json_t *kept = json_array(), *of;
	unsigned int *how = MEM_ARRAY(unsigned int, json_array_size(runs) + 1);
	unsigned int best = DEVICE_NOT - 1;
	const char *backend = strstr(name, "/backend/");
	size_t i;

	json_array_foreach (runs, i, o) {
		const char *device = device_of(o), *uuid = text(o, "uuid");
		const struct device d =
			device_was(device, text(o, "type"),
				   *uuid ? text(names, uuid) : text(o, "guest"), uuid);

		of = json_object_get(attached, device);
		how[i] = device_named(&d, backend ? backend + 1 : name);
		if (of && (unsigned int)json_integer_value(of) < how[i])
			how[i] = (unsigned int)json_integer_value(of);
		best = how[i] < best ? how[i] : best;
	}
	json_array_foreach (runs, i, o) {
		if (how[i] == best)
			json_array_append(kept, o);
	}
	return kept;
}

int cmd_log(int argc, char **argv, struct xhp_err *err)
{
	const char *name = NULL;
	bool json = false, all = false;
	json_t *runs, *o;
	size_t i, n;

	for (int a = 1; a < argc; a++) {
		if (!strcmp(argv[a], "--json"))
			json = true;
		else if (!strcmp(argv[a], "--all"))
			all = true;
		else if (*argv[a] == '-' || name)
			return err_usage(err, NULL, "log: unknown argument %s",
					 quoted(argv[a]));
		else
			name = argv[a];
	}
	deadline_start(DEADLINE_MINUTES);
	if (runlog_read(&runs, NULL, err) < 0)
		return err->code;
	if (name)
		runs = named(runs, name);
	n = json_array_size(runs);
	if (name && !n)
		return err_set(err, -ENOENT,
			       "no run of %s is remembered (of a guest that is gone: as "
			       "vif-DOMID-0, UUID or UUID/eth0)",
			       quoted(name));
	while (!all && n > SHOWN) {
		json_array_remove(runs, 0);
		n--;
	}
	if (json) {
		json_dumpf(runs, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
		return 0;
	}
	json_array_foreach (runs, i, o)
		show(o);
	if (!n)
		printf("no run is remembered\n");
	return 0;
}
