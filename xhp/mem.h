/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one arena: memory lives until the process ends. */
#ifndef XHP_MEM_H
#define XHP_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include "err.h"

/*
 * Zeroed memory, aligned for any type. Out of memory ends the process with a message:
 * what was changed is in the journal, and the next run finishes the job.
 */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
char *mem_strndup(const char *s, size_t len) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((returns_nonnull));
char *mem_printf(const char *fmt, ...) XHP_PRINTF(1, 2) __attribute__((returns_nonnull));

#define MEM_NEW(type)      ((type *)mem_alloc(sizeof(type)))
#define MEM_ARRAY(type, n) ((type *)mem_alloc(sizeof(type) * (n)))

/* Appends a zeroed element to a growing array and points `var` at it. */
#define MEM_PUSH(array, n) \
	(((array) = mem_grow((array), (n), sizeof(*(array)))), &(array)[(n)++])
void *mem_grow(void *array, size_t n, size_t size);

/* A text that grows. `s` is always terminated once something was added. */
struct buf {
	char *s;
	size_t len, cap;
};
void buf_add(struct buf *b, const char *s, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) XHP_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

static inline void fd_cleanup(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(fd_cleanup)))

#endif
