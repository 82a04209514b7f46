// SPDX-License-Identifier: LGPL-2.1-or-later
// Outside programs: where they are, and how they are run.

#include <stdlib.h>
#include <sys/stat.h>

#include "class_priv.h"
#include "find.h"
#include "program.h"
#include "request.h"

static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
				    "/usr/bin",        "/sbin",          "/bin" };
enum { NDIRS = sizeof(dirs) / sizeof(dirs[0]) };

/* Debian's packages of the programs that the shipped recipes name. */
static const struct {
	const char *program, *package;
} packages[] = {
	{ "drbdadm", "drbd-utils" },
	{ "drbdsetup", "drbd-utils" },
	{ "iscsiadm", "open-iscsi" },
	{ "lvchange", "lvm2" },
	{ "lvs", "lvm2" },
	{ "multipath", "multipath-tools" },
	{ "multipathd", "multipath-tools" },
	{ "nbd-client", "nbd-client" },
	{ "rbd", "ceph-common" },
	{ "zfs", "zfsutils-linux" },
};

static int missing(const char *name, struct xhp_err *err)
{
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		if (!strcmp(packages[i].program, name))
			return err_set(err, -ENOENT,
				       "the program %s is not installed (in Debian: "
				       "package %s)",
				       name, packages[i].package);
	}
	return err_set(err, -ENOENT, "the program %s is not installed", name);
}

/* 1 = it is there, 0 = it is not. */
static int look(const char *path, struct xhp_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return 0;
	return owner_check(&st, path, err) < 0 ? err->code : 1;
}

int program_find(const char *name, const char **ret, struct xhp_err *err)
{
	const char *path = name;
	int rc = 0;

	if (*name == '/') {
		rc = look(name, err);
	} else {
		for (int i = 0; !rc && i < NDIRS; i++) {
			path = mem_printf("%s/%s", dirs[i], name);
			rc = look(path, err);
		}
	}
	if (rc <= 0)
		return rc < 0 ? rc : missing(name, err);
	*ret = path;
	return 0;
}

/* Of the device, or of what is shared: that is nobody's. */
static const char *device_of(const struct ctx *ctx, const char *head, const char *asked)
{
	if (ctx->journal->version)
		return journal_head(ctx->journal, head);
	return ctx->req ? asked : NULL;
}

/* An environment of our own, and what libxl tells a script of its device. */
static const char *const *environment(const struct ctx *ctx)
{
	const struct request *req = ctx->req;
	const char *const more[][2] = {
		{ "XENBUS_PATH", device_of(ctx, "path", req ? req->path : NULL) },
		{ "XENBUS_TYPE", device_of(ctx, "type", req ? req->type : NULL) },
		{ "XENBUS_BASE_PATH", "backend" },
		{ "script", device_of(ctx, "recipe", NULL) },
		{ "XENSTORED_PATH", getenv("XENSTORED_PATH") },
	};
	static const char *env[9] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C", "HOME=/"
	};
	unsigned int n = 3;

	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (more[i][1])
			env[n++] = mem_printf("%s=%s", more[i][0], more[i][1]);
	}
	env[n] = NULL;
	return env;
}

int program_run(const struct ctx *ctx, struct journal *j, const struct texts *words,
		unsigned int timeout_s, struct proc *ret, struct xhp_err *err)
{
	const char **argv = MEM_ARRAY(const char *, words->n + 1);
	struct proc p = { .argv = argv,
			  .env = environment(ctx),
			  .timeout_s = (int)timeout_s,
			  .apart = true };

	if (!words->n)
		return err_set(err, -EINVAL, "no program");
	memcpy(argv, words->v, words->n * sizeof(*argv));
	if (program_find(words->v[0], &argv[0], err) < 0 ||
	    proc_run(j, "exec", &p, err) < 0)
		return err->code;
	*ret = p;
	return 0;
}

/* A hotplug script may have told the toolstack, and written all else to its log. */
static const char *told(const struct ctx *ctx)
{
	const char *path = ctx->req ? ctx->req->path : NULL, *text;
	struct xhp_err unused;

	if (!path || class_has_error(path) ||
	    store_read(mem_printf("%s/hotplug-error", path), &text, &unused) < 0)
		return "it said nothing";
	return quoted(text);
}

const char *program_said(const struct ctx *ctx, const struct proc *p)
{
	const struct buf *said = p->errors.len ? &p->errors : &p->output;

	return said->len ? proc_last_lines(said) : told(ctx);
}
