// SPDX-License-Identifier: LGPL-2.1-or-later
// lookup: a value from the administrator's file or table, by key.

#include <sys/stat.h>

#include "actions.h"
#include "find.h"
#include "template.h"

struct args {
	const char *key, *file;
	struct texts table;
	uint8_t missing; /* 1 error, 2 empty */
	bool secret;
};

static const struct param params[] = {
	{ .key = "key",
	  .type = V_TEXT,
	  .flags = P_REQUIRED,
	  .offset = offsetof(struct args, key),
	  .help = "what to look for: the first word of a line" },
	{ .key = "file",
	  .type = V_PATH,
	  .offset = offsetof(struct args, file),
	  .help = "lines KEY VALUE; the key \"*\" stands for all others" },
	{ .key = "table",
	  .type = V_LINES,
	  .offset = offsetof(struct args, table),
	  .help = "the same lines in the recipe itself" },
	{ .key = "missing",
	  .type = V_ENUM,
	  .offset = offsetof(struct args, missing),
	  .words = "error|empty",
	  .dflt = "error",
	  .help = "what a key is that is not there" },
	{ .key = "secret",
	  .type = V_BOOL,
	  .offset = offsetof(struct args, secret),
	  .dflt = "no",
	  .help = "the file must be private (0600), and the value is never shown" },
	{ .key = NULL },
};

static const struct result_def results[] = {
	{ .name = "value",
	  .trusted = true,
	  .type = V_TEXT,
	  .help = "the rest of the line" },
	{ .name = NULL },
};

/* Who may see it has to be known before it is looked up. */
static int declare(struct step *step, struct xhp_err *err)
{
	const struct entry *e = step_entry(step, "secret");
	const char *text = e ? template_literal(&e->value) : "no";

	if (!text)
		return err_usage(err, &e->value.pos,
				 "secret: the recipe itself has to say yes or no");
	step->secret = !strcmp(text, "yes");
	if (step->secret && step->shared)
		return err_usage(err, &step->pos, "a secret is not shared");
	return 0;
}

/* The value of a line whose first word is `key`, or NULL. */
static const char *match(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);
	const char *value;

	while (len && strchr(" \t\r", line[len - 1]))
		len--;
	while (len && strchr(" \t", *line))
		line++, len--;
	if (len < n || memcmp(line, key, n) != 0 || (len > n && !strchr(" \t", line[n])))
		return NULL;
	value = line + n;
	len -= n;
	while (len && strchr(" \t", *value))
		value++, len--;
	return mem_strndup(value, len);
}

static const char *find_in(const char *text, const char *key)
{
	const char *rest = NULL, *found;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (*text != '#' && *text != ';') {
			found = match(text, len, key);
			if (found)
				return found;
			if (!rest)
				rest = match(text, len, "*");
		}
		text += len + (text[len] == '\n');
	}
	return rest;
}

static int read_table(const struct args *args, const char **ret, struct xhp_err *err)
{
	struct buf b = { 0 };
	struct file file;

	if (args->file) {
		if (file_read_guarded(args->file, "table", &file, err) < 0) {
			/* a file that is missing lists nobody */
			if (args->missing == 2 && err->code == -ENOENT)
				return 0;
			err->usage = false;
			return err->code;
		}
		if (args->secret && (file.mode & (S_IRWXG | S_IRWXO)))
			return err_set(
				err, -EPERM,
				"%s holds secrets, and others than root can read it "
				"(mode %04o)",
				args->file, file.mode & 07777);
		*ret = file.text;
		return 0;
	}
	for (unsigned int i = 0; i < args->table.n; i++)
		buf_printf(&b, "%s\n", args->table.v[i]);
	*ret = b.s ? b.s : "";
	return 0;
}

static int check(struct ctx *ctx, struct step *step, void *data, struct xhp_err *err)
{
	const struct args *args = data;
	const char *text = "", *value;

	(void)ctx;
	if (args->file && args->table.n)
		return err_set(err, -EINVAL, "both file and table are given");
	if (strpbrk(args->key, " \t"))
		return err_set(err, -EINVAL, "the key %s has a blank in it",
			       quoted(args->key));
	if (read_table(args, &text, err) < 0)
		return err->code;
	value = strcmp(args->key, "*") != 0 ? find_in(text, args->key) : NULL;
	if (!value && args->missing == 1)
		return err_set(err, -ENOENT, "%s does not list %s",
			       args->file ? args->file : "the table", quoted(args->key));
	step_result(step, "value", value);
	return 0;
}

const struct action action_lookup = {
	.name = "lookup",
	.summary = "look a value up in a file or table of the administrator's",
	.params = params,
	.args_size = sizeof(struct args),
	.results = results,
	.declare = declare,
	.check = check,
};
