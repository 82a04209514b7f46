// SPDX-License-Identifier: LGPL-2.1-or-later
// The journal's file: reading it back, and appending to it. The format is in journal.h.

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "journal.h"
#include "lock.h"
#include "log.h"
#include "paths.h"
#include "value.h"

#define FORMAT      "xen-hotplug 1"
#define JOURNAL_MAX (1024 * 1024)
#define MAX_FIELDS  48

/* --- fields --- */

static void add_encoded(struct buf *b, const char *s)
{
	const char *plain = s;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c < 0x7f && c != '%' && c != '=')
			continue;
		buf_add(b, plain, (size_t)(s - plain));
		buf_printf(b, "%%%02X", c);
		plain = s + 1;
	}
	buf_add(b, plain, (size_t)(s - plain));
}

static void add_field(struct buf *b, const char *name, const char *value)
{
	buf_add(b, " ", 1);
	buf_adds(b, name);
	buf_add(b, "=", 1);
	add_encoded(b, value);
}

/* In place; what is not an escape stays as it is. */
static char *decode(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		if (*s == '%' && isxdigit((unsigned char)s[1]) &&
		    isxdigit((unsigned char)s[2]) && strncmp(s, "%00", 3) != 0) {
			const char hex[] = { s[1], s[2], '\0' };

			*to++ = (char)strtoul(hex, NULL, 16);
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	return text;
}

static struct field to_field(char *text)
{
	char *eq = strchr(text, '=');
	struct field f;

	if (eq)
		*eq = '\0';
	f.value = eq ? decode(eq + 1) : NULL;
	f.name = decode(text);
	return f;
}

const char *field_get(const struct field *f, unsigned int n, const char *name)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!strcmp(f[i].name, name))
			return f[i].value;
	}
	return NULL;
}

const char *rec_get(const struct rec *r, const char *name)
{
	return field_get(r->fields, r->nfields, name);
}

long rec_num(const struct rec *r, const char *name, long missing)
{
	const char *s = rec_get(r, name);
	char *end;
	long v;

	if (!s || !*s)
		return missing;
	errno = 0;
	v = strtol(s, &end, 10);
	return errno || *end ? missing : v;
}

const char *journal_head(const struct journal *j, const char *name)
{
	for (unsigned int i = j->nhead; i-- > 0;) {
		if (!strcmp(j->head[i].name, name))
			return j->head[i].value;
	}
	return NULL;
}

/* --- reading --- */

const char *journal_boot(void)
{
	static char id[64];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if (*id)
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, id, sizeof(id) - 1);
	if (n <= 0)
		strcpy(id, "unknown");
	else
		id[strcspn(id, "\n")] = '\0';
	return id;
}

static bool is_scope(const char *word)
{
	return !strcmp(word, "host") || !strcmp(word, "device");
}

static void take_record(struct journal *j, struct field *f, unsigned int n)
{
	struct rec *r = MEM_PUSH(j->recs, j->nrecs);

	r->id = (unsigned int)strtoul(f[0].name, NULL, 10);
	r->scope = strcmp(f[1].name, "device") ? SCOPE_HOST : SCOPE_DEVICE;
	r->action = f[2].name;
	r->kind = f[3].name;
	r->step = j->cur_step ? j->cur_step : r->action;
	r->where = j->cur_where ? j->cur_where : "";
	r->nfields = n - 4;
	r->fields = f + 4;
}

static void drop_holder(struct journal *j, const char *name)
{
	for (unsigned int i = 0; i < j->nholders; i++) {
		if (!strcmp(j->holders[i], name))
			j->holders[i--] = j->holders[--j->nholders];
	}
}

static int take_line(struct journal *j, char *line, struct xhp_err *err)
{
	struct field *f = MEM_ARRAY(struct field, MAX_FIELDS);
	char *save = NULL, *word = strtok_r(line, " ", &save), *s;
	unsigned int n = 0;

	while (n < MAX_FIELDS && (s = strtok_r(NULL, " ", &save)))
		f[n++] = to_field(s);
	if (!word)
		return 0;
	if (strtok_r(NULL, " ", &save))
		n = MAX_FIELDS + 1; /* more than any version writes */
	if (!strcmp(word, "boot") && n == 1) {
		j->foreign_boot = strcmp(f[0].name, journal_boot()) != 0;
	} else if (!strcmp(word, "head") && n <= MAX_FIELDS) {
		for (unsigned int i = 0; i < n; i++)
			*MEM_PUSH(j->head, j->nhead) = f[i];
	} else if (!strcmp(word, "var") && n) {
		*MEM_PUSH(j->vars, j->nvars) =
			(struct field){ f[0].name, n > 1 ? f[1].name : "" };
	} else if (!strcmp(word, "step") && n == 3) {
		j->cur_step = f[0].name;
		j->cur_where = f[2].name;
	} else if (!strcmp(word, "rec") && n >= 4 && n <= MAX_FIELDS &&
		   is_scope(f[1].name)) {
		take_record(j, f, n);
	} else if (!strcmp(word, "result") && n >= 1) {
		*MEM_PUSH(j->results, j->nresults) =
			(struct field){ f[0].name, n > 1 ? f[1].name : "" };
	} else if (!strcmp(word, "holder") && n == 1) {
		drop_holder(j, f[0].name);
		*MEM_PUSH(j->holders, j->nholders) = f[0].name;
		j->nstale++;
	} else if (!strcmp(word, "left") && n == 1) {
		drop_holder(j, f[0].name);
		j->nstale++;
	} else if (!strcmp(word, "done") && n == 1) {
		j->complete = true;
		j->attach_us = strtoul(f[0].name, NULL, 10);
	} else if (!strcmp(word, "undone") && n == 1) {
		unsigned long id = strtoul(f[0].name, NULL, 10);

		j->complete = false;
		for (unsigned int i = 0; i < j->nrecs; i++)
			j->recs[i].undone |= j->recs[i].id == id;
	} else {
		return err_set(
			err, -ENOTSUP,
			"journal %s has a line that this version does not know: %s",
			j->path, quoted(word));
	}
	return 0;
}

static int parse(struct journal *j, char *text, struct xhp_err *err)
{
	char *line = text, *end;

	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (line == text) {
			if (strcmp(line, FORMAT) != 0)
				return err_set(err, -ENOTSUP,
					       "journal %s is not of a format that this "
					       "version knows: %s",
					       j->path, quoted(line));
			j->version = 1;
		} else if (take_line(j, line, err) < 0) {
			return err->code;
		}
	}
	/* cut off while it was written: what it announces was not done */
	if (*line && j->fd >= 0 && ftruncate(j->fd, line - text) < 0)
		return err_sys(err, -errno, "journal %s", j->path);
	j->cur_step = j->cur_where = NULL;
	return 0;
}

static int read_all(struct journal *j, int fd, struct xhp_err *err)
{
	struct stat st;
	size_t len = 0;
	ssize_t n;
	char *text;

	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "journal %s", j->path);
	if (!st.st_size)
		return 0;
	if (st.st_size > JOURNAL_MAX)
		return err_set(err, -EFBIG, "journal %s is too large", j->path);
	text = mem_alloc((size_t)st.st_size + 1);
	while (len < (size_t)st.st_size &&
	       (n = pread(fd, text + len, (size_t)st.st_size - len, (off_t)len)) != 0) {
		if (n < 0)
			return err_sys(err, -errno, "journal %s", j->path);
		len += (size_t)n;
	}
	if (memchr(text, '\0', len))
		return err_set(err, -EINVAL, "journal %s has NUL bytes in it", j->path);
	return parse(j, text, err);
}

int journal_open(const char *dir, const char *name, bool nowait, struct journal *ret,
		 struct xhp_err *err)
{
	CLEANUP_FD int dirfd = state_dir(dir, err);
	struct journal j = { .name = name, .fd = -1 };

	j.path = mem_printf("%s/%s/%s", STATE_DIR, dir, name);
	if (dirfd < 0)
		return err->code;
	j.fd = lock_claim(dirfd, name, true, nowait, err);
	if (j.fd < 0)
		return err->code;
	if (read_all(&j, j.fd, err) < 0) {
		close(j.fd);
		return err->code;
	}
	*ret = j;
	return 0;
}

int journal_read(const char *dir, const char *name, struct journal *ret,
		 struct xhp_err *err)
{
	struct journal j = { .name = name, .fd = -1 };
	CLEANUP_FD int fd = -1;

	j.path = mem_printf("%s/%s/%s", STATE_DIR, dir, name);
	fd = open(j.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, -errno, "journal %s", j.path);
	if (read_all(&j, fd, err) < 0)
		return err->code;
	*ret = j;
	return 0;
}

bool journal_empty(const struct journal *j)
{
	for (unsigned int i = 0; i < j->nrecs; i++) {
		if (!j->recs[i].undone)
			return false;
	}
	return !j->complete;
}

/* Not the name of a journal: those do not begin with a dot. */
static const char *compact_path(const struct journal *j)
{
	size_t dir = strlen(j->path) - strlen(j->name);

	return mem_printf("%.*s.%s.new", (int)dir, j->path, j->name);
}

void journal_close(struct journal *j, bool remove)
{
	struct stat st;

	if (j->fd < 0)
		return;
	if (remove || (fstat(j->fd, &st) == 0 && !st.st_size))
		unlink(j->path);
	if (remove && j->nstale) /* if it was once killed while it made that */
		unlink(compact_path(j));
	close(j->fd);
	j->fd = -1;
}

static int compare_fields(const void *a, const void *b)
{
	const struct field *x = a, *y = b;

	return strverscmp(x->name, y->name);
}

int journal_names(const char *dir, struct field **ret, unsigned int *ret_n,
		  struct xhp_err *err)
{
	const char *path = mem_printf("%s/%s", STATE_DIR, dir);
	DIR *d = opendir(path);
	struct field *names = NULL;
	unsigned int n = 0;
	struct dirent *e;

	if (!d && errno != ENOENT)
		return err_sys(err, -errno, "%s", path);
	while (d && (e = readdir(d))) {
		if (*e->d_name != '.')
			*MEM_PUSH(names, n) = (struct field){ mem_strdup(e->d_name), "" };
	}
	if (d)
		closedir(d);
	*ret = names;
	*ret_n = n;
	return 0;
}

int journal_list(const char *dir, struct field **ret, unsigned int *ret_n,
		 struct xhp_err *err)
{
	if (journal_names(dir, ret, ret_n, err) < 0)
		return err->code;
	if (*ret_n)
		qsort(*ret, *ret_n, sizeof(**ret), compare_fields);
	return 0;
}

/* --- writing --- */

/* One write for each line: a kill leaves whole lines and at most one that is cut. */
static int append(struct journal *j, const struct buf *b, struct xhp_err *err)
{
	ssize_t n = write(j->fd, b->s, b->len);
	struct stat st;
	int code;

	if (n == (ssize_t)b->len)
		return 0;
	code = n < 0 ? -errno : -ENOSPC;
	/* no half line in front of those that may follow */
	if (fstat(j->fd, &st) < 0 || (n > 0 && ftruncate(j->fd, st.st_size -= n) < 0))
		return err_sys(err, -errno, "cannot write journal %s", j->path);
	if (!st.st_size)
		j->version = 0; /* add_start() was in vain */
	return err_sys(err, code, "cannot write journal %s", j->path);
}

/* The lines that every journal begins with; into `b` if nothing was written yet. */
static void add_start(struct journal *j, struct buf *b)
{
	if (j->version)
		return;
	j->version = 1;
	buf_printf(b, "%s\nboot %s\n", FORMAT, journal_boot());
}

int journal_reset(struct journal *j, struct xhp_err *err)
{
	const struct journal empty = { .name = j->name, .path = j->path, .fd = j->fd };

	if (ftruncate(j->fd, 0) < 0)
		return err_sys(err, -errno, "journal %s", j->path);
	*j = empty;
	return 0;
}

int journal_begin(struct journal *j, const struct field *head, unsigned int nhead,
		  const struct field *vars, unsigned int nvars, struct xhp_err *err)
{
	struct buf b = { 0 };

	add_start(j, &b);
	buf_adds(&b, "head");
	for (unsigned int i = 0; i < nhead; i++) {
		if (!head[i].value)
			continue;
		add_field(&b, head[i].name, head[i].value);
		*MEM_PUSH(j->head, j->nhead) = head[i];
	}
	buf_adds(&b, "\n");
	for (unsigned int i = 0; i < nvars; i++) {
		buf_adds(&b, "var ");
		add_encoded(&b, vars[i].name);
		buf_adds(&b, " ");
		add_encoded(&b, vars[i].value);
		buf_adds(&b, "\n");
	}
	return append(j, &b, err);
}

int journal_line(struct journal *j, const char *word, const char *field,
		 const char *value, struct xhp_err *err)
{
	struct buf b = { 0 };

	add_start(j, &b);
	buf_printf(&b, "%s ", word);
	add_encoded(&b, field);
	if (value) {
		buf_adds(&b, " ");
		add_encoded(&b, value);
	}
	buf_adds(&b, "\n");
	return append(j, &b, err);
}

/* All lines but those of the holders, and then those who hold it now. */
static int add_compacted(const struct journal *j, struct buf *b)
{
	struct stat st;
	char *text, *line;

	if (fstat(j->fd, &st) < 0)
		return -errno;
	text = mem_alloc((size_t)st.st_size + 1);
	if (pread(j->fd, text, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	while ((line = strsep(&text, "\n"))) {
		if (*line && strncmp(line, "holder ", 7) != 0 &&
		    strncmp(line, "left ", 5) != 0)
			buf_printf(b, "%s\n", line);
	}
	for (unsigned int i = 0; i < j->nholders; i++) {
		buf_adds(b, "holder ");
		add_encoded(b, j->holders[i]);
		buf_adds(b, "\n");
	}
	return 0;
}

/* Those who wait for the lock find another file, and begin anew (lock_claim). */
void journal_compact(struct journal *j)
{
	const char *path = compact_path(j);
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	struct buf b = { 0 };
	int fd;

	if (add_compacted(j, &b) < 0)
		return;
	fd = open(path, flags, 0600);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || write(fd, b.s, b.len) != (ssize_t)b.len ||
	    rename(path, j->path) < 0) {
		log_info("journal %s stays as long as it is: %s", j->path,
			 strerror(errno));
		unlink(path);
		close(fd);
		return;
	}
	close(j->fd);
	j->fd = fd;
	j->nstale = 0;
}

int journal_undone(struct journal *j, unsigned int i, struct xhp_err *err)
{
	j->recs[i].undone = true;
	j->complete = false;
	return journal_line(j, "undone", mem_printf("%u", j->recs[i].id), NULL, err);
}

void journal_step(struct journal *j, const char *step, const char *action,
		  const char *where)
{
	struct buf b = { 0 };

	buf_printf(&b, "step %s %s ", step, action);
	add_encoded(&b, where);
	buf_adds(&b, "\n");
	j->pending = b.s;
	j->cur_step = step;
	j->cur_where = where;
}

int journal_record(struct journal *j, struct xhp_err *err, enum rec_scope scope,
		   const char *action, const char *kind, ...)
{
	struct field *f = MEM_ARRAY(struct field, MAX_FIELDS);
	unsigned int id = j->nrecs ? j->recs[j->nrecs - 1].id + 1 : 1, n = 0;
	struct buf b = { 0 };
	const char *name, *value;
	va_list ap;

	add_start(j, &b);
	if (j->pending)
		buf_adds(&b, j->pending);
	j->pending = NULL;
	buf_printf(&b, "rec %u %s %s %s", id, scope == SCOPE_HOST ? "host" : "device",
		   action, kind);
	va_start(ap, kind);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (!value)
			continue;
		if (n == MAX_FIELDS - 4)
			break;
		add_field(&b, name, value);
		f[n++] = (struct field){ name, mem_strdup(value) };
	}
	va_end(ap);
	if (name)
		return err_set(err, -E2BIG, "[%s] %s: too many fields for a record",
			       action, kind);
	buf_adds(&b, "\n");
	if (append(j, &b, err) < 0)
		return err->code;
	*MEM_PUSH(j->recs, j->nrecs) = (struct rec){
		.id = id,
		.scope = scope,
		.action = action,
		.kind = kind,
		.step = j->cur_step ? j->cur_step : action,
		.where = j->cur_where ? j->cur_where : "",
		.nfields = n,
		.fields = f,
	};
	return 0;
}
