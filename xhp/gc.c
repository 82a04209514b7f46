// SPDX-License-Identifier: LGPL-2.1-or-later
// gc: what is left of devices that are gone, and of runs that were killed.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "deadline.h"
#include "disks.h"
#include "engine.h"
#include "shared.h"
#include "xhp.h"

enum verdict { ALIVE, CUT_SHORT, GONE, OLD };

static bool dry_run;
static const struct action *sweeping;

static int open_one(const char *dir, const char *name, struct journal *ret,
		    struct xhp_err *err)
{
	return dry_run ? journal_read(dir, name, ret, err)
		       : journal_open(dir, name, true, ret, err);
}

/* Gone is only what the store and the kernel both deny. In `err`: why. */
static enum verdict judge(const struct journal *j, unsigned int self, struct xhp_err *err)
{
	const char *ifindex = journal_head(j, "ifindex"),
		   *ifname = journal_head(j, "dev");
	const char *path = journal_head(j, "path"), *by = journal_head(j, "self"), *state;
	struct link link;
	int rc;

	if (j->foreign_boot) {
		err_set(err, 0, "from before the last boot");
		return OLD;
	}
	if (!j->version || !j->complete) {
		err_set(err, 0, "a run that was cut short");
		return CUT_SHORT;
	}
	if (!by || strtoul(by, NULL, 10) != self) {
		err_set(err, 0, "domain %s attached it, this is domain %u", by ? by : "?",
			self);
		return ALIVE;
	}
	/* libxl names no directory for some: then it is the interface's word alone */
	if (!path && !ifindex) {
		err_set(err, 0,
			"it has neither a directory in xenstore nor an interface");
		return ALIVE;
	}
	rc = path ? store_read(mem_printf("%s/state", path), &state, err) : -ENOENT;
	if (rc == -ENOENT && path)
		rc = store_read(path, &state, err);
	if (rc != -ENOENT) {
		if (!rc)
			err_set(err, 0, "its backend %s is there", path);
		return ALIVE;
	}
	rc = ifindex ? nl_link_by_index(atoi(ifindex), &link, err) : -ENODEV;
	if (rc != -ENODEV) {
		if (!rc)
			err_set(err, 0, "its interface %s is there", link.name.s);
		return ALIVE;
	}
	/* blkback lets go of its disk when it is done, not when xenstore forgets it */
	if (access(mem_printf(XEN_BACKEND "/%s", j->name), F_OK) == 0) {
		err_set(err, 0, "the kernel's backend has not ended yet");
		return ALIVE;
	}
	err_set(err, 0, "the device is gone: no %s in xenstore%s",
		path ? path : "directory",
		ifindex ? mem_printf(", no interface %s (%s) in the kernel", ifindex,
				     ifname ? ifname : "?")
			: "");
	return GONE;
}

static void show_records(const struct journal *j)
{
	for (unsigned int i = j->nrecs; i-- > 0 && !j->foreign_boot;) {
		const struct rec *r = &j->recs[i];

		if (!r->undone)
			printf("    undo of [%s] %s  (%s)\n", r->step, r->kind, r->where);
	}
}

static int sweep(struct journal *j, const char *why, struct xhp_err *err)
{
	bool old = j->foreign_boot;

	if (dry_run) {
		printf("%s: would be %s (%s)\n", j->name, old ? "dropped" : "undone",
		       why);
		show_records(j);
		return 0;
	}
	log_subject(old ? NULL : j->name);
	if (!old && engine_undo(j, true, err) < 0) {
		log_subject(NULL);
		journal_close(j, false);
		return err_wrap(err, "%s", j->name);
	}
	log_subject(NULL);
	printf("%s: %s (%s)\n", j->name, old ? "dropped" : "undone", why);
	journal_close(j, true);
	return 0;
}

/* Judges once more, under the lock; somebody who holds it is at work on the device. */
static int sweep_device(const char *name, unsigned int self, struct xhp_err *err)
{
	struct xhp_err why;
	struct journal j;

	if (open_one(JOURNAL_DEVICES, name, &j, err) < 0)
		return err->code == -EWOULDBLOCK || err->code == -ENOENT ? 0 : err->code;
	if (judge(&j, self, &why) != ALIVE)
		return sweep(&j, why.text, err);
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

		if (open_one(JOURNAL_SHARED, names[i].name, &j, err) < 0) {
			if (err->code == -EWOULDBLOCK || err->code == -ENOENT)
				continue;
			return err->code;
		}
		shared_prune(&j, NULL);
		if (j.nholders && !j.foreign_boot)
			journal_close(&j, false);
		else if (sweep(&j,
			       j.foreign_boot ? "from before the last boot"
					      : "shared, and no device holds it any more",
			       err) < 0)
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
	const char *path;
	char class[32];
	struct journal j;

	if (sscanf(device, "%31[a-z0-9_]-%u-%u", class, &domid, &devid) != 3)
		return false;
	if (!strcmp(class, "tap"))
		strcpy(class, "vif");
	path = mem_printf("backend/%s/%u/%u", class, domid, devid);
	if (journal_read(JOURNAL_DEVICES, device, &j, &unused) != -ENOENT ||
	    store_read(path, &state, &unused) != -ENOENT)
		return false;
	if (dry_run)
		printf("%s: what [%s] made would be removed (it carries our mark, and has "
		       "no journal, no %s in xenstore and nothing in the kernel)\n",
		       device, sweeping->name, path);
	return !dry_run;
}

int cmd_gc(int argc, char **argv, struct xhp_err *err)
{
	bool force = false;
	unsigned int n, self, gone = 0, bad = 0;
	enum verdict *verdicts;
	struct field *names;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--force"))
			force = true;
		else if (!strcmp(argv[i], "--dry-run"))
			dry_run = true;
		else
			return err_usage(err, NULL,
					 "gc takes nothing but --dry-run and --force");
	}
	if (!dry_run)
		log_to_syslog();
	deadline_start(DEADLINE_MINUTES);
	if (journal_list(JOURNAL_DEVICES, &names, &n, err) < 0)
		return err->code;
	if (store_self(&self, err) < 0)
		return err_wrap(err, "nothing is taken for gone");
	verdicts = MEM_ARRAY(enum verdict, n + 1);
	for (unsigned int i = 0; i < n; i++) {
		struct xhp_err why;
		struct journal j;

		err->code = 0;
		verdicts[i] = ALIVE;
		if (!journal_read(JOURNAL_DEVICES, names[i].name, &j, err))
			verdicts[i] = judge(&j, self, &why);
		else if (err->code != -ENOENT)
			bad += complain(err);
		if (dry_run && !err->code && verdicts[i] == ALIVE)
			printf("%s: stays (%s)\n", names[i].name, why.text);
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
		sweeping = actions[i];
		if (actions[i]->sweep && actions[i]->sweep(is_lost, err) < 0)
			return err->code;
	}
	if (bad)
		return err_set(err, -EIO, "%u devices could not be cleaned up", bad);
	return 0;
}
