// SPDX-License-Identifier: LGPL-2.1-or-later
// help: what the tables say.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "class.h"
#include "commands.h"
#include "paths.h"
#include "settings.h"
#include "xhp.h"

static void help_all(void)
{
	printf("usage: xen-hotplug COMMAND [ARGUMENT...]\n\n");
	for (const struct command *c = commands; c->summary; c++)
		printf("  %-10s %s\n", c->name, c->summary);
	printf("\n\"xen-hotplug help COMMAND\" tells its arguments; so for an ACTION, a "
	       "CLASS, settings.\n\nactions:");
	for (unsigned int i = 0; i < nactions; i++)
		printf(" %s", actions[i]->name);
	printf(" use\nclasses:");
	for (unsigned int i = 0; class_nth(i); i++)
		printf(" %s", class_nth(i)->name);
	printf(", and any other name\n\nrecipes: %s, %s; settings: %s\n"
	       "exit status: 0 done, 1 failed and rolled back, 2 wrong usage or recipe\n",
	       ADMIN_RECIPES, SHIPPED_RECIPES, SETTINGS_FILE);
}

static const char *type_text(const struct param *p)
{
	if (p->type == V_ENUM)
		return p->words;
	if (p->type == V_UINT && p->max)
		return mem_printf("%llu..%llu%s%s", (unsigned long long)p->min,
				  (unsigned long long)p->max, p->words ? " or " : "",
				  p->words ? p->words : "");
	return mem_printf("%s%s%s", value_type_name(p->type), p->words ? " or " : "",
			  p->words ? p->words : "");
}

static void help_param(const struct param *p)
{
	const char *mark = p->flags & P_REQUIRED ? "!" : p->flags & P_ENABLES ? "*" : "";

	printf("  %s%-*s %s%s%s%s\n      %s\n", p->key, (int)(16 - strlen(p->key)), mark,
	       type_text(p), p->dflt ? " (default " : "", p->dflt ? p->dflt : "",
	       p->dflt ? ")" : "", p->help);
}

static void help_action(const struct action *a)
{
	printf("[%s]  %s\n\n", a->name, a->summary);
	for (const struct param *p = a->params; p && p->key; p++)
		help_param(p);
	printf("  when, optional, shared   as in every step\n");
	if (a->declares)
		printf("  -> %s\n", a->declares);
	for (const struct result_def *r = a->results; r && r->name; r++)
		printf("  -> %-13s %s%s\n      %s\n", r->name, value_type_name(r->type),
		       r->late ? ", known when the step is done" : "", r->help);
	printf("\n! must be set; * the step does nothing without it (without all of them)\n");
}

static const char *key_candidate(void *data, unsigned int i)
{
	const struct action *a = data;

	return a->params[i].key;
}

static int help_key(const struct action *a, const char *key, struct xhp_err *err)
{
	for (const struct param *p = a->params; p && p->key; p++) {
		if (!strcmp(p->key, key)) {
			help_param(p);
			return 0;
		}
	}
	return err_usage(err, NULL, "[%s] has no key %s%s", a->name, quoted(key),
			 meant(did_you_mean(key, key_candidate, (void *)a)));
}

static void help_use(void)
{
	printf("[use RECIPE]  another recipe's steps, here\n\n"
	       "Its keys are RECIPE's variables and [defaults]; each is set for RECIPE's\n"
	       "steps alone, and wins over what the toolstack says, also if it is empty.\n");
}

static void help_class(const struct class *class)
{
	const struct var_def *def;

	printf("%s: %s; last: %s\n\n", class->name, class->verbs, class->finish);
	for (unsigned int i = 0; (def = class_var_nth(class, i)); i++)
		help_param(&def->type);
}

static const char *topic_candidate(void *data, unsigned int i)
{
	unsigned int n = 0;

	(void)data;
	while (commands[n].summary)
		n++;
	if (i < n)
		return commands[i].name;
	if (i - n < nactions)
		return actions[i - n]->name;
	return class_nth(i - n - nactions) ? class_nth(i - n - nactions)->name : NULL;
}

int cmd_help(int argc, char **argv, struct xhp_err *err)
{
	const struct action *action;

	if (argc < 2) {
		help_all();
		return 0;
	}
	action = action_find(argv[1]);
	if (argc > 3 || (argc > 2 && !action))
		return err_usage(err, NULL, "help: what is %s? Only an action has keys",
				 quoted(argv[argc - 1]));
	for (const struct command *c = commands; c->summary; c++) {
		if (!strcmp(c->name, argv[1])) {
			printf("usage: xen-hotplug %s %s\n\n%s\n%s%s", c->name, c->args,
			       c->summary, c->details ? "\n" : "",
			       c->details ? c->details : "");
			return 0;
		}
	}
	if (argc > 2)
		return help_key(action, argv[2], err);
	if (action) {
		help_action(action);
		return 0;
	}
	for (unsigned int i = 0; class_nth(i); i++) {
		if (!strcmp(class_nth(i)->name, argv[1])) {
			help_class(class_nth(i));
			return 0;
		}
	}
	if (!strcmp(argv[1], "use")) {
		help_use();
		return 0;
	}
	if (!strcmp(argv[1], "settings")) {
		for (const struct param *p = settings_params; p->key; p++)
			help_param(p);
		return 0;
	}
	return err_usage(err, NULL, "no help on %s: no command, action or class%s",
			 quoted(argv[1]),
			 meant(did_you_mean(argv[1], topic_candidate, NULL)));
}
