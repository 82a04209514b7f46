// SPDX-License-Identifier: LGPL-2.1-or-later
// The last runs. A line of JSON each, appended with one write, so that runs that end at
// once do not mix; two files of a bounded size, the older one dropped when the newer one
// is full, and what it counted kept in a line of its own.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "deadline.h"
#include "mem.h"
#include "paths.h"
#include "runlog.h"
#include "value.h"
#include "xhp.h"

#define RING_OLD  RING ".1"
#define RING_SIZE (256 * 1024)

enum { NSTEPS = 64, NWARNINGS = 8 };

static struct {
	bool open, attach;
	const char *recipe, *verb, *device, *type, *uuid, *guest;
	struct {
		const char *name;
		unsigned long start;
	} steps[NSTEPS];
	unsigned int nsteps;
	const char *warnings[NWARNINGS];
	unsigned int nwarnings;
} run;

void runlog_begin(const char *recipe, const char *verb)
{
	memset(&run, 0, sizeof(run));
	run.open = true;
	run.recipe = recipe ? recipe : "";
	run.verb = verb ? verb : "";
	runlog_step("load");
}

void runlog_device(const char *device, const char *type, bool attach)
{
	run.device = device;
	run.type = type;
	run.attach = attach;
}

void runlog_guest(const char *uuid, const char *name)
{
	run.uuid = uuid ? uuid : run.uuid;
	run.guest = name ? name : run.guest;
}

void runlog_step(const char *name)
{
	unsigned int n = run.nsteps;

	if (!run.open || n == NSTEPS || (n && !strcmp(run.steps[n - 1].name, name)))
		return;
	run.steps[n].name = name;
	run.steps[n].start = n ? deadline_elapsed_us() : 0;
	run.nsteps++;
}

void runlog_warning(const char *text)
{
	if (run.open && run.nwarnings < NWARNINGS)
		run.warnings[run.nwarnings++] = mem_strdup(text);
}

/* As JSON has it: no control bytes, and no invalid UTF-8. */
static void add_string(struct buf *b, const char *s)
{
	buf_add(b, "\"", 1);
	for (s = printable(s); *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, s, 1);
	}
	buf_add(b, "\"", 1);
}

static void add(struct buf *b, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	buf_printf(b, ",\"%s\":", key);
	add_string(b, value);
}

static void add_run(struct buf *b, const struct xhp_err *err)
{
	unsigned long end = deadline_elapsed_us();

	buf_printf(b, "{\"time\":%lld,\"us\":%lu,\"pid\":%d", (long long)time(NULL), end,
		   getpid());
	add(b, "device", run.device);
	add(b, "path", run.device ? NULL : getenv("XENBUS_PATH"));
	add(b, "type", run.type);
	add(b, "guest", run.guest);
	add(b, "uuid", run.uuid);
	add(b, "verb", run.verb);
	add(b, "does", run.device ? run.attach ? "attach" : "detach" : "fail");
	add(b, "recipe", run.recipe);
	if (err) {
		add(b, "error", err->text);
		if (err->pos.file)
			add(b, "at", mem_printf("%s:%d", err->pos.file, err->pos.line));
	}
	buf_printf(b, ",\"warnings\":[");
	for (unsigned int i = 0; i < run.nwarnings; i++) {
		buf_add(b, ",", i > 0);
		add_string(b, run.warnings[i]);
	}
	buf_printf(b, "],\"steps\":[");
	for (unsigned int i = 0; i < run.nsteps; i++)
		buf_printf(b, "%s[\"%s\",%lu]", i ? "," : "", run.steps[i].name,
			   (i + 1 < run.nsteps ? run.steps[i + 1].start : end) -
				   run.steps[i].start);
	buf_printf(b, "]}\n");
}

/* --- reading --- */

static void count(json_t *totals, const char *key, json_int_t runs, json_int_t failed,
		  json_int_t us)
{
	static const char *const names[] = { "runs", "failed", "us" };
	const json_int_t more[] = { runs, failed, us };
	json_t *o = json_object_get(totals, key);

	if (!o) {
		o = json_object();
		json_object_set_new(totals, key, o);
	}
	for (int i = 0; i < 3; i++)
		json_object_set_new(
			o, names[i],
			json_integer(json_integer_value(json_object_get(o, names[i])) +
				     more[i]));
}

static json_int_t number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void count_line(json_t *totals, json_t *o)
{
	json_t *before = json_object_get(o, "before"), *t;
	const char *type = json_string_value(json_object_get(o, "type")), *key;

	json_object_foreach (before, key, t)
		count(totals, key, number(t, "runs"), number(t, "failed"),
		      number(t, "us"));
	if (json_object_get(o, "us"))
		count(totals,
		      mem_printf("%s %s", type ? type : "unknown",
				 json_string_value(json_object_get(o, "does"))),
		      1, json_object_get(o, "error") != NULL, number(o, "us"));
}

static int read_file(const char *path, json_t *runs, json_t *totals, struct xhp_err *err)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf text = { 0 };
	char part[16384], *line;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "%s", path);
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(&text, part, (size_t)n);
	if (n < 0)
		return err_sys(err, -errno, "%s", path);
	for (line = text.s; line && *line;) {
		char *end = strchr(line, '\n');
		json_t *o = json_loadb(line, end ? (size_t)(end - line) : strlen(line),
				       JSON_ALLOW_NUL, NULL);

		if (json_is_object(o)) {
			count_line(totals, o);
			if (runs && json_object_get(o, "us"))
				json_array_append(runs, o);
		}
		json_decref(o);
		line = end ? end + 1 : NULL;
	}
	return 0;
}

int runlog_read(json_t **ret_runs, json_t **ret_totals, struct xhp_err *err)
{
	json_t *runs = json_array(), *totals = json_object();

	if (read_file(RING_OLD, runs, totals, err) < 0 ||
	    read_file(RING, runs, totals, err) < 0)
		return err->code;
	*ret_runs = runs;
	if (ret_totals)
		*ret_totals = totals;
	return 0;
}

/* --- writing --- */

static int ring_open(void)
{
	return open(RING, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* One of those who find it full does this; the others write to it a last time. */
static void rotate(int fd)
{
	json_t *totals = json_object();
	struct stat ours, there;
	struct xhp_err unused;
	char *text;
	int new;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &ours) < 0 ||
	    lstat(RING, &there) < 0 || ours.st_ino != there.st_ino ||
	    read_file(RING_OLD, NULL, totals, &unused) < 0 || rename(RING, RING_OLD) < 0)
		return;
	new = ring_open();
	text = json_dumps(totals, JSON_COMPACT);
	if (new >= 0 && text && json_object_size(totals))
		dprintf(new, "{\"before\":%s}\n", text);
	if (new >= 0)
		close(new);
}

void runlog_end(const struct xhp_err *err)
{
	CLEANUP_FD int fd = -1;
	struct buf b = { 0 };
	struct stat st;
	ssize_t n;

	/* a verb that is not for this device is no run */
	if (!run.open || (!err && !run.device))
		return;
	add_run(&b, err);
	run.open = false;
	fd = ring_open();
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	n = write(fd, b.s, b.len);
	(void)n; /* the run is done, with or without its line */
	if (st.st_size > RING_SIZE)
		rotate(fd);
}
