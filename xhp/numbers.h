/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of numbers in files, none of them 0. One is read as a whole, in one call; each
 * number is written and taken out by itself, so that a kill leaves the others as they
 * are. Whoever changes one holds a lock.
 */
#ifndef XHP_NUMBERS_H
#define XHP_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/* As they were read: a hash table of a power of two, half of it free. Empty if it is all
 * zero. */
struct numbers {
	uint64_t *slots;
	unsigned int size, n;
};

/* Both can be repeated. `dir` is a directory's descriptor; an empty list has no file. */
int numbers_add(int dir, const char *name, uint64_t number, struct xhp_err *err);
int numbers_drop(int dir, const char *name, uint64_t number, struct xhp_err *err);

int numbers_read(const char *path, struct numbers *ret, struct xhp_err *err);
bool numbers_have(const struct numbers *numbers, uint64_t number);

#endif
