/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the unit tests share. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"
#include "mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails with both texts unless `text` has `part` in it. */
#define assert_has(text, part)                                                   \
	do {                                                                     \
		const char *has_text = (text), *has_part = (part);               \
                                                                                 \
		if (!strstr(has_text, has_part))                                 \
			fail_msg("\"%s\" is not in \"%s\"", has_part, has_text); \
	} while (0)

#define RUN_TESTS(tests) cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL)

#endif
