/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages to syslog and standard error. */
#ifndef XHP_LOG_H
#define XHP_LOG_H

#include "err.h"

/* Only what the toolstack or a timer calls speaks to syslog: off at the start. */
void log_to_syslog(void);

/* No message anywhere from now on: the shell asks, at its prompt. */
void log_quiet(void);

/* Who the messages are about, such as "vif-1-0"; NULL = nobody. */
void log_subject(const char *device);

void log_err(const char *fmt, ...) XHP_PRINTF(1, 2);
void log_warn(const char *fmt, ...) XHP_PRINTF(1, 2);
void log_info(const char *fmt, ...) XHP_PRINTF(1, 2); /* syslog alone */

/* The error with its place; on standard error also with the line and a caret. */
void log_error(const struct xhp_err *err);

/* The same of lint's findings; on standard error alone. */
void log_problem(const struct pos *pos, bool warning, const char *what);

#endif
