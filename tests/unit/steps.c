// SPDX-License-Identifier: LGPL-2.1-or-later
// The check and apply phases: conditions, requires, late results, optional steps,
// roll-back.

#include "probe.h"

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

/* Words are cut before anything is put into them. */
static void commands(void **state)
{
	static const struct {
		const char *command, *x, *words; /* or the error */
	} rows[] = {
		{ "p a  b\tc", "", "<p> <a> <b> <c>" },
		{ "p a\n  b", "", "<p> <a> <b>" },
		{ "p ${x}", "v", "<p> <v>" },
		{ "p ${x}", "a b", "<p> <a b>" },
		{ "p ${x}", "; rm -rf $(y) `z` | & > < * ? ~ # ' \" \\",
		  "<p> <; rm -rf $(y) `z` | & > < * ? ~ # ' \" \\>" },
		{ "p ${x}", "[a]", "<p> <[a]>" },
		{ "p a${x}b", " ", "<p> <a b>" },
		{ "p ${x}/${x}", "a b", "<p> <a b/a b>" },
		{ "p ${x}", "\xc3\xa4", "<p> <\xc3\xa4>" },
		{ "p ${x}", "\xc3", "is not valid UTF-8" },
		{ "p ${x}", "a\nb", "control byte" },
		{ "p ${x}", "-o", "which would be taken for an option" },
		{ "p ${x}", "--", "which would be taken for an option" },
		{ "p --id=${x}", "-o", "<p> <--id=-o>" },
		{ "p ${e}${x}", "-o", "which would be taken for an option" },
		{ "p -${x}", "o", "<p> <-o>" },
		{ "p ${x} c", "", "the word ${x} is empty" },
		{ "p [--id ${x}] c", "", "<p> <c>" },
		{ "p [--id ${x}] c", "v", "<p> <--id> <v> <c>" },
		{ "p [--id ${x}]", "v", "<p> <--id> <v>" },
		{ "p [--id=${x}] [-y]", "", "<p> <-y>" },
		{ "p [--id=${x}] [-y]", "v", "<p> <--id=v> <-y>" },
		{ "p [${x} a] b", "", "<p> <b>" },
		{ "p [a ${x} b] b [c] ${x}", "d", "<p> <a> <d> <b> <b> <c> <d>" },
		{ "p a[b] c]", "", "<p> <a[b]> <c]>" },
		{ "p \"a b\" c", "", "<p> <a b> <c>" },
		{ "p \"${x} b\" c", "a", "<p> <a b> <c>" },
		{ "p \"[::1]\":80", "", "<p> <[::1]:80>" },
		{ "p $$a$$", "", "<p> <$a$>" },
		{ "/bin/p", "", "</bin/p>" },
		{ "${x}", "p", "the recipe itself has to say which program" },
		{ "p${x} a", "p", "the recipe itself has to say which program" },
		{ "[p] a", "", "the recipe itself has to say which program" },
		{ "./p", "", "neither a program's name nor its absolute path" },
		{ "-p", "", "neither a program's name nor its absolute path" },
		{ "p \"\"", "", "an empty word" },
		{ "p \"a", "", "without its end" },
		{ "p [a", "", "a \"[\" without a \"]\"" },
		{ "p [::1]:80", "", "a \"[\" without a \"]\"" },
		{ "p [a [b]]", "", "inside of another" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		recipe(mem_printf(HEAD "[defaults]\nx =\ne =\n[probe]\ncommand = %s\n",
				  rows[i].command));
		args[0] = mem_printf("x=%s", rows[i].x);
		run("plan", 1);
		assert_has(traced(), rows[i].words);
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

/* What an optional step's undo records is a part of the journal like all else. */
static void optional_undo(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\n[probe b]\n[probe c]\n"
		    "[probe d]\noptional = yes\ntext = untidy\n"
		    "[probe e]\ntext = bad apply\n");
	run("add", 1);
	assert_has(traced(), "undo d untidy\n"
			     "apply e bad apply for test-1-0\nundo e bad apply\n"
			     "undo d trash\nundo c \nundo b \nundo a \n");
	assert_int_equal(files_in(JOURNAL_DEVICES), 0);
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

/* A step's own time is not the run's: the others go on. */
static void own_timeout(void **state)
{
	(void)state;
	recipe(HEAD "[probe a]\n[probe b]\noptional = yes\ntext = hangs\n"
		    "[probe c]\ntext = hangs back\n");
	run("add", 1);
	assert_has(traced(),
		   "undo b hangs\napply c hangs back for test-1-0\nconnected\n");
	run("remove", 1);
	assert_has(traced(), "undo c hangs back\nundo a \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(conditions, fresh),
		cmocka_unit_test_setup(commands, fresh),
		cmocka_unit_test_setup(flags, fresh),
		cmocka_unit_test_setup(requires, fresh),
		cmocka_unit_test_setup(late_results, fresh),
		cmocka_unit_test_setup(late_variables, fresh),
		cmocka_unit_test_setup(late_conditions, fresh),
		cmocka_unit_test_setup(planned, fresh),
		cmocka_unit_test_setup(optional, fresh),
		cmocka_unit_test_setup(optional_undo, fresh),
		cmocka_unit_test_setup(roll_back, fresh),
		cmocka_unit_test_setup(own_timeout, fresh),
	};

	if (private_etc() < 0)
		return 1;
	return RUN_TESTS(tests);
}
