// SPDX-License-Identifier: LGPL-2.1-or-later
// Messages to syslog and standard error.

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "mem.h"
#include "runlog.h"
#include "text.h"

static const char *subject;
static bool opened, enabled, quiet;

void log_to_syslog(void)
{
	enabled = true;
}

void log_quiet(void)
{
	quiet = true;
}

void log_subject(const char *device)
{
	subject = device;
}

static void to_syslog(int priority, const char *text)
{
	if (!enabled)
		return;
	if (!opened) {
		/* LOG_NDELAY is left out: without a message, no socket */
		openlog("xen-hotplug", LOG_PID, LOG_DAEMON);
		opened = true;
	}
	syslog(priority, "%s%s%s", subject ? subject : "", subject ? ": " : "", text);
}

/* One write, so that lines of parallel runs do not mix. */
static void to_stderr(const char *kind, const char *text)
{
	char line[4096];
	int len = snprintf(line, sizeof(line), "xen-hotplug: %s%s%s%s\n",
			   subject ? subject : "", subject ? ": " : "", kind, text);
	ssize_t n;

	if (quiet)
		return;
	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	n = write(STDERR_FILENO, line, (size_t)len);
	(void)n; /* nobody is left to be told */
}

#define LOG(priority, kind, show)                       \
	do {                                            \
		char text[3072];                        \
		va_list ap;                             \
                                                        \
		va_start(ap, fmt);                      \
		vsnprintf(text, sizeof(text), fmt, ap); \
		va_end(ap);                             \
		if (show)                               \
			to_stderr(kind, text);          \
		to_syslog(priority, text);              \
	} while (0)

void log_err(const char *fmt, ...)
{
	LOG(LOG_ERR, "", true);
}

void log_warn(const char *fmt, ...)
{
	char text[3072];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	to_stderr("warning: ", text);
	to_syslog(LOG_WARNING, text);
	runlog_warning(text);
}

void log_info(const char *fmt, ...)
{
	LOG(LOG_INFO, "", false);
}

static void place(char *dst, size_t size, const struct pos *p, const char *kind,
		  const char *text)
{
	if (p->file && p->line && p->col)
		snprintf(dst, size, "%s:%d:%d: %s%s", p->file, p->line, p->col, kind,
			 text);
	else if (p->file && p->line)
		snprintf(dst, size, "%s:%d: %s%s", p->file, p->line, kind, text);
	else
		snprintf(dst, size, "%s%s%s%s", p->file ? p->file : "",
			 p->file ? ": " : "", kind, text);
}

/* The line, and a caret under the place; what is no text is not for a terminal. */
static void show_line(const struct pos *p)
{
	struct buf line = { 0 }, indent = { 0 };
	int width, len;

	if (!p->src)
		return;
	for (const char *s = p->src; *s && strcmp(s, "\r") != 0; s += len) {
		const unsigned char *c = (const unsigned char *)s;

		len = utf8_len(c);
		if (!len || (utf8_is_control(c) && *s != '\t')) {
			buf_add(&line, "?", 1);
			len = len ? len : 1;
		} else {
			buf_add(&line, s, (size_t)len);
		}
		if (s - p->src < p->col - 1)
			buf_add(&indent, *s == '\t' ? "\t" : " ", 1);
	}
	width = fprintf(stderr, "%5d | ", p->line) - 2;
	fprintf(stderr, "%s\n", line.len ? line.s : "");
	if (p->col > 0)
		fprintf(stderr, "%*s| %s^\n", width, "", indent.len ? indent.s : "");
}

void log_error(const struct xhp_err *err)
{
	char text[3072];

	place(text, sizeof(text), &err->pos, "", err->text);
	to_stderr("", text);
	to_syslog(LOG_ERR, text);
	show_line(&err->pos);
}

void log_problem(const struct pos *pos, bool warning, const char *what)
{
	char text[3072];

	place(text, sizeof(text), pos, warning ? "warning: " : "", what);
	to_stderr("", text);
	show_line(pos);
}
