// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists of numbers in files: eight bytes each; 0 is a free place.

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "mem.h"
#include "numbers.h"

struct list {
	int fd;
	uint64_t *v;
	unsigned int n;
};

static int list_open(int dir, const char *name, int flags, struct list *ret,
		     struct xhp_err *err)
{
	struct list l = { .fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600) };
	struct stat st;
	ssize_t len = -1;

	if (l.fd >= 0 && fstat(l.fd, &st) == 0) {
		l.v = mem_alloc((size_t)st.st_size + 1);
		len = read(l.fd, l.v, (size_t)st.st_size);
	}
	if (len < 0) {
		err_sys(err, -errno, "%s", name);
		fd_cleanup(&l.fd);
		return err->code;
	}
	l.n = (unsigned int)((size_t)len / sizeof(*l.v));
	*ret = l;
	return 0;
}

/* Behind all of them, if it is not there. */
static unsigned int place_of(const struct list *l, uint64_t number)
{
	unsigned int i = 0;

	while (i < l->n && l->v[i] != number)
		i++;
	return i;
}

static int write_at(const struct list *l, unsigned int place, uint64_t number,
		    const char *name, struct xhp_err *err)
{
	ssize_t len =
		pwrite(l->fd, &number, sizeof(number), (off_t)(place * sizeof(number)));

	if (len == sizeof(number))
		return 0;
	return err_sys(err, len < 0 ? -errno : -ENOSPC, "%s", name);
}

int numbers_add(int dir, const char *name, uint64_t number, struct xhp_err *err)
{
	struct list l;
	int rc = 0;

	if (list_open(dir, name, O_RDWR | O_CREAT, &l, err) < 0)
		return err->code;
	if (place_of(&l, number) == l.n)
		rc = write_at(&l, place_of(&l, 0), number, name, err);
	close(l.fd);
	return rc;
}

static bool is_empty(const struct list *l)
{
	for (unsigned int i = 0; i < l->n; i++) {
		if (l->v[i])
			return false;
	}
	return true;
}

int numbers_drop(int dir, const char *name, uint64_t number, struct xhp_err *err)
{
	unsigned int place;
	struct list l;
	int rc = 0;

	if (list_open(dir, name, O_RDWR, &l, err) < 0)
		return err->code == -ENOENT ? 0 : err->code;
	place = place_of(&l, number);
	if (place < l.n) {
		rc = write_at(&l, place, 0, name, err);
		l.v[place] = 0;
	}
	if (!rc && is_empty(&l) && unlinkat(dir, name, 0) < 0)
		rc = err_sys(err, -errno, "%s", name);
	close(l.fd);
	return rc;
}

/* Where it is, or would be. */
static uint64_t *slot_of(const struct numbers *numbers, uint64_t number)
{
	unsigned int mask = numbers->size - 1;
	unsigned int i = (unsigned int)(number * 0x9e3779b97f4a7c15U >> 32) & mask;

	while (numbers->slots[i] && numbers->slots[i] != number)
		i = (i + 1) & mask;
	return &numbers->slots[i];
}

int numbers_read(const char *path, struct numbers *ret, struct xhp_err *err)
{
	struct numbers numbers = { 0 };
	struct list l;

	if (list_open(AT_FDCWD, path, O_RDONLY, &l, err) < 0) {
		if (err->code != -ENOENT)
			return err->code;
		*ret = numbers;
		return 0;
	}
	close(l.fd);
	for (numbers.size = 2; numbers.size < 2 * l.n; numbers.size *= 2)
		;
	numbers.slots = MEM_ARRAY(uint64_t, numbers.size);
	for (unsigned int i = 0; i < l.n; i++) {
		if (!l.v[i])
			continue;
		*slot_of(&numbers, l.v[i]) = l.v[i];
		numbers.n++;
	}
	*ret = numbers;
	return 0;
}

bool numbers_have(const struct numbers *numbers, uint64_t number)
{
	return number && numbers->n && *slot_of(numbers, number) == number;
}
