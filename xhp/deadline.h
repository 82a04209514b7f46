/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time: libxl kills its hotplug programs after 40 s (LIBXL_HOTPLUG_TIMEOUT). */
#ifndef XHP_DEADLINE_H
#define XHP_DEADLINE_H

#include "err.h"

/* Work may take this long from the start of the process, then undoing until that. */
#define DEADLINE_WORK 25
#define DEADLINE_UNDO 37
/* And telling the toolstack what went wrong so many seconds more, but not past that. */
#define DEADLINE_TELL_FOR 5
#define DEADLINE_TELL     39
/* For commands that no toolstack waits for. */
#define DEADLINE_MINUTES 300

/*
 * Starts the clock: from `seconds` on, blocking calls return EINTR once a second,
 * deadline_check() fails, and xenstore is given up (store_abandon).
 */
void deadline_start(unsigned int seconds);
/* A shorter time for the work, from the settings. */
void deadline_limit(unsigned int seconds);
/* The second phase: until `seconds` after the start of the process. */
void deadline_extend(unsigned int seconds);
/* Microseconds since deadline_start(). */
unsigned long deadline_elapsed_us(void);

#endif
