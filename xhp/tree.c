// SPDX-License-Identifier: LGPL-2.1-or-later
// tree: the host's wiring: bridges, routes and files, and what of the guests hangs there.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "deadline.h"
#include "devices.h"
#include "xhp.h"

enum kind { UPLINK, HEALTHY, SICK };
struct leaf {
	enum kind kind;
	const char *name, *text; /* "vif1.0", "web1 (1) eth0" */
};
struct branch {
	const char *name; /* "bridge br0" */
	struct leaf *leaves;
	unsigned int nleaves;
};
static struct branch *branches;
static unsigned int nbranches;

static struct branch *branch(const char *name)
{
	struct branch *b;

	for (unsigned int i = 0; i < nbranches; i++) {
		if (!strcmp(branches[i].name, name))
			return &branches[i];
	}
	b = MEM_PUSH(branches, nbranches);
	b->name = name;
	return b;
}

static void add_leaf(struct branch *b, enum kind kind, const char *name, const char *text)
{
	*MEM_PUSH(b->leaves, b->nleaves) = (struct leaf){ kind, name, text };
}

/* Whose it is, and where it went apart from the branch that it hangs from. */
static const char *leaf_text(const struct device *d, const char *under, const char *state)
{
	struct buf b = { 0 };
	const char *filter = device_filter(&d->j);

	buf_printf(&b, "%s%s%s", device_guest(d), *d->as ? " " : "", d->as);
	for (unsigned int i = 0; i < d->j.nrecs; i++) {
		const struct rec *r = &d->j.recs[i];
		const struct shown *s = rec_shown(r);
		const char *where = s && s->where ? rec_say(r, s->where) : NULL;

		if (where && !r->undone && !strstr(under, where))
			buf_printf(&b, ", %s", where);
	}
	if (filter && !strcmp(filter, "UNFILTERED"))
		buf_printf(&b, ", UNFILTERED");
	if (strcmp(state, STATE_ATTACHED) != 0)
		buf_printf(&b, ", %s", state);
	return b.s;
}

static void hang(const struct device *d, const char *under, const char *state)
{
	struct branch *b = branch(under);
	const char *name = *d->netdev ? d->netdev : d->name;

	for (unsigned int i = 0; i < b->nleaves; i++) {
		if (!strcmp(b->leaves[i].name, name))
			return; /* two routes of one interface */
	}
	add_leaf(b, strcmp(state, STATE_ATTACHED) ? SICK : HEALTHY, name,
		 leaf_text(d, under, state));
}

static void add_device(struct device *d)
{
	const char *state = device_state(d);
	bool placed = false;

	if (d->j.foreign_boot)
		return;
	for (unsigned int i = 0; i < d->j.nrecs; i++) {
		const struct rec *r = &d->j.recs[i];
		const struct shown *s = rec_shown(r);
		const char *under = s && s->under ? rec_say(r, s->under) : NULL;

		if (under && !r->undone)
			hang(d, under, state);
		placed |= under && !r->undone;
	}
	if (!placed)
		hang(d, "elsewhere", state);
}

static bool is_device(const struct device *list, unsigned int n, const char *ifname)
{
	bool found = false;

	for (unsigned int i = 0; i < n; i++)
		found |= !strcmp(list[i].netdev, ifname);
	return found;
}

/* All bridges, also without guests, and what else is in them: the uplink, mostly. */
static int add_bridges(const struct device *list, unsigned int n, struct xhp_err *err)
{
	struct link *bridges, *ports;
	unsigned int nlinks, nports;

	if (nl_bridges(&bridges, &nlinks, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < nlinks; i++) {
		struct branch *b = branch(mem_printf("bridge %s", bridges[i].name.s));

		if (nl_ports(bridges[i].ifindex, &ports, &nports, err) < 0)
			return err->code;
		for (unsigned int k = 0; k < nports; k++) {
			if (!is_device(list, n, ports[k].name.s))
				add_leaf(b, UPLINK, mem_strdup(ports[k].name.s),
					 *ports[k].kind ? mem_strdup(ports[k].kind) : "");
		}
	}
	return 0;
}

/* --- on the terminal --- */

struct look {
	const char *mid, *last, *bold, *good, *bad, *dim, *off;
};

static const struct look *choose_look(void)
{
	static const struct look plain = { "|- ", "`- ", "", "", "", "", "" };
	static struct look terminal = { "\u251c\u2500 ", "\u2514\u2500 ", "\033[1m",
					"\033[32m",      "\033[1;31m",    "\033[2m",
					"\033[0m" };
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR"), *locale;

	if (!isatty(STDOUT_FILENO) || !term || !strcmp(term, "dumb"))
		return &plain;
	locale = getenv("LC_ALL");
	if (!locale || !*locale)
		locale = getenv("LC_CTYPE");
	if (!locale || !*locale)
		locale = getenv("LANG");
	if (!locale || (!strcasestr(locale, "utf-8") && !strcasestr(locale, "utf8"))) {
		terminal.mid = plain.mid;
		terminal.last = plain.last;
	}
	if (no && *no)
		terminal.bold = terminal.good = terminal.bad = terminal.dim =
			terminal.off = "";
	return &terminal;
}

static void show_tree(void)
{
	const struct look *look = choose_look();

	for (unsigned int i = 0; i < nbranches; i++) {
		const struct branch *b = &branches[i];

		printf("%s%s%s\n", look->bold, b->name, look->off);
		for (unsigned int k = 0; k < b->nleaves; k++) {
			const struct leaf *l = &b->leaves[k];

			printf("%s%s%s%s%s%s\n",
			       k + 1 < b->nleaves ? look->mid : look->last,
			       l->kind == UPLINK ? look->dim
			       : l->kind == SICK ? look->bad
						 : look->good,
			       l->name, look->off, *l->text ? "  " : "", l->text);
		}
	}
	if (!nbranches)
		printf("nothing is attached, and there is no bridge\n");
}

/* --- Graphviz --- */

static void add_quoted(struct buf *b, const char *s)
{
	buf_add(b, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add(b, "\\", 1);
		buf_add(b, s, 1);
	}
	buf_add(b, "\"", 1);
}

static const char *dot_text(void)
{
	struct buf b = { 0 };

	buf_printf(&b, "graph xen_hotplug {\n\trankdir=LR;\n\tnode [shape=box];\n");
	for (unsigned int i = 0; i < nbranches; i++) {
		buf_printf(&b, "\tb%u [style=bold, label=", i);
		add_quoted(&b, branches[i].name);
		buf_printf(&b, "];\n");
		for (unsigned int k = 0; k < branches[i].nleaves; k++) {
			const struct leaf *l = &branches[i].leaves[k];

			buf_printf(&b, "\tl%u_%u [%slabel=", i, k,
				   l->kind == SICK     ? "color=red, "
				   : l->kind == UPLINK ? "style=dashed, "
						       : "");
			add_quoted(&b, mem_printf("%s%s%s", l->name, *l->text ? "\n" : "",
						  l->text));
			buf_printf(&b, "];\n\tb%u -- l%u_%u;\n", i, i, k);
		}
	}
	buf_printf(&b, "}\n");
	return b.s;
}

/* Graphviz reads what we write to its standard input, and writes to our output. */
static int show_svg(struct xhp_err *err)
{
	static const char *const places[] = { "/usr/bin/dot", "/usr/local/bin/dot",
					      NULL };
	FILE *in = tmpfile();

	if (!in || fputs(dot_text(), in) == EOF || fflush(in) == EOF)
		return err_sys(err, -errno, "a file for dot");
	rewind(in);
	if (dup2(fileno(in), STDIN_FILENO) < 0)
		return err_sys(err, -errno, "a file for dot");
	for (const char *const *p = places; *p; p++)
		execl(*p, "dot", "-Tsvg", NULL);
	if (errno == ENOENT)
		return err_set(
			err, -ENOENT,
			"--svg needs Graphviz' dot, which is not installed (package "
			"graphviz); --dot needs nothing");
	return err_sys(err, -errno, "dot");
}

int cmd_tree(int argc, char **argv, struct xhp_err *err)
{
	bool dot = argc == 2 && !strcmp(argv[1], "--dot");
	bool svg = argc == 2 && !strcmp(argv[1], "--svg");
	struct device *list;
	unsigned int n, bad;

	if (argc > 1 && !dot && !svg)
		return err_usage(err, NULL, "tree takes nothing but --dot or --svg");
	deadline_start(DEADLINE_MINUTES);
	if (devices_list(&list, &n, &bad, err) < 0 || add_bridges(list, n, err) < 0)
		return err->code;
	for (unsigned int i = 0; i < n; i++)
		add_device(&list[i]);
	if (svg)
		return show_svg(err);
	if (dot)
		fputs(dot_text(), stdout);
	else
		show_tree();
	return bad ? err_set(err, -EIO, "%u journals cannot be read", bad) : 0;
}
