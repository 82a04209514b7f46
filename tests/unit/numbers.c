// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists of numbers: against an array, by chance, also where a write was cut short.

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "numbers.h"
#include "private.h"
#include "unit.h"

#define NAME "numbers"
#define PATH "/run/" NAME

enum { MANY = 300 };

static struct xhp_err err;
static int dir;

static int fresh(void **state)
{
	(void)state;
	if (system("rm -rf /run/*") != 0)
		return -1;
	dir = open("/run", O_RDONLY | O_DIRECTORY);
	return dir < 0;
}

static int done(void **state)
{
	(void)state;
	return close(dir);
}

static void add(uint64_t number)
{
	assert_int_equal(numbers_add(dir, NAME, number, &err), 0);
}

static void drop(uint64_t number)
{
	assert_int_equal(numbers_drop(dir, NAME, number, &err), 0);
}

static struct numbers now(void)
{
	struct numbers numbers;

	assert_int_equal(numbers_read(PATH, &numbers, &err), 0);
	return numbers;
}

static bool have(uint64_t number)
{
	const struct numbers numbers = now();

	return numbers_have(&numbers, number);
}

static void empty(void **state)
{
	(void)state;
	assert_false(have(1));
	drop(1);
	assert_int_equal(access(PATH, F_OK), -1);
	add(7);
	add(7);
	assert_true(have(7));
	assert_false(have(0));
	assert_int_equal(now().n, 1);
	drop(7);
	assert_int_equal(access(PATH, F_OK), -1);
	assert_false(have(7));
}

/* Numbers that are near each other, as the kernel gives them, and the greatest. */
static uint64_t number_of(unsigned int i)
{
	return i % 7 ? 1000 + i : UINT64_MAX - i;
}

static void by_chance(void **state)
{
	bool there[MANY] = { false };
	unsigned int n, most = 0;
	struct numbers numbers;
	struct stat st;

	(void)state;
	srand(1);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int i = (unsigned int)rand() % MANY;

		there[i] = rand() % 2;
		if (there[i])
			add(number_of(i));
		else
			drop(number_of(i));
		numbers = now();
		n = 0;
		for (unsigned int k = 0; k < MANY; k++) {
			assert_int_equal(numbers_have(&numbers, number_of(k)), there[k]);
			n += there[k];
		}
		assert_int_equal(numbers.n, n);
		most = n > most ? n : most;
	}
	/* free places are used again */
	assert_int_equal(stat(PATH, &st), 0);
	assert_int_equal((uint64_t)st.st_size, most * sizeof(uint64_t));
	for (unsigned int i = 0; i < MANY; i++)
		drop(number_of(i));
	assert_int_equal(access(PATH, F_OK), -1);
}

static void cut_short(void **state)
{
	(void)state;
	add(5);
	add(6);
	assert_int_equal(truncate(PATH, 11), 0);
	assert_true(have(5));
	assert_false(have(6));
	assert_int_equal(now().n, 1);
	add(8);
	assert_true(have(5));
	assert_true(have(8));
	drop(5);
	drop(8);
	assert_int_equal(access(PATH, F_OK), -1);
}

static void no_file(void **state)
{
	struct numbers numbers;

	(void)state;
	assert_int_equal(mkdir(PATH, 0700), 0);
	assert_int_equal(numbers_add(dir, NAME, 1, &err), -EISDIR);
	assert_int_equal(numbers_drop(dir, NAME, 1, &err), -EISDIR);
	assert_int_equal(numbers_read(PATH, &numbers, &err), -EISDIR);
	assert_int_equal(rmdir(PATH), 0);
	assert_int_equal(symlink("elsewhere", PATH), 0);
	assert_int_equal(numbers_add(dir, NAME, 1, &err), -ELOOP);
	assert_int_equal(access("/run/elsewhere", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty, fresh, done),
		cmocka_unit_test_setup_teardown(by_chance, fresh, done),
		cmocka_unit_test_setup_teardown(cut_short, fresh, done),
		cmocka_unit_test_setup_teardown(no_file, fresh, done),
	};

	private_run();
	return RUN_TESTS(tests);
}
