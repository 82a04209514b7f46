// SPDX-License-Identifier: LGPL-2.1-or-later
// log: the last runs, with their steps' times and their errors.

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "devices.h"
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

/* What is attached by its names, else as the runs called it: also "vif1.0", "vif/1/0". */
static const char *find(const char *name, json_t *runs)
{
	const struct device *found;
	struct device *list;
	unsigned int n, bad, domid, devid;
	struct xhp_err unused;
	char class[32];
	json_t *o;
	size_t i;

	if (!devices_list(&list, &n, &bad, &unused) &&
	    !devices_find(list, n, name, &found, &unused))
		return found->name;
	if (sscanf(name, "%31[a-z]%u.%u", class, &domid, &devid) == 3)
		name = mem_printf("%s-%u-%u", class, domid, devid);
	json_array_foreach (runs, i, o) {
		const char *device = text(o, "device"), *s = name + strlen(name);
		char *path = mem_strdup(device);

		for (char *c = path; *c; c++)
			*c = *c == '-' ? '/' : *c;
		if (!strcmp(device, name) ||
		    (strlen(name) >= strlen(path) && !strcmp(s - strlen(path), path)))
			return device;
	}
	return NULL;
}

int cmd_log(int argc, char **argv, struct xhp_err *err)
{
	const char *name = NULL, *device = NULL;
	bool json = false, all = false;
	json_t *runs, *kept = json_array(), *o;
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
	if (runlog_read(&runs, NULL, err) < 0)
		return err->code;
	if (name && !(device = find(name, runs)))
		return err_set(err, -ENOENT, "no run of %s is remembered", quoted(name));
	json_array_foreach (runs, i, o) {
		if (!device || !strcmp(text(o, "device"), device))
			json_array_append(kept, o);
	}
	n = json_array_size(kept);
	while (!all && n > SHOWN) {
		json_array_remove(kept, 0);
		n--;
	}
	if (json) {
		json_dumpf(kept, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
		return 0;
	}
	json_array_foreach (kept, i, o)
		show(o);
	if (!n)
		printf("no run is remembered\n");
	return 0;
}
