// SPDX-License-Identifier: LGPL-2.1-or-later
// hooks: the administrator's vif-post.d/*.hook files, which bash has always sourced.

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actions.h"
#include "find.h"
#include "paths.h"
#include "proc.h"
#include "request.h"

#define RUNNER       SCRIPTDIR "/run-hooks"
#define HOOK_TIMEOUT 20 /* seconds */

struct args {
	const char *dir, *bridge, *main_ip;
	unsigned int n; /* hooks that are there */
};

static const struct param params[] = {
	{ .key = "dir",
	  .type = V_PATH,
	  .offset = offsetof(struct args, dir),
	  .dflt = SYSCONFDIR "/xen/scripts/vif-post.d",
	  .help = "where the *.hook files are; those with the run bit are sourced by bash" },
	{ .key = "bridge",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, bridge),
	  .help = "what the hooks see as $bridge" },
	{ .key = "main_ip",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, main_ip),
	  .help = "what the hooks see as $main_ip" },
	{ .key = NULL },
};

/* How many hooks there are; an absent directory has none. */
static int count_hooks(const char *path, unsigned int *ret, struct xhp_err *err)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	struct stat st;
	int rc;

	*ret = 0;
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "%s", path);
	rc = fstat(dirfd(dir), &st) == 0 ? owner_check(&st, path, err) : 0;
	while (!rc && (e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (*e->d_name == '.' || len <= 5 ||
		    strcmp(e->d_name + len - 5, ".hook") != 0 ||
		    faccessat(dirfd(dir), e->d_name, X_OK, 0) < 0)
			continue;
		++*ret;
		if (fstatat(dirfd(dir), e->d_name, &st, 0) == 0)
			rc = owner_check(&st, mem_printf("%s/%s", path, e->d_name), err);
	}
	closedir(dir);
	return rc;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;

	(void)ctx;
	(void)step;
	if (count_hooks(args->dir, &args->n, err) < 0)
		return err->code;
	if (args->n && access(RUNNER, X_OK) < 0)
		return err_sys(err, -errno, "%u hooks in %s, but no runner %s", args->n,
			       args->dir, RUNNER);
	return 0;
}

static const char *assign(const char *name, const char *value)
{
	return mem_printf("%s=%s", name, value ? value : "");
}

/* Nothing of our environment reaches a hook but what it is promised. */
static int run(struct ctx *ctx, const char *const fields[], const char *command,
	       struct xhp_err *err)
{
	const char *env[24] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=POSIX" };
	const char *argv[] = { RUNNER, NULL, command, NULL };
	const char *store = getenv("XENSTORED_PATH");
	struct proc p = { .argv = argv, .env = env, .timeout_s = HOOK_TIMEOUT };
	int n = 2;

	env[n++] = assign("command", command);
	for (; fields[0]; fields += 2) {
		if (!strcmp(fields[0], "dir"))
			argv[1] = fields[1];
		else if (n < 22)
			env[n++] = assign(fields[0], fields[1]);
	}
	if (store)
		env[n++] = assign("XENSTORED_PATH", store);
	if (proc_run(ctx->journal, "hooks", &p, err) < 0)
		return err->code;
	proc_done(ctx->journal, &p);
	if (p.status)
		return err_set(err, -EIO, "a hook in %s ended with status %d: %s",
			       argv[1], p.status, proc_last_lines(&p.output));
	return 0;
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *ip = "";

	if (!args->n)
		return 0;
	if (step_var(ctx, step, "ip", &ip, err) < 0)
		return err->code;
	const char *fields[] = { "dir",         args->dir,
				 "dev",         ctx->dev.name.s,
				 "bridge",      args->bridge,
				 "ip",          ip,
				 "main_ip",     args->main_ip,
				 "XENBUS_PATH", ctx->req->path,
				 "XENBUS_TYPE", ctx->req->type,
				 "type_if",     request_arg(ctx->req, "type_if"),
				 "vif",         getenv("vif"),
				 "netdev",      getenv("netdev"),
				 "script",      getenv("script"),
				 NULL };

	if (RECORD(ctx, err, SCOPE_HOST, "hooks", "ran", "dir", args->dir, "dev",
		   fields[3], "bridge", args->bridge, "ip", ip, "main_ip", args->main_ip,
		   "XENBUS_PATH", ctx->req->path, "XENBUS_TYPE", ctx->req->type,
		   "type_if", fields[15], "vif", fields[17], "netdev", fields[19],
		   "script", fields[21], "back",
		   !strcmp(ctx->req->verb, "online") ? "offline" : "remove") < 0)
		return err->code;
	return run(ctx, fields, ctx->req->verb, err);
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char **fields = MEM_ARRAY(const char *, 2 * rec->nfields + 1);
	const char *back = rec_get(rec, "back");
	unsigned int n = 0;

	for (unsigned int i = 0; i < rec->nfields; i++) {
		if (!strcmp(rec->fields[i].name, "back"))
			continue;
		fields[n++] = rec->fields[i].name;
		fields[n++] = rec->fields[i].value;
	}
	if (access(RUNNER, X_OK) < 0) {
		log_warn("the hooks are not run: no %s", RUNNER);
		return 0;
	}
	return run(ctx, fields, back ? back : "remove", err);
}

const struct action action_hooks = {
	.name = "hooks",
	.summary = "run the administrator's hooks, before the toolstack is told",
	.params = params,
	.args_size = sizeof(struct args),
	.order = ORDER_LAST,
	.check = check,
	.apply = apply,
	.undo = undo,
};
