/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs of recipes with a store and an action of the test's own. */
#ifndef PROBE_H
#define PROBE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "command.h"
#include "deadline.h"
#include "engine.h"
#include "private.h"
#include "unit.h"
#include "vars.h"
#include "xhp.h"

/* --- what was done, in all processes --- */

#define TRACE "/run/trace"

static void XHP_PRINTF(1, 2) trace(const char *fmt, ...)
{
	int fd = open(TRACE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	va_list ap;

	va_start(ap, fmt);
	vdprintf(fd, fmt, ap);
	va_end(ap);
	close(fd);
}

static inline const char *traced(void)
{
	char *text = mem_alloc(16384);
	int fd = open(TRACE, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, text, 16383) < 0)
		fail_msg("%s", TRACE);
	close(fd);
	unlink(TRACE);
	return text;
}

#define assert_traced(text) assert_string_equal(traced(), (text))

/* --- a store that holds PATH=VALUE texts; a value "!" may not be read --- */

static const char *const *nodes;

int store_read(const char *path, const char **ret, struct xhp_err *err)
{
	size_t len = strlen(path);

	for (const char *const *n = nodes; n && *n; n++) {
		if (strncmp(*n, path, len) != 0 || (*n)[len] != '=')
			continue;
		*ret = *n + len + 1;
		if (!strcmp(*ret, "!"))
			return err_set(err, -EACCES, "%s: may not be read", path);
		return 0;
	}
	return err_set(err, -ENOENT, "%s: none", path);
}

int store_has(const char *dir, const char *name, bool *ret, struct xhp_err *err)
{
	const char *unused;

	*ret = store_read(mem_printf("%s/%s", dir, name), &unused, err) != -ENOENT;
	return 0;
}

int store_self(unsigned int *ret, struct xhp_err *err)
{
	(void)err;
	*ret = 0;
	return 0;
}

const char *store_uuid(unsigned int domid)
{
	struct xhp_err unused;
	const char *vm;

	return store_read(mem_printf("/local/domain/%u/vm", domid), &vm, &unused) ? NULL
										  : vm;
}

int store_publish(const char *backend, const struct store_item *items, unsigned int n,
		  struct xhp_err *err)
{
	(void)backend;
	(void)err;
	for (unsigned int i = 0; i < n; i++) {
		if (items[i].value)
			trace("%s\n", items[i].value);
	}
	return 0;
}

int store_remove(const char *path, struct xhp_err *err)
{
	(void)path;
	(void)err;
	return 0;
}

void store_tidy(const char *path, const char *stop)
{
	(void)path;
	(void)stop;
}

void store_abandon(void)
{
}

void store_again(void)
{
}

/* --- an action that tells what it is asked to do --- */

struct args {
	const char *text, *path;
	struct texts lines;
	struct map map;
	struct num number;
	bool slow;
	const struct template *command;
};

static const struct param probe_params[] = {
	{ .key = "text",
	  .type = V_TEXT,
	  .offset = offsetof(struct args, text),
	  .help = "" },
	{ .key = "path",
	  .type = V_PATH,
	  .offset = offsetof(struct args, path),
	  .help = "" },
	{ .key = "lines",
	  .type = V_LINES,
	  .offset = offsetof(struct args, lines),
	  .help = "" },
	{ .key = "map", .type = V_MAP, .offset = offsetof(struct args, map), .help = "" },
	{ .key = "number",
	  .type = V_UINT,
	  .max = 99,
	  .offset = offsetof(struct args, number),
	  .help = "" },
	{ .key = "slow",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, slow),
	  .help = "" },
	{ .key = "command",
	  .type = V_COMMAND,
	  .offset = offsetof(struct args, command),
	  .help = "" },
	{ .key = NULL },
};

static const struct result_def probe_results[] = {
	{ .name = "early", .type = V_TEXT, .help = "" },
	{ .name = "own", .trusted = true, .type = V_TEXT, .help = "" },
	{ .name = "late", .late = true, .type = V_TEXT, .help = "" },
	{ .name = NULL },
};

static bool is(const struct args *args, const char *text)
{
	return args->text && !strcmp(args->text, text);
}

static int probe_check(struct ctx *ctx, struct step *step, void *data,
		       struct xhp_err *err)
{
	const struct args *args = data;
	struct texts words = { 0 };

	if (args->command &&
	    command_words(ctx, step->scope, args->command, &words, err) < 0)
		return err->code;
	trace("check %s %s%s", step->name, args->text ? args->text : "-",
	      args->path ? args->path : "");
	for (unsigned int i = 0; i < args->lines.n; i++)
		trace(" <%s>", args->lines.v[i]);
	for (unsigned int i = 0; i < args->map.n; i++)
		trace(" <%s=%s>", args->map.v[i].key, args->map.v[i].value);
	for (unsigned int i = 0; i < words.n; i++)
		trace(" <%s>", words.v[i]);
	trace("\n");
	step_result(step, "early", args->text);
	step_result(step, "own", args->text);
	if (is(args, "bad check"))
		return err_set(err, -EIO, "the check fails");
	return 0;
}

static void limit(rlim_t bytes)
{
	struct rlimit r;

	getrlimit(RLIMIT_FSIZE, &r);
	r.rlim_cur = bytes;
	setrlimit(RLIMIT_FSIZE, &r);
}

static int probe_apply(struct ctx *ctx, struct step *step, void *data,
		       struct xhp_err *err)
{
	const struct args *args = data;
	struct stat st;

	trace("apply %s %s for %s\n", step->name, args->text ? args->text : "-",
	      ctx->device);
	if (RECORD(ctx, err, SCOPE_HOST, "probe", "made", "text",
		   args->text ? args->text : "") < 0)
		return err->code;
	step_result(step, "late", args->text ? mem_printf("made-%s", args->text) : "");
	if (args->slow && !awaited_by(3))
		return err_set(err, -EIO, "nobody waits");
	if (is(args, "bad apply") || is(args, "untidy"))
		return err_set(err, -EIO, "the change fails");
	if (is(args, "hangs"))
		return err_set(err, -ETIMEDOUT, "its own time is over");
	if (is(args, "die"))
		_exit(0);
	/* room for the lines that shared_apply() writes, but for the last of them */
	if (is(args, "full") && fstat(ctx->journal->fd, &st) == 0)
		limit((rlim_t)st.st_size + strlen("result early full\nresult own full\n"
						  "result late made-full\ndone 0\n"));
	return 0;
}

static int probe_undo(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	const char *text = rec_get(rec, "text");

	limit(RLIM_INFINITY);
	trace("undo %s %s\n", rec->step, text);
	if (!strcmp(text, "stuck"))
		return err_set(err, -EBUSY, "it is stuck");
	if (!strcmp(text, "hangs back"))
		return err_set(err, -ETIMEDOUT, "its own time is over");
	if (!strcmp(text, "untidy")) /* the undo makes a change of its own */
		return RECORD(ctx, err, SCOPE_HOST, "probe", "made", "text", "trash");
	return 0;
}

static int probe_audit(struct ctx *ctx, const struct rec *rec, struct xhp_err *err)
{
	(void)ctx;
	(void)rec;
	(void)err;
	return 0;
}

static const struct action probe = {
	.name = "probe",
	.params = probe_params,
	.args_size = sizeof(struct args),
	.results = probe_results,
	.check = probe_check,
	.apply = probe_apply,
	.undo = probe_undo,
	.audit = probe_audit,
};

static const struct param picky_params[] = {
	{ .key = "must", .type = V_TEXT, .flags = P_REQUIRED, .help = "that must be" },
	{ .key = "on", .type = V_TEXT, .flags = P_ENABLES, .offset = 8, .help = "" },
	{ .key = "or", .type = V_TEXT, .flags = P_ENABLES, .offset = 16, .help = "" },
	{ .key = NULL },
};

static int picky_apply(struct ctx *ctx, struct step *step, void *args,
		       struct xhp_err *err)
{
	(void)ctx;
	(void)args;
	(void)err;
	trace("apply %s\n", step->name);
	return 0;
}

static const struct action picky = {
	.name = "picky",
	.params = picky_params,
	.args_size = 24,
	.apply = picky_apply,
};

const struct action *const actions[] = { &picky, &probe };
const unsigned int nactions = 2;

/* --- runs, each in a process of its own --- */

#define RECIPE "/etc/xen/hotplug/test.ini"

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void recipe(const char *text)
{
	put(RECIPE, text);
}

static const char *args[4];
static const char *class; /* of the device */

static void in_child(const char *verb, const char *device)
{
	char *argv[6] = { mem_strdup(verb) };
	struct xhp_err err = { 0 };
	struct recipe r;
	struct request req;
	int rc;

	for (int i = 0; i < 4 && args[i]; i++)
		argv[i + 1] = mem_strdup(args[i]);
	if (!strcmp(verb, "plan"))
		argv[0] = mem_strdup("add");
	else if (!strcmp(class, "vif"))
		argv[0] = mem_strdup("online");
	setenv("vif", "lo", 1); /* an interface that is there */
	signal(SIGXFSZ, SIG_IGN);
	if (freopen("/run/stderr", "a", stderr) == NULL)
		_exit(9);
	setenv("XENBUS_PATH", device, 1);
	deadline_start(300);
	rc = recipe_load(RECIPE, &r, &err);
	if (!rc)
		rc = request_parse(argv, &r, &req, &err);
	if (!rc && !strcmp(verb, "plan"))
		rc = engine_plan(&req, &r, false, &err);
	else if (!rc)
		rc = engine_run(&req, &r, &err);
	if (rc < 0)
		trace("%d:%d: %s\n", err.pos.line, err.pos.col, err.text);
	fflush(stdout);
	_exit(0);
}

static inline pid_t start(const char *verb, unsigned int domid)
{
	const char *device = mem_printf("backend/%s/%u/0", class, domid);
	pid_t pid = fork();

	if (!pid)
		in_child(verb, device);
	return pid;
}

static void finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static inline void run(const char *verb, unsigned int domid)
{
	finish(start(verb, domid));
}

static inline unsigned int files_in(const char *below)
{
	struct field *names;
	struct xhp_err err;
	unsigned int n = 0;

	assert_int_equal(journal_list(below, &names, &n, &err), 0);
	return n;
}

static int fresh(void **state)
{
	(void)state;
	nodes = NULL;
	class = "test";
	unsetenv("bridge");
	memset(args, 0, sizeof(args));
	return system("rm -rf /run/* /etc/xen/hotplug/*");
}

#define HEAD "[recipe]\ndevice = test\n"

/* A /run and /etc of the test's own. */
static int private_etc(void)
{
	private_run();
	umask(022);
	if (mount("tmpfs", "/etc", "tmpfs", 0, "mode=755") < 0 ||
	    mkdir("/etc/xen", 0755) < 0)
		return -1;
	return mkdir("/etc/xen/hotplug", 0755);
}

#endif
