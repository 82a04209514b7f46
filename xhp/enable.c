// SPDX-License-Identifier: LGPL-2.1-or-later
// enable and disable: the old scripts' names lead to our wrappers, or back.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "deadline.h"
#include "find.h"
#include "log.h"
#include "mem.h"
#include "paths.h"
#include "proc.h"
#include "value.h"

#define STOCK     ".stock" /* what the original is called meanwhile */
#define DIVERT    "/usr/bin/dpkg-divert"
#define DPKG_TIME 20 /* seconds */

/* What stands under an old name. */
enum state { ABSENT, OURS, FOREIGN };

static const char *script_path(const char *name)
{
	return mem_printf("%s/%s", XEN_SCRIPTS, name);
}

static const char *wrapper_path(const char *name)
{
	return mem_printf("%s/%s", SCRIPTDIR, name);
}

static enum state state_of(const char *name)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(script_path(name), &st) < 0)
		return ABSENT;
	if (!S_ISLNK(st.st_mode))
		return FOREIGN;
	n = readlink(script_path(name), target, sizeof(target) - 1);
	if (n < 0)
		return FOREIGN;
	target[n] = '\0';
	return strcmp(target, wrapper_path(name)) ? FOREIGN : OURS;
}

/* What third-party scripts source, and what is a script of its own. */
static bool is_library(const char *name)
{
	size_t len = strlen(name);

	return ((len > 3 && !strcmp(name + len - 3, ".sh") && *name != '.') ||
		!strcmp(name, "qemu-ifup")) &&
	       access(wrapper_path(name), R_OK) == 0;
}

/* A wrapper is a recipe that is a program; what else lies there is none. */
static bool is_wrapper(const char *name)
{
	CLEANUP_FD int fd = open(wrapper_path(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && *name != '.' && recipe_is_program(fd);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Without names: the wrappers, and libraries where Xen's are not there or ours are. */
int enable_names(const char ***ret, unsigned int *ret_n, struct xhp_err *err)
{
	DIR *dir = opendir(SCRIPTDIR);
	const char **names = NULL;
	unsigned int n = 0;
	struct dirent *e;

	if (!dir)
		return err_sys(err, -errno, "%s", SCRIPTDIR);
	while ((e = readdir(dir))) {
		if (is_wrapper(e->d_name) ||
		    (is_library(e->d_name) && state_of(e->d_name) != FOREIGN))
			*MEM_PUSH(names, n) = mem_strdup(e->d_name);
	}
	closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), compare);
	*ret = names;
	*ret_n = n;
	return 0;
}

/* --- dpkg --- */

static int dpkg(const char *const argv[], int *ret_status, struct buf *output,
		struct xhp_err *err)
{
	static const char *const env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
					   "LC_ALL=C", NULL };

	struct proc p = { .argv = argv, .env = env, .timeout_s = DPKG_TIME };

	if (proc_run(NULL, NULL, &p, err) < 0)
		return err->code;
	*ret_status = p.status;
	*output = p.output;
	return 0;
}

/* The diversion makes dpkg put the package's file aside from now on, not over ours.
   Returns 1 if it changed something. */
static int divert(const char *path, bool add, struct xhp_err *err)
{
	const char *const list[] = { DIVERT, "--truename", path, NULL };
	const char *const argv[] = { DIVERT,
				     "--local",
				     "--no-rename",
				     "--divert",
				     mem_printf("%s" STOCK, path),
				     add ? "--add" : "--remove",
				     path,
				     NULL };
	struct buf output = { 0 }, answer = { 0 };
	int status;

	if (access(DIVERT, X_OK) < 0)
		return 0; /* no dpkg here: the original is only kept beside it */
	if (dpkg(list, &status, &answer, err) < 0)
		return err->code;
	/* --truename answers with the path itself where there is no diversion */
	if (!status && answer.s && (strstr(answer.s, STOCK "\n") != NULL) == add)
		return 0;
	if (dpkg(argv, &status, &output, err) < 0)
		return err->code;
	if (status)
		return err_set(err, -EIO, "dpkg-divert %s %s: %s", argv[5], path,
			       proc_last_lines(&output));
	return 1;
}

/* --- one name --- */

/* The original under both names: what an enable leaves that was cut short. */
static bool is_one_file(const char *path, const char *stock)
{
	struct stat a, b;

	return lstat(path, &a) == 0 && lstat(stock, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* An original that has lost its own name stays. */
static void unkeep(const char *path, const char *stock)
{
	if (is_one_file(path, stock))
		unlink(stock);
}

/* The name is there all the time: first the old, and from one instant on ours. */
static int enable_one(const char *name, struct xhp_err *err)
{
	const char *path = script_path(name), *stock = mem_printf("%s" STOCK, path);
	const char *temp = mem_printf("%s.xen-hotplug", path);
	struct stat st;
	int diverted;

	switch (state_of(name)) {
	case OURS:
		printf("%s: ours already\n", name);
		return divert(path, true, err) < 0 ? err->code : 0;
	case FOREIGN:
		if (is_one_file(path, stock))
			break;
		if (lstat(stock, &st) == 0)
			return err_set(
				err, -EEXIST,
				"%s is not ours, and there is a %s already: one of "
				"them would be lost",
				path, stock);
		if (linkat(AT_FDCWD, path, AT_FDCWD, stock, 0) < 0)
			return err_sys(err, -errno, "cannot keep %s as %s", path, stock);
		break;
	case ABSENT:
		break;
	}
	diverted = divert(path, true, err);
	if (diverted < 0) {
		unkeep(path, stock);
		return err->code;
	}
	unlink(temp);
	if (symlink(wrapper_path(name), temp) < 0 || rename(temp, path) < 0) {
		struct xhp_err unused;

		err_sys(err, -errno, "%s", path);
		unlink(temp);
		unkeep(path, stock);
		if (diverted)
			divert(path, false, &unused);
		return err->code;
	}
	printf("%s: ours now\n", name);
	return 0;
}

static int disable_one(const char *name, struct xhp_err *err)
{
	const char *path = script_path(name), *stock = mem_printf("%s" STOCK, path);
	enum state state = state_of(name);
	struct stat st;

	if (is_one_file(path, stock) && unlink(stock) < 0)
		return err_sys(err, -errno, "%s", stock);
	if (state == FOREIGN && lstat(stock, &st) == 0)
		return err_set(
			err, -EEXIST,
			"somebody has put another file at %s, and the original is %s: "
			"which of them shall stay?",
			path, stock);
	if (state == FOREIGN) {
		printf("%s: not ours\n", name);
		return divert(path, false, err) < 0 ? err->code : 0;
	}
	if (rename(stock, path) < 0) {
		if (errno != ENOENT)
			return err_sys(err, -errno, "cannot put %s back", path);
		/* the package was purged meanwhile, or never there */
		if (unlink(path) < 0 && errno != ENOENT)
			return err_sys(err, -errno, "%s", path);
	}
	if (divert(path, false, err) < 0)
		return err->code;
	printf("%s: %s\n", name,
	       lstat(path, &st) == 0 ? "the original is back"
				     : "removed; there is no original");
	return 0;
}

/* --- enable --list --- */

/* What dpkg says of the file; "stock" only if a package owns it and it is unchanged. */
static const char *describe(const char *path)
{
	const char *const owner[] = { "/usr/bin/dpkg-query", "--search", path, NULL };
	struct buf answer = { 0 }, verified = { 0 };
	const char *const *argv;
	struct xhp_err unused;
	char *end;
	int status;

	if (access(owner[0], X_OK) < 0)
		return "not ours";
	if (dpkg(owner, &status, &answer, &unused) < 0)
		return "not ours; dpkg does not answer";
	/* "PACKAGE: PATH"; a diversion that somebody else made has words before the colon
	 */
	end = answer.s ? strchr(answer.s, ':') : NULL;
	if (status || !end || memchr(answer.s, ' ', (size_t)(end - answer.s)))
		return "foreign: of no package";
	*end = '\0';
	argv = (const char *const[]){ "/usr/bin/dpkg", "--verify", answer.s, NULL };
	if (dpkg(argv, &status, &verified, &unused) < 0)
		return mem_printf("of %s", answer.s);
	if (verified.s && strstr(verified.s, mem_printf(" %s\n", path)))
		return mem_printf("of %s, changed", answer.s);
	return mem_printf("stock, of %s", answer.s);
}

static int list_one(const char *name, struct xhp_err *err)
{
	const char *path = script_path(name), *stock = mem_printf("%s" STOCK, path);
	bool kept = access(stock, F_OK) == 0;
	enum state state = state_of(name);

	(void)err;
	if (state == OURS)
		printf("%-24s ours%s\n", name,
		       kept ? mem_printf(", the original is %s" STOCK, name)
			    : ", there is no original");
	else
		printf("%-24s %s%s\n", name,
		       state == ABSENT ? "not there" : describe(path),
		       kept ? mem_printf(", beside a %s" STOCK, name) : "");
	return 0;
}

static int each(int argc, char **argv, int (*fn)(const char *, struct xhp_err *),
		struct xhp_err *err)
{
	const char **names = (const char **)argv + 1;
	unsigned int n = (unsigned int)argc - 1, bad = 0;
	struct stat st;

	deadline_start(DEADLINE_MINUTES);
	if (stat(XEN_SCRIPTS, &st) < 0)
		return err_sys(err, -errno, "%s", XEN_SCRIPTS);
	for (unsigned int i = 0; i < n; i++) {
		if (strchr(names[i], '/') ||
		    (!is_wrapper(names[i]) && !is_library(names[i])))
			return err_usage(err, NULL, "%s has no wrapper %s", SCRIPTDIR,
					 quoted(names[i]));
	}
	if (!n && enable_names(&names, &n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++) {
		if (fn(names[i], err) < 0) {
			log_error(err);
			bad++;
		}
	}
	if (bad)
		return err_set(err, -EIO, "%u of %u names were left as they are", bad, n);
	return 0;
}

int cmd_enable(int argc, char **argv, struct xhp_err *err)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--list") != 0)
			argv[kept++] = argv[i];
	}
	return each(kept, argv, kept < argc ? list_one : enable_one, err);
}

int cmd_disable(int argc, char **argv, struct xhp_err *err)
{
	return each(argc, argv, disable_one, err);
}
