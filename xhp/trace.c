// SPDX-License-Identifier: LGPL-2.1-or-later
// run --trace: what is asked of the kernel, xenstore and others, on standard error.

#include <stdio.h>
#include <unistd.h>

#include "deadline.h"
#include "mem.h"
#include "trace.h"
#include "xhp.h"

/* Longer lines are cut: a list of all routes is of no use to a reader. */
#define SHOWN 2000

bool tracing;
static const char **secrets;
static unsigned int nsecrets;

void trace_start(void)
{
	tracing = true;
}

void trace_secret(const char *text)
{
	if (tracing && text && *text)
		*MEM_PUSH(secrets, nsecrets) = mem_strdup(text);
}

/* Printable, in one line, without the secrets. */
static void add_shown(struct buf *b, const char *s)
{
	while (*s) {
		size_t len = 0;

		for (unsigned int i = 0; i < nsecrets; i++) {
			size_t n = strlen(secrets[i]);

			if (n > len && !strncmp(s, secrets[i], n))
				len = n;
		}
		if (len)
			buf_printf(b, "(secret)");
		else if ((unsigned char)*s < ' ' || *s == 0x7f)
			buf_printf(b, "\\x%02x", (unsigned char)*s);
		else
			buf_add(b, s, 1);
		s += len ? len : 1;
	}
}

void trace_line(const char *fmt, ...)
{
	unsigned long us = deadline_elapsed_us();
	int code = errno; /* the caller's */
	struct buf text = { 0 }, line = { 0 };
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	buf_printf(&line, "xen-hotplug: %3lu.%03lu ", us / 1000, us % 1000);
	add_shown(&line, text.s);
	if (line.len > SHOWN) {
		line.len = SHOWN;
		buf_printf(&line, "...");
	}
	buf_add(&line, "\n", 1);
	n = write(STDERR_FILENO, line.s, line.len);
	(void)n;
	errno = code;
}

void trace_words(const char *what, const char *const words[])
{
	struct buf b = { 0 };

	for (unsigned int i = 0; words[i]; i++)
		buf_printf(&b, " %s", words[i]);
	trace_line("%s%s", what, b.s);
}

const char *trace_end(int rc, const struct xhp_err *err)
{
	return rc < 0 ? err->text : "ok";
}
