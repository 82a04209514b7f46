// SPDX-License-Identifier: LGPL-2.1-or-later
// gc: what is left of devices that are gone, and of runs that were killed.

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "deadline.h"
#include "engine.h"
#include "shared.h"
#include "xhp.h"

enum verdict { ALIVE, CUT_SHORT, GONE, OLD };

/* Gone is only what the store and the kernel both deny. */
static enum verdict judge(const struct journal *j, unsigned int self, struct xhp_err *err)
{
	const char *ifindex = journal_head(j, "ifindex");
	const char *path = journal_head(j, "path"), *by = journal_head(j, "self"), *state;
	struct link link;

	if (j->foreign_boot)
		return OLD;
	if (!j->version || !j->complete)
		return CUT_SHORT;
	if ((!path && !ifindex) || !by || strtoul(by, NULL, 10) != self)
		return ALIVE;
	if (path && (store_read(mem_printf("%s/state", path), &state, err) != -ENOENT ||
		     store_read(path, &state, err) != -ENOENT))
		return ALIVE;
	if (ifindex && nl_link_by_index(atoi(ifindex), &link, err) != -ENODEV)
		return ALIVE;
	return GONE;
}

static int sweep(struct journal *j, struct xhp_err *err)
{
	bool cut = !j->complete;

	if (j->foreign_boot) {
		printf("%s: dropped (from before the last boot)\n", j->name);
		journal_close(j, true);
		return 0;
	}
	log_subject(j->name);
	if (engine_undo(j, true, err) < 0) {
		log_subject(NULL);
		journal_close(j, false);
		return err_wrap(err, "%s", j->name);
	}
	log_subject(NULL);
	printf("%s: undone (%s)\n", j->name,
	       cut ? "a run that was cut short" : "the device is gone");
	journal_close(j, true);
	return 0;
}

/* Judges once more, under the lock; somebody who holds it is at work on the device. */
static int sweep_device(const char *name, unsigned int self, struct xhp_err *err)
{
	struct journal j;

	if (journal_open(JOURNAL_DEVICES, name, true, &j, err) < 0)
		return err->code == -EWOULDBLOCK ? 0 : err->code;
	if (judge(&j, self, err) != ALIVE)
		return sweep(&j, err);
	journal_close(&j, false);
	return 0;
}

static unsigned int complain(const struct xhp_err *err)
{
	log_err("%s", err->text);
	return 1;
}

/* Shared things whose holders were all killed before they were recorded. */
static int sweep_shared(struct xhp_err *err)
{
	struct field *names;
	unsigned int n;

	if (journal_list(JOURNAL_SHARED, &names, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		struct journal j;

		if (journal_open(JOURNAL_SHARED, names[i].name, true, &j, err) < 0) {
			if (err->code == -EWOULDBLOCK)
				continue;
			return err->code;
		}
		shared_prune(&j, NULL);
		if (j.nholders && !j.foreign_boot)
			journal_close(&j, false);
		else if (sweep(&j, err) < 0)
			return err->code;
	}
	return 0;
}

/* For what has lost its journal: "vif-1-0", or "tap-1-0" for the same backend. */
static bool is_lost(const char *device)
{
	unsigned int domid, devid;
	struct xhp_err unused;
	const char *state;
	char class[32];
	struct journal j;

	if (sscanf(device, "%31[a-z0-9_]-%u-%u", class, &domid, &devid) != 3)
		return false;
	if (!strcmp(class, "tap"))
		strcpy(class, "vif");
	return journal_read(JOURNAL_DEVICES, device, &j, &unused) == -ENOENT &&
	       store_read(mem_printf("backend/%s/%u/%u", class, domid, devid), &state,
			  &unused) == -ENOENT;
}

int cmd_gc(int argc, char **argv, struct xhp_err *err)
{
	bool force = argc == 2 && !strcmp(argv[1], "--force");
	unsigned int n, self, gone = 0, bad = 0;
	enum verdict *verdicts;
	struct field *names;

	if (argc > 1 && !force)
		return err_usage(err, NULL, "gc takes nothing but --force");
	log_to_syslog();
	deadline_start(DEADLINE_MINUTES);
	if (journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	if (store_self(&self, err) < 0)
		return err_wrap(err, "nothing is taken for gone");
	verdicts = MEM_ARRAY(enum verdict, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		struct journal j;

		verdicts[i] = ALIVE;
		if (!journal_read(JOURNAL_DEVICES, names[i].name, &j, err))
			verdicts[i] = judge(&j, self, err);
		else if (err->code != -ENOENT)
			bad += complain(err);
		gone += verdicts[i] == GONE;
	}
	if (gone > 1 && gone > n / 2 && !force)
		return err_set(
			err, -EPERM,
			"%u of %u devices look gone at once: is xenstore's content "
			"lost? Nothing is changed; --force goes on",
			gone, n);
	for (unsigned int i = 0; i < n; i++) {
		if (verdicts[i] != ALIVE && sweep_device(names[i].name, self, err) < 0)
			bad += complain(err);
	}
	if (sweep_shared(err) < 0)
		return err->code;
	for (unsigned int i = 0; i < nactions; i++) {
		if (actions[i]->sweep && actions[i]->sweep(is_lost, err) < 0)
			return err->code;
	}
	if (bad)
		return err_set(err, -EIO, "%u devices could not be cleaned up", bad);
	return 0;
}
