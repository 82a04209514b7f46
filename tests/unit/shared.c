// SPDX-License-Identifier: LGPL-2.1-or-later
// Shared steps: made by the first, undone with the last.

#include "probe.h"

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

/* Attached again: nothing, as long as it is held; else it is made anew. */
static void shared_again(void **state)
{
	(void)state;
	recipe(SHARED "text = 1\n");
	run("add", 1);
	run("add", 1);
	assert_traced("check a 1\napply a 1 for test-1-0\nconnected\nconnected\n");
	assert_int_equal(system("rm /run/xen-hotplug/shared/*"), 0);
	run("add", 1);
	assert_traced("check a 1\napply a 1 for test-1-0\nconnected\n");
	assert_int_equal(system("sed -i s/holder.*/holder\\ other-1-0/ "
				"/run/xen-hotplug/shared/*"),
			 0);
	run("add", 1);
	assert_traced("undo a 1\ncheck a 1\napply a 1 for test-1-0\nconnected\n");
	run("remove", 1);
	assert_traced("undo a 1\n");
	/* a record that says too little is an error, not a crash */
	run("add", 1);
	traced();
	assert_int_equal(system("sed -i s/\\ as=test-1-0// /run/xen-hotplug/devices/*"),
			 0);
	run("add", 1);
	assert_has(traced(), "record 1: no name");
}

/* Its journal does not grow with those who come and go, also several at once. */
static void shared_for_long(void **state)
{
	const char *done;
	pid_t pids[4];

	(void)state;
	recipe(SHARED);
	run("add", 100);
	for (int round = 0; round < 60; round++) {
		const char *verb = round % 2 ? "remove" : "add";

		for (unsigned int i = 0; i < COUNT(pids); i++)
			pids[i] = start(verb, i);
		for (unsigned int i = 0; i < COUNT(pids); i++)
			finish(pids[i]);
	}
	assert_int_equal(system("test $(cat /run/xen-hotplug/shared/* | wc -l) -lt 80 && "
				"test $(grep -c ^done /run/xen-hotplug/shared/*) = 1"),
			 0);
	/* killed while it was written anew */
	assert_int_equal(system("cd /run/xen-hotplug/shared && cp * .$(ls).new"), 0);
	run("add", 1);
	run("remove", 100);
	done = traced();
	assert_has(done, "apply a");
	assert_null(strstr(strstr(done, "apply a") + 1, "apply a"));
	assert_null(strstr(done, "undo"));
	run("remove", 1);
	assert_traced("undo a \n");
	assert_int_equal(system("test -z \"$(ls -A /run/xen-hotplug/shared)\""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(shared_by_two, fresh),
		cmocka_unit_test_setup(shared_apart, fresh),
		cmocka_unit_test_setup(shared_at_once, fresh),
		cmocka_unit_test_setup(shared_that_fails, fresh),
		cmocka_unit_test_setup(shared_and_killed, fresh),
		cmocka_unit_test_setup(shared_with_a_ghost, fresh),
		cmocka_unit_test_setup(shared_again, fresh),
		cmocka_unit_test_setup(shared_for_long, fresh),
	};

	if (private_etc() < 0)
		return 1;
	return RUN_TESTS(tests);
}
