// SPDX-License-Identifier: LGPL-2.1-or-later
// What can stand where the shell's cursor is: for its completion. All comes from the
// tables that parse and help, of commands above all: what a word may be, `args` says.

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "class.h"
#include "commands.h"
#include "deadline.h"
#include "devices.h"
#include "recipe.h"
#include "request.h"
#include "xhp.h"

/* Seconds that somebody waits at a prompt. */
#define PROMPT 5

/* The words of a command line, the last of them not finished. */
struct line {
	char **words;
	unsigned int n;
	const char *last;
};

/* What goes into a command line as it is; a guest's name may be anything. */
static bool is_plain(const char *s)
{
	return *s && *s != '-' &&
	       !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			    "0123456789_.,:/@%+=-")];
}

static void offer(const struct line *l, const char *word, const char *help)
{
	if (strncmp(word, l->last, strlen(l->last)) != 0)
		return;
	help = help ? help : "";
	printf("%s%s%.*s\n", word, *help ? "\t" : "", (int)strcspn(help, "\n"), help);
}

static void offer_plain(const struct line *l, const char *word, const char *help)
{
	if (is_plain(word))
		offer(l, word, help);
}

/* --- what a word of `args` stands for --- */

static void offer_recipes(const struct line *l)
{
	struct xhp_err unused;
	const char **names;
	unsigned int n;

	if (recipe_names(&names, &n, &unused) < 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		struct recipe recipe;

		offer_plain(l, names[i],
			    recipe_load(names[i], &recipe, &unused) < 0
				    ? "it has an error"
				    : recipe.description);
	}
}

static void offer_devices(const struct line *l)
{
	struct xhp_err unused;
	struct device *list;
	unsigned int n, bad;

	if (devices_list(&list, &n, &bad, &unused) < 0)
		return;
	for (unsigned int i = 0; i < n; i++) {
		const struct device *d = &list[i];
		const char *guest = device_guest(d);

		offer_plain(l, d->name, guest);
		offer_plain(l, d->netdev, guest);
		if (*d->guest && *d->as)
			offer_plain(l, mem_printf("%s/%s", d->guest, d->as), d->name);
	}
}

/* Of the recipe's class: what its table calls verbs, and its own function knows. */
static void offer_verbs(const struct line *l, const struct recipe *recipe)
{
	char *text = mem_strdup(recipe->class->verbs), *save = NULL;

	for (char *s = strtok_r(text, "|, ", &save); s;
	     s = strtok_r(NULL, "|, ", &save)) {
		const struct request req = { .class = recipe->class, .verb = s };

		if (recipe->class->verb(&req) != VERB_UNKNOWN)
			offer(l, s, NULL);
	}
}

/* NAME= of what the class takes from the command line, and what may stand behind it. */
static void offer_arguments(const struct line *l, const struct recipe *recipe)
{
	const struct var_def *def;

	for (unsigned int i = 0; (def = class_var_nth(recipe->class, i)); i++) {
		const char *words = def->type.type == V_ENUM ? def->type.words : "";

		if (!(def->flags & VAR_ARG))
			continue;
		if (!*words)
			offer(l, mem_printf("%s=", def->type.key), def->type.help);
		for (; *words; words += strcspn(words, "|"), words += *words == '|')
			offer(l,
			      mem_printf("%s=%.*s", def->type.key,
					 (int)strcspn(words, "|"), words),
			      def->type.help);
	}
}

static void offer_keys(const struct line *l, const struct action *a)
{
	for (const struct param *p = a->params; p && p->key; p++)
		offer(l, p->key, p->help);
}

static void offer_topics(const struct line *l)
{
	for (const struct command *c = commands; c->summary; c++)
		offer(l, c->name, c->summary);
	for (unsigned int i = 0; i < nactions; i++)
		offer(l, actions[i]->name, actions[i]->summary);
	for (unsigned int i = 0; class_nth(i); i++)
		offer(l, class_nth(i)->name, class_nth(i)->finish);
	offer(l, "settings", "hotplug.conf's");
	offer(l, "use", "another recipe's steps");
}

static void offer_scripts(const struct line *l)
{
	struct xhp_err unused;
	const char **names;
	unsigned int n;

	if (enable_names(&names, &n, &unused) < 0)
		return;
	for (unsigned int i = 0; i < n; i++)
		offer_plain(l, names[i], NULL);
}

/* --- the command's `args` --- */

static bool ends(char c)
{
	return !isupper((unsigned char)c) && c != '|' && c != '=';
}

/* The `nth` word of `args` that stands for something; the last one, if it may repeat. */
static const char *kind_of(const char *args, unsigned int nth)
{
	const char *kind = "", *s = args;
	bool behind_option = false;

	for (; *s; s++) {
		const char *start = s;

		if (!strncmp(s, "--", 2)) {
			s += strcspn(s, " ]|");
			behind_option = *s == ' ';
			if (!*s)
				break;
			continue;
		}
		if (!isupper((unsigned char)*s))
			continue;
		while (!ends(*s))
			s++;
		if (!behind_option) {
			kind = mem_strndup(start, (size_t)(s - start));
			if (!nth-- || !strncmp(s, "...", 3))
				return kind;
		}
		behind_option = false;
		if (!*s)
			break;
	}
	return "";
}

/* Does a word follow the option? What it stands for, or NULL. */
static const char *option_takes(const char *args, const char *option)
{
	const char *s = strstr(args, option);
	size_t len = strlen(option), n = 0;

	if (strncmp(option, "--", 2) != 0 || !s || s[len] != ' ')
		return NULL;
	while (!ends(s[len + 1 + n]))
		n++;
	return n ? mem_strndup(s + len + 1, n) : NULL;
}

static void offer_options(const struct line *l, const char *args)
{
	for (const char *s = args; (s = strstr(s, "--")); s += strcspn(s, " ]|"))
		offer(l, mem_strndup(s, strcspn(s, " ]|")), NULL);
}

static void offer_kind(const struct line *l, const char *kind, char *const before[],
		       unsigned int n)
{
	const struct action *action = n ? action_find(before[n - 1]) : NULL;
	struct recipe recipe;
	struct xhp_err unused;

	if (!strcmp(kind, "RECIPE"))
		offer_recipes(l);
	else if (!strcmp(kind, "DEVICE"))
		offer_devices(l);
	else if (!strcmp(kind, "SCRIPT"))
		offer_scripts(l);
	else if (!strcmp(kind, "COMMAND|ACTION|CLASS"))
		offer_topics(l);
	else if (!strcmp(kind, "KEY") && action)
		offer_keys(l, action);
	else if (n && !strcmp(kind, "VERB") && !recipe_load(before[0], &recipe, &unused))
		offer_verbs(l, &recipe);
	else if (n && !strcmp(kind, "NAME=VALUE") &&
		 !recipe_load(before[0], &recipe, &unused))
		offer_arguments(l, &recipe);
}

/* Behind the command: its options, or what its next word stands for. */
static void complete_command(const struct line *l, const struct command *c)
{
	char **before = MEM_ARRAY(char *, l->n);
	const char *kind;
	unsigned int n = 0;

	for (unsigned int i = 1; i + 1 < l->n; i++) {
		kind = option_takes(c->args, l->words[i]);
		if (kind && i + 2 == l->n) {
			offer_kind(l, kind, NULL, 0);
			return;
		}
		i += kind != NULL;
		if (!kind && *l->words[i] != '-')
			before[n++] = l->words[i];
	}
	if (*l->last == '-')
		offer_options(l, c->args);
	else
		offer_kind(l, kind_of(c->args, n), before, n);
}

int cmd_complete(int argc, char **argv, struct xhp_err *err)
{
	struct line l = { .words = argv + 1, .n = (unsigned int)argc - 1 };

	(void)err;
	if (!l.n)
		return 0;
	l.last = l.words[l.n - 1];
	log_quiet();
	deadline_start(PROMPT);
	if (l.n == 1 && *l.last == '-') {
		offer(&l, "--help", NULL);
		offer(&l, "--version", NULL);
	} else if (l.n == 1) {
		for (const struct command *c = commands; c->summary; c++)
			offer(&l, c->name, c->summary);
	}
	for (const struct command *c = commands; l.n > 1 && c->summary; c++) {
		if (!strcmp(c->name, l.words[0]))
			complete_command(&l, c);
	}
	return 0;
}
