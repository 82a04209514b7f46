/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzz harnesses share. Each includes the file that it is about. */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "err.h"
#include "value.h"

/* The arena, with the chunks in a list: memory is given back after each input. */
static void *chunks[4096];
static unsigned int nchunks;

static void *chunk_alloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (nchunks < sizeof(chunks) / sizeof(chunks[0]))
		chunks[nchunks++] = p;
	return p;
}
#define calloc chunk_alloc
#include "../../xhp/mem.c"
#undef calloc

static inline void mem_reset(void)
{
	while (nchunks)
		free(chunks[--nchunks]);
	ASAN_UNPOISON_MEMORY_REGION(first, sizeof(first));
	memset(first, 0, sizeof(first));
	chunk = first;
	chunk_size = CHUNK;
	used = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* A message is one line that can be shown, and its place is in the text. */
static inline void check_error(const struct xhp_err *err, int rc)
{
	struct xhp_err unused;

	must(rc < 0 && err->code == rc && *err->text);
	must(strlen(err->text) > 1000 || value_check(V_TEXT, err->text, &unused) == 0);
	must(err->pos.line >= 0 && err->pos.col >= 0);
	if (err->pos.src)
		must((size_t)err->pos.col <= strlen(err->pos.src) + 1);
}

/* The input as a file that a path leads to; -1 after `close`. */
static inline const char *input_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("input", MFD_CLOEXEC);
		must(fd >= 0 && fchmod(fd, 0600) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

#endif
