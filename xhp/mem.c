// SPDX-License-Identifier: LGPL-2.1-or-later
// The one arena, and the arrays and texts that grow in it.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define CHUNK 32768
#define ALIGN 16

/* Under AddressSanitizer, a forbidden zone behind each piece, as malloc() would have. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP 16
#else
#define GAP                                     0
#define ASAN_POISON_MEMORY_REGION(addr, size)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)0)
#endif

static _Alignas(ALIGN) char first[CHUNK];
static char *chunk = first;
static size_t used;
static size_t chunk_size = CHUNK;

void *mem_alloc(size_t size)
{
	size_t room = ((size + ALIGN - 1) & ~(size_t)(ALIGN - 1)) + GAP;
	char *p;

	if (room > chunk_size - used) {
		chunk_size = room > CHUNK ? room : CHUNK;
		chunk = calloc(1, chunk_size);
		used = 0;
		if (!chunk) {
			static const char msg[] = "xen-hotplug: out of memory\n";
			ssize_t n = write(STDERR_FILENO, msg, sizeof(msg) - 1);

			_exit(n < 0 ? 1 : 1);
		}
	}
	p = chunk + used;
	used += room;
	ASAN_POISON_MEMORY_REGION(p, room);
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

char *mem_strndup(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return b.s;
}

/* Grows at powers of two, so that no capacity has to be kept. */
void *mem_grow(void *array, size_t n, size_t size)
{
	void *grown;

	if (n & (n - 1) || (n < 4 && n > 0))
		return array;
	grown = mem_alloc(size * (n ? n * 2 : 4));
	if (n)
		memcpy(grown, array, n * size);
	return grown;
}

static void buf_reserve(struct buf *b, size_t more)
{
	size_t cap = b->cap ? b->cap : 64;
	char *s;

	if (b->len + more + 1 <= b->cap)
		return;
	while (cap < b->len + more + 1)
		cap *= 2;
	s = mem_alloc(cap);
	if (b->len)
		memcpy(s, b->s, b->len);
	b->s = s;
	b->cap = cap;
}

void buf_add(struct buf *b, const char *s, size_t len)
{
	buf_reserve(b, len);
	memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t len;

	va_copy(again, ap);
	buf_reserve(b, 0);
	len = (size_t)vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap);
	if (len >= b->cap - b->len) {
		buf_reserve(b, len);
		vsnprintf(b->s + b->len, len + 1, fmt, again);
	}
	va_end(again);
	b->len += len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}
