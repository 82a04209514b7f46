// SPDX-License-Identifier: LGPL-2.1-or-later
// hooks: the administrator's vif-post.d: *.hook files, which bash has always sourced, and
// programs.

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
	/* found by the check */
	bool sourced;
	const char **programs;
	unsigned int nprograms;
};

static const struct param params[] = {
	{ .key = "dir",
	  .type = V_PATH,
	  .offset = offsetof(struct args, dir),
	  .dflt = SYSCONFDIR "/xen/scripts/vif-post.d",
	  .help = "where they are: *.hook files, which bash sources, and programs" },
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

enum sort { NO_HOOK, SOURCED, PROGRAM };

/* Names as run-parts(8) takes them: what editors and package managers leave has others.
 */
static enum sort sort_of(int dir, const char *name, struct stat *ret)
{
	size_t len = strlen(name);

	if (*name == '.' || fstatat(dir, name, ret, 0) < 0 || !S_ISREG(ret->st_mode) ||
	    faccessat(dir, name, X_OK, 0) < 0)
		return NO_HOOK;
	if (len > 5 && !strcmp(name + len - 5, ".hook"))
		return SOURCED;
	return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789_-")]
		       ? NO_HOOK
		       : PROGRAM;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int plan(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;

	(void)err;
	if (args->sourced)
		plan_change(step, "", "hooks", "",
			    mem_printf("%s/*.hook %s", args->dir, ctx->req->verb));
	for (unsigned int i = 0; i < args->nprograms; i++)
		plan_change(step, "", "hooks", "",
			    mem_printf("%s %s", args->programs[i], ctx->req->verb));
	return 0;
}

/* What hooks there are; an absent directory has none. */
static int find_hooks(struct args *args, struct xhp_err *err)
{
	DIR *dir = opendir(args->dir);
	struct dirent *e;
	struct stat st;
	int rc;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "%s", args->dir);
	rc = fstat(dirfd(dir), &st) == 0 ? owner_check(&st, args->dir, err) : 0;
	while (!rc && (e = readdir(dir))) {
		enum sort sort = sort_of(dirfd(dir), e->d_name, &st);
		const char *path = mem_printf("%s/%s", args->dir, e->d_name);

		if (sort == SOURCED)
			args->sourced = true;
		else if (sort == PROGRAM)
			*MEM_PUSH(args->programs, args->nprograms) = path;
		if (sort != NO_HOOK)
			rc = owner_check(&st, path, err);
	}
	closedir(dir);
	if (args->nprograms)
		qsort(args->programs, args->nprograms, sizeof(*args->programs), compare);
	return rc;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	struct args *args = data;

	(void)ctx;
	(void)step;
	if (find_hooks(args, err) < 0)
		return err->code;
	if (args->sourced && access(RUNNER, X_OK) < 0)
		return err_sys(err, -errno, "*.hook files in %s, but no runner %s",
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
		if (!strcmp(fields[0], "dir")) {
			argv[1] = fields[1];
		} else if (!strcmp(fields[0], "program")) {
			argv[0] = fields[1];
			argv[1] = command;
			argv[2] = NULL;
		} else if (n < 22) {
			env[n++] = assign(fields[0], fields[1]);
		}
	}
	if (store)
		env[n++] = assign("XENSTORED_PATH", store);
	if (proc_run(ctx->journal, "hooks", &p, err) < 0)
		return err->code;
	proc_done(ctx->journal, &p);
	if (p.status)
		return err_set(err, -EIO, "%s%s ended with status %d: %s",
			       argv[2] ? "a hook in " : "", argv[2] ? argv[1] : argv[0],
			       p.status, proc_last_lines(&p.output));
	return 0;
}

/* The verb that takes back what this one did. */
static const char *way_back(const char *verb)
{
	static const char *const pairs[][2] = { { "online", "offline" },
						{ "setup", "teardown" },
						{ "prepare", "forget" } };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!strcmp(verb, pairs[i][0]))
			return pairs[i][1];
	return "remove";
}

/* `what` is "dir" for those that are sourced, all at once, or "program" for one. */
static int apply_one(struct ctx *ctx, const struct args *args, const char *ip,
		     const char *what, const char *path, struct xhp_err *err)
{
	const char *fields[] = { what,          path,
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

	if (RECORD(ctx, err, SCOPE_HOST, "hooks", strcmp(what, "dir") ? "program" : "ran",
		   what, path, "dev", fields[3], "bridge", args->bridge, "ip", ip,
		   "main_ip", args->main_ip, "XENBUS_PATH", ctx->req->path, "XENBUS_TYPE",
		   ctx->req->type, "type_if", fields[15], "vif", fields[17], "netdev",
		   fields[19], "script", fields[21], "back",
		   way_back(ctx->req->verb)) < 0)
		return err->code;
	return run(ctx, fields, ctx->req->verb, err);
}

static int apply(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *ip = "";

	if (!args->sourced && !args->nprograms)
		return 0;
	if (step_var(ctx, step, "ip", &ip, err) < 0)
		return err->code;
	if (args->sourced && apply_one(ctx, args, ip, "dir", args->dir, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < args->nprograms; i++) {
		if (apply_one(ctx, args, ip, "program", args->programs[i], err) < 0)
			return err->code;
	}
	return 0;
}

/* What is to run on the way back may have gone, or be another's by now. */
static int may_run(const char *path, const char *dir, struct xhp_err *err)
{
	struct args args = { .dir = dir };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, -errno, "%s", path);
	if (owner_check(&st, path, err) < 0)
		return err->code;
	return dir ? find_hooks(&args, err) : 0;
}

static int undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char **fields = MEM_ARRAY(const char *, 2 * rec->nfields + 1);
	const char *back = rec_get(rec, "back"), *program = rec_get(rec, "program");
	const char *dir = rec_get(rec, "dir");
	unsigned int n = 0;

	for (unsigned int i = 0; i < rec->nfields; i++) {
		if (!strcmp(rec->fields[i].name, "back"))
			continue;
		fields[n++] = rec->fields[i].name;
		fields[n++] = rec->fields[i].value;
	}
	if (may_run(program ? program : RUNNER, dir, err) < 0) {
		log_warn("a hook is not run: %s", err->text);
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
	.plan = plan,
	.apply = apply,
	.undo = undo,
};
