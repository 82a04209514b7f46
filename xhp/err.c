// SPDX-License-Identifier: LGPL-2.1-or-later
// Making and wrapping errors.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

/* The old text may be among the arguments. */
static void set_text(struct xhp_err *err, const char *fmt, va_list ap)
{
	char text[sizeof(err->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	strcpy(err->text, text);
}

/* What it is about, and what it means, is said anew. */
static int made(struct xhp_err *err, int code, bool usage, const struct pos *pos)
{
	err->code = code;
	err->usage = usage;
	err->busy = err->refused = false;
	err->pos = pos ? *pos : (struct pos){ 0 };
	return code;
}

int err_set(struct xhp_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	return made(err, code, false, NULL);
}

int err_sys(struct xhp_err *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", strerror(-code));
	return made(err, code, false, NULL);
}

int err_usage(struct xhp_err *err, const struct pos *pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	return made(err, -EINVAL, true, pos);
}

int err_wrap(struct xhp_err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	va_list ap;
	size_t len;

	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s", inner);
	return err->code;
}

int kernel_lacks(struct xhp_err *err, const char *modules, const char *options)
{
	size_t len = strlen(err->text);

	snprintf(err->text + len, sizeof(err->text) - len,
		 modules ? ": this kernel lacks it: modprobe -a %s, or a kernel with %s"
			 : "%s: this kernel was built without %s",
		 modules ? modules : "", options);
	return err->code;
}
