// SPDX-License-Identifier: LGPL-2.1-or-later
// The check and apply phases, with a store and an action of the test's own: values and
// who wins, conditions, requires, late results, optional and shared steps.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

static const char *traced(void)
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

void store_abandon(void)
{
}

/* --- an action that tells what it is asked to do --- */

struct args {
	const char *text, *path;
	struct texts lines;
	struct map map;
	struct num number;
	bool slow;
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

	(void)ctx;
	trace("check %s %s%s", step->name, args->text ? args->text : "-",
	      args->path ? args->path : "");
	for (unsigned int i = 0; i < args->lines.n; i++)
		trace(" <%s>", args->lines.v[i]);
	for (unsigned int i = 0; i < args->map.n; i++)
		trace(" <%s=%s>", args->map.v[i].key, args->map.v[i].value);
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
	if (args->slow)
		usleep(100000);
	if (is(args, "bad apply"))
		return err_set(err, -EIO, "the change fails");
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

	(void)ctx;
	limit(RLIM_INFINITY);
	trace("undo %s %s\n", rec->step, text);
	if (!strcmp(text, "stuck"))
		return err_set(err, -EBUSY, "it is stuck");
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
	deadline_start(20);
	rc = recipe_load(RECIPE, &r, &err);
	if (!rc)
		rc = request_parse(argv, &r, &req, &err);
	if (!rc && !strcmp(verb, "plan"))
		rc = engine_plan(&req, &r, &err);
	else if (!rc)
		rc = engine_run(&req, &r, &err);
	if (rc < 0)
		trace("%d:%d: %s\n", err.pos.line, err.pos.col, err.text);
	fflush(stdout);
	_exit(0);
}

static pid_t start(const char *verb, unsigned int domid)
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

static void run(const char *verb, unsigned int domid)
{
	finish(start(verb, domid));
}

static unsigned int files_in(const char *below)
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

static void conditions(void **state)
{
	static const char *const some[] = { "backend/test/1/0/x=a b", NULL };
	static const struct {
		const char *when;
		bool holds;
	} rows[] = {
		{ "a", true },
		{ "${empty}", false },
		{ "${set}", true },
		{ "${node}", true },
		{ "${set} == yes", true },
		{ "${set} == no", false },
		{ "${set} != no", true },
		{ "${set} != yes", false },
		{ "yes == ${set}", true },
		{ "x${empty}y == xy", true },
		{ "${node} == a b", true },
		{ "${empty} == ${empty}", true },
		{ "${empty} != ${set}", true },
		{ "${domid}/${class} == 1/test", true },
		{ "${set} == yes == no", false },
		{ "${set}\n  ${node}", true },
		{ "${set}\n  ${empty}", false },
		{ "${empty}\n  ${set}", false },
		{ "${first.early} == text", true },
		{ "${off.early}", false },
		/* the operator is cut before substitution */
		{ "${trap}", true },
		{ "${trap} == a == b", true },
	};

	(void)state;
	nodes = some;
	for (size_t i = 0; i < COUNT(rows); i++) {
		recipe(mem_printf(HEAD "[defaults]\nempty =\nset = yes\ntrap = a == b\n"
				       "node = ${backend/x}\n[probe first]\ntext = text\n"
				       "[probe off]\nwhen = ${empty}\ntext = text\n"
				       "[probe x]\nwhen = %s\n",
				  rows[i].when));
		run("add", 1);
		run("remove", 1);
		assert_string_equal(
			traced(),
			mem_printf("check first text\n%sapply first text for test-1-0\n%s"
				   "connected\n%sundo first text\n",
				   rows[i].holds ? "check x -\n" : "",
				   rows[i].holds ? "apply x - for test-1-0\n" : "",
				   rows[i].holds ? "undo x \n" : ""));
	}
}

/* Keys that are required, and keys that a step does nothing without. */
static void flags(void **state)
{
	(void)state;
	recipe(HEAD "[defaults]\ne =\nx = 1\n[picky a]\nmust = ${x}\n"
		    "[picky b]\nmust = ${x}\nor = ${x}\non = ${e}\n");
	run("add", 1);
	assert_traced("apply b\nconnected\n");
	recipe(HEAD "[defaults]\ne =\n[probe]\n[picky b]\non = 1\nmust = ${e}\n");
	run("add", 2);
	assert_traced(
		"check probe -\n/etc/xen/hotplug/test.ini:8: [b] must = ${e}: is empty, "
		"but required\nerror\n8:8: [b] must = ${e}: is empty, but required\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 1);
	recipe(HEAD "[defaults]\nx = 100\n[probe]\n[probe b]\nnumber = ${x}\n");
	run("add", 2);
	assert_has(traced(), "[b] number = ${x}: \"100\" is not between 0 and 99");
}

static void requires(void **state)
{
	(void)state;
	recipe("[recipe]\ndevice = test\nrequires = x a.early\n[defaults]\nx =\n"
	       "[probe a]\ntext = ${y}\n[probe b]\ntext = 2\n");
	run("add", 1);
	assert_has(traced(), "there is no variable \"y\"");
	recipe("[recipe]\ndevice = test\nrequires = x a.early\n[defaults]\nx =\ny =\n"
	       "[probe a]\ntext = ${y}\n[probe b]\ntext = 2\n");
	run("add", 1);
	assert_has(traced(), "error\n3:12: x is required, and not set\n");
	args[0] = "x=1";
	run("add", 1);
	assert_traced(
		"check a -\n/etc/xen/hotplug/test.ini:3: a.early is required, and not "
		"set\nerror\n3:14: a.early is required, and not set\n");
	args[1] = "y=2";
	run("add", 1);
	assert_traced(
		"check a 2\ncheck b 2\napply a 2 for test-1-0\napply b 2 for test-1-0\n"
		"connected\n");
}

/* What is known only when a step is done waits for that, and is typed then. */
static void late_results(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\ntext = 1\n[probe b]\ntext = x${a.late}\n"
		    "[probe c]\ntext = ${b.early}\n[probe d]\ntext = ${a.early}\n");
	run("add", 1);
	assert_traced("check a 1\ncheck d 1\napply a 1 for test-1-0\n"
		      "check b xmade-1\napply b xmade-1 for test-1-0\n"
		      "check c xmade-1\napply c xmade-1 for test-1-0\n"
		      "apply d 1 for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo d 1\nundo c xmade-1\nundo b xmade-1\nundo a 1\n");
	recipe(HEAD "[probe a]\ntext = 1\n[probe b]\nnumber = ${a.late}\n");
	run("add", 1);
	assert_traced(
		"check a 1\napply a 1 for test-1-0\nundo a 1\n"
		"/etc/xen/hotplug/test.ini:6: [b] number = ${a.late}: \"made-1\" is not "
		"a number\nerror\n6:10: [b] number = ${a.late}: \"made-1\" is not a "
		"number\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
}

/* Through a key of [use], and [defaults] of the used file. */
static void late_variables(void **state)
{
	(void)state;
	put("/etc/xen/hotplug/used.ini",
	    "[defaults]\nv =\nw = <${v}>\n[probe b]\ntext = ${w}\n");
	put("/etc/xen/hotplug/outer.ini", "[defaults]\nu =\n[use used]\nv = ${u}\n");
	recipe(HEAD "[probe a]\ntext = 1\n[use outer]\nu = ${a.late}\n");
	run("add", 1);
	assert_traced("check a 1\napply a 1 for test-1-0\ncheck b <made-1>\n"
		      "apply b <made-1> for test-1-0\nconnected\n");
	put("/etc/xen/hotplug/used.ini", "[defaults]\nv =\n[probe b]\nwhen = ${v}\n");
	run("add", 2);
	assert_has(traced(), "4:8: when: ${v} is known only after its step was applied");
}

static void late_conditions(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\n[probe b]\nwhen = x == ${a.late}\n");
	run("add", 1);
	assert_has(traced(),
		   "5:13: when: ${a.late} is known only after its step was applied");
	recipe("[recipe]\ndevice = test\nrequires = a.late\n[probe a]\n");
	run("add", 1);
	assert_has(traced(), "3:12: requires: ${a.late} is known only after");
}

/* A plan shows what it can, and changes nothing. */
static void planned(void **state)
{
	int saved = dup(STDOUT_FILENO), fd;
	char text[2048] = "";

	(void)state;
	fflush(stdout);
	recipe(HEAD "[probe a]\ntext = 1\n[probe b]\ntext = x${a.late}\n"
		    "[probe c]\nwhen = ${a.early} == 2\n");
	fd = open("/run/plan", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	run("plan", 1);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	close(fd);
	assert_has(text, "test-1-0 add, by /etc/xen/hotplug/test.ini");
	assert_has(
		text,
		"  1 [probe a]  (/etc/xen/hotplug/test.ini:3)\n    text           1\n");
	assert_has(text, "    -> early       1\n");
	assert_has(
		text,
		"    text           x${a.late} (known when the step before it is done)");
	assert_has(text, "its \"when\" does not hold: ${a.early}");
	assert_traced("check a 1\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
}

static void optional(void **state)
{
	(void)state;
	/* fails at the check: left out, with empty results */
	recipe(HEAD "[probe a]\noptional = yes\ntext = bad check\n"
		    "[probe b]\ntext = <${a.early}>\n");
	run("add", 1);
	assert_traced(
		"check a bad check\ncheck b <>\napply b <> for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo b <>\n");
	/* a value of a wrong type */
	recipe(HEAD "[defaults]\nx = x\n[probe a]\noptional = yes\nnumber = ${x}\n"
		    "[probe b]\n");
	run("add", 1);
	assert_traced("check b -\napply b - for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo b \n");
	/* fails in the middle: undone at once, the others stay */
	recipe(HEAD "[probe a]\ntext = 1\n[probe b]\noptional = yes\ntext = bad apply\n"
		    "[probe c]\ntext = <${b.late}>\n");
	run("add", 1);
	assert_traced("check a 1\ncheck b bad apply\napply a 1 for test-1-0\n"
		      "apply b bad apply for test-1-0\nundo b bad apply\n"
		      "check c <>\napply c <> for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo c <>\nundo a 1\n");
	/* a late one */
	recipe(HEAD
	       "[probe a]\ntext = 1\n[probe b]\noptional = yes\nnumber = ${a.late}\n");
	run("add", 1);
	assert_traced("check a 1\napply a 1 for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo a 1\n");
}

/* All or nothing, and what cannot be undone stays for later. */
static void roll_back(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\ntext = 1\n[probe b]\ntext = bad apply\n[probe c]\n");
	run("add", 1);
	assert_traced("check a 1\ncheck b bad apply\ncheck c -\napply a 1 for test-1-0\n"
		      "apply b bad apply for test-1-0\nundo b bad apply\nundo a 1\n"
		      "/etc/xen/hotplug/test.ini:5: [b]: the change fails\nerror\n"
		      "5:2: [b]: the change fails\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
	recipe(HEAD "[probe a]\ntext = 1\n[probe s]\ntext = stuck\n");
	run("add", 1);
	run("add", 1); /* the second changes nothing */
	assert_traced("check a 1\ncheck s stuck\napply a 1 for test-1-0\n"
		      "apply s stuck for test-1-0\nconnected\nconnected\n");
	run("remove", 1);
	assert_has(traced(), "undo s stuck\nundo a 1\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 1);
	run("remove", 1);
	assert_has(traced(), "undo s stuck\n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 1);
}

#define SHARED HEAD "[probe a]\nshared = thing\n"

static void shared_by_two(void **state)
{
	(void)state;
	recipe(SHARED "text = ${domid}\n[probe b]\ntext = ${a.late}\n");
	run("add", 1);
	run("add", 2);
	assert_traced(
		"check a 1\napply a 1 for test-1-0\ncheck b made-1\n"
		"apply b made-1 for test-1-0\nconnected\n"
		"check a 2\ncheck b made-1\napply b made-1 for test-2-0\nconnected\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 1);
	run("remove", 1);
	assert_traced("undo b made-1\n");
	run("add", 1);
	run("remove", 2);
	assert_has(traced(), "undo b made-1\n");
	run("remove", 1);
	assert_traced("undo b made-1\nundo a 1\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
}

/* Another text, another thing; and so is another step. */
static void shared_apart(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\nshared = ${domid}\n[probe b]\nshared = 1\n");
	run("add", 1);
	run("add", 2);
	assert_has(traced(), "apply a - for test-2-0\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 3);
}

/* The others wait while the first makes it. */
static void shared_at_once(void **state)
{
	const char *done;
	pid_t pids[4];

	(void)state;
	recipe(SHARED "slow = yes\n");
	for (unsigned int i = 0; i < COUNT(pids); i++)
		pids[i] = start("add", i);
	for (unsigned int i = 0; i < COUNT(pids); i++)
		finish(pids[i]);
	done = traced();
	assert_has(done, "apply a");
	assert_null(strstr(strstr(done, "apply a") + 1, "apply a"));
	for (unsigned int i = 0; i < COUNT(pids); i++)
		pids[i] = start("remove", i);
	for (unsigned int i = 0; i < COUNT(pids); i++)
		finish(pids[i]);
	assert_traced("undo a \n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
}

static void shared_that_fails(void **state)
{
	(void)state;
	recipe(SHARED "text = bad apply\n");
	run("add", 1);
	assert_has(traced(), "apply a bad apply for test-1-0\nundo a bad apply\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
	/* it is made, but nobody can be put down as its holder */
	recipe(SHARED "text = full\n");
	run("add", 1);
	assert_has(traced(), "apply a full for test-1-0\nundo a full\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
}

/* Killed while it was made: nobody holds it, so it is undone before it is made again. */
static void shared_and_killed(void **state)
{
	(void)state;
	recipe(SHARED "text = die\n");
	run("add", 1);
	assert_traced("check a die\napply a die for test-1-0\n");
	recipe(SHARED "text = 2\n");
	run("add", 2);
	assert_traced("check a 2\nundo a die\napply a 2 for test-2-0\nconnected\n");
	run("remove", 1); /* the killed run's own journal */
	assert_traced("");
	run("remove", 2);
	assert_traced("undo a 2\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
}

/* A holder whose journal is gone holds nothing. */
static void shared_with_a_ghost(void **state)
{
	(void)state;
	recipe(SHARED "text = 1\n");
	run("add", 1);
	run("add", 2);
	traced();
	assert_int_equal(unlink("/run/xen-hotplug/devices/test-1-0"), 0);
	run("remove", 2);
	assert_traced("undo a 1\n");
	assert_int_equal(files_in(JOURNAL_SHARED), 0);
}

/* --- values --- */

#define SHOW HEAD "[defaults]\nx = of-defaults\n[probe]\ntext = ${x}\n"

static void who_wins(void **state)
{
	(void)state;
	/* [defaults] alone, an argument over it */
	recipe(SHOW);
	run("add", 1);
	assert_has(traced(), "check probe of-defaults\n");
	args[0] = "x=of-an-argument";
	run("add", 2);
	assert_has(traced(), "check probe of-an-argument\n");
	args[0] = "x="; /* empty is "not set" */
	run("add", 3);
	assert_has(traced(), "check probe of-defaults\n");
	args[0] = NULL;
	/* the using file's [defaults], its keys, which win even when empty */
	put("/etc/xen/hotplug/used.ini",
	    "[defaults]\nx = of-used\n[probe]\ntext = ${x}\n");
	recipe(HEAD "[use used]\n");
	run("add", 4);
	assert_has(traced(), "check probe of-used\n");
	recipe(HEAD "[defaults]\nx = of-using\n[use used]\n");
	run("add", 5);
	assert_has(traced(), "check probe of-using\n");
	args[0] = "x=of-an-argument";
	run("add", 6);
	assert_has(traced(), "check probe of-an-argument\n");
	recipe(HEAD "[defaults]\nx = of-using\n[use used]\nx = of-[use]-${x}\n");
	run("add", 7);
	assert_has(traced(), "check probe of-[use]-of-an-argument\n");
	recipe(HEAD "[use used]\nx =\n");
	run("add", 8);
	assert_has(traced(), "check probe -\n");
	args[0] = NULL;
	/* an argument that no file knows */
	args[0] = "z=1";
	run("add", 9);
	assert_has(traced(), "argument \"z=1\": the recipe has no such variable");
}

/* The six sources, each over those before it, of a variable that has them all. */
static void six_sources(void **state)
{
	static const char *const some[] = { "backend/vif/6/0/bridge=node",
					    "backend/vif/7/0/bridge=node",
					    "backend/vif/8/0/bridge= ", NULL };

	(void)state;
	class = "vif";
	nodes = some;
	put("/etc/xen/hotplug/used.ini", "[probe]\ntext = ${bridge}.\n");
	recipe("[recipe]\ndevice = vif\n[use used]\n");
	run("online", 1);
	assert_has(traced(), "check probe .\n");
	put("/etc/xen/hotplug/used.ini",
	    "[defaults]\nbridge = used\n[probe]\ntext = ${bridge}\n");
	run("online", 2);
	assert_has(traced(), "check probe used\n");
	recipe("[recipe]\ndevice = vif\n[defaults]\nbridge = using\n[use used]\n");
	run("online", 3);
	assert_has(traced(), "check probe using\n");
	setenv("bridge", "environment", 1);
	run("online", 4);
	assert_has(traced(), "check probe environment\n");
	args[0] = "bridge=argument";
	run("online", 5);
	assert_has(traced(), "check probe argument\n");
	run("online", 6);
	assert_has(traced(), "check probe node\n");
	run("online", 8); /* a blank node is none */
	assert_has(traced(), "check probe argument\n");
	recipe("[recipe]\ndevice = vif\n[defaults]\nbridge = using\n[use used]\n"
	       "bridge = key\n");
	run("online", 7);
	assert_has(traced(), "check probe key\n");
}

/* libxl's "xenbr0" gives way to a default, if there is one and no such bridge. */
static void filler(void **state)
{
	static const char *const some[] = { "backend/vif/1/0/bridge=xenbr0",
					    "backend/vif/2/0/bridge=xenbr0",
					    "backend/vif/3/0/bridge=xenbr1", NULL };

	(void)state;
	class = "vif";
	nodes = some;
	recipe("[recipe]\ndevice = vif\n[probe]\ntext = ${bridge}\n");
	run("online", 1);
	assert_has(traced(), "check probe xenbr0\n");
	recipe("[recipe]\ndevice = vif\n[defaults]\nbridge = br0\n[probe]\n"
	       "text = ${bridge}\n");
	run("online", 2);
	assert_has(traced(), "check probe br0\n");
	run("online", 3);
	assert_has(traced(), "check probe xenbr1\n");
}

/* What a variable of a type may be, and what must be there. */
static void typed_variables(void **state)
{
	static const char *const some[] = { "backend/vif/1/0/mac=00:16:3e:00:00:01",
					    "backend/vif/3/0/mac= ",
					    "backend/vif/4/0/mac=00:16:3e:00:00",
					    "backend/vif/5/0/ip=,",
					    "backend/vif/6/0/ip=!",
					    "backend/vif/7/0/mtu=67",
					    "backend/vif/8/0/vifname=-x",
					    "backend/vif/9/0/mtu=",
					    "backend/vif/10/0/vifname=x\ny",
					    NULL };
	static const struct {
		const char *name, *done;
	} rows[] = {
		{ "mac", "check probe 00:16:3e:00:00:01\n" },
		{ "mac", "6:8: [probe] text = ${mac}: mac is not set: no node "
			 "backend/vif/2/0/mac" },
		{ "mac", "mac: the node backend/vif/3/0/mac is there, but blank" },
		{ "mac", "mac (backend/vif/4/0/mac): \"00:16:3e:00:00\" is not a MAC" },
		{ "ip", "ip: the node backend/vif/5/0/ip is there, but blank" },
		{ "ip", "ip: backend/vif/6/0/ip: may not be read" },
		{ "mtu",
		  "mtu (backend/vif/7/0/mtu): \"67\" is not between 68 and 65535" },
		{ "vifname",
		  "vifname (backend/vif/8/0/vifname): \"-x\" is not an interface" },
		{ "mtu", "check probe -\n" },
		{ "vifname", "control byte in \"x\\x0ay\"" },
	};

	(void)state;
	class = "vif";
	nodes = some;
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		recipe(mem_printf("[recipe]\ndevice = vif\n\n\n[probe]\ntext = ${%s}\n",
				  rows[i].name));
		run("online", i + 1);
		assert_has(traced(), rows[i].done);
	}
}

static void nesting(void **state)
{
	struct buf b = { 0 };

	(void)state;
	recipe(HEAD "[defaults]\na = <${b}>\nb = ${c}${c}\nc = $$${domid}\n[probe]\n"
		    "text = ${a}$$$${c}\n");
	run("add", 3);
	assert_has(traced(), "check probe <$3$3>$${c}\n");
	/* sixteen of them, and one more */
	buf_printf(&b, HEAD "[defaults]\n");
	for (int i = 15; i > 0; i--)
		buf_printf(&b, "v%d = ${v%d}\n", i, i - 1);
	recipe(mem_printf("%sv0 = ${domid}\n[probe]\ntext = ${v15}\n", b.s));
	run("add", 4);
	assert_has(traced(), "check probe 4\n");
	recipe(mem_printf("%sv0 = ${v}\nv = 1\n[probe]\ntext = ${v15}\n", b.s));
	run("add", 5);
	assert_has(traced(), "22:8: ${v15} leads to itself through [defaults], or");
	recipe(HEAD "[defaults]\na = ${b}\nb = ${a}\n[probe]\ntext = ${a}\n");
	run("add", 6);
	assert_has(traced(), "4:5: ${b} leads to itself through [defaults]");
}

static void foreign_values(void **state)
{
	static const char *const some[] = {
		"backend/test/1/0/evil=../../etc",
		"backend/test/1/0/dots=..",
		"backend/test/1/0/lines=a=1\nb=2",
		"backend/test/1/0/path=/any/where",
		"backend/test/1/0/good=g;$(id)*",
		"backend/test/1/0/blank= ",
		"backend/test/1/0/esc=\x1b[2J",
		"backend/test/1/0/secret=!",
		"/local/domain/1/vm=/vm/uuid",
		"/vm/uuid/name=a guest",
		"name=Domain-0",
		NULL,
	};
	static const struct {
		const char *key, *done;
		bool with_defaults;
	} rows[] = {
		{ "path = /srv/${backend/good}/x", "check probe -/srv/g;$(id)*/x\n" },
		{ "path = /srv/${vm/name}", "check probe -/srv/a guest\n" },
		{ "path = ${backend/path}", "check probe -/any/where\n" },
		{ "path = /srv/${domid}", "check probe -/srv/1\n" },
		{ "path = /srv/${backend/evil}",
		  "4:13: [probe] path = /srv/${backend/evil}: "
		  "${backend/evil} is \"../../etc\", which is "
		  "not one component of a path" },
		{ "path = /srv/${backend/dots}",
		  "is \"..\", which is not one component" },
		{ "path = /srv/${backend/none}/x",
		  "is \"\", which is not one component" },
		{ "path = ${backend/evil}", "\"../../etc\" is not an absolute path" },
		/* by way of [defaults] */
		{ "path = /srv/${evil}", "${evil} is \"../../etc\", which is not one",
		  true },
		{ "path = ${below-evil}",
		  "${backend/evil} is \"../../etc\", which is not one", true },
		{ "path = /a/${below-good}/b", "check probe -/a//srv/g;$(id)*/b\n",
		  true },
		{ "map =\n  n=${vm/name}\n  e=${backend/none}\n  l=x",
		  "check probe - <n=a guest> <l=x>\n" },
		{ "map =\n  n=${backend/lines}\n", "which has several lines" },
		{ "map = ${backend/lines}\n", "which has several lines" },
		{ "lines = ${backend/lines}\n", "which has several lines" },
		{ "lines = ${aliased}\n", "which has several lines", true },
		{ "lines = ${own}\n", "check probe - <1> <g;$(id)*>\n", true },
		{ "text = ${backend/lines}", "control byte in \"a=1\\x0ab=2\"" },
		{ "text = ${backend/esc}", "control byte in \"\\x1b[2J\"" },
		{ "text = <${backend/none}${backend/blank}>", "check probe < >\n" },
		{ "text = ${backend/blank}", "check probe -\n" },
		{ "text = ${self/name} ${vm/none}.", "check probe Domain-0 .\n" },
		{ "text = ${backend/secret}",
		  "backend/test/1/0/secret: may not be read" },
	};

	(void)state;
	nodes = some;
	for (size_t i = 0; i < COUNT(rows); i++) {
		recipe(mem_printf(HEAD "[probe]\n%s\n", rows[i].key));
		if (rows[i].with_defaults)
			recipe(mem_printf(HEAD "[defaults]\nevil = ${backend/evil}\n"
					       "below-evil = /srv/${backend/evil}\n"
					       "below-good = /srv/${backend/good}\n"
					       "aliased = ${backend/lines}\n"
					       "own =\n  1\n  ${backend/good}\n"
					       "[probe]\n%s\n",
					  rows[i].key));
		run("add", 1);
		assert_has(traced(), rows[i].done);
		run("remove", 1);
		traced();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(conditions, fresh),
		cmocka_unit_test_setup(flags, fresh),
		cmocka_unit_test_setup(requires, fresh),
		cmocka_unit_test_setup(late_results, fresh),
		cmocka_unit_test_setup(late_variables, fresh),
		cmocka_unit_test_setup(late_conditions, fresh),
		cmocka_unit_test_setup(planned, fresh),
		cmocka_unit_test_setup(optional, fresh),
		cmocka_unit_test_setup(roll_back, fresh),
		cmocka_unit_test_setup(shared_by_two, fresh),
		cmocka_unit_test_setup(shared_apart, fresh),
		cmocka_unit_test_setup(shared_at_once, fresh),
		cmocka_unit_test_setup(shared_that_fails, fresh),
		cmocka_unit_test_setup(shared_and_killed, fresh),
		cmocka_unit_test_setup(shared_with_a_ghost, fresh),
		cmocka_unit_test_setup(who_wins, fresh),
		cmocka_unit_test_setup(six_sources, fresh),
		cmocka_unit_test_setup(filler, fresh),
		cmocka_unit_test_setup(typed_variables, fresh),
		cmocka_unit_test_setup(nesting, fresh),
		cmocka_unit_test_setup(foreign_values, fresh),
	};

	private_run();
	if (mount("tmpfs", "/etc", "tmpfs", 0, "mode=755") < 0 ||
	    mkdir("/etc/xen", 0755) < 0 || mkdir("/etc/xen/hotplug", 0755) < 0)
		return 1;
	umask(022);
	return RUN_TESTS(tests);
}
