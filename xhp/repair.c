// SPDX-License-Identifier: LGPL-2.1-or-later
// check and repair: is what was attached still as it was made, and if not, put it back.

#include <stdio.h>

#include "commands.h"
#include "deadline.h"
#include "engine.h"
#include "xhp.h"

static void tell(const struct journal *j, const struct rec *rec, enum drift drift,
		 const char *what)
{
	printf("%s: [%s] %s: %s\n", j->name, rec->step,
	       drift == REPAIRED ? "repaired" : "drifted", what);
}

static int read_one(const char *name, bool repair, struct journal *ret,
		    struct xhp_err *err)
{
	return repair ? journal_open(JOURNAL_DEVICES, name, false, ret, err)
		      : journal_read(JOURNAL_DEVICES, name, ret, err);
}

static int each(int argc, char **argv, bool repair, struct xhp_err *err)
{
	unsigned int n, seen = 0, left = 0;
	struct field *names;

	if (argc > 2)
		return err_usage(err, NULL, "%s takes one device at most", argv[0]);
	deadline_start(DEADLINE_MINUTES);
	if (journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		struct journal j;

		if (argc == 2 && strcmp(argv[1], names[i].name) != 0)
			continue;
		if (read_one(names[i].name, repair, &j, err) < 0) {
			if (err->code == -ENOENT)
				continue; /* detached meanwhile */
			return err->code;
		}
		seen += j.version != 0;
		if (j.version && !j.complete) {
			printf("%s: a run was cut short (xen-hotplug gc)\n", j.name);
			left++;
		} else if (j.version) {
			left += engine_compare(&j, repair, tell);
		}
		journal_close(&j, false);
	}
	if (argc == 2 && !seen)
		return err_set(err, -ENOENT, "nothing is attached as %s",
			       quoted(argv[1]));
	if (left)
		return err_set(err, -ESTALE, "%u differences%s", left,
			       repair ? " are left" : "");
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
