// SPDX-License-Identifier: LGPL-2.1-or-later
// Variables: who wins, and what values from outside may hold.

#include "probe.h"

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
		cmocka_unit_test_setup(who_wins, fresh),
		cmocka_unit_test_setup(six_sources, fresh),
		cmocka_unit_test_setup(filler, fresh),
		cmocka_unit_test_setup(typed_variables, fresh),
		cmocka_unit_test_setup(nesting, fresh),
		cmocka_unit_test_setup(foreign_values, fresh),
	};

	if (private_etc() < 0)
		return 1;
	return RUN_TESTS(tests);
}
